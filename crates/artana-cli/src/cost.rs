//! Costs as rows: one for each model and tool, and one for all of them. Sums nothing that the core has not summed.

use std::time::Duration;

use artana_core::{
    Usd,
    cost::{Costs, ModelCost, ToolCost},
};

use crate::{row::Row, text::took, words::dollars};
/// Returns a row for each model and tool, and one for all of them.
pub(crate) fn rows(costs: &Costs) -> Vec<Row> {
    let models = costs.models.iter().map(|(model, cost)| of_model(model.as_str(), cost));
    let tools = costs.tools.iter().map(|(tool, cost)| of_tool(tool.as_str(), cost));
    models.chain(tools).chain([total(costs)]).collect()
}

/// The names of what a row counts.
pub(crate) const COUNTED: [&str; 11] = [
    "calls",
    "failed",
    "abandoned",
    "unknown",
    "input",
    "cached",
    "output",
    "reasoning",
    "cost_usd",
    "unpriced",
    "took_us",
];

/// What a row counts. What a tool has none of, such as tokens, is absent rather than nothing.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    calls: u64,
    failed: u64,
    abandoned: Option<u64>,
    unknown: Option<u64>,
    elapsed_us: u64,
    model: Option<ModelCost>,
}

fn of_model(name: &str, cost: &ModelCost) -> Row {
    let (calls, failed, elapsed_us) = (cost.calls, cost.failed, cost.elapsed_us);
    let counts =
        Counts { calls, failed, abandoned: Some(cost.abandoned), elapsed_us, model: Some(*cost), unknown: None };
    row("model", Some(name), counts)
}

fn of_tool(name: &str, cost: &ToolCost) -> Row {
    let (calls, failed, elapsed_us) = (cost.calls, cost.failed, cost.elapsed_us);
    row("tool", Some(name), Counts { calls, failed, unknown: Some(cost.unknown), elapsed_us, ..Counts::default() })
}

fn total(costs: &Costs) -> Row {
    let models = costs.total();
    let tools = |count: fn(&ToolCost) -> u64| costs.tools.values().map(count).fold(0, u64::saturating_add);
    let counts = Counts {
        calls: models.calls.saturating_add(tools(|cost| cost.calls)),
        failed: models.failed.saturating_add(tools(|cost| cost.failed)),
        abandoned: Some(models.abandoned),
        unknown: Some(tools(|cost| cost.unknown)),
        elapsed_us: models.elapsed_us.saturating_add(tools(|cost| cost.elapsed_us)),
        model: Some(models),
    };
    row("total", None, counts)
}

fn row(kind: &str, name: Option<&str>, counts: Counts) -> Row {
    let model = counts.model;
    // Where nothing is out of the ordinary, a person's table is without the column.
    let unusual =
        |count: Option<u64>| count.filter(|count| *count > 0).map_or(String::new(), |count| count.to_string());
    let is_known = |cost: &ModelCost| cost.unpriced == 0 || cost.cost > Usd::ZERO;
    let known = model.filter(is_known).map_or(String::new(), |cost| dollars(cost.cost));
    let tokens = |count: fn(&ModelCost) -> u64| model.as_ref().map(count);
    Row::default()
        .with("kind", kind)
        .with("name", name)
        .with("calls", counts.calls)
        .or_shown("failed", counts.failed, unusual(Some(counts.failed)))
        .or_shown("abandoned", counts.abandoned, unusual(counts.abandoned))
        .or_shown("unknown", counts.unknown, unusual(counts.unknown))
        .with("input", tokens(|cost| cost.usage.input))
        .or_shown("cached", tokens(|cost| cost.usage.cached), unusual(tokens(|cost| cost.usage.cached)))
        .weight(2)
        .with("output", tokens(|cost| cost.usage.output))
        .or_shown("reasoning", tokens(|cost| cost.usage.reasoning), unusual(tokens(|cost| cost.usage.reasoning)))
        .weight(3)
        .or_shown("cost_usd", model.map(|cost| dollars(cost.cost)), known)
        .aligned_right()
        .or_shown("unpriced", tokens(|cost| cost.unpriced), unusual(tokens(|cost| cost.unpriced)))
        .or_shown("took_us", counts.elapsed_us, took(Duration::from_micros(counts.elapsed_us)))
        .weight(1)
}

/// Returns whether the amount leaves something out.
pub(crate) fn is_partial(costs: &Costs) -> bool {
    let total = costs.total();
    total.unpriced > 0 || total.abandoned > 0 || (total.cost == Usd::nanos(u64::MAX))
}
