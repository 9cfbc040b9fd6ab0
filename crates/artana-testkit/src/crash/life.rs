//! One life of a program: a runtime of its own, in which it runs until it ends, and time passes when nothing moves.
//! It judges nothing.

use std::{pin::pin, time::Duration};

use artana_core::{Record, RunRef, Seq, limits::MAX_PAGE_EVENTS};
use artana_kernel::{Error, Kernel};
use artana_ports::{Clock, EventStore};
use serde_json::Value;

use super::{CrashWorld, Scenario};
use crate::{MemoryStore, SimClock};

/// How often a life is told to reconcile before it is given up.
const MAX_DOUBTS: usize = 32;
/// How often everybody may run before nothing moves any more and time passes.
const TURNS: usize = 64;
/// How much time passes then.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// How a program ended: what its user sees, or the code of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    Returned(Value),
    Unknown,
    Failed(&'static str),
}

/// Runs the program until it ends, reconciling when it is told to.
pub(super) async fn go_on<S: Scenario>(scenario: &S, kernel: &Kernel, world: &CrashWorld) -> Ended {
    for _ in 0..MAX_DOUBTS {
        let doubt = match scenario.run(kernel, world).await {
            Ok(value) => return Ended::Returned(value),
            Err(error) if error.needs_reconciliation() => error,
            Err(error) => return Ended::Failed(error.code()),
        };
        match scenario.reconcile(kernel, world, doubt).await {
            Ok(()) => {}
            Err(Error::ReconciliationRequired { believable_at: Some(at), .. }) => {
                let micros = at.as_micros().saturating_sub(world.clock.now().as_micros());
                world.clock.sleep(Duration::from_micros(u64::try_from(micros).unwrap_or(0))).await;
            }
            Err(error) if error.needs_reconciliation() => return Ended::Unknown,
            Err(error) => return Ended::Failed(error.code()),
        }
    }
    Ended::Unknown
}

/// Polls a future, and lets time pass whenever nothing else moves.
pub(super) async fn pass_time<T>(clock: &SimClock, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        for _ in 0..TURNS {
            tokio::select! {
                biased;
                out = &mut future => return out,
                () = tokio::task::yield_now() => {}
            }
        }
        clock.advance(TICK);
    }
}

pub(super) async fn all_rows(store: &MemoryStore, run: &RunRef) -> Vec<Record> {
    let mut rows: Vec<Record> = Vec::new();
    loop {
        let after = rows.last().map_or(Seq::ZERO, |row| row.seq);
        let page = store.read(run, after, MAX_PAGE_EVENTS).await.expect("a store in memory answers");
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

/// Runs a future in a runtime of its own; with it end all tasks that were spawned there.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers can be built");
    runtime.block_on(future)
}
