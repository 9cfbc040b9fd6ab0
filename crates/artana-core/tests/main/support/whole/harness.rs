//! The bodies of sessions, stages and tasks, as the module above wants them.

use artana_core::{
    Name, Usd,
    event::{
        Body, HarnessFailed, HarnessSlept, HarnessWoke, Move, Phase, StageEntered, TaskDefined, TaskMoved,
        TasksDefined, Trace, Traced,
    },
};

use crate::support::bodies::*;

fn name(name: &str) -> Name {
    Name::parse(name).expect("fit")
}

/// The session that is awake; the sample that wakes begins the one after it.
const SESSION: u64 = 1;

fn moved(to: Move) -> Body {
    TaskMoved { session: SESSION, task: name("report"), to }.into()
}

fn trace(what: Traced) -> Body {
    Trace { session: SESSION, what }.into()
}

/// One body of each kind after the last of what is kept.
pub(super) fn bodies() -> Vec<Body> {
    let woke = HarnessWoke {
        done: 2,
        harness: name("migration"),
        in_progress: Some(name("migrate/α")),
        incarnation: OWNER,
        last_done: Some(name("backup")),
        note: Some(content(RESULT)),
        pending: 5,
        session: SESSION + 1,
    };
    let tasks = ["migrate/α", "verify"].map(|id| TaskDefined { id: name(id), title: content(ARGS) });
    vec![
        woke.into(),
        HarnessSlept { session: SESSION }.into(),
        HarnessFailed { error: content(ERROR), phase: Phase::Work, session: SESSION }.into(),
        StageEntered { round: 3, session: SESSION, stage: name("review") }.into(),
        TasksDefined { session: SESSION, tasks: tasks.into() }.into(),
        moved(Move::InProgress(OWNER)),
        trace(Traced::Stage {
            cost: Usd::nanos(1_500),
            duration_us: 7,
            from: name("draft"),
            round: 3,
            to: Some(name("review")),
        }),
    ]
}

/// The other moves, traces and phases, and the kinds without any optional key.
pub(super) fn others() -> Vec<Body> {
    let first = HarnessWoke {
        done: 0,
        harness: name("migration"),
        in_progress: None,
        incarnation: OWNER,
        last_done: None,
        note: None,
        pending: 0,
        session: 1,
    };
    let failed = |phase| HarnessFailed { error: content(ERROR), phase, session: SESSION }.into();
    vec![
        first.into(),
        failed(Phase::Initialise),
        failed(Phase::Wake),
        failed(Phase::Check),
        failed(Phase::Sleep),
        moved(Move::Done(content(RESULT))),
        moved(Move::Pending(content(ERROR))),
        trace(Traced::Said { topic: name("mood"), value: content(RESULT) }),
        trace(Traced::Stage { cost: Usd::ZERO, duration_us: 0, from: name("draft"), round: 1, to: None }),
        trace(Traced::Task { attempt: 2, done: true, duration_us: 9, task: name("report") }),
    ]
}
