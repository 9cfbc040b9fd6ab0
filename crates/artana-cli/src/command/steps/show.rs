//! Steps as rows, and what was said in them as lines. Reads nothing.

use std::time::Duration;

use serde_json::Value;

use super::{Said, Shown};
use crate::{
    out::Out,
    row::Row,
    text::{json_lines, short_time_after, shown as escaped, time, took},
    tree::{places, strokes},
    words::dollars,
};

/// Lists the steps, those of a child after the step that it does.
pub(super) fn in_order(steps: &[Shown]) -> Vec<&Shown> {
    steps.iter().flat_map(|shown| [shown].into_iter().chain(in_order(&shown.below))).collect()
}

/// Returns a row for each step, with what was said where that is wanted.
pub(super) fn lines(steps: &[Shown]) -> Vec<Row> {
    let steps = in_order(steps);
    let wanted = steps.iter().any(|shown| shown.said.is_some());
    let line = |shown: &Shown| {
        let row = row(shown, &shown.key);
        let said = |of: fn(&Said) -> &Value| shown.said.as_ref().map(of).cloned();
        if wanted { row.with("asked", said(|said| &said.asked)).with("told", said(|said| &said.told)) } else { row }
    };
    steps.into_iter().map(line).collect()
}

/// Writes what was said below the tree, which has no room for it.
pub(super) fn said(out: &mut Out, steps: &[Shown]) {
    for shown in in_order(steps) {
        let Some(Said { asked, told }) = &shown.said else { continue };
        if asked.is_null() && told.is_null() {
            continue;
        }
        out.line("");
        out.heading(&escaped(&format!("{} of run {}", shown.key, shown.run)));
        for (what, value) in [("asked", asked), ("told", told)].iter().filter(|(_, value)| !value.is_null()) {
            out.line(format!("  {what}"));
            json_lines(value).iter().for_each(|line| out.line(format!("    {line}")));
        }
    }
}

/// Returns a row for each place of the tree. A scope is a line of its own, unless it is a step too.
pub(super) fn tree(steps: &[Shown]) -> Vec<Row> {
    let mut drawn = Vec::new();
    draw(steps, 0, &mut drawn);
    let strokes = strokes(&drawn.iter().map(|line| line.depth).collect::<Vec<_>>());
    let rows = drawn.iter().zip(strokes).map(|(line, stroke)| {
        let name = format!("{stroke}{}", line.label);
        line.shown.map_or_else(|| scope(&name), |shown| row(shown, &name))
    });
    rows.collect()
}

/// A place in the tree.
struct Line<'a> {
    depth: usize,
    label: String,
    shown: Option<&'a Shown>,
}

fn draw<'a>(steps: &'a [Shown], depth: usize, drawn: &mut Vec<Line<'a>>) {
    // A signal has no scope, and its name may be that of a step.
    let key = |(at, shown): (usize, &Shown)| if shown.is_step { shown.key.clone() } else { format!("\0{at}") };
    let keys: Vec<String> = steps.iter().enumerate().map(key).collect();
    for place in places(&keys.iter().map(String::as_str).collect::<Vec<_>>()) {
        let shown = place.entry.map(|entry| &steps[entry]);
        let label = shown.filter(|shown| !shown.is_step).map_or(place.label, |shown| shown.key.clone());
        let depth = depth + place.depth;
        drawn.push(Line { depth, label, shown });
        draw(shown.map_or(&[], |shown| &shown.below), depth + 1, drawn);
    }
}

fn row(shown: &Shown, name: &str) -> Row {
    let duration = shown.ended.map(|ended| ended.since(shown.began));
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let version = shown.version.as_deref();
    let often = shown.attempts.filter(|attempts| *attempts != 1);
    let row = Row::default()
        .or_shown("step", shown.key.as_str(), name)
        .with("kind", shown.kind)
        .or_shown("name", shown.name.as_deref(), called(shown))
        .or_shown("version", version, version.filter(|version| *version != "1").unwrap_or(""))
        .with("state", shown.state)
        .or_shown("attempts", shown.attempts, often.map_or(String::new(), |attempts| attempts.to_string()));
    let row = if shown.state == "broken" { row.with("began", Value::Null) } else { row.time("began", shown.began) };
    row.weight(3)
        .or_shown("took_us", duration.map(micros), duration.map_or(String::new(), took))
        .with("input", shown.used.map(|used| used.usage.input))
        .weight(2)
        .with("output", shown.used.map(|used| used.usage.output))
        .weight(1)
        .with("cost_usd", shown.used.filter(|used| used.unpriced == 0).map(|used| dollars(used.cost)))
        .aligned_right()
        .with("shared_with", shown.holder.as_ref().map(|holder| holder.as_str()))
        .or_shown("due", shown.due.map(time), "")
        .or_shown("by", shown.by.as_deref(), "")
        .or_shown("after", shown.after.as_deref(), "")
        .or_shown("run", shown.run.as_str(), "")
}

/// People are told under the name what else there is to say of a step.
fn called(shown: &Shown) -> String {
    let told = [
        shown.name.clone(),
        shown.due.map(|due| format!("until {}", short_time_after(due))),
        shown.by.as_ref().map(|by| format!("by {by}")),
        shown.after.as_ref().map(|after| format!("after {after}")),
    ];
    told.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn scope(name: &str) -> Row {
    const NOTHING: [&str; 15] = [
        "kind",
        "name",
        "version",
        "state",
        "attempts",
        "began",
        "took_us",
        "input",
        "output",
        "cost_usd",
        "shared_with",
        "due",
        "by",
        "after",
        "run",
    ];
    let row = Row::default().with("step", name);
    NOTHING.into_iter().fold(row, |row, name| row.with(name, Value::Null))
}
