//! What stops a run, and what its code waits for, in sentences. Reads the fold; decides nothing.

use artana_core::{Pause, Queued, RunState, Status, StepKey, event::Wait};

use crate::{
    text::{short_time, short_time_after},
    words::count,
};

/// Lists what stops a run, and what its code waits for when there is nothing else to do: each as a word and as a
/// sentence.
pub(crate) fn all(state: &RunState) -> Vec<(&'static str, String)> {
    let in_doubt = state.steps().filter(|(_, step)| step.is_unknown());
    let told = |key: &StepKey| format!("Step {key} is in doubt: nobody knows whether it happened.");
    let mut found: Vec<_> = in_doubt.map(|(key, _)| ("doubt", told(key))).collect();
    if state.status().is_finished() {
        return found;
    }
    if state.is_closing() {
        let left: Vec<&str> = state.rollbacks().map(|key| key.as_str()).collect();
        if !left.is_empty() {
            found.push(("to_undo", format!("It is ending, and has yet to undo what it did: {}.", left.join(", "))));
        }
        return found;
    }
    found.extend(state.pauses().values().map(|pause| ("paused", paused(pause))));
    if state.is_suspended() {
        // A doubt and a pause say themselves what they are.
        let waits = state.waits().filter(|(_, _, wait)| !matches!(wait, Wait::Doubt { .. } | Wait::Pause(_)));
        found.extend(waits.map(|(_, step, wait)| (word(wait), waits_for(step, wait))));
    }
    if let (Status::Queued, Some(place)) = (state.status(), state.view().queued) {
        found.push(("queued", queued(&place)));
    }
    found
}

fn word(wait: &Wait) -> &'static str {
    match wait {
        Wait::Timer(_) => "timer",
        Wait::Signal(_) => "signal",
        Wait::Child(_) => "child",
        Wait::Pause(_) => "pause",
        Wait::Doubt { .. } => "doubt",
        _ => "other",
    }
}

/// Tells who stopped a run, and when.
pub(crate) fn paused(pause: &Pause) -> String {
    let at = short_time(pause.at);
    let by = pause.by.as_ref().map_or("Somebody", |by| by.as_str());
    match (&pause.step, &pause.block) {
        _ if !pause.died.is_empty() => {
            let died = count(pause.died.len() as u64, "process").replace("processs", "processes");
            format!("It was parked at {at}: {died} died with it since it last got anywhere.")
        }
        _ if pause.is_parking() => format!("It was parked at {at}: its code failed again and again."),
        (Some(step), _) => format!("Its own code paused it in step {step}, at {at}."),
        (None, Some(block)) => format!("{by} blocked it under the name {block}, at {at}."),
        (None, None) => format!("{by} paused it at {at}."),
    }
}

/// Tells what the code of a run waits for.
pub(crate) fn waits_for(step: Option<&StepKey>, wait: &Wait) -> String {
    let step = step.map_or(String::new(), |step| format!(" (step {step})"));
    match wait {
        Wait::Timer(due) => format!("It sleeps until {}{step}.", short_time_after(*due)),
        Wait::Signal(name) => format!("It waits until somebody sends it the signal {name}{step}."),
        Wait::Child(run) => format!("It waits for run {run}, which does part of the work{step}."),
        Wait::Pause(_) => format!("It waits until somebody lets it go on{step}."),
        Wait::Doubt { .. } => format!("It waits until somebody finds out what became of a call{step}."),
        _ => format!("It waits for something that a newer version knows{step}."),
    }
}

/// Tells where a run stands that nobody has begun with.
pub(crate) fn queued(place: &Queued) -> String {
    let Queued { queue, priority, due_at } = place;
    format!(
        "It waits in the queue {queue} for a worker, from {} on, with priority {priority}.",
        short_time_after(*due_at)
    )
}
