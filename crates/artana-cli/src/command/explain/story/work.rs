//! What was done of work that takes many sessions, and where a process died, in sentences.

use artana_core::{
    Name,
    explain::{Lived, Work},
};

use super::NAMED;
use crate::{text::short_time, words::count};

pub(super) fn of(work: &Work) -> Vec<String> {
    let mut sentences = Vec::new();
    let total = (work.done.len() + work.in_progress.iter().count() + work.pending.len()) as u64;
    if total > 0 {
        sentences.push(tasks(work, total));
    }
    if work.sessions > 0 {
        sentences.push(format!("Worked on in {}.", count(work.sessions, "session")));
    }
    let earlier = work.died.len().saturating_sub(NAMED);
    if earlier > 0 {
        sentences.push(format!("{} before these did not end either.", count(earlier as u64, "session")));
    }
    sentences.extend(work.died.iter().skip(earlier).map(died));
    sentences.extend(work.awake.iter().map(awake));
    sentences
}

fn tasks(work: &Work, total: u64) -> String {
    let named = |what: &str, names: &[Name]| {
        let more = names.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let names: Vec<&str> = names.iter().take(NAMED).map(Name::as_str).collect();
        (!names.is_empty()).then(|| format!("{what} {}{more}", names.join(", ")))
    };
    let at = work.in_progress.as_ref().map(|task| format!("in progress {task}"));
    let parts = [named("done", &work.done), at, named("open", &work.pending)];
    format!("{}: {}.", count(total, "task"), parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

fn died(lived: &Lived) -> String {
    let Lived { session, process, .. } = lived;
    format!("Session {session} did not end: process {process} died, or dropped it, {}.", place(lived))
}

fn awake(lived: &Lived) -> String {
    let Lived { session, process, .. } = lived;
    format!(
        "Session {session} has not ended: process {process}, which counts as alive, was last heard of {}.",
        place(lived)
    )
}

fn place(lived: &Lived) -> String {
    let task = lived.task.as_ref().map(|task| format!("in task {task}"));
    let step = lived.step.as_ref().map(|step| format!("at step {step}"));
    let none = (task.is_none() && step.is_none()).then(|| "before it did anything".to_owned());
    let parts = [task, step, none].into_iter().flatten().collect::<Vec<_>>().join(", ");
    format!("{parts}, at {}", short_time(lived.at))
}
