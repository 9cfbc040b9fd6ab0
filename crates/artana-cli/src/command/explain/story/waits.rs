//! What a run waits for, in sentences.

use artana_core::{
    StepKey,
    event::Closing,
    explain::{Blocker, Pending, Recorded},
};
use artana_kernel::DEFAULT_TIME_TO_LIVE;

use super::{Told, quoted};
use crate::{
    doubt::cause,
    text::short_time_after,
    waiting::{paused, queued, waits_for},
    words::{closure, count},
};

/// Tells one blocker.
pub(super) fn of(told: &Told<'_>, blocker: &Blocker) -> Vec<String> {
    match blocker {
        Blocker::Newer { what } => {
            vec![format!("It holds {what}, which this version does not know, and cannot be driven by it.")]
        }
        Blocker::InDoubt { .. } => in_doubt(blocker),
        Blocker::Reconciling { step, .. } => {
            vec![format!("A process is finding out what became of step {step}. {}", counts_as_alive())]
        }
        Blocker::InAncestor { step, holder } => vec![format!(
            "Step {step} is in doubt in run {holder}, which it was forked from; if it is asked for here, it is refused."
        )],
        Blocker::UnderWay { step, what, .. } => {
            vec![format!("Step {step} is under way: {}. {}", pending(what), counts_as_alive())]
        }
        Blocker::Orphaned { step, what, closing, .. } => vec![orphaned(step.as_str(), what, *closing)],
        Blocker::Due { step, what, made } => vec![format!(
            "Step {step} may be tried again: {} has had {}, and no process is recorded to be at it.",
            pending(what),
            count((*made).into(), "try").replace("trys", "tries")
        )],
        Blocker::Paused { pause, .. } => {
            let said = pause.reason.as_ref().or(pause.metadata.as_ref()).and_then(|said| told.said(said));
            vec![format!("{} Nothing new starts until somebody lets it go on.{}", paused(pause), quoted(said))]
        }
        Blocker::Waits { step, wait } => vec![waits_for(step.as_ref(), wait)],
        Blocker::ToUndo { steps } => {
            let steps: Vec<&str> = steps.iter().map(StepKey::as_str).collect();
            vec![format!(
                "It is ending, and its code has yet to undo what it did, in this order: {}.",
                steps.join(", ")
            )]
        }
        Blocker::Queued { place } => vec![queued(place)],
        Blocker::Idle => vec![
            "Nothing is under way: the program that drives it is between two steps, or has gone without ending it."
                .into(),
        ],
        _ => vec!["Something that a newer version knows.".into()],
    }
}

/// A heartbeat says that a process lived, not that it does.
fn counts_as_alive() -> String {
    let ttl = DEFAULT_TIME_TO_LIVE.as_secs();
    format!(
        "Its process counts as alive until its last heartbeat is too old: if it has died, that shows within {ttl} \
         seconds, or the time-to-live that its program sets."
    )
}

fn in_doubt(blocker: &Blocker) -> Vec<String> {
    let Blocker::InDoubt { step, what, attempt, cause: why, recorded, key } = blocker else { return Vec::new() };
    let unrecorded = match recorded {
        Recorded::Yes => "",
        Recorded::NotYet => " Nobody has asked for the step since; whoever does is told so.",
    };
    let happened = format!(
        "Step {step} is in doubt: nobody knows whether attempt {} of {} happened ({}).{unrecorded}",
        attempt.number,
        pending(what),
        cause(*why)
    );
    let why = "Nothing is guessed: another call could do it twice, and giving up could hide that it was done.";
    let Some(key) = key else { return vec![happened, why.into()] };
    vec![
        happened,
        format!("The provider knows it by the idempotency key {key}."),
        why.into(),
        format!("From {} on, \"it did not happen\" can be believed.", short_time_after(attempt.settled_at)),
    ]
}

fn orphaned(step: &str, what: &Pending, closing: Option<Closing>) -> String {
    let lost = match what {
        Pending::Model(_) => "its answer is lost, and the provider may have charged for it",
        Pending::Tool(_) => "it only reads, so nothing is in doubt",
        Pending::Code(_) => "it may be repeated, so nothing is in doubt",
    };
    let then = match closing {
        Some(_) => " The run ends once that is recorded.",
        None => "",
    };
    format!("The process that was at step {step} is gone: {} was called, and {lost}.{then}", pending(what))
}

fn pending(what: &Pending) -> String {
    match what {
        Pending::Model(model) => format!("model {model}"),
        Pending::Tool(tool) => format!("tool {}", tool.name),
        Pending::Code(kind) => closure(*kind).to_owned(),
    }
}

#[cfg(test)]
mod tests;
