//! Sample runs: every status the fold reaches, with and without calls under way and steps in doubt.
//!
//! Every event in them has the id that the pinned samples name, so that a sample answers any of them.

use anyhow::{Context, Result};
use artana_core::event::{
    Body, CancelRequested, Cause, Closing, Doubt, GenesisFields, Outcome, RunFinished, RunOutcome, RunStarted,
    ToolCompleted,
};
use artana_core::{
    Draft, Event, Genesis, Head, KeyId, RunId, RunRef, RunState, Seq, Stamp, StepKey, TenantId, Timestamp, seal,
};

use crate::docs::samples::{NAMED, Sample, bodies};

/// What sets a run apart from others in its status, in words.
pub(super) type Facts = [&'static str; 3];

/// A run, and what sets it apart.
pub(super) struct Past {
    pub(super) facts: Facts,
    pub(super) state: RunState,
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
    let settled = settled(begun, &opening, &bodies)?;
    let mut pasts = Vec::new();
    for call in [false, true] {
        for doubt in [false, true] {
            for end in ENDS {
                let mut state = settled.clone();
                if doubt {
                    put_in_doubt(&mut state, &bodies)?;
                }
                for body in opening.iter().filter(|_| call) {
                    tell(&mut state, Some(&format!("under way/{}", body.kind())), (*body).clone())?;
                }
                let facts = [
                    if call { "a call is under way" } else { "nothing is under way" },
                    if doubt { "a step is in doubt" } else { "no step is in doubt" },
                    ending(end),
                ];
                if bring_to(&mut state, end).is_ok() {
                    pasts.push(Past { facts, state });
                }
            }
        }
    }
    Ok(pasts)
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

fn begun(bodies: &[Body]) -> Result<RunState> {
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
