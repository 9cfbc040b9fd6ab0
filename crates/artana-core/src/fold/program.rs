//! What a workflow has asked, by the place at which it asked it, and the signals it was sent.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::FoldError;
use crate::{
    ContentRef, Event, Name, Ordinal, Seq,
    event::{Body, CodeKind, Value, Wait},
};

/// Where something is recorded that a fork may share: how many ancestors the run that holds it has, and the
/// position there. Places are ordered as the workflow learns of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "a place is a run and a position in it")]
pub struct Place {
    /// How many ancestors the run that holds it has.
    pub depth: usize,
    /// The position there.
    pub seq: Seq,
}

/// What kind of thing a workflow asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AskKind {
    /// A closure that may run again.
    Compute,
    /// A closure that must not.
    Once,
    /// A tool.
    Tool,
    /// A model.
    Model,
    /// A timer.
    Sleep,
    /// A signal.
    Signal,
    /// A person.
    Pause,
    /// A child run.
    Child,
    /// That something be undone if the workflow fails.
    OnRollback,
    /// The time.
    Now,
    /// A random number.
    Random,
    /// A random id.
    Uuid,
    /// Whether to take the code of a change.
    Patched,
}

impl AskKind {
    /// Returns the kind as code spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Once => "once",
            Self::Tool => "tool",
            Self::Model => "model",
            Self::Sleep => "sleep",
            Self::Signal => "signal",
            Self::Pause => "pause",
            Self::Child => "child",
            Self::OnRollback => "on_rollback",
            Self::Now => "now",
            Self::Random => "random",
            Self::Uuid => "uuid",
            Self::Patched => "patched",
        }
    }
}

/// One thing that a workflow asks: a kind, and a key or name where the kind has one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "two asks are the same if these are")]
pub struct Asked {
    /// What kind of thing.
    pub kind: AskKind,
    /// The step key, or the name of a signal or change.
    pub name: Option<Arc<str>>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {name}", self.kind.as_str()),
            None => f.write_str(self.kind.as_str()),
        }
    }
}

/// A signal that a run was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a signal is a value and the place where it came in")]
pub struct Signal {
    /// Where it is recorded.
    pub place: Place,
    /// Its value, in canonical JSON.
    pub value: ContentRef,
}

/// What a workflow has asked, and the signals it was sent. In a fork, those that it shares with its ancestors too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    asks: BTreeMap<Ordinal, Asked>,
    values: BTreeMap<Ordinal, (Place, Value)>,
    signals: BTreeMap<Name, Vec<Signal>>,
}

impl Program {
    /// Borrows what was asked at a place.
    #[must_use]
    pub fn asked(&self, at: Ordinal) -> Option<&Asked> {
        self.asks.get(&at)
    }

    /// Lists what is recorded of the asks from a place on, in order. Asks that nothing is recorded of are missing.
    pub fn asks_from(&self, from: Ordinal) -> impl Iterator<Item = (Ordinal, &Asked)> {
        self.asks.range(from..).map(|(at, asked)| (*at, asked))
    }

    /// Returns the last place of which something is recorded.
    #[must_use]
    pub fn last(&self) -> Option<Ordinal> {
        self.asks.last_key_value().map(|(at, _)| *at)
    }

    /// Borrows a recorded value, and says where it is recorded.
    #[must_use]
    pub fn value(&self, at: Ordinal) -> Option<&(Place, Value)> {
        self.values.get(&at)
    }

    /// Lists the signals of a name in the order in which they came.
    #[must_use]
    pub fn signals(&self, name: &Name) -> &[Signal] {
        self.signals.get(name).map_or(&[], Vec::as_slice)
    }

    /// Checks an event against what stands here and in `earlier`: one place is asked one thing.
    pub(super) fn check(&self, earlier: Option<&Self>, event: &Event) -> Result<(), FoldError> {
        let Some((at, asked)) = ask(event) else { return Ok(()) };
        match std::iter::once(self).chain(earlier).find_map(|one| one.asks.get(&at)) {
            Some(recorded) if *recorded != asked => Err(FoldError::AnotherPlace { at }),
            Some(_) if matches!(event.body(), Body::ValueRecorded(_)) => Err(FoldError::AnotherPlace { at }),
            _ => Ok(()),
        }
    }

    /// Remembers an event that was checked, in a run with so many ancestors.
    pub(super) fn add(&mut self, event: &Event, depth: usize) {
        let place = Place { depth, seq: event.seq() };
        match event.body() {
            Body::ValueRecorded(recorded) => {
                drop(self.values.insert(recorded.ordinal, (place, recorded.value.clone())))
            }
            Body::SignalReceived(signal) => {
                self.signals.entry(signal.name.clone()).or_default().push(Signal { place, value: signal.value });
            }
            _ => {}
        }
        if let Some((at, asked)) = ask(event) {
            self.asks.entry(at).or_insert(asked);
        }
    }
}

/// Returns the place of a workflow at which an event was asked, and what was asked there.
fn ask(event: &Event) -> Option<(Ordinal, Asked)> {
    let named = |at: Ordinal, kind, name| Some((at, Asked { kind, name }));
    let step = || event.step().map(crate::StepKey::shared);
    match event.body() {
        Body::ToolRequested(asked) => named(asked.ordinal?, AskKind::Tool, step()),
        Body::ModelRequested(asked) => named(asked.ordinal?, AskKind::Model, step()),
        Body::StepRequested(asked) => named(asked.ordinal?, AskKind::Once, step()),
        Body::StepCompleted(done) if done.kind == CodeKind::Compute => named(done.ordinal?, AskKind::Compute, step()),
        Body::ChildStarted(started) => named(started.ordinal?, AskKind::Child, step()),
        Body::CompensationRegistered(registered) => named(registered.ordinal, AskKind::OnRollback, step()),
        Body::Paused(paused) => named(paused.ordinal?, AskKind::Pause, step()),
        Body::ValueRecorded(recorded) => match &recorded.value {
            Value::Now(_) => named(recorded.ordinal, AskKind::Now, None),
            Value::Random(_) => named(recorded.ordinal, AskKind::Random, None),
            Value::Uuid(_) => named(recorded.ordinal, AskKind::Uuid, None),
            Value::Patched(id) => named(recorded.ordinal, AskKind::Patched, Some(id.shared())),
        },
        Body::WaitStarted(begun) => match &begun.wait {
            Wait::Timer(_) => named(begun.ordinal, AskKind::Sleep, step()),
            Wait::Signal(name) => named(begun.ordinal, AskKind::Signal, Some(name.shared())),
            // What is waited for was asked, and recorded, before.
            Wait::Child(_) | Wait::Doubt { .. } | Wait::Pause(_) => None,
        },
        _ => None,
    }
}
