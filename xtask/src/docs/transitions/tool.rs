//! The tool cycle: samples of its events, and of its states, which are reached by running it.

use anyhow::{Context, Result};
use artana_core::cycle::{ToolCycle, ToolEvent};
use artana_core::event::{
    Body, Cause, Doubt, Effect, FailureCategory, Late, LateOutcome, Outcome, ReconcileAction, Resolution, Success,
    ToolAttemptFailed, ToolCompleted, ToolFailure, ToolReconcileRequested, ToolRequested, ToolResolved,
};
use artana_core::{EventId, Seq, Timestamp};

use super::machine::{Given, Machine};
use crate::docs::samples::{NAMED, Sample, find};

/// The reconciliation that is open.
const OPEN: EventId = EventId::from_bytes([2; 16]);
/// An attempt, or a reconciliation, that is over.
const OLDER: EventId = EventId::from_bytes([3; 16]);
/// The event that meets a state.
const NEW: EventId = EventId::from_bytes([4; 16]);

const ABOUT: &str = "\
How one tool step moves, in [cycle.rs](../crates/artana-core/src/cycle.rs), where a test holds
[every pair of state and event](../crates/artana-core/src/cycle/tests.rs). A column is a state, a row an event, and the cell what
the step is after the event. *Unchanged* means that the event is recorded as evidence and moves nothing; *refused*, that it
cannot be recorded. A step is *called again* when a reconciliation has repeated its call under the same key.";

/// One payload of each kind of the cycle, for the attempt [`NAMED`].
pub(super) struct Tool {
    requested: ToolRequested,
    attempt_failed: ToolAttemptFailed,
    completed: ToolCompleted,
    reconcile: ToolReconcileRequested,
    resolved: ToolResolved,
    late: LateOutcome,
}

impl Tool {
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
        Ok(Self {
            requested: sample!(ToolRequested),
            attempt_failed: sample!(ToolAttemptFailed),
            completed: sample!(ToolCompleted),
            reconcile: sample!(ToolReconcileRequested),
            resolved: sample!(ToolResolved),
            late: sample!(LateOutcome),
        })
    }

    fn success(&self) -> Success {
        Success { effect_id: None, rejected: None, result: self.requested.args }
    }

    fn failure(&self) -> ToolFailure {
        ToolFailure { category: FailureCategory::Permanent, error: self.requested.args }
    }

    fn outcomes(&self) -> [Outcome; 3] {
        let doubt = Doubt { cause: Cause::Timeout, error: None };
        [Outcome::Succeeded(self.success()), Outcome::Failed(self.failure()), Outcome::Unknown(doubt)]
    }

    fn resolutions(&self, cause: Cause) -> [Resolution; 4] {
        let (landed, failed) = (Resolution::Succeeded(self.success()), Resolution::Failed(self.failure()));
        [landed, failed, Resolution::NotLanded, Resolution::Unknown(Doubt { cause, error: None })]
    }

    fn attempt(&self, attempt: u32, effect: Effect) -> Body {
        ToolRequested { attempt, effect, ..self.requested.clone() }.into()
    }

    fn failed(&self, request: EventId) -> Body {
        ToolAttemptFailed { request: request.into(), ..self.attempt_failed.clone() }.into()
    }

    fn completed(&self, request: EventId, outcome: Outcome) -> Body {
        ToolCompleted { outcome, request: request.into(), ..self.completed.clone() }.into()
    }

    fn reconcile(&self, request: EventId, action: ReconcileAction) -> Body {
        ToolReconcileRequested { action, request: request.into(), ..self.reconcile.clone() }.into()
    }

    fn resolved(&self, request: EventId, reconcile: Option<EventId>, outcome: Resolution) -> Body {
        ToolResolved { outcome, reconcile, request: request.into(), ..self.resolved.clone() }.into()
    }

    fn late(&self, request: EventId, outcome: Outcome) -> Body {
        LateOutcome { request: request.into(), what: Late::Tool(outcome), ..self.late.clone() }.into()
    }

    fn requests(&self, events: &mut Events) {
        for effect in [Effect::Read, Effect::Idempotent { retention_us: 1 }, Effect::SideEffect] {
            let effect_word = match effect {
                Effect::Read => "read",
                Effect::Idempotent { .. } => "idempotent",
                Effect::SideEffect => "side_effect",
            };
            for (which, number) in [("the next attempt", 1), ("an attempt out of turn", 2)] {
                let asked = self.requested.clone();
                let body = move |state: &ToolCycle| -> Body {
                    ToolRequested { attempt: state.attempts() + number, effect, ..asked.clone() }.into()
                };
                events.push(Given { with: format!("{which}: {effect_word}"), body: Box::new(body) });
            }
        }
    }
}

type Events = Vec<Given<ToolCycle>>;

/// Adds an event that is the same in every state.
fn add(events: &mut Events, with: String, body: Body) {
    events.push(Given { with, body: Box::new(move |_| body.clone()) });
}

impl Machine for Tool {
    type State = ToolCycle;

    fn about(&self) -> (&'static str, &'static str) {
        ("The tool cycle", ABOUT)
    }

    fn states(&self) -> Result<Vec<ToolCycle>> {
        let [_, _, perhaps] = self.outcomes();
        let [landed, failed, not_landed, in_doubt] = self.resolutions(Cause::Timeout);
        let after = |state: &ToolCycle, id: EventId, body: Body| {
            run(state.clone(), id, &body).with_context(|| format!("{} refuses `{}`", state.name(), body.kind()))
        };
        let requested = after(&ToolCycle::Absent, NAMED, self.attempt(1, Effect::SideEffect))?;
        let unknown = after(&requested, NEW, self.completed(NAMED, perhaps))?;
        let reconciling = after(&unknown, OPEN, self.reconcile(NAMED, ReconcileAction::Probe))?;
        let called = after(&unknown, OPEN, self.reconcile(NAMED, ReconcileAction::Retry))?;
        Ok(vec![
            ToolCycle::Absent,
            requested.clone(),
            after(&reconciling, NEW, self.resolved(NAMED, Some(OPEN), not_landed))?,
            unknown.clone(),
            reconciling,
            after(&called, NEW, self.resolved(NAMED, Some(OPEN), in_doubt))?,
            called,
            after(&unknown, NEW, self.resolved(NAMED, None, landed))?,
            after(&unknown, NEW, self.resolved(NAMED, None, failed))?,
        ])
    }

    fn name(&self, state: &ToolCycle) -> String {
        match state {
            ToolCycle::Unknown(attempt, _) | ToolCycle::Reconciling(attempt, _) if attempt.called_again => {
                format!("{}, called again", state.name())
            }
            _ => state.name().to_owned(),
        }
    }

    fn events(&self) -> Vec<Given<ToolCycle>> {
        let mut events = Events::new();
        self.requests(&mut events);
        for (request, which) in [(NAMED, "the last attempt"), (OLDER, "another attempt")] {
            add(&mut events, which.to_owned(), self.failed(request));
            for outcome in self.outcomes() {
                let with = format!("{which}: {}", outcome_word(&outcome));
                add(&mut events, with, self.completed(request, outcome));
            }
            for (action, word) in [(ReconcileAction::Probe, "probe"), (ReconcileAction::Retry, "retry")] {
                add(&mut events, format!("{which}: {word}"), self.reconcile(request, action));
            }
            let ways = [
                (Some(OPEN), "by whoever is reconciling"),
                (Some(OLDER), "by an earlier reconciliation"),
                (None, "by an operator"),
            ];
            for (reconcile, by) in ways {
                for outcome in self.resolutions(Cause::Reported) {
                    let by = if request == NAMED { format!("{which}, {by}") } else { which.to_owned() };
                    let with = format!("{by}: {}", resolution_word(&outcome));
                    add(&mut events, with, self.resolved(request, reconcile, outcome));
                }
            }
            for outcome in self.outcomes() {
                let with = format!("{which}: {}", outcome_word(&outcome));
                add(&mut events, with, self.late(request, outcome));
            }
        }
        events
    }

    fn next(&self, state: ToolCycle, body: &Body) -> Option<ToolCycle> {
        run(state, NEW, body)
    }
}

fn run(state: ToolCycle, id: EventId, body: &Body) -> Option<ToolCycle> {
    state.next(ToolEvent { id, seq: Seq::new(2), at: Timestamp::default(), body }).ok()
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded(_) => "succeeded",
        Outcome::Failed(_) => "failed",
        Outcome::Unknown(_) => "unknown",
    }
}

fn resolution_word(resolution: &Resolution) -> &'static str {
    match resolution {
        Resolution::Succeeded(_) => "succeeded",
        Resolution::Failed(_) => "failed",
        Resolution::NotLanded => "not_landed",
        Resolution::Unknown(_) => "unknown",
    }
}
