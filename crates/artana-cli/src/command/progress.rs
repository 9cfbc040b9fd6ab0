//! `run progress`: how far a run's work has come, once or whenever that has changed, until the run ends. It reads, and
//! decides nothing.

use std::time::Duration;

use artana_core::{RunState, Seq, Status, Step, TaskState, Timestamp, Work, explain::Blocker, progress::Progress};
use artana_kernel::{Error, Run};
use artana_ports::{Clock, SystemClock};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use serde_json::json;

use super::Context;
use crate::{
    args::ProgressArgs,
    failure::{Exit, Failure},
    look::live,
    out::Out,
    row::Row,
    waiting,
};

/// How wide a bar is, in characters.
const WIDTH: u64 = 20;
/// How often a bar on a terminal is drawn again.
const DRAWN: Duration = Duration::from_millis(100);

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    head: Seq,
    progress: Progress,
    /// How many steps were begun, and how many of them have what they were asked for.
    steps: u64,
    steps_done: u64,
    /// What it waits for, as words and as sentences.
    waits: Vec<(&'static str, String)>,
    needs_human: bool,
}

pub(super) async fn perform(cx: &mut Context, args: &ProgressArgs) -> Result<Exit, Failure> {
    let run = cx.open(&args.run).await?;
    let seen = if args.follow { follow(&mut cx.out, &run).await } else { look(&run).await };
    let mut seen = seen.map_err(|error| cx.explain(&args.run, error))?;
    if seen.progress.eta.is_some() && is_abandoned(cx, &args.run).await? {
        seen.progress.eta = None;
    }
    if cx.out.is_person() {
        cx.out.record(&row(&run, &seen));
    } else if !args.follow {
        cx.out.row(&row(&run, &seen));
    }
    Ok(match seen.progress.status {
        _ if seen.needs_human => Exit::NeedsHuman,
        Status::Failed => Exit::Invalid,
        _ => Exit::Fine,
    })
}

async fn look(run: &Run) -> Result<Seen, Error> {
    let at = |state: &RunState| {
        let steps = || state.steps().filter(|(_, step)| !matches!(step, Step::Rollback(_)));
        let done = steps().filter(|(_, step)| step.answered().is_some()).count() as u64;
        let in_doubt = state.steps().any(|(_, step)| step.is_unknown());
        let needs_human = in_doubt || state.status() == Status::Paused;
        let late = is_late(state.work(), SystemClock.now());
        ((state.head().seq, late), steps().count() as u64, done, waiting::all(state), needs_human)
    };
    let ((head, late), steps, steps_done, waits, needs_human) = run.latest(at).await?;
    // It may be newer than the rest, which is then looked at once more.
    let mut progress = run.progress().await?;
    let stopped = waits.iter().any(|(word, _)| !matches!(*word, "timer" | "child" | "queued"));
    if late || stopped {
        progress.eta = None;
    }
    Ok(Seen { head, progress, steps, steps_done, waits, needs_human })
}

/// Returns whether a task takes more than twice as long as any before: what is left cannot be reckoned from those.
fn is_late(work: &Work, now: Timestamp) -> bool {
    let took = work.tasks().filter_map(|(_, task)| match &task.state {
        TaskState::Done { at, since, .. } => Some(at.since(*since)),
        _ => None,
    });
    let longest = took.max().unwrap_or_default();
    work.tasks().any(|(_, task)| match &task.state {
        TaskState::InProgress { since, .. } => now.since(*since) > longest.saturating_mul(2),
        _ => false,
    })
}

/// Returns whether the process at one of the run's steps is gone. What is left then takes as long as it takes until
/// somebody goes on.
async fn is_abandoned(cx: &Context, id: &str) -> Result<bool, Failure> {
    let explained = cx.kernel.explain(&cx.tenant, id).await.map_err(|error| cx.explain(id, error))?;
    let blockers = explained.explanation.map(|explanation| explanation.blockers).unwrap_or_default();
    Ok(blockers.iter().any(|blocker| matches!(blocker, Blocker::Orphaned { .. } | Blocker::InDoubt { .. })))
}

/// Shows each change until the run ends or nobody reads any more, and returns what was seen last. Whoever watches a
/// terminal sees a bar, and the end of it as an answer.
async fn follow(out: &mut Out, run: &Run) -> Result<Seen, Error> {
    let bar = (out.is_person() && live()).then(bar);
    let mut last: Option<Seen> = None;
    loop {
        let seen = look(run).await?;
        if !last.as_ref().is_some_and(|last| says_the_same(last, &seen)) {
            match &bar {
                Some(bar) => draw(bar, &seen),
                None if out.is_person() => out.line(line(&seen)),
                None => out.row(&row(run, &seen)),
            }
            out.flush();
        }
        if seen.progress.status.is_finished() || !out.is_open() {
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            return Ok(seen);
        }
        run.follow(seen.head).next().await?;
        last = Some(seen);
    }
}

/// That an event came, or that time goes by, is no progress alone.
fn says_the_same(a: &Seen, b: &Seen) -> bool {
    let timeless = |seen: &Seen| {
        let mut seen = seen.clone();
        (seen.head, seen.progress.eta) = (Seq::ZERO, None);
        seen
    };
    timeless(a) == timeless(b)
}

fn row(run: &Run, seen: &Seen) -> Row {
    let progress = &seen.progress;
    let has_tasks = progress.total > 0;
    let names: Vec<&str> = progress.completed.iter().map(|name| name.as_str()).collect();
    let eta = progress.eta.map(|eta| u64::try_from(eta.as_micros()).unwrap_or(u64::MAX));
    Row::default()
        .with("run", run.id())
        .with("status", progress.status.as_str())
        .or_shown("percent", progress.percent(), drawn(progress))
        .or_shown("done", has_tasks.then_some(progress.done), "")
        .or_shown("total", has_tasks.then_some(progress.total), "")
        .with("current", progress.current.as_ref().map(|name| name.as_str()))
        .or_shown("completed", json!(names), names.join(", "))
        .with("round", progress.round)
        .or_shown("eta_us", eta, progress.eta.map_or(String::new(), |eta| HumanDuration(eta).to_string()))
        .or_shown("steps", seen.steps, steps(seen))
        .or_shown("steps_done", seen.steps_done, "")
        .or_shown("waits_for", json!(words(seen)), sentences(seen))
}

fn words(seen: &Seen) -> Vec<&'static str> {
    seen.waits.iter().map(|(word, _)| *word).collect()
}

fn sentences(seen: &Seen) -> String {
    seen.waits.iter().map(|(_, sentence)| sentence.as_str()).collect::<Vec<_>>().join(" ")
}

/// Draws the tasks that are done among all of them; nothing where there are none.
fn drawn(progress: &Progress) -> String {
    let Some(percent) = progress.percent() else { return String::new() };
    let filled = u64::from(percent) * WIDTH / 100;
    let part = |sign: &str, times: u64| sign.repeat(usize::try_from(times).unwrap_or(0));
    let bar = part("█", filled) + &part("░", WIDTH - filled);
    format!("{bar} {percent}%, {} of {} tasks done", progress.done, progress.total)
}

/// How many steps there will be nobody knows.
fn steps(seen: &Seen) -> String {
    format!("{} begun, {} of them done", seen.steps, seen.steps_done)
}

/// Says in a line how far it has come.
fn line(seen: &Seen) -> String {
    let progress = &seen.progress;
    let steps = || format!("steps: {}", steps(seen));
    let drawn = Some(drawn(progress)).filter(|drawn| !drawn.is_empty()).unwrap_or_else(steps);
    let current = progress.current.as_ref().map(|name| format!("at {name}"));
    let eta = progress.eta.filter(|_| progress.done < progress.total).map(|eta| format!("{} left", HumanDuration(eta)));
    let waits = (!seen.waits.is_empty()).then(|| sentences(seen));
    let parts = [Some(progress.status.to_string()), Some(drawn), current, eta, waits];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(DRAWN);
    bar
}

fn draw(bar: &ProgressBar, seen: &Seen) {
    let progress = &seen.progress;
    let current = progress.current.as_ref().map_or(String::new(), |name| format!("at {name}  "));
    let template = if progress.total > 0 {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        "{spinner} {bar:20} {percent}% {pos}/{len} tasks  {msg}"
    } else {
        "{spinner} {msg}"
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is fit"));
    let message = match progress.total {
        0 => line(seen),
        _ => format!("{current}{}", sentences(seen)),
    };
    bar.set_message(message);
}
