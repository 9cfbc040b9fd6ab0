//! `run signal`: tells a run something in somebody's name, and says whether it waits for that.

use artana_core::event::Wait;

use super::Context;
use crate::{
    args::SignalArgs,
    failure::{Exit, Failure},
    row::Row,
    said,
};

pub(super) async fn perform(cx: &mut Context, args: &SignalArgs) -> Result<Exit, Failure> {
    let value = said::value("--value", args.value.as_deref())?;
    let run = cx.open(&args.run).await?;
    let waits = |wait: &Wait| matches!(wait, Wait::Signal(name) if name.as_str() == args.name);
    let awaited = run.latest(|state| state.is_suspended() && state.waits().any(|(_, _, wait)| waits(wait))).await;
    let awaited = awaited.map_err(|error| cx.explain(&args.run, error))?;
    run.signal(&args.name, &args.by, &value).await.map_err(|error| cx.explain(&args.run, error))?;
    let status = run.status().await.map_err(|error| cx.explain(&args.run, error))?;
    let row = Row::default()
        .with("run", args.run.as_str())
        .with("status", status.as_str())
        .with("signal", args.name.as_str())
        .with("by", args.by.as_str())
        .with("awaited", awaited);
    cx.out.record(&row);
    Ok(Exit::Fine)
}
