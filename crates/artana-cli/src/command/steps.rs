//! `run steps`: what each step is, where it stands, and what it took: a tree of scopes for people, lines in the
//! order the steps began for everybody else. What a fork shares is shown with the run that holds it.

use std::{collections::BTreeMap, time::Duration};

use artana_core::{
    Event, RunId, RunState, Step, StepKey, Timestamp,
    cost::{Charge, ModelCost, charge},
};
use artana_kernel::Error;
use serde_json::Value;

use super::{Context, lineage};
use crate::{
    failure::{Exit, Failure},
    row::Row,
    text::took,
    tree::{places, strokes},
    words::{callee, dollars},
};

/// What the events of a line of runs say of its steps, in the order they began.
#[derive(Debug, Default)]
struct Seen {
    order: Vec<StepKey>,
    steps: BTreeMap<StepKey, Lasted>,
}

/// How long a step took, and what it used in the run that is asked for.
#[derive(Debug, Clone)]
struct Lasted {
    began: Timestamp,
    ended: Timestamp,
    used: Option<ModelCost>,
}

/// A step as it is shown.
struct Shown {
    key: StepKey,
    step: Step,
    lasted: Lasted,
    holder: Option<RunId>,
}

pub(super) async fn perform(cx: &mut Context, id: &str) -> Result<Exit, Failure> {
    let steps = steps(cx, id).await?;
    if cx.out.is_person() {
        cx.out.rows(&tree(&steps));
    } else {
        cx.out.rows(&steps.iter().map(|shown| row(shown, shown.key.as_str())).collect::<Vec<_>>());
    }
    Ok(Exit::Fine)
}

async fn steps(cx: &Context, id: &str) -> Result<Vec<Shown>, Failure> {
    let line = lineage::of(cx, id).await?;
    let run = &line.last().expect("the run itself ends its line").run;
    let state = run.latest(RunState::clone).await.map_err(|error: Error| cx.explain(id, error))?;
    let mut seen = Seen::default();
    for member in &line {
        let own = member.cut.is_none();
        let read = member.read(|event| seen.see(event, own.then_some(&state))).await;
        read.map_err(|error| cx.explain(member.run.id(), error))?;
    }
    // A step that began after the state was read is left for another look.
    let shown = seen.order.iter().filter_map(|key| {
        let (step, lasted) = (state.step(key)?.clone(), seen.steps.get(key)?.clone());
        Some(Shown { key: key.clone(), step, lasted, holder: state.holder(key).cloned() })
    });
    Ok(shown.collect())
}

impl Seen {
    fn see(&mut self, event: &Event, own: Option<&RunState>) {
        let Some(key) = event.step().filter(|_| lineage::is_of_the_step(event)) else { return };
        if !self.steps.contains_key(key) {
            self.order.push(key.clone());
        }
        let at = event.at();
        let lasted = self.steps.entry(key.clone()).or_insert(Lasted { began: at, ended: at, used: None });
        lasted.ended = at;
        if let Some(Charge::Model(_, used)) = own.and_then(|state| charge(state, event)) {
            let before = lasted.used.unwrap_or_default();
            lasted.used = Some(sum(&before, &used));
        }
    }
}

fn sum(a: &ModelCost, b: &ModelCost) -> ModelCost {
    let mut sum = *a;
    sum.usage.input = a.usage.input.saturating_add(b.usage.input);
    sum.usage.output = a.usage.output.saturating_add(b.usage.output);
    sum.cost = artana_core::Usd::nanos(a.cost.as_nanos().saturating_add(b.cost.as_nanos()));
    sum.unpriced = a.unpriced.saturating_add(b.unpriced);
    sum
}

fn row(shown: &Shown, name: &str) -> Row {
    let Shown { key, step, lasted, holder } = shown;
    let (kind, called) = callee(step);
    let version = step.tool().map(|tool| tool.tool.version.as_str());
    let duration = (!step.is_pending()).then(|| lasted.ended.since(lasted.began));
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let attempts = step.attempts();
    let used = lasted.used.filter(|_| !step.is_pending());
    Row::default()
        .or_shown("step", key.as_str(), name)
        .with("kind", kind)
        .with("name", called)
        .or_shown("version", version, version.filter(|version| *version != "1").unwrap_or(""))
        .with("state", step.state())
        .or_shown("attempts", attempts, if attempts == 1 { String::new() } else { attempts.to_string() })
        .time("began", lasted.began)
        .weight(3)
        .or_shown("took_us", duration.map(micros), duration.map_or(String::new(), took))
        .with("input", used.map(|used| used.usage.input))
        .weight(2)
        .with("output", used.map(|used| used.usage.output))
        .weight(1)
        .with("cost_usd", used.filter(|used| used.unpriced == 0).map(|used| dollars(used.cost)))
        .aligned_right()
        .with("shared_with", holder.as_ref().map(RunId::as_str))
}

/// A scope is a line of its own, unless it is a step too.
fn tree(steps: &[Shown]) -> Vec<Row> {
    let keys: Vec<&str> = steps.iter().map(|shown| shown.key.as_str()).collect();
    let places = places(&keys);
    let strokes = strokes(&places.iter().map(|place| place.depth).collect::<Vec<_>>());
    let rows = places.iter().zip(strokes).map(|(place, stroke)| {
        let name = format!("{stroke}{}", place.label);
        match place.entry {
            Some(entry) => row(&steps[entry], &name),
            None => scope(&name),
        }
    });
    rows.collect()
}

fn scope(name: &str) -> Row {
    let nothing = ["kind", "name", "version", "state", "attempts", "began", "took_us", "input", "output", "cost_usd"];
    let row = Row::default().with("step", name);
    nothing.into_iter().chain(["shared_with"]).fold(row, |row, name| row.with(name, Value::Null))
}
