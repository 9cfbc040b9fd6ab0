//! Answers a tool call: from the ledger if it can, otherwise by naming the one thing to do.
//! A decision that is neither a replay nor a first execution is taken again after reading the tail.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use artana_core::{
    Content, ContentType, IdError, IncarnationId, RequestId, RunState, Seq, StepKey, ToolName,
    ask::Field,
    cycle::Settled,
    decide::{OwnerLife, Refused, Settlement, ToolAsk, ToolChange, ToolDecision, decide_tool, owner_lost},
    drift::Drift,
    event::{Success, ToolFailure, ToolSignature},
    json::{self, Difference},
};
use artana_ports::ToolPort;
use serde_json::Value;

use crate::{
    Error, Run, family,
    journal::{Capacity, Facts, Journal, Plan},
    perform::{self, Done},
};

/// A tool call with everything checked that needs no ledger.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) run: Run,
    pub(crate) ask: ToolAsk,
    pub(crate) args: Value,
    pub(crate) args_content: Content,
    /// `None` for a tool that is no longer registered, whose finished steps still answer.
    port: Option<Arc<dyn ToolPort>>,
}

impl Invocation {
    pub(crate) fn new(run: Run, step: StepKey, tool: &str, args: Result<Vec<u8>, String>) -> Result<Self, Error> {
        let shared = &run.journal.shared;
        let name = ToolName::parse(tool).map_err(|unfit: IdError| Error::from(unfit))?;
        let port = shared.tools.get(&name).map(Arc::clone);
        let recorded = run.journal.with_state(|state| state.tool_step(&step).cloned());
        let (signature, effect, accepts) = match (&port, recorded) {
            (Some(port), _) => (port.spec().signature.clone(), port.spec().effect, port.spec().accepts.clone()),
            (None, Some(step)) => (ToolSignature { name: name.clone(), ..step.tool }, step.effect, Vec::new()),
            (None, None) => return Err(Error::UnknownTool { tool: tool.into() }),
        };
        let refused = |problem: String| Error::InvalidArguments {
            run: run.name().clone(),
            step: step.clone(),
            tool: name.clone(),
            problem,
        };
        let args = json::parse(&args.map_err(refused)?).map_err(|error| refused(error.to_string()))?;
        let canonical = json::to_canonical(&args).map_err(|error| refused(error.to_string()))?;
        let (reference, args_content) = run.journal.content(ContentType::Json, canonical);
        let ask = ToolAsk { step, tool: signature, effect, args: reference, accepts, own_effect: false };
        Ok(Self { run, ask, args, args_content, port })
    }

    /// Wants the effect for this fork itself, whatever its family did under the key.
    pub(crate) fn own_effect(mut self, own: bool) -> Self {
        self.ask.own_effect = own;
        self
    }

    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.run.journal
    }

    /// Returns the tool's port, if the tool is registered.
    pub(crate) fn registered(&self) -> Option<&dyn ToolPort> {
        self.port.as_deref()
    }

    /// Returns the tool's port, once [`Invocation::admit`] has said yes.
    pub(crate) fn port(&self) -> &dyn ToolPort {
        self.registered().expect("nothing is performed before it was admitted")
    }

    /// Checks what must hold before anything is written: a registered tool, the capability, and the
    /// arguments' types.
    pub(crate) fn admit(&self) -> Result<(), Error> {
        let Some(port) = self.registered() else {
            return Err(Error::UnknownTool { tool: self.ask.tool.name.to_string() });
        };
        let spec = port.spec();
        if let Some(needed) = &spec.capability {
            let bound = self.journal().with_state(|state| state.capabilities().contains(needed));
            if !bound || !self.run.tenant.capabilities().contains(needed) {
                let (run, tool) = (self.run.name().clone(), spec.signature.name.clone());
                return Err(Error::CapabilityMissing { run, tool, capability: needed.clone() });
            }
        }
        let checked = catch_unwind(AssertUnwindSafe(|| port.check_args(&self.args)));
        let problem = match checked {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(refused)) => refused.problem,
            Err(_) => "the tool's check of them panicked".into(),
        };
        Err(Error::InvalidArguments {
            run: self.run.name().clone(),
            step: self.ask.step.clone(),
            tool: spec.signature.name.clone(),
            problem,
        })
    }
}

/// What a decision comes to, without borrowing the state it was taken on.
pub(crate) enum Next {
    Answer(Box<Answered>),
    InFlight { owner: IncarnationId, here: bool },
    MarkUnknown(RequestId),
    Go,
    Refused(Refused),
}

/// A recorded outcome, and how the tool has changed since.
pub(crate) struct Answered {
    recorded: Recorded,
    change: Option<ToolChange>,
}

impl Answered {
    pub(crate) fn new(settled: Settlement<'_>, change: Option<ToolChange>) -> Box<Self> {
        Box::new(Self { recorded: settled.into(), change })
    }
}

/// A recorded outcome.
enum Recorded {
    Succeeded(Settled<Success>),
    Failed(Settled<ToolFailure>),
}

impl From<Settlement<'_>> for Recorded {
    fn from(settled: Settlement<'_>) -> Self {
        match settled {
            Settlement::Succeeded(settled) => Self::Succeeded(settled.clone()),
            Settlement::Failed(settled) => Self::Failed(settled.clone()),
        }
    }
}

fn next(state: &RunState, ask: &ToolAsk, life: OwnerLife) -> Next {
    match decide_tool(state, ask, life) {
        Ok(ToolDecision::Replay { settled, change }) => Next::Answer(Answered::new(settled, change)),
        Ok(ToolDecision::InFlight { owner, here }) => Next::InFlight { owner, here },
        Ok(ToolDecision::MarkUnknown { request }) => Next::MarkUnknown(request),
        Ok(ToolDecision::Retry { .. } | ToolDecision::Execute) => Next::Go,
        Err(refused) => Next::Refused(refused),
    }
}

/// Calls a tool, or answers from the ledger.
pub(crate) async fn call(invocation: &Invocation) -> Result<Done, Error> {
    let journal = invocation.journal();
    journal.shared.open()?;
    let step = &invocation.ask.step;
    let mut read = false;
    loop {
        let first = journal.with_state(|state| state.step(step).is_none());
        let (owner, life) = journal.owner_life(step).await?;
        let next = journal.with_state(|state| next(state, &invocation.ask, life));
        match next {
            Next::Answer(answered) => return answer(invocation, *answered).await,
            Next::InFlight { here: true, .. } => {
                wait_for_flight(journal, step).await;
                continue;
            }
            Next::Go if first || read => {
                if let Some(done) = go(invocation, owner).await? {
                    return Ok(done);
                }
                read = false;
                continue;
            }
            _ if !read => {
                journal.refresh().await?;
                read = true;
                continue;
            }
            Next::Go => unreachable!("the guards above take every first or freshly read decision to go"),
            Next::InFlight { owner, .. } => return Err(in_flight(invocation, owner)),
            Next::MarkUnknown(request) => mark_unknown(journal, step, request).await?,
            Next::Refused(refused) => return Err(refusal(invocation, refused).await),
        }
    }
}

/// Makes the call in a task of its own, so that the caller may go; or waits for the one under way.
/// `gone` is the owner that was found dead when this was decided, if there was one.
/// `None` means that the ledger has moved and has to be asked again.
pub(crate) async fn go(invocation: &Invocation, gone: Option<IncarnationId>) -> Result<Option<Done>, Error> {
    invocation.admit()?;
    family::not_an_ancestors(&invocation.run, &invocation.ask).await?;
    let journal = invocation.journal();
    let flight = match journal.flights.begin(&invocation.ask.step) {
        Ok(flight) => flight,
        Err(landing) => {
            landing.wait().await;
            return Ok(None);
        }
    };
    let busy = journal.shared.enter()?;
    let task = invocation.clone();
    let done = tokio::spawn(async move {
        let done = perform::perform(&task, gone).await;
        drop((flight, busy));
        done
    });
    done.await.unwrap_or_else(|_| Err(Error::Internal("a step's task was lost".into())))
}

/// Waits until this process's work on a step has ended.
pub(crate) async fn wait_for_flight(journal: &Journal, step: &StepKey) {
    if let Some(landing) = journal.flights.landing(step) {
        landing.wait().await;
    }
}

pub(crate) fn in_flight(invocation: &Invocation, owner: IncarnationId) -> Error {
    Error::InFlight { run: invocation.run.name().clone(), step: invocation.ask.step.clone(), owner }
}

/// Records that nobody can say what became of a call whose process is gone.
pub(crate) async fn mark_unknown(journal: &Arc<Journal>, step: &StepKey, request: RequestId) -> Result<(), Error> {
    let key = step.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let cycle = state.tool_step(&key).map(|step| &step.cycle);
        if !cycle.is_some_and(|cycle| cycle.is_pending() && cycle.request() == Some(request)) {
            return Ok(Plan::default());
        }
        Plan::default().event(facts.id(), Some(&key), owner_lost(request))
    };
    journal.append_detached(Capacity::Outcome(request), Some(step.clone()), decide).await.map(drop)
}

/// Turns a recorded outcome into what the first caller got.
pub(crate) async fn answer(invocation: &Invocation, answered: Answered) -> Result<Done, Error> {
    let Answered { recorded, change } = answered;
    let (run, step) = (invocation.run.name().clone(), invocation.ask.step.clone());
    let journal = invocation.journal();
    let erased = Error::ContentErased { run: run.clone(), step: step.clone() };
    match recorded {
        Recorded::Succeeded(settled) => {
            let success = &settled.outcome;
            if let Some(rejected) = success.rejected {
                return Err(Error::ResultRejected { run, step, reason: rejected.reason, len: rejected.len });
            }
            let result = journal.read_content(&success.result, settled.at).await?.ok_or(erased)?;
            let effect_id = match &success.effect_id {
                Some(id) => journal.read_content(id, settled.at).await?,
                None => None,
            };
            Ok(Done {
                result,
                replayed: true,
                attempts: settled.attempts,
                request: settled.request,
                change,
                effect_id: effect_id.and_then(|bytes| String::from_utf8(bytes).ok()),
            })
        }
        Recorded::Failed(settled) => {
            let message = journal.read_content(&settled.outcome.error, settled.at).await?.ok_or(erased)?;
            Err(Error::ToolFailed {
                run,
                step,
                tool: invocation.ask.tool.name.clone(),
                category: settled.outcome.category,
                attempts: settled.attempts,
                request: settled.request,
                message: String::from_utf8_lossy(&message).into_owned(),
            })
        }
    }
}

/// Turns a refusal into an error; drift is named by comparing with the recorded arguments.
pub(crate) async fn refusal(invocation: &Invocation, refused: Refused) -> Error {
    let (run, step) = (invocation.run.name().clone(), invocation.ask.step.clone());
    match refused {
        Refused::OtherArguments { recorded } => {
            let stored = invocation.journal().read_content(&recorded, Seq::ZERO).await;
            match stored {
                Ok(bytes) => {
                    let drift = Drift::of(Field::Args, compare(bytes, &invocation.args));
                    Error::Drift { run, step, drift: Box::new(drift) }
                }
                Err(error) => error,
            }
        }
        Refused::AnotherTool { recorded } => {
            let drift = another(Field::Tool, recorded.name.as_str(), invocation.ask.tool.name.as_str());
            Error::Drift { run, step, drift: Box::new(drift) }
        }
        Refused::AnotherKind { recorded } => {
            let drift = another_kind(&recorded, invocation.ask.tool.name.as_str());
            Error::Drift { run, step, drift: Box::new(drift) }
        }
        other => crate::control::refused(&run, &step, other),
    }
}

/// A step that was a tool's is asked of a model, or the other way round.
pub(crate) fn another_kind(recorded: &str, asked: &str) -> Drift {
    another(Field::Kind, recorded, asked)
}

fn another(field: Field, recorded: &str, asked: &str) -> Drift {
    let (before, after) = (Some(recorded.into()), Some(asked.into()));
    Drift::of(field, vec![Difference { pointer: String::new(), before, after }])
}

/// Erased arguments cannot be compared; the whole then differs.
fn compare(recorded: Option<Vec<u8>>, asked: &Value) -> Vec<Difference> {
    match recorded.and_then(|bytes| json::parse(&bytes).ok()) {
        Some(recorded) => json::diff(&recorded, asked),
        None => vec![Difference { pointer: String::new(), before: None, after: None }],
    }
}
