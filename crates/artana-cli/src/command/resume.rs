//! `run resume`: lifts pauses of a run in somebody's name, and says what it still waits for.

use artana_core::EventId;
use artana_kernel::{Error, Run};

use super::Context;
use crate::{
    args::ResumeArgs,
    failure::{Exit, Failure},
    out::note,
    row::Row,
    said,
    words::count,
};

pub(super) async fn perform(cx: &mut Context, args: &ResumeArgs) -> Result<Exit, Failure> {
    let input = said::value("--input", args.input.as_deref())?;
    let ticket = args.ticket.as_deref().map(EventId::parse).transpose().map_err(Error::from)?;
    let run = cx.open(&args.run).await?;
    let (before, _) = open(cx, &run).await?;
    let resumed = match ticket {
        Some(ticket) => run.resume_with(ticket, &args.by, &input).await,
        None => run.resume(&args.by).await,
    };
    resumed.map_err(|error| cx.explain(&args.run, error))?;
    let (after, status) = open(cx, &run).await?;
    let row = Row::default()
        .with("run", args.run.as_str())
        .with("status", status.as_str())
        .with("by", args.by.as_str())
        .with("lifted", before.saturating_sub(after))
        .with("left", after);
    cx.out.record(&row);
    tell_left(cx, &args.run, after);
    Ok(Exit::Fine)
}

/// Counts the pauses that nobody has lifted, and says where the run stands.
pub(super) async fn open(cx: &Context, run: &Run) -> Result<(u64, artana_core::Status), Failure> {
    let looked = run.latest(|state| (state.pauses().len() as u64, state.status())).await;
    looked.map_err(|error| cx.explain(run.id(), error))
}

/// Says what still stops a run.
pub(super) fn tell_left(cx: &Context, run: &str, left: u64) {
    if left > 0 {
        let explain = cx.speller.command(&["run", "explain", run]);
        note(&format!("the run is still stopped by {}: {explain}", count(left, "pause")));
    }
}
