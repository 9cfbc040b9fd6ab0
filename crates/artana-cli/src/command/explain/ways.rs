//! What can be done about a run, with the exact command where there is one. Every way is an honest one: none of
//! them guesses.

use artana_core::{
    Fork, Pause, RunId, StepKey,
    event::{Closing, ForkCause},
    explain::{Blocker, Explanation, Lift, Went},
};

use super::Told;
use crate::{doubt, speller::Speller, telling::Way, text::short_time_after};

/// So many forks are each compared with the run; of more there is a tree.
const FEW: usize = 3;

/// Lists the ways on, those out of what blocks the run first.
pub(super) fn ways(told: &Told<'_>, speller: &Speller) -> Vec<Way> {
    let mut ways = Vec::new();
    if let Some((run, _)) = &told.broken {
        ways.extend(of_a_broken_run(run.run.as_str(), speller));
        return ways;
    }
    let Some(explanation) = &told.explanation else { return ways };
    for lift in explanation.lifts() {
        ways.extend(of_lift(told.id, &lift, speller));
    }
    ways.extend(looks(told, explanation, speller));
    ways
}

/// A ledger is evidence, and stays as it is.
fn of_a_broken_run(run: &str, speller: &Speller) -> Vec<Way> {
    vec![
        Way::new(
            "to have the first break named by a full verification",
            speller.command(&["run", "verify-ledger", run]),
        ),
        Way::new("to see what is stored, row by row", speller.command(&["run", "events", run])),
        Way::new(
            "to hand it to an auditor as it is",
            speller.command(&["run", "export", run, "-o", &format!("{run}.jsonl")]),
        ),
        Way::new("to see whether the store as a whole is damaged", speller.command(&["store", "doctor"])),
        Way::advice(
            "to go on: put back a copy of the store from before the change, or do the work in a new run; look up at \
             the providers what this run did after its last event that holds",
        ),
    ]
}

fn of_lift(run: &str, lift: &Lift, speller: &Speller) -> Vec<Way> {
    let one = |when: &str, words: &[&str]| vec![Way::new(when, speller.command(words))];
    let advice = |when: String| vec![Way::advice(when)];
    match lift {
        Lift::Reconcile { step } => vec![doubt::reconcile(run, step)],
        Lift::Resolve { step, key: Some(_), settled_at } => {
            doubt::resolve(run, step, &short_time_after(*settled_at), speller).into()
        }
        Lift::Resolve { step, .. } => doubt::resolve_code(run, step, speller).into(),
        Lift::Resume { ticket, pause } => resume(run, &ticket.to_string(), pause, speller),
        Lift::Signal { name } => {
            let command = speller.by_you(&["run", "signal", run, name.as_str()]);
            vec![Way::new(
                format!("to tell it what it waits for under the name {name}"),
                format!("{command} --value 'JSON'"),
            )]
        }
        Lift::Child { run: child } => one("to see what the other run waits for", &["run", "explain", child.as_str()]),
        Lift::InAncestor { step, holder } => vec![Way::new(
            format!("to have step {step} resolved where it is in doubt"),
            speller.command(&["run", "explain", holder.as_str()]),
        )],
        Lift::Wait => one("to wait for it and see what comes", &["run", "tail", run, "--follow"]),
        Lift::RunAgain => advice(format!(
            "to go on: run its program again; it opens run {run}, what is recorded answers from the ledger, and only \
             the rest is done"
        )),
        Lift::CloseAgain { closing: Closing::Cancelled } => {
            vec![Way::new("to end it now", cancel(run, speller))]
        }
        Lift::CloseAgain { closing: Closing::Failed } => {
            advice(format!("to end it now: have its program give run {run} up once more"))
        }
        Lift::RetryFailed { step } => {
            advice(format!("to try the failed step again: have its program ask for step {step} with `retry_failed()`"))
        }
        Lift::NewKey { step } => advice(format!(
            "to try again: have its program call the tool under another step key than {step}, which stays failed"
        )),
        Lift::Fork { step } => vec![Way::new(
            format!("to go another way from step {step} on, and keep what came before it"),
            fork(run, step, speller),
        )],
        Lift::Cancel => vec![Way::new("to give it up", cancel(run, speller))],
        Lift::Upgrade { what } => advice(format!("to drive it: use a newer version, which knows {what}")),
        _ => Vec::new(),
    }
}

/// Code that paused may have asked something, and is told what whoever lifts the pause says.
fn resume(run: &str, ticket: &str, pause: &Pause, speller: &Speller) -> Vec<Way> {
    if let Some(name) = &pause.block {
        let command = speller.by_you(&["run", "unblock", run, name.as_str()]);
        return vec![Way::new(format!("to lift what blocks it under the name {name}"), command)];
    }
    let command = speller.by_you(&["run", "resume", run, "--ticket", ticket]);
    let plain = Way::new("to let it go on", command.clone());
    let answer = || Way::new("to let it go on with an answer for its code", format!("{command} --input 'JSON'"));
    [plain].into_iter().chain(pause.step.is_some().then(answer)).collect()
}

fn cancel(run: &str, speller: &Speller) -> String {
    format!("{} --reason 'why'", speller.by_you(&["run", "cancel", run]))
}

fn fork(run: &str, step: &StepKey, speller: &Speller) -> String {
    speller.by_you(&["run", "fork", run, "--at", step.as_str()])
}

/// Where to look closer.
fn looks(told: &Told<'_>, explanation: &Explanation, speller: &Speller) -> Vec<Way> {
    let mut ways = Vec::new();
    if said_something(explanation) && told.said.is_empty() {
        let command = speller.command(&["run", "explain", told.id, "--content"]);
        ways.push(Way::new("to read what was said about it", command));
    }
    if let Some(parent) = &explanation.began.parent {
        let command = speller.command(&["run", "diff", parent.run.as_str(), told.id]);
        ways.push(Way::new("to see where it differs from the run it was forked from", command));
    }
    let started = explanation.forks.len().saturating_sub(told.missing.len());
    if started > FEW {
        let command = speller.command(&["run", "tree", told.id]);
        ways.push(Way::new(format!("to see its {started} forks"), command));
    }
    let shown = explanation.forks.iter().filter(|(id, _)| started <= FEW || told.missing.contains(*id));
    ways.extend(shown.map(|(id, fork)| of_fork(told, id, fork, speller)));
    if explanation.steps.all > 0 {
        ways.push(Way::new("to see its steps one by one", speller.command(&["run", "steps", told.id])));
    }
    if explanation.status.is_finished() {
        let command = speller.command(&["run", "verify-ledger", told.id]);
        ways.push(Way::new("to verify its ledger, and what its events refer to", command));
    }
    ways
}

/// A fork that was announced is started by whoever asks for it again.
fn of_fork(told: &Told<'_>, id: &RunId, fork: &Fork, speller: &Speller) -> Way {
    let step = &fork.step;
    match &fork.recorded.1.because {
        _ if !told.missing.contains(id) => {
            let command = speller.command(&["run", "diff", told.id, id.as_str()]);
            Way::new(format!("to see where its fork {id} differs from it"), command)
        }
        ForkCause::Wanted { .. } => {
            let words = ["run", "fork", told.id, "--at", step.as_str(), "--id", id.as_str()];
            let command = speller.by_you(&words);
            Way::new(format!("to start its fork {id}, which was announced and never started"), command)
        }
        _ => Way::advice(format!(
            "to start its fork {id}, which was announced and never started: have its program ask for step {step} as \
             it did"
        )),
    }
}

fn said_something(explanation: &Explanation) -> bool {
    let replayed = explanation.drifts.iter().any(|drift| matches!(drift.went, Went::Replayed { .. }));
    let ended = explanation.ended.as_ref().is_some_and(|ended| ended.reason.is_some());
    let found = explanation.resolved.iter().any(|found| found.evidence.is_some());
    let has_said = |pause: &Pause| pause.reason.is_some() || pause.metadata.is_some();
    let paused = |blocker: &Blocker| matches!(blocker, Blocker::Paused { pause, .. } if has_said(pause));
    let stopped = explanation.blockers.iter().any(paused);
    replayed || ended || found || stopped || explanation.failure.is_some()
}
