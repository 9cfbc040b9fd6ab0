//! Random events of sessions, stages and tasks. Most fit the session that is awake, and many do not fit the tasks.

use artana_core::{
    Name, RunState, Usd,
    event::{
        Body, HarnessFailed, HarnessSlept, HarnessWoke, Move, Phase, StageEntered, TaskDefined, TaskMoved,
        TasksDefined, Trace, Traced,
    },
};

use super::Draw;
use crate::support::bodies::*;

/// How many of the numbers that say what is drawn stand for these events.
pub(super) const KINDS: u8 = 12;

fn name(kind: &str, pick: u8) -> Name {
    Name::parse(format!("{kind} {}", pick % 4)).expect("fit")
}

impl Draw {
    /// Draws an event of a session.
    pub(super) fn of_session(self, kind: u8, state: &RunState) -> Body {
        let session = state.session().number + u64::from(self.request == 7);
        match kind {
            0 | 1 => HarnessWoke {
                done: 0,
                harness: name("harness", 0),
                in_progress: None,
                incarnation: OWNER,
                last_done: None,
                note: None,
                pending: 0,
                session: session + 1,
            }
            .into(),
            2 => HarnessSlept { session }.into(),
            3 if self.variant > 128 => HarnessFailed { error: content(ERROR), phase: Phase::Work, session }.into(),
            4 => StageEntered { round: u64::from(self.words % 3), session, stage: name("stage", self.step) }.into(),
            5 => self.tasks(session).into(),
            6..=9 => TaskMoved { session, task: name("task", self.step), to: self.to() }.into(),
            _ => Trace { session, what: self.traced() }.into(),
        }
    }

    fn tasks(self, session: u64) -> TasksDefined {
        let count = 1 + self.words % 2;
        let tasks =
            (0..count).map(|n| TaskDefined { id: name("task", self.step.wrapping_add(n % 3)), title: content(ARGS) });
        TasksDefined { session, tasks: tasks.collect() }
    }

    fn to(self) -> Move {
        match self.variant % 4 {
            0 | 1 => Move::InProgress(OWNER),
            2 => Move::Done(content(RESULT)),
            _ => Move::Pending(content(ERROR)),
        }
    }

    fn traced(self) -> Traced {
        match self.variant % 2 {
            0 => Traced::Said { topic: name("topic", self.step), value: content(RESULT) },
            _ => Traced::Stage {
                cost: Usd::ZERO,
                duration_us: u64::from(self.words),
                from: name("stage", self.step),
                round: 1,
                to: None,
            },
        }
    }
}
