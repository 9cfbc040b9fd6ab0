//! `run resolve`: records what a person found out about a step in doubt, and on what evidence.

use artana_kernel::Resolve;

use super::Context;
use crate::{
    args::ResolveArgs,
    failure::{Exit, Failure},
    row::Row,
};

pub(super) async fn perform(cx: &mut Context, args: ResolveArgs) -> Result<Exit, Failure> {
    let ResolveArgs { run: id, step, found, by, reason } = args;
    let run = cx.open(&id).await?;
    let outcome = if found.succeeded.is_some() { "succeeded" } else { "failed" };
    let resolve = match found.succeeded {
        Some(result) => Resolve::succeeded(&by, result, reason),
        None => Resolve::failed(&by, reason),
    };
    if let Err(error) = run.resolve(&step, resolve).await {
        return Err(cx.explain_step(&run, &step, error).await);
    }
    let status = run.status().await.map_err(|error| cx.explain(&id, error))?;
    let row = Row::default()
        .with("run", id)
        .with("step", step)
        .with("outcome", outcome)
        .with("by", by)
        .with("status", status.as_str());
    cx.out.record(&row);
    Ok(Exit::Fine)
}
