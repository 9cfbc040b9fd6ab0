//! Laws of waiting for a run to go on.

use std::sync::Arc;

use artana_core::{Head, RunRef, Seq};
use artana_ports::{EventStore, StoreError};
use tokio::task::JoinHandle;

use crate::{
    Breach, Law, Trial,
    law::{Kept, ensure, ensure_eq, laws},
    writer::Writer,
};

pub(super) const LAWS: &[Law] = laws! {
    "follow/answers_what_is_past": "Following from before the head answers the head at once." => past;
    "follow/wakes": "Following from the head answers the next one." => wakes;
    "follow/waits": "Following from the head does not answer before the run goes on." => waits;
    "follow/waits_for_a_start": "A run that does not exist yet can be followed." => start;
};

/// Begins to follow a run and gives it time to wait.
pub(super) async fn begin(
    store: &Arc<dyn EventStore>,
    run: &RunRef,
    after: Seq,
) -> JoinHandle<Result<Head, StoreError>> {
    let (store, run) = (Arc::clone(store), run.clone());
    let following = tokio::spawn(async move { store.follow(&run, after).await });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    following
}

/// Looks again and again for what should come at once, and moves the clock for a store that looks by it.
pub(super) async fn soon(t: &Trial, following: JoinHandle<Result<Head, StoreError>>) -> Result<Head, Breach> {
    for _ in 0..t.patience {
        if following.is_finished() {
            return Ok(following.await??);
        }
        t.glance().await;
    }
    following.abort();
    Err(Breach::new("nobody was woken"))
}

async fn past(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 3).await?;
    for after in [0, 2] {
        let following = begin(&t.store, &writer.run, Seq::new(after)).await;
        ensure_eq!(Some(soon(t, following).await?), writer.head, "the head past {after}");
    }
    Ok(())
}

async fn wakes(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    let following = begin(&t.store, &writer.run, Seq::new(1)).await;
    writer.write(&*t.store, 2).await?;
    ensure_eq!(Some(soon(t, following).await?), writer.head, "the head past 1");
    Ok(())
}

async fn waits(t: &Trial) -> Kept {
    let (mut writer, mut other) = (Writer::new("t", "r"), Writer::new("t", "other"));
    writer.write(&*t.store, 2).await?;
    for after in [2, 7] {
        let following = begin(&t.store, &writer.run, Seq::new(after)).await;
        other.write(&*t.store, 1).await?;
        tokio::task::yield_now().await;
        ensure!(!following.is_finished(), "an answer past {after} of a run of 2");
        following.abort();
    }
    Ok(())
}

async fn start(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let following = begin(&t.store, &writer.run, Seq::ZERO).await;
    writer.write(&*t.store, 1).await?;
    ensure_eq!(Some(soon(t, following).await?), writer.head, "the first head");
    Ok(())
}
