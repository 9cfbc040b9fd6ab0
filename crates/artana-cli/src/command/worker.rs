//! `worker`: drives runs that are due with the code of the program it is in, until the program is asked to end. What
//! it is at goes to standard error: a line that changes on a terminal, lines elsewhere.

use std::{pin::pin, time::Duration};

use artana_kernel::{Kernel, Worker, WorkerStats, terminated};
use indicatif::{ProgressBar, ProgressStyle};

use super::Context;
use crate::{
    args::WorkArgs,
    failure::Failure,
    filter,
    look::{Format, live},
    out::note,
    row::Row,
    text::json_line,
};

/// How often a line on a terminal is drawn again.
const DRAWN: Duration = Duration::from_millis(100);
/// How often what has changed is said in a log.
const LOGGED: Duration = Duration::from_secs(1);

/// Says what a program needs that is to be a worker.
pub(crate) fn needs_code() -> Failure {
    Failure::usage("a worker drives runs with their code, and this program has registered none")
        .next("in a program of your own: kernel.register(\"greet\", |cx: WorkflowContext, name: String| async move { .. })?")
        .next("hand its kernel to artana_cli::main(kernel).await, and start it with: YOUR-PROGRAM worker")
        .next("docs/guide/workers.md shows such a program whole")
}

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It left its runs to others.
    Drained,
    /// It left them as a crash would, with steps under way that nobody waits for.
    Cut,
}

pub(crate) async fn perform(cx: &mut Context, args: &WorkArgs) -> Result<Ended, Failure> {
    if cx.kernel.registered().is_empty() {
        return Err(needs_code());
    }
    let worker = worker(&cx.kernel, args)?;
    let view = View::new(if cx.out.is_json() { Format::Json } else { Format::Text });
    view.say("begins", &format!("takes runs of {}", queues(&cx.kernel, args).join(", ")), &worker.stats());
    let worked = watched(&worker, &view).await;
    view.close();
    let stats = worker.stats();
    let Some(worked) = worked else {
        note("asked to end once more: what was under way is left as a crash would leave it");
        return Ok(Ended::Cut);
    };
    worked?;
    cx.out.record(&row(Row::default(), &stats));
    Ok(Ended::Drained)
}

fn worker(kernel: &Kernel, args: &WorkArgs) -> Result<Worker, Failure> {
    let poll = filter::duration("--poll", &args.poll)?;
    if poll.is_zero() {
        return Err(Failure::usage("--poll takes a duration of more than nothing, such as 250ms"));
    }
    let worker = Worker::new(kernel).concurrency(args.concurrency).park_after(args.park_after).poll(poll);
    let worker = args.per_queue.iter().fold(worker, |worker, (queue, runs)| worker.per_queue(queue, *runs));
    let worker = worker.queues(args.queues.iter());
    Ok(match args.per_tenant {
        Some(runs) => worker.per_tenant(runs),
        None => worker,
    })
}

fn queues(kernel: &Kernel, args: &WorkArgs) -> Vec<String> {
    if args.queues.is_empty() {
        kernel.registered().iter().map(ToString::to_string).collect()
    } else {
        args.queues.clone()
    }
}

/// Works until it is asked to end, and drains; `None` when it is asked once more before it has.
async fn watched(worker: &Worker, view: &View) -> Option<Result<(), artana_kernel::Error>> {
    let mut work = pin!(worker.run_until(terminated()));
    let mut again = pin!(twice());
    let mut last = worker.stats();
    loop {
        tokio::select! {
            biased;
            worked = &mut work => return Some(worked),
            () = &mut again => return None,
            () = tokio::time::sleep(view.pause()) => {}
        }
        let now = worker.stats();
        if now != last {
            if now.draining && !last.draining {
                view.say("drains", "drains: takes nothing new, and lets the steps under way end", &now);
            } else {
                view.show(&now);
            }
            last = now;
        }
    }
}

/// Waits until the process is asked to end although it has been asked before.
async fn twice() {
    terminated().await;
    terminated().await;
}

/// Where a worker says what it is at.
enum View {
    Live(ProgressBar),
    Log,
    Json,
}

impl View {
    fn new(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            _ if !live() => Self::Log,
            _ => {
                let bar = ProgressBar::new_spinner();
                bar.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("the template is fit"));
                bar.enable_steady_tick(DRAWN);
                Self::Live(bar)
            }
        }
    }

    fn pause(&self) -> Duration {
        if matches!(self, Self::Live(_)) { DRAWN } else { LOGGED }
    }

    /// Says once what it does now.
    fn say(&self, event: &'static str, text: &str, stats: &WorkerStats) {
        match self {
            Self::Live(bar) => bar.suspend(|| note(text)),
            Self::Log => note(&format!("worker {text}")),
            Self::Json => note(&json_line(&row(Row::default().with("event", event), stats))),
        }
        if matches!(self, Self::Live(_)) {
            self.show(stats);
        }
    }

    fn show(&self, stats: &WorkerStats) {
        match self {
            Self::Live(bar) => bar.set_message(line(stats)),
            Self::Log => note(&format!("worker {}", line(stats))),
            Self::Json => note(&json_line(&row(Row::default().with("event", "works"), stats))),
        }
    }

    fn close(&self) {
        if let Self::Live(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn line(stats: &WorkerStats) -> String {
    let WorkerStats { driving, ended, failed, left, parked, resting, .. } = *stats;
    let rest = if resting > 0 { format!(", {resting} to be tried again") } else { String::new() };
    let drains = if stats.draining { ", draining" } else { "" };
    format!("driving {driving}, ended {ended} ({failed} failed), left {left} to wait, parked {parked}{rest}{drains}")
}

fn row(row: Row, stats: &WorkerStats) -> Row {
    row.with("driving", stats.driving)
        .with("resting", stats.resting)
        .with("taken", stats.taken)
        .with("taken_over", stats.taken_over)
        .with("ended", stats.ended)
        .with("failed", stats.failed)
        .with("left", stats.left)
        .with("errors", stats.errors)
        .with("parked", stats.parked)
}
