//! Two compared runs as lines for people, as one line a difference for pipes, as one object a step for programs.

use artana_core::{
    ask::Field,
    drift::{Change, Drift},
    json::Difference,
};
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::{
    Side,
    compare::{Compared, Differs, Found},
};
use crate::{
    look::Look,
    out::Out,
    row::Row,
    text::{json_line, shown},
    words::count,
};

/// Whether values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Yes,
    No,
}

impl Content {
    pub(super) fn when(asked: bool) -> Self {
        if asked { Self::Yes } else { Self::No }
    }
}

/// What is shown.
pub(super) struct Shown<'a> {
    pub(super) a: &'a Side,
    pub(super) b: &'a Side,
    pub(super) steps: &'a [Compared],
    pub(super) content: Content,
}

/// One difference of a step, as it is listed.
struct Line {
    field: String,
    path: String,
    a: Value,
    b: Value,
}

pub(super) fn all(out: &mut Out, shown: &Shown<'_>) {
    if out.is_person() {
        for line in page(shown, out.look()) {
            out.line(line);
        }
        return;
    }
    for step in shown.steps {
        if out.is_json() {
            out.json(&object(step, shown.content));
        } else {
            rows(step, shown.content).iter().for_each(|row| out.row(row));
        }
    }
    if let Some(line) = statuses(shown) {
        if out.is_json() {
            let outcome = json!({"a": line.a, "b": line.b});
            let row = Row::default().with("verdict", "differs").with("step", Value::Null).with("kind", "run");
            out.json(&row.with("run", Value::Null).with("asked", json!([])).with("outcome", outcome));
        } else {
            out.row(&row(("differs", "", "run"), Some(&line), None));
        }
    }
}

fn statuses(shown: &Shown<'_>) -> Option<Line> {
    let (a, b) = (shown.a.state.status(), shown.b.state.status());
    let (a, b) = (a != b).then(|| (a.as_str().into(), b.as_str().into()))?;
    Some(Line { field: "status".into(), path: String::new(), a, b })
}

fn verdict(found: &Found) -> &'static str {
    match found {
        Found::Shared(_) => "shared",
        Found::Same => "same",
        Found::OnlyA => "only_a",
        Found::OnlyB => "only_b",
        Found::Differs(_) => "differs",
    }
}

/// Names stand in the ledger in clear; all else that was asked or told is content.
fn in_clear(field: Field) -> bool {
    matches!(
        field,
        Field::Model | Field::ApiMode | Field::ReasoningEffort | Field::Verbosity | Field::Tool | Field::Kind
    )
}

fn lines(differs: &Differs, content: Content) -> Vec<Line> {
    let value = |value: &Option<Value>, clear: bool| {
        let value = value.clone().filter(|_| clear || content == Content::Yes);
        value.unwrap_or(Value::Null)
    };
    let asked = differs.asked.iter().map(|Change { field, path, before, after }| {
        let clear = in_clear(*field);
        Line { field: field.to_string(), path: path.clone(), a: value(before, clear), b: value(after, clear) }
    });
    let nothing = |field: String| Line { field, path: String::new(), a: "erased".into(), b: "erased".into() };
    let erased = differs.erased.iter().map(|field| nothing(field.to_string()));
    let outcome = differs.outcome.iter().map(|(a, b)| Line {
        field: "outcome".into(),
        path: String::new(),
        a: a.as_str().into(),
        b: b.as_str().into(),
    });
    let told = differs.told.iter().map(|Difference { pointer, before, after }| Line {
        field: "answer".into(),
        path: pointer.clone(),
        a: value(before, false),
        b: value(after, false),
    });
    let hidden = differs.told_erased.then(|| nothing("answer".into()));
    asked.chain(erased).chain(outcome).chain(told).chain(hidden).collect()
}

/// A row for each difference, and one for a step without any.
fn rows(step: &Compared, content: Content) -> Vec<Row> {
    let head = (verdict(&step.found), step.key.as_str(), step.kind);
    match &step.found {
        Found::Differs(differs) => lines(differs, content).iter().map(|line| row(head, Some(line), None)).collect(),
        Found::Shared(run) => vec![row(head, None, Some(run.as_str()))],
        _ => vec![row(head, None, None)],
    }
}

fn row((verdict, step, kind): (&str, &str, &str), line: Option<&Line>, run: Option<&str>) -> Row {
    Row::default()
        .with("verdict", verdict)
        .with("step", step)
        .with("kind", kind)
        .with("run", run)
        .with("field", line.map(|line| line.field.as_str()))
        .with("path", line.map(|line| line.path.as_str()))
        .with("a", line.map_or(Value::Null, |line| line.a.clone()))
        .with("b", line.map_or(Value::Null, |line| line.b.clone()))
}

fn object(step: &Compared, content: Content) -> Row {
    let row = Row::default()
        .with("verdict", verdict(&step.found))
        .with("step", step.key.as_str())
        .with("kind", step.kind)
        .with("run", if let Found::Shared(run) = &step.found { Some(run.as_str()) } else { None });
    let Found::Differs(differs) = &step.found else { return row };
    let asked: Vec<Value> = differs.asked.iter().map(|change| asked(change, content)).collect();
    let told = |found: &Difference| match content {
        Content::Yes => json!({"path": found.pointer, "a": found.before, "b": found.after}),
        Content::No => json!({"path": found.pointer}),
    };
    let (a, b) = differs.outcome.clone().unzip();
    let answer: Vec<Value> = differs.told.iter().map(told).collect();
    let erased: Vec<_> = differs.erased.iter().map(|field| field.as_str()).collect();
    row.with("asked", asked)
        .with("erased", erased)
        .with("outcome", json!({"a": a, "b": b}))
        .with("answer", answer)
        .with("answer_erased", differs.told_erased)
}

/// Long texts are cut, and of two texts the differing span is named.
fn asked(change: &Change, content: Content) -> Value {
    let mut object = json!({"field": change.field.as_str(), "path": change.path});
    if content == Content::No && !in_clear(change.field) {
        return object;
    }
    let mut told = Drift { changes: vec![change.clone()] }.to_json();
    for (name, told_as) in [("a", "before"), ("b", "after"), ("span", "span")] {
        let value = told[0][told_as].take();
        if !value.is_null() {
            object[name] = value;
        }
    }
    object
}

fn page(shown: &Shown<'_>, look: Look) -> Vec<String> {
    let (a, b) = (shown.a.run.id(), shown.b.run.id());
    let mut page = heading(shown, look);
    let width = shown.steps.iter().map(|step| step.key.as_str().chars().count()).max().unwrap_or(0);
    for step in shown.steps {
        let key = crate::text::shown(step.key.as_str());
        let (sign, what) = match &step.found {
            Found::Shared(run) => ("=", format!("shared, held by {run}")),
            Found::Same => ("=", "the same".into()),
            Found::OnlyA => ("-", format!("only in {a}")),
            Found::OnlyB => ("+", format!("only in {b}")),
            Found::Differs(differs) => ("~", summary(differs)),
        };
        page.push(signed(sign, &format!("{sign} {key:width$}  {}", crate::text::shown(&what)), look));
        if let Found::Differs(differs) = &step.found {
            page.extend(lines(differs, shown.content).iter().flat_map(|line| detail(line, look)));
        }
    }
    if let Some(line) = statuses(shown) {
        page.push(signed("~", "~ the run", look));
        page.extend(detail(&line, look));
    }
    page.push(String::new());
    page.push(tally(shown));
    page
}

/// Names both runs, and where one left the other.
fn heading(told: &Shown<'_>, look: Look) -> Vec<String> {
    let named = |side: &Side, other: &Side| {
        let left = side.run.parent().filter(|link| link.run == other.run.name().run);
        let left = left.map_or(String::new(), |link| format!(", forked from {} after event {}", link.run, link.seq));
        shown(&format!("{}{left}", side.run.id()))
    };
    let (a, b) = (named(told.a, told.b), named(told.b, told.a));
    vec![signed("-", &format!("- {a}"), look), signed("+", &format!("+ {b}"), look), String::new()]
}

fn summary(differs: &Differs) -> String {
    let asked = !differs.asked.is_empty() || !differs.erased.is_empty();
    let told = differs.outcome.is_some() || !differs.told.is_empty() || differs.told_erased;
    match (asked, told) {
        (true, true) => "asked and answered otherwise",
        (true, false) => "asked otherwise, answered the same",
        _ => "asked the same, answered otherwise",
    }
    .into()
}

fn detail(line: &Line, look: Look) -> Vec<String> {
    let at = if line.path.is_empty() { String::new() } else { format!(" at {}", shown(&line.path)) };
    let mut lines = vec![format!("    {}{at}", line.field)];
    let is_known = !(line.a.is_null() && line.b.is_null());
    if is_known {
        for (sign, value) in [("-", &line.a), ("+", &line.b)].into_iter().filter(|(_, value)| !value.is_null()) {
            lines.push(signed(sign, &format!("      {sign} {}", text(value)), look));
        }
    }
    lines
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        other => json_line(other),
    }
}

fn signed(sign: &str, line: &str, look: Look) -> String {
    match sign {
        "-" if look.colour => line.red().to_string(),
        "+" if look.colour => line.green().to_string(),
        "~" if look.colour => line.yellow().to_string(),
        _ => line.into(),
    }
}

fn tally(shown: &Shown<'_>) -> String {
    let number = |of: fn(&Found) -> bool| shown.steps.iter().filter(|step| of(&step.found)).count() as u64;
    let same = number(|found| matches!(found, Found::Same));
    let shared = number(|found| matches!(found, Found::Shared(_)));
    let differ = number(|found| matches!(found, Found::Differs(_)));
    let only = number(|found| matches!(found, Found::OnlyA | Found::OnlyB));
    let steps = count(shown.steps.len() as u64, "step");
    format!("{steps}: {shared} shared, {same} the same, {differ} different, {only} in one of them only")
}
