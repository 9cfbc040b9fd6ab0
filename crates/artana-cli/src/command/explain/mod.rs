//! `run explain`: what happened in a run, what it waits for, and what can be done, with the command for each.
//! It decides nothing: all of it is read off the ledger. What people, tools and models said stays there unless
//! it is asked for.

mod json;
mod story;
mod ways;

use std::collections::{BTreeMap, BTreeSet};

use artana_core::{
    ContentRef, Digest, Fork, RunId, RunRef, Status,
    explain::{Blocker, Explanation, Failure as Failed, Went},
    verify::ChainBreak,
};

use artana_ports::{Listed, RunQuery};

use super::Context;
use crate::{
    args::ExplainArgs,
    failure::{Exit, Failure},
};

/// All that is told of a run.
struct Told<'a> {
    id: &'a str,
    tenant: &'a str,
    explanation: Option<Explanation>,
    broken: Option<(RunRef, ChainBreak)>,
    /// The fork as its parent records it, if the run is one.
    left: Option<Fork>,
    /// Forks that were announced and never started.
    missing: BTreeSet<RunId>,
    /// What was said, by its digest, where that was asked for.
    said: BTreeMap<Digest, String>,
}

pub(super) async fn perform(cx: &mut Context, args: &ExplainArgs) -> Result<Exit, Failure> {
    let tenant = cx.tenant.id().map_err(artana_kernel::Error::from)?.clone();
    let told = told(cx, args, tenant.as_str()).await?;
    let ways = ways::ways(&told, &cx.speller);
    if cx.out.is_json() {
        cx.out.json(&json::of(&told, &ways));
    } else {
        cx.out.telling(&story::of(&told).ways(ways));
    }
    Ok(match &told.explanation {
        _ if told.broken.is_some() => Exit::Invalid,
        Some(explanation) if explanation.needs_human() => Exit::NeedsHuman,
        Some(explanation) if explanation.status == Status::Failed => Exit::Invalid,
        _ => Exit::Fine,
    })
}

async fn told<'a>(cx: &Context, args: &'a ExplainArgs, tenant: &'a str) -> Result<Told<'a>, Failure> {
    let explained = cx.kernel.explain(&cx.tenant, &args.run).await.map_err(|error| cx.explain(&args.run, error))?;
    let (explanation, broken) = (explained.explanation, explained.broken);
    let mut said = BTreeMap::new();
    let mut left = None;
    let missing = match &explanation {
        Some(explanation) => missing(cx, explanation).await?,
        None => BTreeSet::new(),
    };
    if let (Some(explanation), None) = (&explanation, &broken) {
        if args.content {
            said = words(cx, explanation).await?;
        }
        if let Some(link) = &explanation.began.parent {
            let parent = cx.open(link.run.as_str()).await?;
            let forks = parent.forks().await.map_err(|error| cx.explain(link.run.as_str(), error))?;
            left = forks.into_iter().find(|(id, _)| *id == explanation.run.run).map(|(_, fork)| fork);
        }
    }
    Ok(Told { id: &args.run, tenant, explanation, broken, left, missing, said })
}

/// Finds the forks that were announced and never started.
async fn missing(cx: &Context, explanation: &Explanation) -> Result<BTreeSet<RunId>, Failure> {
    let mut missing: BTreeSet<RunId> = explanation.forks.keys().cloned().collect();
    let parent = Some(explanation.run.run.clone());
    let mut query = RunQuery { parent, ..RunQuery::all(explanation.run.tenant.clone()) };
    while !missing.is_empty() {
        let page = cx.kernel.runs(&query).await?;
        for listed in &page.items {
            let id = match listed {
                Listed::View(view) => view.run.run.as_str(),
                Listed::Broken { run, .. } => run.as_str(),
            };
            missing.retain(|missing| missing.as_str() != id);
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    Ok(missing)
}

/// Reads what was said about what happened.
async fn words(cx: &Context, explanation: &Explanation) -> Result<BTreeMap<Digest, String>, Failure> {
    let id = explanation.run.run.as_str();
    let run = cx.open(id).await?;
    let mut said = BTreeMap::new();
    for wanted in references(explanation) {
        let bytes = run.content(&wanted).await.map_err(|error| cx.explain(id, error))?;
        let text = bytes.map_or_else(|| "(erased)".into(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
        said.insert(wanted.digest, text);
    }
    Ok(said)
}

fn references(explanation: &Explanation) -> Vec<ContentRef> {
    let ended = explanation.ended.iter().filter_map(|ended| ended.reason);
    let failed = explanation.failure.iter().map(|failure| match failure {
        Failed::Model { failed, .. } => Some(failed.outcome.error),
        Failed::Tool { failed, .. } => Some(failed.outcome.error),
        Failed::Code { error, .. } | Failed::Child { error, .. } => Some(*error),
        _ => None,
    });
    let found = explanation.resolved.iter().filter_map(|found| found.evidence);
    let drifts = explanation.drifts.iter().filter_map(|drift| match &drift.went {
        Went::Replayed { changes, .. } => Some(*changes),
        Went::Forked { .. } => None,
    });
    let paused = explanation.blockers.iter().filter_map(|blocker| match blocker {
        Blocker::Paused { pause, .. } => Some([pause.reason, pause.metadata]),
        _ => None,
    });
    let paused = paused.flatten().flatten();
    ended.chain(failed.flatten()).chain(found).chain(drifts).chain(paused).collect()
}

impl Told<'_> {
    /// Returns what was said, if that is to be told.
    fn said(&self, reference: &ContentRef) -> Option<&str> {
        self.said.get(&reference.digest).map(String::as_str)
    }
}
