//! Work of many sessions: one that ends in a clean state, and one that ends with an error.

use artana_core::event::{
    Body, HarnessFailed, HarnessSlept, HarnessWoke, Move, Phase, RunEnqueued, StageEntered, TaskDefined, TaskMoved,
    TasksDefined, Trace, Traced,
};

use super::{History, OWNER, name, text};
use crate::writer::AT;

pub(super) fn history() -> History {
    let mut run = History::root("migrate");
    let enqueued = RunEnqueued { deduplication: None, due: AT, priority: 7, queue: name("nightly") };
    run.tell_all([run.started(None), (None, enqueued.into())]);
    run.tell(None, woke(1, 0));
    let tasks = vec![TaskDefined { id: name("report"), title: text("a report") }];
    run.tell_all([
        (None, StageEntered { round: 1, session: 1, stage: name("draft") }.into()),
        (None, TasksDefined { session: 1, tasks }.into()),
    ]);
    run.tell(None, moved(Move::InProgress(OWNER)));
    run.tell(None, Trace { session: 1, what: Traced::Said { topic: name("mood"), value: text("{}") } });
    run.tell(None, moved(Move::Done(text("seen"))));
    run.tell(None, HarnessSlept { session: 1 });
    run.tell(None, woke(2, 1));
    run.tell(None, HarnessFailed { error: text("no"), phase: Phase::Work, session: 2 });
    run
}

fn woke(session: u64, done: u64) -> HarnessWoke {
    HarnessWoke {
        done,
        harness: name("migration"),
        in_progress: None,
        incarnation: OWNER,
        last_done: (done > 0).then(|| name("report")),
        note: None,
        pending: 0,
        session,
    }
}

fn moved(to: Move) -> Body {
    TaskMoved { session: 1, task: name("report"), to }.into()
}
