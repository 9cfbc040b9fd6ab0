//! The model cycle: samples of its events, and of its states, which are reached by running it.

use anyhow::{Context, Result};
use artana_core::event::{
    Abandoned, Answer, Body, DriftReplayed, Late, LateOutcome, ModelFailure, ModelOutcome, ModelRequested,
    ModelTerminal,
};
use artana_core::model_cycle::{ModelCycle, ModelEvent};
use artana_core::{EventId, Seq};

use super::machine::{Given, Machine};
use crate::docs::samples::{NAMED, Sample, find};

/// A request that is not the last one.
const OLDER: EventId = EventId::from_bytes([3; 16]);
/// The event that meets a state.
const NEW: EventId = EventId::from_bytes([4; 16]);

const ABOUT: &str = "\
How one model step moves, in [model_cycle.rs](../crates/artana-core/src/model_cycle.rs), where a test holds
[every pair of state and event](../crates/artana-core/src/model_cycle/tests.rs). A column is a state, a row an event, and the cell
what the step is after the event. *Unchanged* means that the event is recorded as evidence and moves nothing; *refused*, that it
cannot be recorded. A failure *leaves another cycle due* when the kernel itself asks again.";

/// One payload of each kind of the cycle, for the request [`NAMED`].
pub(super) struct Model {
    requested: ModelRequested,
    terminal: ModelTerminal,
    failure: ModelFailure,
    answer: Answer,
    drift: DriftReplayed,
    late: LateOutcome,
}

impl Model {
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
        let terminal: ModelTerminal = sample!(ModelTerminal);
        let ModelOutcome::Failed(failure) = terminal.outcome.clone() else {
            anyhow::bail!("the sample of `model_terminal` is a failure with the answer that is it");
        };
        let answer = failure.answer.clone().context("the sample of a failure holds an answer")?;
        Ok(Self {
            requested: sample!(ModelRequested),
            terminal,
            failure,
            answer,
            drift: sample!(DriftReplayed),
            late: sample!(LateOutcome),
        })
    }

    /// Every way a cycle can end, in words.
    fn outcomes(&self) -> [(&'static str, ModelOutcome); 4] {
        let failed = |again| ModelOutcome::Failed(ModelFailure { again, ..self.failure.clone() });
        [
            ("completed", ModelOutcome::Completed(self.answer.clone())),
            ("failed, leaving another cycle due", failed(true)),
            ("failed", failed(false)),
            ("abandoned", ModelOutcome::Abandoned(Abandoned::OwnerLost)),
        ]
    }

    fn terminal(&self, request: EventId, outcome: ModelOutcome) -> Body {
        ModelTerminal { outcome, request: request.into(), ..self.terminal.clone() }.into()
    }

    fn drift(&self, request: EventId) -> Body {
        DriftReplayed { request: request.into(), ..self.drift.clone() }.into()
    }

    fn late(&self, request: EventId, outcome: ModelOutcome) -> Body {
        LateOutcome { request: request.into(), what: Late::Model(Box::new(outcome)), ..self.late.clone() }.into()
    }
}

impl Machine for Model {
    type State = ModelCycle;

    fn about(&self) -> (&'static str, &'static str) {
        ("The model cycle", ABOUT)
    }

    fn states(&self) -> Result<Vec<ModelCycle>> {
        let after = |state: &ModelCycle, id: EventId, body: Body| {
            run(state.clone(), id, &body).with_context(|| format!("{} refuses `{}`", state.name(), body.kind()))
        };
        let first = ModelRequested { cycle: 1, ..self.requested.clone() };
        let requested = after(&ModelCycle::Absent, NAMED, first.into())?;
        let mut states = vec![ModelCycle::Absent, requested.clone()];
        for (_, outcome) in self.outcomes() {
            states.push(after(&requested, NEW, self.terminal(NAMED, outcome))?);
        }
        Ok(states)
    }

    fn name(&self, state: &ModelCycle) -> String {
        state.name().to_owned()
    }

    fn events(&self) -> Vec<Given<ModelCycle>> {
        let mut events = Vec::new();
        let fixed = |with: String, body: Body| Given { with, body: Box::new(move |_: &ModelCycle| body.clone()) };
        for (which, number) in [("the next cycle", 1), ("a cycle out of turn", 2)] {
            let asked = self.requested.clone();
            let body = move |state: &ModelCycle| -> Body {
                ModelRequested { cycle: state.cycles() + number, ..asked.clone() }.into()
            };
            events.push(Given { with: which.to_owned(), body: Box::new(body) });
        }
        for (request, which) in [(NAMED, "the last request"), (OLDER, "another request")] {
            for (word, outcome) in self.outcomes() {
                events.push(fixed(format!("{which}: {word}"), self.terminal(request, outcome)));
            }
            events.push(fixed(which.to_owned(), self.drift(request)));
            for (word, outcome) in self.outcomes() {
                events.push(fixed(format!("{which}: {word}"), self.late(request, outcome)));
            }
        }
        events
    }

    fn next(&self, state: ModelCycle, body: &Body) -> Option<ModelCycle> {
        run(state, NEW, body)
    }
}

fn run(state: ModelCycle, id: EventId, body: &Body) -> Option<ModelCycle> {
    state.next(ModelEvent { id, seq: Seq::new(2), body }).ok()
}
