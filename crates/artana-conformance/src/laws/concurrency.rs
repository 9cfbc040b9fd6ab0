//! Laws of many callers at once, and of callers that go away.

use std::{
    future::Future,
    sync::Arc,
    task::{Context, Waker},
};

use artana_core::{Head, Record, Seq, verify};
use artana_ports::{Append, AppendError, Appended, EventStore};

use crate::{
    Breach, Law, Trial,
    law::{Kept, ensure, ensure_eq, laws},
    writer::Writer,
};

pub(super) const LAWS: &[Law] = laws! {
    "concurrency/one_batch_wins_a_head": "Of 64 batches on one head exactly one commits; the others conflict." => one_head;
    "concurrency/runs_do_not_meet": "64 batches on 64 runs at once all commit." => many_runs;
    "concurrency/all_get_through": "16 callers on one run who try again after a conflict all get through." => all_through;
    "concurrency/dropped_call_is_whole_or_nothing": "A dropped append commits whole or not at all, and the store goes on." => dropped;
};

/// Sends batches at once and returns their answers.
pub(super) async fn at_once(t: &Trial, batches: Vec<Append>) -> Vec<Result<Appended, AppendError>> {
    let send = |batch| {
        let store = Arc::clone(&t.store);
        tokio::spawn(async move { store.append(batch).await })
    };
    let tasks: Vec<_> = batches.into_iter().map(send).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap_or(Err(AppendError::Ambiguous)));
    }
    answers
}

async fn one_head(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    for round in 0..4 {
        let batches: Vec<Append> = (0..64).map(|_| writer.batch(1)).collect();
        let heads: Vec<Head> = batches.iter().map(|batch| batch.view.head).collect();
        let answers = at_once(t, batches).await;
        let won: Vec<Head> =
            heads.iter().zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(head, _)| *head).collect();
        let conflicts = answers.iter().filter(|answer| matches!(answer, Err(AppendError::Conflict { .. }))).count();
        ensure_eq!((won.len(), conflicts), (1, 63), "winners and conflicts in round {round}");
        writer.head = won.first().copied();
    }
    let rows = t.store.read(&writer.run, Seq::ZERO, 10).await?;
    ensure_eq!(rows.last().map(Record::head), writer.head, "the last row is the last winner's");
    ensure_eq!(rows.len(), 5, "rows after four rounds");
    Ok(())
}

async fn many_runs(t: &Trial) -> Kept {
    let batches = (0..64).map(|run| Writer::new("t", &format!("run {run}")).batch(2)).collect();
    for (run, answer) in at_once(t, batches).await.into_iter().enumerate() {
        ensure!(answer.is_ok(), "run {run} of 64: {answer:?}");
    }
    Ok(())
}

/// Appends one event, after every conflict again.
async fn get_through(store: &dyn EventStore, writer: &mut Writer) -> Kept {
    for _ in 0..1000 {
        match writer.write(store, 1).await {
            Err(AppendError::Conflict { actual }) => writer.head = actual,
            other => return Ok(other.map(drop)?),
        }
    }
    Err(Breach::new("a thousand conflicts, and no way through"))
}

async fn all_through(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, mut writer) = (Arc::clone(&t.store), writer.clone());
            tokio::spawn(async move { get_through(&*store, &mut writer).await })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let rows = t.store.read(&writer.run, Seq::ZERO, 100).await?;
    verify::verify(&writer.genesis, &rows)?;
    ensure_eq!(rows.len(), 17, "rows of 16 callers");
    Ok(())
}

/// Polls a future so many times and then drops it.
async fn abandon(future: impl Future + Send, polls: usize) {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        // A waker that does nothing: the caller who would have been woken is about to go.
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn dropped(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    for polls in 0..24 {
        abandon(async { drop(t.store.append(writer.batch(3)).await) }, polls % 4).await;
        abandon(async { drop(t.store.read(&writer.run, Seq::ZERO, 10).await) }, polls % 3).await;
        // The abandoned batch may still commit, even now; then this one conflicts and goes after it.
        get_through(&*t.store, &mut writer).await?;
    }
    let rows = t.store.read(&writer.run, Seq::ZERO, 1000).await?;
    ensure_eq!(Some(verify::verify(&writer.genesis, &rows)?), writer.head, "the head after dropped calls");
    ensure_eq!((rows.len() - 25) % 3, 0, "rows of batches that are not whole");
    Ok(())
}
