//! `run list`: the tenant's runs. A broken row is shown among the others and hides none of them.

use artana_core::{RunView, Status};
use artana_ports::{Listed, RunQuery};
use serde_json::Value;

use super::Context;
use crate::{
    failure::{Exit, Failure},
    row::Row,
    text::time,
};

pub(super) async fn perform(cx: &mut Context, statuses: &[String]) -> Result<Exit, Failure> {
    let tenant = cx.tenant.id().map_err(artana_kernel::Error::from)?.clone();
    let statuses = statuses.iter().map(|text| status(text)).collect::<Result<_, _>>()?;
    let mut query = RunQuery { statuses, ..RunQuery::all(tenant) };
    let mut rows = Vec::new();
    let mut exit = Exit::Fine;
    loop {
        let page = cx.kernel.runs(&query).await?;
        for listed in &page.items {
            if matches!(listed, Listed::Broken { .. }) {
                exit = Exit::Invalid;
            }
            rows.push(row(listed));
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    cx.out.rows(&rows);
    Ok(exit)
}

fn status(text: &str) -> Result<Status, Failure> {
    Status::parse(text).ok_or_else(|| {
        let known: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        Failure::usage(format!("there is no such status; there are {}", known.join(", ")))
    })
}

fn row(listed: &Listed) -> Row {
    match listed {
        Listed::View(view) => healthy(view),
        Listed::Broken { run, why } => {
            let row = Row::default().with("run", run.as_str()).with("status", "broken");
            let row = ["steps", "unknown", "events", "started", "updated"]
                .into_iter()
                .fold(row, |row, name| row.with(name, Value::Null));
            row.with("last_step", Value::Null).with("problem", why.as_str())
        }
    }
}

fn healthy(view: &RunView) -> Row {
    Row::default()
        .with("run", view.run.run.as_str())
        .with("status", view.status.as_str())
        .with("steps", view.steps)
        .with("unknown", view.unknown)
        .with("events", view.head.seq.get())
        .with("started", time(view.started_at))
        .with("updated", time(view.updated_at))
        .with("last_step", view.last_step.as_ref().map(|step| step.as_str()))
        .with("problem", Value::Null)
}
