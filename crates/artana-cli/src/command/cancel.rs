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
    if view.unknown > 0 {
        let status = cx.speller.command(&["run", "status", &args.run]);
        note(&format!("the run ends once its steps in doubt are resolved: {status}"));
    }
    Ok(Exit::Fine)
}
