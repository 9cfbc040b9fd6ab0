//! `run pause`: stops a run in somebody's name, and says how it is let go on.

use super::Context;
use crate::{
    args::PauseArgs,
    failure::{Exit, Failure},
    row::Row,
};

pub(super) async fn perform(cx: &mut Context, args: &PauseArgs) -> Result<Exit, Failure> {
    let run = cx.open(&args.run).await?;
    let reason = args.reason.as_deref().unwrap_or_default();
    let paused = run.pause(&args.by, reason).await;
    let ticket = paused.map_err(|error| cx.explain(&args.run, error))?.id.to_string();
    let status = run.status().await.map_err(|error| cx.explain(&args.run, error))?;
    let row = Row::default()
        .with("run", args.run.as_str())
        .with("status", status.as_str())
        .with("ticket", ticket.as_str())
        .with("by", args.by.as_str())
        .with("next", cx.speller.by_you(&["run", "resume", &args.run, "--ticket", &ticket]));
    cx.out.record(&row);
    Ok(Exit::Fine)
}
