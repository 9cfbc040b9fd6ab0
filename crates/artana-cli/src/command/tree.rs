//! `run tree`: where a run comes from, and which runs came of it. Forks that were announced and never started
//! show as such; a broken one hides none of the others.

use artana_core::{Fork, RunId};
use artana_kernel::{Error, Run};
use serde_json::Value;

use super::{Context, lineage};
use crate::{
    failure::{Exit, Failure},
    row::Row,
    tree::strokes,
    words::fork_cause,
};

/// A run in the tree.
struct Node {
    depth: usize,
    id: String,
    status: String,
    parent: Option<String>,
    left: Option<Fork>,
    asked_for: bool,
}

pub(super) async fn perform(cx: &mut Context, id: &str) -> Result<Exit, Failure> {
    let mut nodes = above(cx, id).await?;
    let run = cx.open(id).await?;
    let depth = nodes.len();
    let left = match nodes.last() {
        Some(parent) => fork_in(cx, &parent.id, id).await?,
        None => None,
    };
    let parent = nodes.last().map(|parent| parent.id.clone());
    let status = run.status().await.map_err(|error| cx.explain(id, error))?;
    nodes.push(Node { depth, id: id.into(), status: status.to_string(), parent, left, asked_for: true });
    below(cx, &run, depth + 1, &mut nodes).await?;
    cx.out.rows(&rows(&nodes));
    let broken = nodes.iter().any(|node| node.status == "broken");
    Ok(if broken { Exit::Invalid } else { Exit::Fine })
}

/// The ancestors, the eldest first.
async fn above(cx: &Context, id: &str) -> Result<Vec<Node>, Failure> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut line = lineage::of(cx, id).await?;
    line.pop();
    for (depth, member) in line.into_iter().enumerate() {
        let own = member.run.id().to_owned();
        let parent = nodes.last().map(|parent| parent.id.clone());
        let left = match &parent {
            Some(parent) => fork_in(cx, parent, &own).await?,
            None => None,
        };
        let status = member.run.status().await.map_err(|error| cx.explain(&own, error))?;
        nodes.push(Node { depth, id: own, status: status.to_string(), parent, left, asked_for: false });
    }
    Ok(nodes)
}

/// Returns what a parent records of a fork.
async fn fork_in(cx: &Context, parent: &str, fork: &str) -> Result<Option<Fork>, Failure> {
    let forks = cx.open(parent).await?.forks().await.map_err(|error| cx.explain(parent, error))?;
    Ok(forks.into_iter().find(|(id, _)| id.as_str() == fork).map(|(_, fork)| fork))
}

/// The forks of a run and theirs, in the order in which they were made, each with its own after it.
async fn below(cx: &Context, run: &Run, depth: usize, nodes: &mut Vec<Node>) -> Result<(), Failure> {
    let forks = run.forks().await.map_err(|error| cx.explain(run.id(), error))?;
    for (id, fork) in in_order(forks) {
        let parent = Some(run.id().to_owned());
        let node = |status: &str| Node {
            depth,
            id: id.as_str().into(),
            status: status.into(),
            parent,
            left: Some(fork),
            asked_for: false,
        };
        match opened(cx, id.as_str()).await? {
            Ok((run, status)) => {
                nodes.push(node(&status));
                Box::pin(below(cx, &run, depth + 1, nodes)).await?;
            }
            Err(status) => nodes.push(node(status)),
        }
    }
    Ok(())
}

fn in_order(mut forks: Vec<(RunId, Fork)>) -> Vec<(RunId, Fork)> {
    forks.sort_by_key(|(_, fork)| fork.recorded.0);
    forks
}

async fn opened(cx: &Context, id: &str) -> Result<Result<(Run, String), &'static str>, Failure> {
    match cx.kernel.open_run(&cx.tenant, id).await {
        Ok(run) => {
            let status = run.status().await.map_err(|error| cx.explain(id, error))?;
            Ok(Ok((run, status.to_string())))
        }
        Err(Error::RunNotFound { .. }) => Ok(Err("announced")),
        Err(Error::Damaged { .. }) => Ok(Err("broken")),
        Err(error) => Err(cx.explain(id, error)),
    }
}

fn rows(nodes: &[Node]) -> Vec<Row> {
    let strokes = strokes(&nodes.iter().map(|node| node.depth).collect::<Vec<_>>());
    nodes.iter().zip(strokes).map(|(node, stroke)| row(node, &stroke)).collect()
}

/// The drawing says who is whose, so that a person needs no columns for it.
fn row(node: &Node, stroke: &str) -> Row {
    let mark = if node.asked_for { "  (this run)" } else { "" };
    let left = node.left.as_ref();
    let because = left.map(|fork| fork_cause(&fork.recorded.1.because));
    Row::default()
        .or_shown("depth", node.depth, "")
        .or_shown("run", node.id.as_str(), format!("{stroke}{}{mark}", node.id))
        .with("status", node.status.as_str())
        .or_shown("parent", node.parent.as_deref(), "")
        .with("before_step", left.map(|fork| fork.step.as_str()))
        .with("because", because)
        .or_shown("seq", left.map(|fork| fork.recorded.0.get()), "")
        .or_shown("asked_for", if node.asked_for { true.into() } else { Value::Bool(false) }, "")
}
