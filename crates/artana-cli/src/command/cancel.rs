//! `run cancel`: cancels a run in somebody's name, and says what is still open.

use super::Context;
use crate::{
    args::CancelArgs,
    failure::{Exit, Failure},
    out::note,
    row::Row,
};

pub(super) async fn perform(cx: &mut Context, args: &CancelArgs) -> Result<Exit, Failure> {
    let run = cx.open(&args.run).await?;
    let cancelled = run.cancel(&args.by, &args.reason).await;
    let status = cancelled.map_err(|error| cx.explain(&args.run, error))?;
    let view = run.view().await.map_err(|error| cx.explain(&args.run, error))?;
    let row = Row::default()
        .with("run", args.run.as_str())
        .with("status", status.as_str())
        .with("by", args.by.as_str())
        .with("pending", view.pending)
        .with("unknown", view.unknown);
    cx.out.record(&row);
    let explain = cx.speller.command(&["run", "explain", &args.run]);
    if view.unknown > 0 {
        note(&format!("what is in doubt can still be resolved: {explain}"));
    }
    if view.pending > 0 {
        note(&format!("the run ends once what is under way has ended: {explain}"));
    }
    Ok(Exit::Fine)
}
