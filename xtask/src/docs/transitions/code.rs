//! The cycle of a closure: samples of its events, and of its states, which are reached by running it.

use anyhow::{Context, Result};
use artana_core::cycle::{ToolCycle, ToolEvent};
use artana_core::event::{
    Body, Cause, CodeKind, Doubt, FailureCategory, Late, LateOutcome, Outcome, Resolution, StepCompleted,
    StepRequested, Success, ToolFailure, ToolResolved,
};
use artana_core::{ContentRef, EventId, Seq, Timestamp};

use super::machine::{Given, Machine};
use crate::docs::samples::{NAMED, Sample, find};

/// An attempt that is over.
const OLDER: EventId = EventId::from_bytes([3; 16]);
/// The event that meets a state.
const NEW: EventId = EventId::from_bytes([4; 16]);

const ABOUT: &str = "\
How one closure of a workflow moves, in [cycle/code.rs](../crates/artana-core/src/cycle/code.rs), where a test holds
[every pair of state and event](../crates/artana-core/src/cycle/tests/closures.rs). A column is a state, a row an event, and the
cell what the step is after the event. A step is of one kind for good, which the cycle does not know: a *compute* never comes to
be requested, and a *once* never succeeds without a request. A failure *leaves another attempt due* where the workflow says so.";

/// One payload of each kind of the cycle, for the attempt [`NAMED`].
pub(super) struct Code {
    requested: StepRequested,
    completed: StepCompleted,
    resolved: ToolResolved,
    late: LateOutcome,
    error: ContentRef,
}

impl Code {
    /// Takes the payloads from the pinned samples.
    ///
    /// # Errors
    /// When one of them is not there.
    pub(super) fn new(samples: &[Sample]) -> Result<Self> {
        macro_rules! sample {
            ($kind:ident) => {
                find(samples, |body| if let Body::$kind(body) = body { Some(body) } else { None })?
            };
        }
        let completed: StepCompleted = sample!(StepCompleted);
        let Outcome::Failed(ToolFailure { error, .. }) = completed.outcome else {
            anyhow::bail!("the sample of `step_completed` is a failure that leaves another attempt due");
        };
        let (requested, resolved, late) = (sample!(StepRequested), sample!(ToolResolved), sample!(LateOutcome));
        Ok(Self { requested, completed, resolved, late, error })
    }

    fn success(&self) -> Success {
        Success { effect_id: None, rejected: None, result: self.error }
    }

    fn failure(&self) -> ToolFailure {
        ToolFailure { category: FailureCategory::Permanent, error: self.error }
    }

    /// Every way a closure can end, in words, and whether another attempt is due.
    fn outcomes(&self) -> [(&'static str, Outcome, bool); 4] {
        let doubt = Doubt { cause: Cause::OwnerLost, error: None };
        [
            ("succeeded", Outcome::Succeeded(self.success()), false),
            ("failed", Outcome::Failed(self.failure()), false),
            ("failed, leaving another attempt due", Outcome::Failed(self.failure()), true),
            ("unknown", Outcome::Unknown(doubt), false),
        ]
    }

    fn requested(&self, attempt: u32) -> Body {
        StepRequested { attempt, ..self.requested.clone() }.into()
    }

    fn completed(&self, request: Option<EventId>, (outcome, again): (Outcome, bool)) -> Body {
        let kind = if request.is_some() { CodeKind::Once } else { CodeKind::Compute };
        StepCompleted { again, kind, outcome, request: request.map(Into::into), ..self.completed.clone() }.into()
    }

    fn resolved(&self, request: EventId, outcome: Resolution) -> Body {
        ToolResolved { outcome, reconcile: None, request: request.into(), ..self.resolved.clone() }.into()
    }

    fn late(&self, request: EventId, outcome: Outcome) -> Body {
        LateOutcome { request: request.into(), what: Late::Tool(outcome), ..self.late.clone() }.into()
    }

    fn resolutions(&self) -> [(&'static str, Resolution); 3] {
        [
            ("succeeded", Resolution::Succeeded(self.success())),
            ("failed", Resolution::Failed(self.failure())),
            ("not_landed", Resolution::NotLanded),
        ]
    }
}

impl Machine for Code {
    type State = ToolCycle;

    fn about(&self) -> (&'static str, &'static str) {
        ("The closure's cycle", ABOUT)
    }

    fn states(&self) -> Result<Vec<ToolCycle>> {
        let after = |state: &ToolCycle, id: EventId, body: Body| {
            run(state.clone(), id, &body).with_context(|| format!("{} refuses `{}`", state.name(), body.kind()))
        };
        let requested = after(&ToolCycle::Absent, NAMED, self.requested(1))?;
        let mut states = vec![ToolCycle::Absent, requested.clone()];
        for at in [2, 3, 0, 1] {
            let (_, outcome, again) = self.outcomes()[at].clone();
            states.push(after(&requested, NEW, self.completed(Some(NAMED), (outcome, again)))?);
        }
        Ok(states)
    }

    fn name(&self, state: &ToolCycle) -> String {
        state.name().to_owned()
    }

    fn events(&self) -> Vec<Given<ToolCycle>> {
        let mut events = Vec::new();
        let fixed = |with: String, body: Body| Given { with, body: Box::new(move |_: &ToolCycle| body.clone()) };
        for (which, number) in [("the next attempt", 1), ("an attempt out of turn", 2)] {
            let asked = self.requested.clone();
            let body = move |state: &ToolCycle| -> Body {
                StepRequested { attempt: state.attempts() + number, ..asked.clone() }.into()
            };
            events.push(Given { with: which.to_owned(), body: Box::new(body) });
        }
        let attempts =
            [(None, "a compute"), (Some(NAMED), "a once, the last attempt"), (Some(OLDER), "a once, another attempt")];
        for (request, which) in attempts {
            for (word, outcome, again) in self.outcomes() {
                events.push(fixed(format!("{which}: {word}"), self.completed(request, (outcome, again))));
            }
        }
        for (request, which) in [(NAMED, "the last attempt"), (OLDER, "another attempt")] {
            for (word, outcome) in self.resolutions() {
                events.push(fixed(format!("{which}, by an operator: {word}"), self.resolved(request, outcome)));
            }
            for (word, outcome, _) in self.outcomes().into_iter().filter(|(_, _, again)| !again) {
                events.push(fixed(format!("{which}: {word}"), self.late(request, outcome)));
            }
        }
        events
    }

    fn next(&self, state: ToolCycle, body: &Body) -> Option<ToolCycle> {
        run(state, NEW, body)
    }
}

fn run(state: ToolCycle, id: EventId, body: &Body) -> Option<ToolCycle> {
    state.next_code(ToolEvent { id, seq: Seq::new(2), at: Timestamp::default(), body }).ok()
}
