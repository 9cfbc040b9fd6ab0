//! `run block` and `run unblock`: stop a run by name, and lift that again, in somebody's name.

use artana_core::Pause;

use super::{
    Context,
    resume::{open, tell_left},
};
use crate::{
    args::BlockArgs,
    failure::{Exit, Failure},
    out::note,
    row::Row,
    said,
};

/// A name that blocks the run already stays as it is, in the name of whoever blocked it.
pub(super) async fn perform(cx: &mut Context, args: &BlockArgs) -> Result<Exit, Failure> {
    let metadata = said::value("--metadata", args.metadata.as_deref())?;
    let run = cx.open(&args.run).await?;
    let known = |pause: &Pause| pause.block.as_ref().is_some_and(|name| name.as_str() == args.key);
    let pauses = run.pauses().await.map_err(|error| cx.explain(&args.run, error))?;
    let before = pauses.iter().find(|(_, pause)| known(pause)).and_then(|(_, pause)| pause.by.as_ref());
    let blocked = run.block(&args.key, &args.by, &metadata).await;
    let ticket = blocked.map_err(|error| cx.explain(&args.run, error))?;
    let (_, status) = open(cx, &run).await?;
    let row = Row::default()
        .with("run", args.run.as_str())
        .with("status", status.as_str())
        .with("block", args.key.as_str())
        .with("ticket", ticket.id.to_string())
        .with("by", before.map_or(args.by.as_str(), |by| by.as_str()))
        .with("next", cx.speller.by_you(&["run", "unblock", &args.run, &args.key]));
    cx.out.record(&row);
    if let Some(by) = before {
        note(&format!("{by} had blocked the run by this name already; nothing new was recorded"));
    }
    Ok(Exit::Fine)
}

pub(super) async fn unblock(cx: &mut Context, args: &BlockArgs) -> Result<Exit, Failure> {
    let metadata = said::value("--metadata", args.metadata.as_deref())?;
    let run = cx.open(&args.run).await?;
    let lifted = run.unblock_with(&args.key, &args.by, &metadata).await;
    lifted.map_err(|error| cx.explain(&args.run, error))?;
    let (left, status) = open(cx, &run).await?;
    let row = Row::default()
        .with("run", args.run.as_str())
        .with("status", status.as_str())
        .with("block", args.key.as_str())
        .with("by", args.by.as_str())
        .with("left", left);
    cx.out.record(&row);
    tell_left(cx, &args.run, left);
    Ok(Exit::Fine)
}
