//! Compares a step of one run with the step of the same key in another. What both runs share is not compared: it
//! is one and the same. Words are compared, because digests of unrelated runs never agree.

use std::collections::BTreeSet;

use artana_core::{
    RunId, Step, StepKey,
    ask::Field,
    cycle::ToolCycle,
    drift::{Change, Drift, Words},
    json::{Difference, diff},
    model_cycle::ModelCycle,
};
use artana_kernel::{Error, StepWords};
use serde_json::Value;

use super::Side;
use crate::words::{callee, tool_category, what};

/// A step, compared.
pub(super) struct Compared {
    pub(super) key: StepKey,
    pub(super) kind: &'static str,
    pub(super) found: Found,
}

/// What a comparison found.
pub(super) enum Found {
    /// Both runs have it from this one.
    Shared(RunId),
    /// Asked and answered alike.
    Same,
    /// Only the first run has it.
    OnlyA,
    /// Only the second run has it.
    OnlyB,
    /// Asked or answered otherwise.
    Differs(Box<Differs>),
}

/// How a step differs.
#[derive(Default)]
pub(super) struct Differs {
    /// In what was asked.
    pub(super) asked: Vec<Change>,
    /// What was asked and cannot be compared, because its words were erased.
    pub(super) erased: Vec<Field>,
    /// Where the steps stand, if not alike.
    pub(super) outcome: Option<(String, String)>,
    /// In what came of it, where both stand alike.
    pub(super) told: Vec<Difference>,
    /// Whether what came of it cannot be compared, because it was erased.
    pub(super) told_erased: bool,
}

impl Compared {
    pub(super) fn is_equal(&self) -> bool {
        matches!(self.found, Found::Shared(_) | Found::Same)
    }
}

impl Differs {
    fn is_nothing(&self) -> bool {
        let outcome = self.outcome.is_none() && self.told.is_empty() && !self.told_erased;
        outcome && self.asked.is_empty() && self.erased.is_empty()
    }
}

/// Compares a step that at least one of the runs has.
pub(super) async fn step(a: &Side, b: &Side, key: &StepKey) -> Result<Compared, Error> {
    let (in_a, in_b) = (a.state.step(key), b.state.step(key));
    let kind = in_a.or(in_b).map_or("", |step| callee(step).0);
    let found = match (in_a, in_b) {
        (Some(in_a), Some(in_b)) => both(a, b, key, (in_a, in_b)).await?,
        (Some(_), None) => Found::OnlyA,
        (None, _) => Found::OnlyB,
    };
    Ok(Compared { key: key.clone(), kind, found })
}

async fn both(a: &Side, b: &Side, key: &StepKey, (in_a, in_b): (&Step, &Step)) -> Result<Found, Error> {
    let origin = a.state.origin(key);
    if in_a == in_b
        && origin == b.state.origin(key)
        && let Some((run, _)) = origin
    {
        return Ok(Found::Shared(run.clone()));
    }
    let (told_a, told_b) = (a.run.words(key.as_str()).await?, b.run.words(key.as_str()).await?);
    let family = a.state.genesis().key_id == b.state.genesis().key_id;
    let mut differs = Differs::default();
    match (in_a, in_b) {
        (Step::Model(_), Step::Model(_)) | (Step::Tool(_), Step::Tool(_)) => {
            let known = if family { digests(in_a, in_b) } else { None };
            asked(&mut differs, known, &told_a.asked, &told_b.asked);
        }
        // What a closure, a timer or a person is asked has no words.
        _ if in_a.kind() == in_b.kind() => {}
        _ => differs.asked.push(kinds(in_a, in_b)),
    }
    outcome(&mut differs, (in_a, in_b), (told_a, told_b));
    Ok(if differs.is_nothing() { Found::Same } else { Found::Differs(Box::new(differs)) })
}

/// Names what differs by digests, which agree in a family whatever was erased.
fn digests(a: &Step, b: &Step) -> Option<BTreeSet<Field>> {
    match (a, b) {
        (Step::Model(a), Step::Model(b)) => Some(a.asked.differs(&b.asked)),
        (Step::Tool(a), Step::Tool(b)) => {
            let fields = [(Field::Tool, a.tool != b.tool), (Field::Args, a.args.digest != b.args.digest)];
            Some(fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect())
        }
        _ => None,
    }
}

/// A field that is known to differ, although no words say where, was erased; so was one that has no words to
/// compare.
fn asked(differs: &mut Differs, known: Option<BTreeSet<Field>>, a: &Words, b: &Words) {
    let is_known = known.is_some();
    let fields = known.unwrap_or_else(|| a.keys().chain(b.keys()).copied().collect());
    for field in fields {
        let told = match (a.get(&field), b.get(&field)) {
            (Some(before), Some(after)) => Some(!diff(before, after).is_empty()),
            _ => None,
        };
        match told {
            Some(true) => differs.asked.extend(Drift::between(&[field].into(), a, b).changes),
            Some(false) if !is_known && !is_hidden(field, a, b) => {}
            _ => differs.erased.push(field),
        }
    }
}

/// Messages that were erased are nothing in both, and say nothing of each other.
fn is_hidden(field: Field, a: &Words, b: &Words) -> bool {
    let erased = |words: &Words| match words.get(&field) {
        Some(Value::Array(messages)) if field == Field::Messages => messages.iter().any(Value::is_null),
        _ => false,
    };
    erased(a) || erased(b)
}

fn kinds(a: &Step, b: &Step) -> Change {
    let named = |step: &Step| Some(Value::from(what(step)));
    Change { field: Field::Kind, path: String::new(), before: named(a), after: named(b) }
}

/// What came of two calls is compared only where they came to the same kind of end.
fn outcome(differs: &mut Differs, (a, b): (&Step, &Step), (told_a, told_b): (StepWords, StepWords)) {
    let stand = (standing(a), standing(b));
    if stand.0 != stand.1 {
        differs.outcome = Some(stand);
        return;
    }
    match (told_a.told, told_b.told) {
        (Some(a), Some(b)) => differs.told = diff(&a, &b),
        (None, None) if !is_settled(a) => {}
        _ => differs.told_erased = true,
    }
}

fn standing(step: &Step) -> String {
    let category = match step {
        Step::Model(model) => match &model.cycle {
            ModelCycle::Failed(failed) | ModelCycle::RetryDue(failed) => Some(failed.outcome.category.as_str()),
            _ => None,
        },
        Step::Tool(tool) => match &tool.cycle {
            ToolCycle::Failed(failed) => Some(tool_category(failed.outcome.category)),
            _ => None,
        },
        _ => None,
    };
    category.map_or_else(|| step.state().to_owned(), |category| format!("{} ({category})", step.state()))
}

fn is_settled(step: &Step) -> bool {
    match step {
        Step::Model(model) => matches!(model.cycle, ModelCycle::Completed(_) | ModelCycle::Failed(_)),
        Step::Tool(tool) => matches!(tool.cycle, ToolCycle::Succeeded(_) | ToolCycle::Failed(_)),
        _ => false,
    }
}
