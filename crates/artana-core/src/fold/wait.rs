//! Steps that wait for something from outside the run's code, or stand ready to undo it: timers, pauses, children,
//! compensations. Each begins with one event and ends with another. Knows no other step and no run.

use super::FoldError;
use crate::{
    Actor, ContentRef, Event, EventId, RunId, Seq, StepKey, Timestamp,
    cycle::IllegalTransition,
    event::{Body, ChildOutcome, CodeKind, Outcome, StepCompleted, Wait},
};

/// A wait for an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerStep {
    /// Where its first event is recorded, in the run that holds it.
    pub first: Seq,
    /// The event that began it.
    pub wait: EventId,
    /// The instant.
    pub due: Timestamp,
    /// Where it is recorded that the instant has come.
    pub fired: Option<Seq>,
}

/// A wait for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseStep {
    /// Where its first event is recorded, in the run that holds it.
    pub first: Seq,
    /// The event that began it, by which it is lifted.
    pub pause: EventId,
    /// Why, in words.
    pub reason: Option<ContentRef>,
    /// What came of it.
    pub resumed: Option<Resumption>,
}

/// How a pause was lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumption {
    /// Where that is recorded.
    pub at: Seq,
    /// By whom.
    pub by: Actor,
    /// What they had to say, in canonical JSON.
    pub input: Option<ContentRef>,
}

/// A run that does part of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildStep {
    /// Where its first event is recorded, in the run that holds it.
    pub first: Seq,
    /// The other run.
    pub run: RunId,
    /// How it ended, and where that is recorded.
    pub ended: Option<(Seq, ChildOutcome)>,
}

/// What undoes part of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackStep {
    /// Where it was registered, in the run that holds it.
    pub first: Seq,
    /// What came of it, and where that is recorded.
    pub ended: Option<(Seq, Outcome)>,
}

type Next<T> = Result<Option<T>, FoldError>;

fn illegal<T>(key: &StepKey, state: &'static str, event: &Event) -> Next<T> {
    let source = IllegalTransition { state, event: event.body().kind() };
    Err(FoldError::Step { step: key.clone(), source })
}

pub(super) fn next_timer(last: Option<&TimerStep>, key: &StepKey, event: &Event) -> Next<TimerStep> {
    match (last, event.body()) {
        (None, Body::WaitStarted(begun)) => {
            let Wait::Timer(due) = begun.wait else { return illegal(key, "absent", event) };
            Ok(Some(TimerStep { first: event.seq(), wait: event.id(), due, fired: None }))
        }
        // Whoever drives the run leaves it once more, and the timer still runs.
        (Some(last), Body::WaitStarted(begun)) if last.fired.is_none() && begun.wait == Wait::Timer(last.due) => {
            Ok(None)
        }
        (Some(last), Body::TimerFired(fired)) if last.fired.is_none() && fired.wait == last.wait => {
            Ok(Some(TimerStep { fired: Some(event.seq()), ..last.clone() }))
        }
        (last, _) => illegal(key, last.map_or("absent", TimerStep::state), event),
    }
}

pub(super) fn next_pause(last: Option<&PauseStep>, key: &StepKey, event: &Event) -> Next<PauseStep> {
    match (last, event.body()) {
        (None, Body::Paused(paused)) => {
            let (pause, reason) = (event.id(), paused.reason);
            Ok(Some(PauseStep { first: event.seq(), pause, reason, resumed: None }))
        }
        (Some(last), Body::Resumed(resumed)) if last.resumed.is_none() && resumed.pause == last.pause => {
            let resumption = Resumption { at: event.seq(), by: resumed.by.clone(), input: resumed.input };
            Ok(Some(PauseStep { resumed: Some(resumption), ..last.clone() }))
        }
        // What somebody said could not be read, and they are asked once more.
        (Some(last), Body::Paused(paused)) if last.resumed.is_some() => {
            let (pause, reason) = (event.id(), paused.reason);
            Ok(Some(PauseStep { pause, reason, resumed: None, ..last.clone() }))
        }
        (last, _) => illegal(key, last.map_or("absent", PauseStep::state), event),
    }
}

pub(super) fn next_child(last: Option<&ChildStep>, key: &StepKey, event: &Event) -> Next<ChildStep> {
    match (last, event.body()) {
        (None, Body::ChildStarted(started)) => {
            Ok(Some(ChildStep { first: event.seq(), run: started.run.clone(), ended: None }))
        }
        (Some(last), Body::ChildFinished(ended)) if last.ended.is_none() && ended.run == last.run => {
            Ok(Some(ChildStep { ended: Some((event.seq(), ended.outcome.clone())), ..last.clone() }))
        }
        (last, _) => illegal(key, last.map_or("absent", ChildStep::state), event),
    }
}

pub(super) fn next_rollback(last: Option<&RollbackStep>, key: &StepKey, event: &Event) -> Next<RollbackStep> {
    match (last, event.body()) {
        (None, Body::CompensationRegistered(_)) => Ok(Some(RollbackStep { first: event.seq(), ended: None })),
        (Some(last), Body::StepCompleted(done)) if last.ended.is_none() && ends_rollback(done) => {
            Ok(Some(RollbackStep { ended: Some((event.seq(), done.outcome.clone())), ..last.clone() }))
        }
        (last, _) => illegal(key, last.map_or("absent", RollbackStep::state), event),
    }
}

/// It is not requested, and whoever carries it out tries it again within.
fn ends_rollback(done: &StepCompleted) -> bool {
    done.kind == CodeKind::Rollback && done.request.is_none() && !done.again
}

impl TimerStep {
    pub(super) fn state(&self) -> &'static str {
        if self.fired.is_some() { "fired" } else { "waiting" }
    }
}

impl PauseStep {
    pub(super) fn state(&self) -> &'static str {
        if self.resumed.is_some() { "resumed" } else { "paused" }
    }
}

impl ChildStep {
    pub(super) fn state(&self) -> &'static str {
        match &self.ended {
            None => "started",
            Some((_, ChildOutcome::Completed(_))) => "completed",
            Some((_, ChildOutcome::Failed(_))) => "failed",
            Some((_, ChildOutcome::Cancelled)) => "cancelled",
        }
    }
}

impl RollbackStep {
    pub(super) fn state(&self) -> &'static str {
        match &self.ended {
            None => "registered",
            Some((_, Outcome::Succeeded(_))) => "undone",
            Some((_, Outcome::Failed(_) | Outcome::Unknown(_))) => "failed",
        }
    }
}
