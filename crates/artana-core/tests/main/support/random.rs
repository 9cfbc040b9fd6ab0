//! Random events, drawn from numbers that a test chooses. Some fit the history they are drawn for, many do not.

use artana_core::{
    EventId, RunState,
    event::{Body, Closing, Effect, GrantGiven, Resolution, RunOutcome},
};

use super::{History, bodies::*};

const STEPS: [&str; 3] = ["charge", "scope/mail", "naïve/α😀"];

/// The numbers one event is drawn from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw {
    pub(crate) kind: u8,
    pub(crate) step: u8,
    pub(crate) request: u8,
    pub(crate) variant: u8,
}

impl Draw {
    /// Draws an event for a step of the history: mostly one that names the step's last request.
    pub(crate) fn event(self, history: &History, state: &RunState) -> (Option<&'static str>, Body) {
        let step = STEPS[usize::from(self.step) % STEPS.len()];
        let cycle = state.tool_step(&super::step(step)).map(|step| &step.cycle);
        let request = match cycle.and_then(|cycle| cycle.request()) {
            Some(last) if self.request > 20 => last.into(),
            _ => any_event(history, self.request),
        };
        let attempt = cycle.map_or(0, |cycle| cycle.attempts()) + 1 - u32::from(self.request == 0);
        let outcome = [succeeded, failed, unknown][usize::from(self.variant) % 3]();
        let body = match self.kind % 24 {
            0..=6 => requested(attempt, self.effect()).into(),
            7..=9 => attempt_failed(request).into(),
            10..=13 => completed(request, outcome).into(),
            14..=16 => reconcile(request).into(),
            17 => found(request, last_event(history), self.resolution()).into(),
            18 => decided(request, self.resolution()).into(),
            19 => late(request, outcome).into(),
            other => return (None, self.of_run(other, state)),
        };
        (Some(step), body)
    }

    fn effect(self) -> Effect {
        match self.variant % 3 {
            0 => Effect::Read,
            1 => Effect::Idempotent { retention_us: 60_000_000 },
            _ => Effect::SideEffect,
        }
    }

    fn resolution(self) -> Resolution {
        match (self.variant % 4, succeeded(), failed(), unknown()) {
            (0, artana_core::event::Outcome::Succeeded(success), ..) => Resolution::Succeeded(success),
            (1, _, artana_core::event::Outcome::Failed(failure), _) => Resolution::Failed(failure),
            (2, .., artana_core::event::Outcome::Unknown(doubt)) => Resolution::Unknown(doubt),
            _ => Resolution::NotLanded,
        }
    }

    /// Ends are drawn seldom, so that histories grow.
    fn of_run(self, kind: u8, state: &RunState) -> Body {
        let outcomes = [RunOutcome::Completed, RunOutcome::Failed, RunOutcome::Cancelled];
        match kind {
            20 | 21 => GrantGiven {
                by: artana_core::Actor::parse("ops").expect("fit"),
                capabilities: Default::default(),
                limits: state.limits(),
            }
            .into(),
            22 if self.variant > 200 => closing(Closing::Cancelled).into(),
            23 if self.variant > 200 => finished(outcomes[usize::from(self.request) % 3]).into(),
            _ => state.started().clone().into(),
        }
    }
}

fn any_event(history: &History, pick: u8) -> EventId {
    history.events[usize::from(pick) % history.events.len()].id()
}

fn last_event(history: &History) -> EventId {
    history.events[history.events.len() - 1].id()
}

/// A small random generator (splitmix64, Steele, Lea and Flood 2014), for tests too many for proptest.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn draw(&mut self) -> Draw {
        let [kind, step, request, variant, ..] = self.next().to_le_bytes();
        Draw { kind, step, request, variant }
    }
}

/// A history of `len` events that the fold accepts, and what they add up to.
pub(crate) fn history(tenant: &str, run: &str, len: usize, dice: &mut Dice) -> (History, RunState) {
    let mut history = History::start(tenant, run);
    let mut state = history.state();
    // A finished run takes late outcomes only; it stays short instead of being drawn for ever.
    for _ in 0..len * 40 {
        if history.events.len() == len {
            break;
        }
        let (step, body) = dice.draw().event(&history, &state);
        let event = history.sealed(step, |step| artana_core::Draft::new(step, body).expect("small"));
        if state.apply(&event).is_ok() {
            history.add(event);
        }
    }
    (history, state)
}
