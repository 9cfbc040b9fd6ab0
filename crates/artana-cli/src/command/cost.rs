//! `run cost`: what calls used and cost, by model and by tool, of one run, of a run with its forks, or of all runs
//! of the tenant. A run that cannot be read is named, and hides none of the others.

use artana_kernel::{CostQuery, CostReport};
use serde_json::Value;

use super::Context;
use crate::{
    args::CostArgs,
    cost,
    failure::{Exit, Failure},
    filter,
    out::note,
    row::Row,
};

pub(super) async fn perform(cx: &mut Context, args: &CostArgs) -> Result<Exit, Failure> {
    let report = cx.kernel.cost(&query(cx, args)?).await.map_err(|error| match &args.run {
        Some(run) => cx.explain(run, error),
        None => error.into(),
    })?;
    cx.out.rows(&rows(&report));
    if cost::is_partial(&report.costs) {
        note("the amount is the least it can be: some answers have no known price, or are lost");
    }
    for run in &report.broken {
        let command = cx.speller.command(&["run", "verify-ledger", run.run.as_str()]);
        note(&format!("the costs of a run whose ledger is broken are missing: {command}"));
    }
    Ok(if report.broken.is_empty() { Exit::Fine } else { Exit::Invalid })
}

fn query(cx: &Context, args: &CostArgs) -> Result<CostQuery, Failure> {
    let query = match &args.run {
        None => CostQuery::tenant(&cx.tenant),
        Some(run) if args.tree => CostQuery::tree(&cx.tenant, run),
        Some(run) => CostQuery::run(&cx.tenant, run),
    };
    let query = args.model.iter().fold(query, |query, model| query.model(model));
    let query = args.tool.iter().fold(query, |query, tool| query.tool(tool));
    Ok(query.within(filter::range(args.since.as_deref(), args.until.as_deref())?))
}

/// How many runs were summed up stands with the sum.
fn rows(report: &CostReport) -> Vec<Row> {
    let mut rows = cost::rows(&report.costs);
    let total = rows.pop().map(|total| total.with("runs", report.runs));
    let rows = rows.into_iter().map(|row| row.with("runs", Value::Null));
    let broken = report.broken.iter().map(|run| {
        let row = Row::default().with("kind", "broken").with("name", run.run.as_str());
        cost::COUNTED.into_iter().fold(row, |row, name| row.with(name, Value::Null)).with("runs", Value::Null)
    });
    rows.chain(broken).chain(total).collect()
}
