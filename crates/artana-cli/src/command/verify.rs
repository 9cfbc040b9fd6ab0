//! `run verify-ledger`, or `run verify`: whether ledgers hold, how far that goes, and where the first break is.

use artana_kernel::{VerifyReport, Views};
use artana_ports::{Listed, RunQuery};
use serde_json::Value;

use super::Context;
use crate::{
    failure::{Exit, Failure},
    out::note,
    row::Row,
};

pub(super) async fn perform(cx: &mut Context, id: Option<&str>) -> Result<Exit, Failure> {
    let Some(id) = id else { return all(cx).await };
    let report = cx.kernel.verify(&cx.tenant, id).await.map_err(|error| cx.explain(id, error))?;
    cx.out.record(&row(&report));
    Ok(if report.is_ok() { Exit::Fine } else { Exit::Invalid })
}

/// Verifies run after run, so that a break in one hides nothing of another.
async fn all(cx: &mut Context) -> Result<Exit, Failure> {
    let tenant = cx.tenant.id().map_err(artana_kernel::Error::from)?.clone();
    let mut query = RunQuery::all(tenant);
    let mut rows = Vec::new();
    let mut exit = Exit::Fine;
    loop {
        let page = cx.kernel.runs(&query).await?;
        for listed in &page.items {
            let (row, ok) = one(cx, listed).await?;
            rows.push(row);
            exit = if ok { exit } else { Exit::Invalid };
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    cx.out.rows(&rows);
    if rows.is_empty() && !cx.out.is_json() {
        note(&format!("there is nothing to verify; {}", cx.elsewhere()));
    }
    Ok(exit)
}

/// A row too damaged to be verified by its name is a break all the same.
async fn one(cx: &Context, listed: &Listed) -> Result<(Row, bool), Failure> {
    let (id, why) = match listed {
        Listed::View(view) => (view.run.run.as_str(), "the run's row is gone"),
        Listed::Broken { run, why } => (run.as_str(), why.as_str()),
    };
    match cx.kernel.verify(&cx.tenant, id).await {
        Ok(report) => Ok((row(&report), report.is_ok())),
        Err(error @ artana_kernel::Error::Store(_)) => Err(error.into()),
        Err(_) => Ok((unverifiable(id, why), false)),
    }
}

/// Returns a report as it is listed.
pub(crate) fn row(report: &VerifyReport) -> Row {
    let found = report.first_break.as_ref();
    Row::default()
        .with("run", report.run.run.as_str())
        .with("level", report.level.to_string())
        .with("head_seq", report.head.map(|head| head.seq.get()))
        .with("head_hash", report.head.map(|head| head.hash.to_string()))
        .with("events", report.events)
        .with("content", report.content)
        .with("views", if report.views == Views::Checked { "checked" } else { "not checked" })
        .with("break", found.map(|found| found.kind.to_string()))
        .with("break_seq", found.map(|found| found.seq.get()))
        .with("expected", found.map(|found| found.expected.clone()))
        .with("found", found.map(|found| found.found.clone()))
}

fn unverifiable(id: &str, why: &str) -> Row {
    let row = Row::default().with("run", id).with("level", "broken");
    let nothing = ["head_seq", "head_hash", "events", "content"];
    let row = nothing.into_iter().fold(row, |row, name| row.with(name, Value::Null));
    row.with("views", "not checked")
        .with("break", "ViewMismatch")
        .with("break_seq", 0)
        .with("expected", "the run's row")
        .with("found", why)
}
