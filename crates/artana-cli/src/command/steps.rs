//! `run steps`: what each step is and where it stands, in the order the steps began.

use std::collections::BTreeMap;

use artana_core::{RunState, Step, StepKey, Timestamp};
use artana_kernel::{Error, Run};
use serde_json::Value;

use super::Context;
use crate::{
    failure::{Exit, Failure},
    row::Row,
    text::{time, took},
};

/// When a step was first and last heard of.
#[derive(Debug, Clone, Copy)]
struct Span {
    began: Timestamp,
    ended: Timestamp,
    order: usize,
}

pub(super) async fn perform(cx: &mut Context, id: &str) -> Result<Exit, Failure> {
    let run = cx.open(id).await?;
    let rows = rows(&run).await.map_err(|error| cx.explain(id, error))?;
    cx.out.rows(&rows);
    Ok(Exit::Fine)
}

async fn rows(run: &Run) -> Result<Vec<Row>, Error> {
    let spans = spans(run).await?;
    let mut steps: Vec<_> = run.latest(|state| described(state, &spans)).await?;
    steps.sort_by_key(|(order, _)| *order);
    Ok(steps.into_iter().map(|(_, row)| row).collect())
}

async fn spans(run: &Run) -> Result<BTreeMap<StepKey, Span>, Error> {
    let mut spans = BTreeMap::new();
    let mut events = run.events();
    while let Some(event) = events.try_next().await? {
        let Some(step) = event.step() else { continue };
        let (at, order) = (event.at(), spans.len());
        spans.entry(step.clone()).or_insert(Span { began: at, ended: at, order }).ended = at;
    }
    Ok(spans)
}

/// A step that began after the events were read is left for another look.
fn described(state: &RunState, spans: &BTreeMap<StepKey, Span>) -> Vec<(usize, Row)> {
    let seen = state.steps().filter_map(|(key, step)| Some((key, step, spans.get(key)?)));
    seen.map(|(key, step, span)| (span.order, row(key, step, *span))).collect()
}

fn row(key: &StepKey, step: &Step, span: Span) -> Row {
    let row = Row::default().with("step", key.as_str());
    let row = match step {
        Step::Tool(step) => row
            .with("tool", step.tool.name.as_str())
            .with("version", step.tool.version.as_str())
            .with("state", step.cycle.name())
            .with("attempts", step.cycle.attempts()),
        _ => ["tool", "version", "state", "attempts"].into_iter().fold(row, |row, name| row.with(name, Value::Null)),
    };
    row.with("began", time(span.began)).with("took", took(span.ended.since(span.began)))
}
