//! Sample runs: every status the fold reaches, with and without calls under way and steps in doubt.
//!
//! Every event in them has the id that the pinned samples name, so that a sample answers any of them.

use anyhow::{Context, Result};
use artana_core::event::{
    Body, CancelRequested, Cause, Closing, CompensationRegistered, Doubt, GenesisFields, HarnessWoke, Outcome, Paused,
    RunFinished, RunOutcome, RunStarted, TaskDefined, TasksDefined, ToolCompleted, Wait, WaitStarted,
};
use artana_core::{
    Draft, Event, Genesis, Head, KeyId, Ordinal, RunId, RunRef, RunState, Seq, Stamp, StepKey, TenantId, Timestamp,
    seal,
};

use crate::docs::samples::{NAMED, Sample, bodies};

/// What sets a run apart from others in its status, in words.
pub(super) type Facts = [&'static str; 6];

/// A step within a compensation.
pub(super) const INSIDE: &str = "undo/new";

/// A run, and what sets it apart.
pub(super) struct Past {
    pub(super) facts: Facts,
    pub(super) state: RunState,
}

/// What a run is stopped by, or waits for.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    Not,
    Suspended,
    Paused,
}

/// What is open in a run.
#[derive(Clone, Copy)]
struct Open {
    call: bool,
    doubt: bool,
    undo: bool,
    stop: Stop,
}

/// How a run is ending, or has ended.
#[derive(Clone, Copy)]
enum End {
    Open,
    Closing(Closing),
    Finished(RunOutcome),
}

const ENDS: [End; 6] = [
    End::Open,
    End::Closing(Closing::Failed),
    End::Closing(Closing::Cancelled),
    End::Finished(RunOutcome::Completed),
    End::Finished(RunOutcome::Failed),
    End::Finished(RunOutcome::Cancelled),
];

/// Every sample run that the fold accepts. Each has steps that were settled in every way the samples can.
///
/// # Errors
/// When the samples cannot start a run or put a step in doubt.
pub(super) fn pasts(samples: &[Sample]) -> Result<Vec<Past>> {
    let bodies = bodies(samples)?;
    let begun = begun(&bodies)?;
    let opening: Vec<&Body> = bodies.iter().filter(|body| opens(&begun, body)).collect();
    let mut pasts = fresh(&begun, &bodies)?;
    let settled = awake(waiting(settled(begun, &opening, &bodies)?)?, &bodies)?;
    for open in every_open() {
        let mut state = settled.clone();
        if open.doubt {
            put_in_doubt(&mut state, &bodies)?;
        }
        for body in opening.iter().filter(|_| open.call) {
            tell(&mut state, Some(&format!("under way/{}", body.kind())), (*body).clone())?;
        }
        if open.undo {
            registered(&mut state, &bodies)?;
        }
        stop(&mut state, open.stop)?;
        for end in ENDS {
            let mut state = state.clone();
            if bring_to(&mut state, end).is_ok() {
                pasts.push(Past { facts: facts(open, end), state });
            }
        }
    }
    Ok(pasts)
}

fn every_open() -> Vec<Open> {
    let mut all = Vec::new();
    for stop in [Stop::Not, Stop::Suspended, Stop::Paused] {
        for (call, doubt) in [(false, false), (false, true), (true, false), (true, true)] {
            all.extend([false, true].map(|undo| Open { call, doubt, undo, stop }));
        }
    }
    all
}

fn facts(open: Open, end: End) -> Facts {
    [
        if open.call { "a call is under way" } else { "nothing is under way" },
        if open.doubt { "a step is in doubt" } else { "no step is in doubt" },
        ending(end),
        if open.undo { "something is left to undo" } else { "nothing is left to undo" },
        match open.stop {
            Stop::Not => "",
            Stop::Suspended => "it is suspended",
            Stop::Paused => "it is paused",
        },
        "something was done in it",
    ]
}

/// A run in which nothing was done, and one that waits for a worker.
fn fresh(begun: &RunState, bodies: &[Body]) -> Result<Vec<Past>> {
    let open = Open { call: false, doubt: false, undo: false, stop: Stop::Not };
    let [call, doubt, end, undo, stop, _] = facts(open, End::Open);
    let facts = [call, doubt, end, undo, stop, "nothing was done in it"];
    let mut queued = begun.clone();
    let enqueued = bodies.iter().find(|body| matches!(body, Body::RunEnqueued(_)));
    tell(&mut queued, None, enqueued.context("every kind has a sample")?.clone())?;
    Ok([begun.clone(), queued].map(|state| Past { facts, state }).into())
}

/// Adds a timer that has not gone off.
fn waiting(mut state: RunState) -> Result<RunState> {
    tell(&mut state, Some("timer"), timer(Suspends::No))?;
    Ok(state)
}

/// Adds a compensation that has not run, and a child that has not ended and may have one.
fn registered(state: &mut RunState, bodies: &[Body]) -> Result<()> {
    tell(state, Some("undo"), CompensationRegistered { ordinal: Ordinal::new(101) })?;
    let child = bodies.iter().find(|body| matches!(body, Body::ChildStarted(_)));
    tell(state, Some("child"), child.context("every kind has a sample")?.clone())
}

/// Begins a session, in which a task waits that the samples begin with.
fn awake(mut state: RunState, bodies: &[Body]) -> Result<RunState> {
    for body in bodies {
        match body {
            Body::HarnessWoke(woke) => tell(&mut state, None, HarnessWoke { session: 1, ..woke.clone() })?,
            Body::TaskMoved(moved) => {
                let tasks = bodies.iter().find_map(|body| match body {
                    Body::TasksDefined(defined) => defined.tasks.first(),
                    _ => None,
                });
                let title = tasks.context("every kind has a sample")?.title;
                let tasks = vec![TaskDefined { id: moved.task.clone(), title }];
                tell(&mut state, None, TasksDefined { session: 1, tasks })?;
            }
            _ => {}
        }
    }
    Ok(state)
}

enum Suspends {
    Yes,
    No,
}

fn timer(suspends: Suspends) -> WaitStarted {
    let (ordinal, wait) = (Ordinal::new(102), Wait::Timer(Timestamp::default()));
    WaitStarted { given_up: Vec::new(), ordinal, suspends: matches!(suspends, Suspends::Yes), wait }
}

fn stop(state: &mut RunState, stop: Stop) -> Result<()> {
    match stop {
        Stop::Not => Ok(()),
        Stop::Suspended => tell(state, Some("timer"), timer(Suspends::Yes)),
        Stop::Paused => {
            let (block, by, metadata) = (None, None, None);
            tell(state, None, Paused { block, by, metadata, ordinal: None, reason: None, suspends: false })
        }
    }
}

/// Seals an event onto a run.
pub(super) fn sealed(state: &RunState, draft: Draft) -> Event {
    seal(state.run(), &state.head(), draft, Stamp { id: NAMED, at: Timestamp::default() })
}

fn tell(state: &mut RunState, step: Option<&str>, body: impl Into<Body>) -> Result<()> {
    let step = step.map(StepKey::parse).transpose()?;
    let event = sealed(state, Draft::new(step, body)?);
    state.apply(&event).with_context(|| format!("telling a sample run `{}`", event.kind()))
}

/// A run that has begun, with none but its first event.
///
/// # Errors
/// When there is no sample of its first event.
pub(super) fn begun(bodies: &[Body]) -> Result<RunState> {
    let run = RunRef::new(TenantId::parse("tenant")?, RunId::parse("run")?);
    let genesis = Genesis::root(run.clone(), KeyId::from_bytes([0; 32]));
    let head = Head { seq: Seq::ZERO, hash: genesis.hash() };
    let started = bodies.iter().find_map(|body| if let Body::RunStarted(body) = body { Some(body) } else { None });
    // The sample may be a fork's, which is folded after its parent.
    let started = started.context("a run has a start")?.clone();
    let started = RunStarted { genesis: GenesisFields::from(&genesis), ..started };
    let stamp = Stamp { id: NAMED, at: Timestamp::default() };
    let first = seal(&run, &head, Draft::new(None, started)?, stamp);
    Ok(RunState::start(&run, &first, None)?)
}

/// Whether an event puts a new step under way.
fn opens(begun: &RunState, body: &Body) -> bool {
    let mut state = begun.clone();
    tell(&mut state, Some("new"), body.clone()).is_ok() && state.view().pending > 0
}

/// Adds a step for each pair of events that begins and ends one.
fn settled(mut state: RunState, opening: &[&Body], bodies: &[Body]) -> Result<RunState> {
    for begin in opening {
        for end in bodies {
            let mut tried = state.clone();
            let step = format!("settled/{}/{}", begin.kind(), end.kind());
            tell(&mut tried, Some(&step), (*begin).clone())?;
            let ended = tell(&mut tried, Some(&step), end.clone()).is_ok() && tried.view().pending == 0;
            if ended && tried.view().unknown == 0 {
                state = tried;
            }
        }
    }
    Ok(state)
}

/// Adds a step of which nobody knows the outcome, and one of which somebody is finding it out.
fn put_in_doubt(state: &mut RunState, bodies: &[Body]) -> Result<()> {
    let find = |is: fn(&Body) -> bool| {
        let found = bodies.iter().find(|body| is(body)).cloned();
        found.context("every kind has a sample")
    };
    let request = find(|body| matches!(body, Body::ToolRequested(_)))?;
    let reconcile = find(|body| matches!(body, Body::ToolReconcileRequested(_)))?;
    let doubt = Outcome::Unknown(Doubt { cause: Cause::Timeout, error: None });
    for step in ["unknown", "reconciling"] {
        tell(state, Some(step), request.clone())?;
        tell(state, Some(step), ToolCompleted { elapsed_us: 0, outcome: doubt.clone(), request: NAMED.into() })?;
    }
    tell(state, Some("reconciling"), reconcile)
}

fn bring_to(state: &mut RunState, end: End) -> Result<()> {
    let mut close = |closing| tell(state, None, CancelRequested { closing, by: None, reason: None });
    match end {
        End::Open => return Ok(()),
        End::Closing(closing) => return close(closing),
        End::Finished(RunOutcome::Completed) => {}
        End::Finished(RunOutcome::Failed) => close(Closing::Failed)?,
        End::Finished(RunOutcome::Cancelled) => close(Closing::Cancelled)?,
    }
    let End::Finished(outcome) = end else { return Ok(()) };
    tell(state, None, RunFinished { outcome, output: None })
}

fn ending(end: End) -> &'static str {
    match end {
        End::Closing(Closing::Failed) => "it is closing as failed",
        End::Closing(Closing::Cancelled) => "it is closing as cancelled",
        End::Open | End::Finished(_) => "",
    }
}
