//! Random events, drawn from numbers that a test chooses. Some fit the history they are drawn for, many do not.

mod harness;
mod workflows;

use artana_core::{
    EventId, Name, RunId, RunState, Seq,
    conversation::EMPTY_ROOT,
    cycle::ToolCycle,
    event::{
        ArtifactSet, Body, Checkpoint, Closing, Effect, Extends, ForkCause, GrantGiven, ModelRequested, Note, Outcome,
        Resolution, RunForked, RunOutcome, SummaryWritten,
    },
};

use super::{History, bodies::*, models::*};

/// The last one is asked of tools and of models.
const STEPS: [&str; 5] = ["charge", "scope/mail", "think", "scope/plan", "naïve/α😀"];

/// The numbers one event is drawn from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw {
    pub(crate) kind: u8,
    pub(crate) step: u8,
    pub(crate) request: u8,
    pub(crate) variant: u8,
    pub(crate) words: u8,
}

impl From<[u8; 5]> for Draw {
    fn from([kind, step, request, variant, words]: [u8; 5]) -> Self {
        Self { kind, step, request, variant, words }
    }
}

impl Draw {
    /// Draws an event for a step of the history: mostly one that names the step's last request.
    pub(crate) fn event(self, history: &History, state: &RunState) -> (Option<&'static str>, Body) {
        let of_tools = usize::from(self.step) % 3;
        match self.kind % (48 + workflows::KINDS + harness::KINDS) {
            kind @ 0..=19 => {
                let step = STEPS[[0, 1, 4][of_tools]];
                (Some(step), self.of_tool(kind, step, (history, state)))
            }
            kind @ 20..=39 => {
                let step = STEPS[[2, 3, 4][of_tools]];
                (Some(step), self.of_model(kind, step, (history, state)))
            }
            kind @ (40 | 41) => (Some(STEPS[usize::from(self.step) % 5]).filter(|_| kind == 40), self.fork(history)),
            kind @ 42..=43 => (None, self.kept(kind)),
            kind @ 44..=47 => (None, self.of_run(kind, state)),
            kind if kind >= 48 + workflows::KINDS => (None, self.of_session(kind - 48 - workflows::KINDS, state)),
            kind => self.of_workflow(kind - 48, (history, state)),
        }
    }

    fn request(self, last: Option<artana_core::RequestId>, history: &History) -> EventId {
        match last {
            Some(last) if self.request > 20 => last.into(),
            _ => any_event(history, self.request),
        }
    }

    fn of_tool(self, kind: u8, step: &str, (history, state): (&History, &RunState)) -> Body {
        // A fork counts its own attempts.
        let own = state.holder(&super::step(step)).is_none();
        let cycle = state.tool_step(&super::step(step)).map_or(ToolCycle::Absent, |step| step.cycle.clone());
        let request = self.request(cycle.request(), history);
        let attempt = if own { cycle.attempts() } else { 0 } + 1 - u32::from(self.request == 0);
        let outcome = [succeeded, failed, unknown][usize::from(self.variant) % 3]();
        match kind {
            0..=6 => {
                let own_effect = self.words.is_multiple_of(4);
                artana_core::event::ToolRequested { own_effect, ..requested(attempt, self.effect()) }.into()
            }
            7..=9 => attempt_failed(request).into(),
            10..=13 => completed(request, outcome).into(),
            14..=16 => reconcile(request).into(),
            17 => found(request, last_event(history), self.resolution()).into(),
            18 => decided(request, self.resolution()).into(),
            _ => late(request, outcome).into(),
        }
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
            (0, Outcome::Succeeded(success), ..) => Resolution::Succeeded(success),
            (1, _, Outcome::Failed(failure), _) => Resolution::Failed(failure),
            (2, .., Outcome::Unknown(doubt)) => Resolution::Unknown(doubt),
            _ => Resolution::NotLanded,
        }
    }

    fn of_model(self, kind: u8, step: &str, (history, state): (&History, &RunState)) -> Body {
        let last = state.step(&super::step(step));
        let request = self.request(last.and_then(|step| step.request()), history);
        let outcome = [answered, again, unanswered, abandoned][usize::from(self.variant) % 4]();
        let cycle = last.map_or(0, |step| step.attempts()) + 1 - u32::from(self.request == 0);
        match kind {
            20..=28 => self.asked(cycle, state).into(),
            29..=35 => ended(request, outcome).into(),
            36..=37 => replayed(request, &self.texts()).into(),
            _ => late_model(request, outcome).into(),
        }
    }

    /// Up to four texts of two, so that conversations often begin alike.
    fn texts(self) -> Vec<&'static str> {
        (0..self.words % 5).map(|bit| if self.words >> (3 + bit) & 1 == 0 { "yes?" } else { "nein 😀" }).collect()
    }

    /// A request that goes on from the longest conversation there is, or from none, or from a wrong one.
    fn asked(self, cycle: u32, state: &RunState) -> ModelRequested {
        let texts = self.texts();
        let prefixes = (1..=texts.len()).rev().map(|keep| root_of(&texts[..keep]));
        let known = prefixes.map(|root| state.conversation(&root)).find_map(|known| known);
        let mut asked = match known {
            Some(Extends { keep, request }) if !self.variant.is_multiple_of(4) => {
                extending((request.into(), keep as usize), &texts)
            }
            _ => asked(1, &texts),
        };
        asked.cycle = cycle;
        match (self.variant, &mut asked.extends) {
            (208..=215, _) => asked.asked_root = root_of(&["something else"]),
            (216..=223, Some(extends)) => extends.keep += 1,
            (224..=231, Some(extends)) => extends.keep -= 1,
            (232..=239, extends) => *extends = Some(Extends { keep: 1, request: EventId::from_bytes([3; 16]).into() }),
            (240..=243, _) => asked.model = model("provider/other"),
            (244..=247, _) => asked.asked_root = EMPTY_ROOT,
            _ => {}
        }
        asked
    }

    fn fork(self, history: &History) -> Body {
        let because = if self.variant.is_multiple_of(2) {
            let fields = [artana_core::ask::Field::Messages].into();
            ForkCause::Drift { asked: root_of(&self.texts()), fields }
        } else {
            ForkCause::Wanted { by: artana_core::Actor::parse("ops").expect("fit") }
        };
        let name = if self.words == 0 { history.run.run.to_string() } else { format!("fork {}", self.words % 32) };
        let cut = Seq::new(u64::from(self.request) % (history.events.len() as u64 + 2));
        RunForked { because, cut, fork: RunId::parse(name).expect("fit") }.into()
    }

    fn kept(self, kind: u8) -> Body {
        let name = Name::parse(["plan", "report"][usize::from(self.request) % 2]).expect("fit");
        let value = content(TEXTS[usize::from(self.words) % 3]);
        match (kind, self.variant % 2) {
            (42, 0) => ArtifactSet { name, schema_version: u32::from(self.words), value }.into(),
            (42, _) => SummaryWritten { kind: name, value }.into(),
            (_, 0) => Checkpoint { name, value }.into(),
            _ => Note { topic: name, value }.into(),
        }
    }

    /// Ends are drawn seldom, so that histories grow.
    fn of_run(self, kind: u8, state: &RunState) -> Body {
        let outcomes = [RunOutcome::Completed, RunOutcome::Failed, RunOutcome::Cancelled];
        match kind {
            // Most runs that wait for a worker do so from their beginning on.
            44 | 45 if state.head().seq == Seq::new(1) => self.enqueued(),
            44 | 45 => GrantGiven {
                by: artana_core::Actor::parse("ops").expect("fit"),
                capabilities: Default::default(),
                limits: state.limits(),
            }
            .into(),
            46 if self.variant > 228 => closing(Closing::Failed).into(),
            46 if self.variant > 200 => closing(Closing::Cancelled).into(),
            47 if self.variant > 200 => finished(outcomes[usize::from(self.request) % 3]).into(),
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
        let [kind, step, request, variant, words, ..] = self.next().to_le_bytes();
        [kind, step, request, variant, words].into()
    }
}

/// A history of `len` events that the fold accepts, and what they add up to.
pub(crate) fn history(tenant: &str, run: &str, len: usize, dice: &mut Dice) -> (History, RunState) {
    let history = History::start(tenant, run);
    let state = history.state();
    grown(history, state, len, dice)
}

/// The history grown to `len` events.
pub(crate) fn grown(mut history: History, mut state: RunState, len: usize, dice: &mut Dice) -> (History, RunState) {
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
