//! `run status`: where a run stands, and the ways out of what is in doubt.

use artana_core::{RunView, Status};
use serde_json::{Value, json};

use super::Context;
use crate::{
    doubt::Doubt,
    failure::{Exit, Failure},
    row::Row,
};

pub(super) async fn perform(cx: &mut Context, id: &str) -> Result<Exit, Failure> {
    let run = cx.open(id).await?;
    let look = |state: &artana_core::RunState| (state.view(), Doubt::all(state, &cx.speller));
    let (view, doubts) = run.latest(look).await.map_err(|error| cx.explain(id, error))?;
    let row = row(&view);
    if cx.out.is_json() {
        cx.out.record(&row.with("in_doubt", json!(doubts)));
    } else {
        cx.out.record(&row);
        for doubt in &doubts {
            cx.out.line("");
            doubt.lines(cx.out.look()).iter().for_each(|line| cx.out.line(line));
        }
    }
    Ok(match view.status {
        _ if !doubts.is_empty() => Exit::NeedsHuman,
        Status::Paused => Exit::NeedsHuman,
        Status::Failed => Exit::Invalid,
        _ => Exit::Fine,
    })
}

fn row(view: &RunView) -> Row {
    Row::default()
        .with("run", view.run.run.as_str())
        .with("tenant", view.run.tenant.as_str())
        .with("status", view.status.as_str())
        .with("steps", view.steps)
        .with("pending", view.pending)
        .with("unknown", view.unknown)
        .with("drifts", view.drifts)
        .with("last_step", view.last_step.as_ref().map(|step| step.as_str()))
        .with("failed_step", view.failed_step.as_ref().map(|step| step.as_str()))
        .time("started", view.started_at)
        .time("updated", view.updated_at)
        .with("events", view.head.seq.get())
        .with("head", view.head.hash.to_string())
        .with("parent", view.parent.as_ref().map(|parent| parent.run.as_str()))
        .with("labels", labels(view))
}

/// Returns a run's labels as an object; nothing, if it has none.
pub(super) fn labels(view: &RunView) -> Value {
    let labels = view.labels.iter().map(|(key, value)| (key.as_str().to_owned(), value.as_str().into())).collect();
    if view.labels.is_empty() { Value::Null } else { Value::Object(labels) }
}
