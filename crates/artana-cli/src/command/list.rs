//! `run list`: the tenant's runs. A broken row is shown among the others and hides none of them.

use artana_core::RunView;
use artana_ports::Listed;
use serde_json::Value;

use super::{Context, status::labels};
use crate::{
    args::ListArgs,
    failure::{Exit, Failure},
    filter,
    out::{Out, note},
    row::Row,
};

pub(super) async fn perform(cx: &mut Context, args: &ListArgs) -> Result<Exit, Failure> {
    let tenant = cx.tenant.id().map_err(artana_kernel::Error::from)?.clone();
    let mut query = filter::query(tenant, args)?;
    let mut rows = Vec::new();
    let mut exit = Exit::Fine;
    loop {
        let page = cx.kernel.runs(&query).await?;
        for listed in &page.items {
            if matches!(listed, Listed::Broken { .. }) {
                exit = Exit::Invalid;
            }
            rows.push(row(listed, &cx.out));
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    cx.out.rows(&rows);
    if rows.is_empty() && !cx.out.is_json() {
        note(&format!("no run fits; {}", cx.elsewhere()));
    }
    Ok(exit)
}

/// Labels are for programs: a column of them would crowd out the others.
fn row(listed: &Listed, out: &Out) -> Row {
    let (row, labels) = match listed {
        Listed::View(view) => (healthy(view, out), labels(view)),
        Listed::Broken { run, why } => {
            let row = Row::default().with("run", run.as_str()).with("status", "broken");
            let row = ["steps", "unknown", "drifts", "events", "started", "updated", "last_step", "parent"]
                .into_iter()
                .fold(row, |row, name| row.with(name, Value::Null));
            (row.with("problem", why.as_str()), Value::Null)
        }
    };
    if out.is_json() { row.with("labels", labels) } else { row }
}

fn healthy(view: &RunView, out: &Out) -> Row {
    // Where nothing is out of the ordinary, a person's table is without the column.
    let unusual = |count: u64| (count > 0 || !out.is_person()).then_some(count);
    Row::default()
        .with("run", view.run.run.as_str())
        .with("status", view.status.as_str())
        .with("steps", view.steps)
        .weight(3)
        .with("unknown", unusual(view.unknown))
        .with("drifts", unusual(view.drifts))
        .with("events", view.head.seq.get())
        .weight(5)
        .time("started", view.started_at)
        .weight(2)
        .time("updated", view.updated_at)
        .weight(4)
        .with("last_step", view.last_step.as_ref().map(|step| step.as_str()))
        .weight(1)
        .with("parent", view.parent.as_ref().map(|parent| parent.run.as_str()))
        .with("problem", Value::Null)
}
