//! `run fork`: makes a fork of a run before a step, in somebody's name, and says how to go on with it. What came
//! before the step is shared; nothing is executed here.

use artana_core::{RunId, StepKey, limits::MAX_ID_BYTES};
use artana_kernel::{Error, Run};

use super::Context;
use crate::{
    args::ForkArgs,
    failure::{Exit, Failure},
    row::Row,
};

/// Room for a number after the parent's id.
const SUFFIX: usize = 8;

pub(super) async fn perform(cx: &mut Context, args: &ForkArgs) -> Result<Exit, Failure> {
    let run = cx.open(&args.run).await?;
    let id = match &args.id {
        Some(id) => id.clone(),
        None => free_id(cx, &run, &args.at).await.map_err(|error| cx.explain(&args.run, error))?,
    };
    let fork = match run.fork_at(&args.at, &id, &args.by).await {
        Ok(fork) => fork,
        Err(error @ Error::RunExists { .. }) => {
            return Err(Failure::from(error).next("name another id with --id, or leave it out"));
        }
        Err(error) => return Err(cx.explain(&args.run, error)),
    };
    let parent = fork.parent();
    let row = Row::default()
        .with("run", fork.id())
        .with("parent", parent.map(|link| link.run.as_str()))
        .with("shares_to", parent.map(|link| link.seq.get()))
        .with("step", args.at.as_str())
        .with("by", args.by.as_str())
        .with("status", fork.status().await.map_err(|error| cx.explain(&id, error))?.as_str())
        .with("next", cx.speller.command(&["run", "explain", fork.id()]));
    cx.out.record(&row);
    Ok(Exit::Fine)
}

/// Derives an id from the run that the fork leaves: that which holds the step.
async fn free_id(cx: &Context, run: &Run, step: &str) -> Result<String, Error> {
    let key = StepKey::parse(step)?;
    let parent = run.latest(|state| state.origin(&key).map(|(parent, _)| parent.clone())).await?;
    let nothing = || Error::NothingRecorded { run: run.name().clone(), step: key.clone() };
    let parent = parent.ok_or_else(nothing)?;
    let announced: Vec<RunId> = match cx.kernel.open_run(&cx.tenant, parent.as_str()).await {
        Ok(parent) => parent.forks().await?.into_iter().map(|(id, _)| id).collect(),
        Err(error) => return Err(error),
    };
    let stem = stem(parent.as_str());
    for number in 1_u32.. {
        let id = format!("{stem}~{number}");
        if announced.iter().any(|known| known.as_str() == id) {
            continue;
        }
        match cx.kernel.open_run(&cx.tenant, &id).await {
            Err(Error::RunNotFound { .. }) => return Ok(id),
            Err(error @ (Error::Store(_) | Error::Closed | Error::InvalidId(_))) => return Err(error),
            _ => {}
        }
    }
    unreachable!("a tenant has fewer runs than there are numbers")
}

fn stem(parent: &str) -> &str {
    let mut end = parent.len().min(MAX_ID_BYTES - SUFFIX);
    while !parent.is_char_boundary(end) {
        end -= 1;
    }
    &parent[..end]
}
