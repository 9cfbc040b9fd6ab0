//! `run tail`: the last events of a run and, if wanted, those that follow until it ends.

use artana_core::Seq;
use artana_kernel::{Error, Run};

use super::{Context, events};
use crate::{
    failure::{Exit, Failure},
    out::Out,
};

/// Whether to go on with the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    Yes,
    No,
}

impl Follow {
    pub(super) fn when(asked: bool) -> Self {
        if asked { Self::Yes } else { Self::No }
    }
}

pub(super) async fn perform(cx: &mut Context, id: &str, lines: u64, follow: Follow) -> Result<Exit, Failure> {
    let run = cx.open(id).await?;
    match tail(&mut cx.out, &run, lines, follow).await {
        Ok(()) => Ok(Exit::Fine),
        Err(error) => Err(cx.explain(id, error)),
    }
}

/// The status is read before the events, so that none of an ended run is missed.
async fn tail(out: &mut Out, run: &Run, lines: u64, follow: Follow) -> Result<(), Error> {
    let mut view = run.view().await?;
    let mut last = Seq::new(view.head.seq.get().saturating_sub(lines));
    loop {
        last = events::print(out, run.events_after(last)).await?.unwrap_or(last);
        if follow == Follow::No || view.status.is_finished() || !out.is_open() {
            return Ok(());
        }
        run.wait_past(last).await?;
        view = run.view().await?;
    }
}
