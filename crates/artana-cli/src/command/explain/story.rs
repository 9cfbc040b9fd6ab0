//! What happened, what holds, what failed, what is waited for and what it cost, in sentences.

mod waits;
mod work;

use std::time::Duration;

use artana_core::{
    StepKey, Timestamp,
    ask::Field,
    event::{ForkCause, Resolution, Resolver, RunOutcome},
    explain::{Drifted, Ended, Explanation, Failure, Heard, Resolved, Undone, Went},
};

use super::Told;
use crate::{
    telling::Telling,
    text::{short_time, took},
    words::{self, costs, count, fields, fork_cause, model_category, standing, tool_category, tool_category_text},
};

/// How many of many steps are named.
const NAMED: usize = 5;

/// Tells all of it.
pub(super) fn of(told: &Told<'_>) -> Telling {
    let status = told.explanation.as_ref().map_or("broken", |explanation| explanation.status.as_str());
    let status = if told.broken.is_some() { "broken" } else { status };
    let telling = Telling::default()
        .titled("run", told.id)
        .titled("tenant", told.tenant)
        .titled("status", status)
        .section("broken", "What is broken", broken(told));
    let Some(explanation) = &told.explanation else { return telling };
    let happened = if told.broken.is_some() { "What happened, as far as it holds" } else { "What happened" };
    telling
        .section("happened", happened, happened_in(told, explanation))
        .section("failed", "What failed", failed(told, explanation))
        .section("waits", "What it waits for", waits(told, explanation))
        .section("cost", "What it used", costs(&explanation.costs))
}

fn broken(told: &Told<'_>) -> Vec<String> {
    let Some((run, found)) = &told.broken else { return Vec::new() };
    let whose = if run.run.as_str() == told.id {
        "The run's ledger".to_owned()
    } else {
        format!("The ledger of run {}, whose events this run shares,", run.run)
    };
    let holds = match &told.explanation {
        Some(explanation) if run.run.as_str() == told.id => {
            format!("What stands before it holds: {}.", count(explanation.head.seq.get(), "event"))
        }
        _ => "Nothing of this run can be told.".into(),
    };
    vec![
        format!("{whose} is not what was written: {} at sequence {}.", found.kind, found.seq),
        format!("Expected: {}. Found: {}.", found.expected, found.found),
        format!("{holds} Nothing drives a run whose ledger is broken, and nothing repairs it."),
    ]
}

fn happened_in(told: &Told<'_>, explanation: &Explanation) -> Vec<String> {
    let mut sentences = began(told, explanation);
    sentences.push(steps(explanation));
    sentences.extend(explanation.work.iter().flat_map(work::of));
    sentences.extend(heard(explanation));
    sentences.extend(explanation.resolved.iter().map(|found| resolved(told, found)));
    sentences.extend(explanation.drifts.iter().map(|drift| drifted(told, drift)));
    sentences.extend(forks(told, explanation));
    sentences.extend(ended(told, explanation));
    sentences.extend(undone(&explanation.undone));
    sentences
}

fn began(told: &Told<'_>, explanation: &Explanation) -> Vec<String> {
    let began = &explanation.began;
    let at = short_time(began.at);
    let mut sentences = match &began.parent {
        None => vec![format!("Started at {at}.")],
        Some(parent) => {
            let left = told.left.as_ref();
            let step = left.map_or(String::new(), |fork| format!(", before step {}", fork.step));
            let because =
                left.map_or(String::new(), |fork| format!(", because {}", fork_cause(&fork.recorded.1.because)));
            vec![format!("Forked at {at} from run {}, after event {}{step}{because}.", parent.run, parent.seq)]
        }
    };
    for (holder, shared) in &began.shares {
        let more = shared.len().saturating_sub(NAMED);
        let keys: Vec<_> = shared.iter().take(NAMED).map(|key| key.as_str()).collect();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        sentences.push(format!(
            "Shared with run {holder}, and never run again: {} ({}{more}).",
            count(shared.len() as u64, "step"),
            keys.join(", ")
        ));
    }
    if !began.labels.is_empty() {
        let labels: Vec<_> = began.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        sentences.push(format!("Labels: {}.", labels.join(", ")));
    }
    if !began.capabilities.is_empty() {
        let capabilities: Vec<_> = began.capabilities.iter().map(|capability| capability.as_str()).collect();
        sentences.push(format!("Capabilities: {}.", capabilities.join(", ")));
    }
    sentences
}

fn steps(explanation: &Explanation) -> String {
    let steps = &explanation.steps;
    if steps.all == 0 {
        let own = if explanation.began.parent.is_some() { " of its own" } else { "" };
        return format!("No step{own} was asked for.");
    }
    let stands = [
        (steps.done, "done"),
        (steps.failed, "failed"),
        (steps.unknown, "in doubt"),
        (steps.pending, "with no outcome"),
        (steps.due, "to be tried again"),
    ];
    let stands = stands.iter().filter(|(number, _)| *number > 0).map(|(number, how)| format!("{number} {how}"));
    let events = count(explanation.head.seq.get(), "event");
    format!("{} in {events}: {}.", count(steps.all, "step"), stands.collect::<Vec<_>>().join(", "))
}

/// The last tool is told of only where it is not the last step.
fn heard(explanation: &Explanation) -> Vec<String> {
    let told = |what: &str, heard: &Heard| {
        let scope = heard.key.parent().map_or(String::new(), |scope| format!(" in the scope {scope}"));
        let at = short_time(heard.at);
        format!("{what} step {}{scope}, at {at}; {} {}.", heard.key, words::what(&heard.step), standing(&heard.step))
    };
    let last = explanation.last_step.as_ref();
    let tool = explanation.last_tool.as_ref().filter(|tool| last.is_none_or(|last| last.key != tool.key));
    let last = last.map(|heard| told("Last heard of:", heard));
    last.into_iter().chain(tool.map(|heard| told("Last tool:", heard))).collect()
}

fn resolved(told: &Told<'_>, found: &Resolved) -> String {
    let by = match &found.by {
        Resolver::Probe => "The tool's probe".to_owned(),
        Resolver::Retry => "A call with the same idempotency key".to_owned(),
        Resolver::Operator(by) => by.to_string(),
        _ => "Somebody".to_owned(),
    };
    let what = match &found.outcome {
        Resolution::Succeeded(_) => "the effect happened",
        Resolution::Failed(_) => "the effect did not happen",
        Resolution::NotLanded => "the effect did not happen, and may be tried again",
        Resolution::Unknown(_) => "nobody can say what happened",
    };
    let said = found.evidence.as_ref().and_then(|evidence| told.said(evidence));
    format!("{by} found out about step {} (event {}): {what}.{}", found.step, found.at, quoted(said))
}

fn drifted(told: &Told<'_>, drift: &Drifted) -> String {
    let what = fields(&drift.fields);
    match &drift.went {
        Went::Replayed { changes, .. } => {
            let said = told.said(changes).map_or(String::new(), |said| format!(" What differed: {said}"));
            format!(
                "Step {} was asked otherwise than recorded ({what}), and given the recorded answer (event {}).{said}",
                drift.step, drift.at
            )
        }
        Went::Forked { fork } => format!(
            "Step {} was asked otherwise than recorded ({what}), and executed in the fork {fork} (event {}).",
            drift.step, drift.at
        ),
    }
}

/// Forks that a person wanted, and those that were never started; the others are drifts.
fn forks(told: &Told<'_>, explanation: &Explanation) -> Vec<String> {
    let wanted = explanation.forks.iter().filter_map(|(id, fork)| match &fork.recorded.1.because {
        ForkCause::Wanted { by } => {
            Some(format!("{by} forked it before step {} as run {id} (event {}).", fork.step, fork.recorded.0))
        }
        _ => None,
    });
    let missing = told.missing.iter().map(|id| format!("The fork {id} was announced, and never started."));
    wanted.chain(missing).collect()
}

fn ended(told: &Told<'_>, explanation: &Explanation) -> Option<String> {
    let Some(ended) = &explanation.ended else {
        return told.broken.is_none().then(|| "It has not ended.".into());
    };
    let by = ended.by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
    let how = match ended.outcome {
        RunOutcome::Completed => "Completed".to_owned(),
        RunOutcome::Failed => format!("Given up{by}"),
        RunOutcome::Cancelled => format!("Cancelled{by}"),
    };
    let said = ended.reason.as_ref().and_then(|reason| told.said(reason));
    Some(format!("{how} at {}{}.{}", short_time(ended.asked_at), lasted(explanation, ended), quoted(said)))
}

fn undone(undone: &Undone) -> Vec<String> {
    let named = |keys: &[StepKey]| keys.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", ");
    let told = |keys: &[StepKey], what: &str, and: &str| {
        let compensations = count(keys.len() as u64, "compensation");
        (!keys.is_empty()).then(|| format!("{compensations} {what}: {}{and}.", named(keys)))
    };
    let done = told(&undone.done, "carried out", "");
    done.into_iter().chain(told(&undone.failed, "failed", "; what they were to undo stands")).collect()
}

fn lasted(explanation: &Explanation, ended: &Ended) -> String {
    let since = |at: Timestamp, from: Timestamp| took(at.since(from));
    match ended.at {
        Some(at) => format!(", {} after it began", since(at, explanation.began.at)),
        None => ", and ends when what is under way has ended".into(),
    }
}

fn failed(told: &Told<'_>, explanation: &Explanation) -> Vec<String> {
    let Some(failure) = &explanation.failure else { return Vec::new() };
    let sentence = match failure {
        Failure::Model { step, model, failed } => {
            let why = &failed.outcome;
            let status = why.status.map_or(String::new(), |status| format!(", HTTP {status}"));
            let wait = why.retry_after_us.map(Duration::from_micros);
            let wait = wait.map_or(String::new(), |wait| format!("; the provider asked to wait {}", took(wait)));
            format!(
                "Step {step}: model {model} gave no answer that can be used after {}: {} ({}{status}){wait}. It is \
                 event {}.{}",
                count(failed.attempts.into(), "cycle"),
                model_category(why.category),
                why.category.as_str(),
                failed.at,
                quoted(told.said(&why.error))
            )
        }
        Failure::Tool { step, tool, failed, .. } => format!(
            "Step {step}: tool {tool} failed after {}: {} ({}). It is event {}.{}",
            count(failed.attempts.into(), "attempt"),
            tool_category_text(failed.outcome.category),
            tool_category(failed.outcome.category),
            failed.at,
            quoted(told.said(&failed.outcome.error))
        ),
        Failure::Code { step, at, error } => {
            format!("Step {step}: its code failed. It is event {at}.{}", quoted(told.said(error)))
        }
        Failure::Child { step, run, at, error } => {
            format!("Step {step}: the child run {run} failed. It is event {at}.{}", quoted(told.said(error)))
        }
        other => format!("Step {} failed.", other.step()),
    };
    vec![sentence]
}

/// What comes after a break is not known, and so not what a broken run waits for.
fn waits(told: &Told<'_>, explanation: &Explanation) -> Vec<String> {
    if told.broken.is_some() {
        return Vec::new();
    }
    explanation.blockers.iter().flat_map(|blocker| waits::of(told, blocker)).collect()
}

fn quoted(said: Option<&str>) -> String {
    said.map_or(String::new(), |said| format!(" What was said: {said}"))
}

/// Returns the fields of a drift as they are stored.
pub(super) fn names(fields: &std::collections::BTreeSet<Field>) -> Vec<&'static str> {
    fields.iter().map(|field| field.as_str()).collect()
}
