//! A recorded run as a model: it answers as the run's models did, and asks nobody.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use artana_core::{RunRef, StepKey, event::ModelCategory};
use artana_kernel::{Error, RecordedCall, Run};
use artana_ports::{ModelAnswer, ModelContext, ModelError, ModelPort, ModelRequest};
use async_trait::async_trait;

use super::asked::{differing, drift};

/// A model that answers from what a run has recorded, for a new run of the same program: in another kernel, in
/// another store, without a provider.
///
/// An ask is matched by what is asked: model, messages, input items, options, the names of the tools, the schema.
/// Of several equal ones the answers come in the order they were recorded, those of the same step and cycle first.
/// Failures and invalid answers come back as they were. An ask that is not recorded, or more often than it was
/// recorded, fails with [`ModelCategory::Internal`] and a message that names the step and what differs from the
/// nearest recorded ask, by field and place, without its words. Calls whose answer nobody learnt are left out.
///
/// Every run that asks has the whole recording to itself. A run that asks for a cycle it has asked for before is
/// another one of the same name. Clones share what was given already.
///
/// # Example
///
/// ```
/// # use artana_core::Tenant;
/// # use artana_kernel::{Error, Kernel};
/// # use artana_testkit::{MemoryStore, ReplayModel, ScriptedModel};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn greet(kernel: &Kernel) -> Result<String, Error> {
///     let run = kernel.run(&Tenant::new("demo"), "hello").await?;
///     Ok(run.step("greet").model("demo/one").prompt("Say hello").await?.into_output())
/// }
///
/// let provider = ScriptedModel::text("Hello from afar");
/// let kernel = Kernel::builder(MemoryStore::new()).model(provider.clone()).build()?;
/// let said = greet(&kernel).await?;
///
/// let recorded = ReplayModel::from_run(&kernel.run(&Tenant::new("demo"), "hello").await?).await?;
/// let elsewhere = Kernel::builder(MemoryStore::new()).model(recorded).build()?;
/// assert_eq!(greet(&elsewhere).await?, said);
/// assert_eq!(provider.calls(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ReplayModel(Arc<Recording>);

struct Recording {
    calls: Vec<Call>,
    given: Mutex<BTreeMap<RunRef, Given>>,
}

/// What a run has been given.
#[derive(Default)]
struct Given {
    calls: BTreeSet<usize>,
    /// A cycle is asked for once, so one that comes again is another run's.
    cycles: BTreeSet<(StepKey, u32)>,
}

struct Call {
    step: StepKey,
    cycle: u32,
    asked: ModelRequest,
    outcome: Result<ModelAnswer, ModelError>,
}

impl fmt::Debug for ReplayModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayModel").field("recorded", &self.0.calls.len()).finish_non_exhaustive()
    }
}

impl ReplayModel {
    /// Takes the calls of a run, whether it has ended or not; of a fork, with those of its ancestors that led to
    /// it, since a program that is run again begins before the fork.
    ///
    /// # Errors
    ///
    /// As for [`Run::model_history`].
    pub async fn from_run(run: &Run) -> Result<Self, Error> {
        Ok(Self::new(run.model_history().await?))
    }

    /// Takes recorded calls, such as those of several runs one after another.
    pub fn new(calls: impl IntoIterator<Item = RecordedCall>) -> Self {
        let known = |call: RecordedCall| {
            let RecordedCall { step, cycle, asked, outcome, .. } = call;
            outcome.map(|outcome| Call { step, cycle, asked, outcome })
        };
        let calls = calls.into_iter().filter_map(known).collect();
        Self(Arc::new(Recording { calls, given: Mutex::default() }))
    }
}

impl Recording {
    /// Gives the next answer to an ask that is recorded, and counts it as given.
    fn next(&self, request: &ModelRequest, cx: &ModelContext) -> Result<&Call, String> {
        let equal: Vec<usize> =
            (0..self.calls.len()).filter(|at| differing(&self.calls[*at].asked, request).is_empty()).collect();
        if equal.is_empty() {
            return Err(self.never(request, &cx.step));
        }
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let given = given.entry(cx.run.clone()).or_default();
        let cycle = (cx.step.clone(), cx.cycle);
        if given.cycles.contains(&cycle) {
            *given = Given::default();
        }
        given.cycles.insert(cycle);
        let left = equal.iter().copied().filter(|at| !given.calls.contains(at));
        let first = left.min_by_key(|at| {
            let Call { step, cycle, .. } = &self.calls[*at];
            (*step != cx.step, *step == cx.step && *cycle != cx.cycle, *at)
        });
        let Some(at) = first else {
            return Err(format!("step {} asks once more what is recorded {} time(s)", cx.step, equal.len()));
        };
        given.calls.insert(at);
        Ok(&self.calls[at])
    }

    /// Names the nearest recorded ask: of the same step if there is one, differing in the fewest fields and places.
    fn never(&self, request: &ModelRequest, step: &StepKey) -> String {
        let far = |call: &Call| (call.step != *step, differing(&call.asked, request).len());
        let least = self.calls.iter().map(far).min();
        let near = self.calls.iter().filter(|call| Some(far(call)) == least);
        match near.min_by_key(|call| drift(&call.asked, request).changes.len()) {
            None => format!("step {step} asks a model, and no answer of one is recorded"),
            Some(call) => format!(
                "step {step} asks what is not recorded: it differs from cycle {} of step {} in {}",
                call.cycle,
                call.step,
                drift(&call.asked, request)
            ),
        }
    }
}

#[async_trait]
impl ModelPort for ReplayModel {
    async fn ask(&self, request: &ModelRequest, cx: &ModelContext) -> Result<ModelAnswer, ModelError> {
        match self.0.next(request, cx) {
            Ok(call) => call.outcome.clone(),
            Err(problem) => Err(ModelError::new(ModelCategory::Internal, problem)),
        }
    }
}
