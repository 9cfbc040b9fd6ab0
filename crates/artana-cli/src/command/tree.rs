//! `run tree`: where a run comes from, and which runs came of it: forks of it, and children that do part of its work.
//! Those that were announced and never started show as such; a broken one hides none of the others.

use artana_core::{Fork, RunState, Step, StepKey};
use artana_kernel::{Error, Run};
use serde_json::Value;

use super::Context;
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
    link: Option<Link>,
    asked_for: bool,
}

/// What one run is to another.
enum Link {
    /// It left it.
    Fork(Fork),
    /// It does a step of it.
    Child {
        /// The step.
        step: StepKey,
        /// Where that is recorded, in the run that holds it.
        seq: u64,
    },
}

pub(super) async fn perform(cx: &mut Context, id: &str) -> Result<Exit, Failure> {
    let run = cx.open(id).await?;
    let mut nodes = above(cx, &run).await?;
    let (depth, parent) = (nodes.len(), nodes.last().map(|parent| parent.id.clone()));
    let link = link_of(cx, &run).await?.map(|(_, link)| link);
    let status = run.status().await.map_err(|error| cx.explain(id, error))?;
    nodes.push(Node { depth, id: id.into(), status: status.to_string(), parent, link, asked_for: true });
    below(cx, &run, depth + 1, &mut nodes).await?;
    cx.out.rows(&rows(&nodes));
    let broken = nodes.iter().any(|node| node.status == "broken");
    Ok(if broken { Exit::Invalid } else { Exit::Fine })
}

/// The runs that this one comes from, the eldest first. What is above a broken one is not known.
async fn above(cx: &Context, run: &Run) -> Result<Vec<Node>, Failure> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut next = origin(cx, run).await?;
    while let Some(id) = next.take() {
        let (status, link) = match opened(cx, &id).await? {
            Ok((run, status)) => {
                next = origin(cx, &run).await?;
                (status, link_of(cx, &run).await?.map(|(_, link)| link))
            }
            Err(status) => (status.to_owned(), None),
        };
        let parent = next.clone();
        nodes.push(Node { depth: 0, id, status, parent, link, asked_for: false });
    }
    nodes.reverse();
    for (depth, node) in nodes.iter_mut().enumerate() {
        node.depth = depth;
    }
    Ok(nodes)
}

/// Returns the run that this one left, or does part of the work of.
async fn origin(cx: &Context, run: &Run) -> Result<Option<String>, Failure> {
    if let Some(parent) = run.parent() {
        return Ok(Some(parent.run.to_string()));
    }
    let lineage = run.latest(|state| state.started().lineage.clone()).await;
    let lineage = lineage.map_err(|error| cx.explain(run.id(), error))?;
    Ok(lineage.map(|lineage| lineage.run.to_string()))
}

/// Returns what the run above records of this one, if that can be read.
async fn link_of(cx: &Context, run: &Run) -> Result<Option<(String, Link)>, Failure> {
    let Some(above) = origin(cx, run).await? else { return Ok(None) };
    let Ok((parent, _)) = opened(cx, &above).await? else { return Ok(None) };
    let links = links(cx, &parent).await?;
    Ok(links.into_iter().find(|(id, _)| id == run.id()))
}

/// Lists the forks of a run and its children, in the order in which they were made.
async fn links(cx: &Context, run: &Run) -> Result<Vec<(String, Link)>, Failure> {
    let look = |state: &RunState| {
        let forks = state.forks().iter().map(|(id, fork)| (id.to_string(), Link::Fork(fork.clone())));
        let children = state.steps().filter_map(|(key, step)| match step {
            Step::Child(child) => {
                Some((child.run.to_string(), Link::Child { step: key.clone(), seq: child.first.get() }))
            }
            _ => None,
        });
        forks.chain(children).collect::<Vec<_>>()
    };
    let mut links = run.latest(look).await.map_err(|error| cx.explain(run.id(), error))?;
    links.sort_by_key(|(_, link)| link.seq());
    Ok(links)
}

/// What came of a run, each with its own after it.
async fn below(cx: &Context, run: &Run, depth: usize, nodes: &mut Vec<Node>) -> Result<(), Failure> {
    for (id, link) in links(cx, run).await? {
        let parent = Some(run.id().to_owned());
        let opened = opened(cx, &id).await?;
        let status = opened.as_ref().map_or_else(|status| (*status).to_owned(), |(_, status)| status.clone());
        nodes.push(Node { depth, id, status, parent, link: Some(link), asked_for: false });
        if let Ok((run, _)) = opened {
            Box::pin(below(cx, &run, depth + 1, nodes)).await?;
        }
    }
    Ok(())
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

impl Link {
    fn seq(&self) -> u64 {
        match self {
            Self::Fork(fork) => fork.recorded.0.get(),
            Self::Child { seq, .. } => *seq,
        }
    }

    fn because(&self) -> String {
        match self {
            Self::Fork(fork) => fork_cause(&fork.recorded.1.because),
            Self::Child { step, .. } => format!("it does step {step}"),
        }
    }
}

fn rows(nodes: &[Node]) -> Vec<Row> {
    let strokes = strokes(&nodes.iter().map(|node| node.depth).collect::<Vec<_>>());
    nodes.iter().zip(strokes).map(|(node, stroke)| row(node, &stroke)).collect()
}

/// The drawing says who is whose, so that a person needs no columns for it.
fn row(node: &Node, stroke: &str) -> Row {
    let mark = if node.asked_for { "  (this run)" } else { "" };
    let link = node.link.as_ref();
    let (left, done) = match link {
        Some(Link::Fork(fork)) => (Some(fork.step.as_str()), None),
        Some(Link::Child { step, .. }) => (None, Some(step.as_str())),
        None => (None, None),
    };
    Row::default()
        .or_shown("depth", node.depth, "")
        .or_shown("run", node.id.as_str(), format!("{stroke}{}{mark}", node.id))
        .with("status", node.status.as_str())
        .or_shown("parent", node.parent.as_deref(), "")
        .with("before_step", left)
        .with("because", link.map(Link::because))
        .or_shown("seq", link.map(Link::seq), "")
        .or_shown("asked_for", if node.asked_for { true.into() } else { Value::Bool(false) }, "")
        .or_shown("does_step", done, "")
}
