//! How a workflow ends: with what it returned, or by undoing what it registered and then failing or being cancelled.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use artana_core::{
    ContentRef, ContentType, Ordinal, RequestId, RunState, Seq, Status, StepKey,
    cycle::ToolCycle,
    decide::Refused,
    event::{
        CancelRequested, Cause, Closing, CodeKind, FailureCategory, Outcome, RunFinished, RunOutcome, StepCompleted,
        Success, ToolFailure,
    },
};

use super::{
    End, Failure, MAX_AT_ONCE, Suspended, Ticket,
    driver::Driver,
    rollback::{Rollback, Undo},
    waits,
};
use crate::{
    Error, Run,
    code::text_of,
    control,
    drive::Driven,
    journal::{Facts, Plan},
    perform::micros,
};

/// Answers for a run that has ended; `None` for one that has not.
pub(super) async fn ended(run: &Run) -> Result<Option<End>, Error> {
    let (finished, output, reason) =
        run.journal.with_state(|state| (state.finished(), state.output().copied(), state.closing_reason().copied()));
    let name = run.name().clone();
    match finished {
        None => Ok(None),
        Some(RunOutcome::Completed) => Ok(Some(End::Completed(match output {
            Some(output) => words(run, &output).await?,
            // It was ended by hand.
            None => b"null".to_vec(),
        }))),
        Some(RunOutcome::Failed) => {
            let message = match reason {
                Some(reason) => String::from_utf8_lossy(&words(run, &reason).await?).into_owned(),
                None => String::new(),
            };
            Err(Error::WorkflowFailed { run: name, message })
        }
        Some(RunOutcome::Cancelled) => Err(Error::Ended { run: name, status: Status::Cancelled }),
    }
}

async fn words(run: &Run, wanted: &ContentRef) -> Result<Vec<u8>, Error> {
    let bytes = run.journal.read_content(wanted, Seq::ZERO).await?;
    bytes.ok_or_else(|| Error::Said { run: run.name().clone(), problem: "it was erased".into() })
}

/// Ends a run with what its code returned.
pub(super) async fn finish(driver: &mut Driver, returned: Result<Vec<u8>, Failure>) -> Result<End, Error> {
    let bytes = match returned {
        Ok(bytes) => bytes,
        Err(failure) => return failed(driver, failure).await,
    };
    loop {
        complete(driver, &bytes).await?;
        if driver.state(|state| state.closing().is_some()) {
            return give_up(driver).await;
        }
        // Somebody paused the run before it could end; it ends when it goes on.
        let paused = driver.state(|state| {
            let (id, pause) = state.pauses().iter().next()?;
            Some(Ticket { run: state.run().clone(), id: *id, step: pause.step.clone() })
        });
        if let Some(ticket) = paused {
            if driver.drive.is_held() {
                waits::release(driver).await?;
            }
            return Ok(End::Suspended(Suspended::Paused(ticket)));
        }
        if let Some(end) = ended(&driver.run).await? {
            return Ok(end);
        }
        // What a race gave up is in doubt since its process died, and somebody has to find out.
        if let Some((ordinal, doubt)) = driver.state(doubt)
            && leaves_in_doubt(driver, ordinal, &doubt).await?
        {
            return Err(doubt);
        }
    }
}

/// Completes a run, or records what became of calls that a race gave up and whose process is gone.
async fn complete(driver: &mut Driver, bytes: &[u8]) -> Result<(), Error> {
    let lost = control::lost_calls(&driver.run.journal).await?;
    let (output, content) = driver.run.journal.content(ContentType::Json, bytes.to_vec());
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        if state.is_closing() || !state.pauses().is_empty() {
            return Ok(Plan::default());
        }
        let (plan, mut open) = (without_lost(state, facts, &lost)?, control::open_steps(state));
        open.retain(|key| state.model_step(key).is_none() || !lost.iter().any(|(lost, _)| lost == key));
        if open.is_empty() {
            let finished = RunFinished { outcome: RunOutcome::Completed, output: Some(output) };
            return Ok(plan.event(facts.id(), None, finished)?.content([content.clone()]).release());
        }
        if plan.is_empty() && doubt(state).is_none() {
            return Err(Error::Unfinished { run: state.run().clone(), steps: open });
        }
        Ok(plan)
    };
    driver.append(decide).await.map(drop)
}

/// Records what became of calls that nobody waits for, and whose process is gone.
pub(super) fn without_lost(state: &RunState, facts: &Facts<'_>, lost: &[(StepKey, RequestId)]) -> Result<Plan, Error> {
    let still = lost.iter().take(MAX_AT_ONCE).filter_map(|(key, request)| {
        let step = state.step(key).filter(|step| step.is_pending() && step.request() == Some(*request))?;
        Some((key, control::lost_outcome(step, *request)))
    });
    still.into_iter().try_fold(Plan::default(), |plan, (key, lost)| plan.event(facts.id(), Some(key), lost))
}

/// Finds a step whose effect is in doubt, and the place at which it was asked.
pub(super) fn doubt(state: &RunState) -> Option<(Ordinal, Error)> {
    state.steps().find_map(|(key, step)| {
        let (request, cause) = match step.effect()? {
            ToolCycle::Unknown(attempt, doubt) => (attempt.request, doubt.cause),
            ToolCycle::Reconciling(attempt, _) => (attempt.request, Cause::OwnerLost),
            _ => return None,
        };
        let mut asked = state.program().asks_from(Ordinal::new(0));
        let at = asked.find_map(|(at, asked)| (asked.name.as_deref() == Some(key.as_str())).then_some(at));
        let refused = Refused::NeedsReconciliation { request, cause };
        Some((at.unwrap_or_default(), control::refused(state.run(), key, refused)))
    })
}

/// Fails a run. What the kernel itself could not do says nothing about the workflow.
async fn failed(driver: &mut Driver, failure: Failure) -> Result<End, Error> {
    let message = match failure.into_cause() {
        Ok(error) if error.is_answer() => error.to_string(),
        Ok(error) => return Err(error),
        Err(failure) => failure.message().to_owned(),
    };
    let (reason, content) = text_of(&driver.run.journal, &message);
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        if state.is_closing() {
            return Ok(Plan::default());
        }
        let asked = CancelRequested { closing: Closing::Failed, by: None, reason: Some(reason) };
        Ok(Plan::default().event(facts.id(), None, asked)?.content([content.clone()]))
    };
    driver.append(decide).await?;
    give_up(driver).await
}

/// Undoes what was registered, the last first, and ends the run as what it is closing as.
pub(super) async fn give_up(driver: &mut Driver) -> Result<End, Error> {
    driver.settle().await?;
    let mut registered = driver.machine.undo();
    while let Some((key, ordinal, undo)) = registered.pop() {
        if driver.state(|state| state.rollbacks().any(|open| *open == key)) {
            undone(driver, (key, ordinal), undo).await?;
        }
    }
    // What a race gave up may have been under way in a process that is gone.
    let lost = control::lost_calls(&driver.run.journal).await?;
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let Some(closing) = state.closing() else { return Ok(Plan::default()) };
        let plan = without_lost(state, facts, &lost)?;
        let finished = RunFinished { outcome: closing.into(), output: None };
        Ok(plan.event(facts.id(), None, finished)?.release())
    };
    driver.append(decide).await?;
    ended(&driver.run).await?.ok_or_else(|| Error::Internal("a run's end was not recorded".into()))
}

async fn undone(driver: &mut Driver, (key, ordinal): (StepKey, Ordinal), undo: Undo) -> Result<(), Error> {
    let journal = Arc::clone(&driver.run.journal);
    let started = journal.shared.clock.elapsed();
    let driven = Driven { undoes: true, ..Driven::by(&driver.drive) };
    let cx = Rollback { run: driver.run.driven(driven), scope: key.clone() };
    let undone = caught(undo, cx).await;
    if let Some(error) = driver.drive.take_held() {
        leaves_in_doubt(driver, ordinal, &error).await?;
        return Err(error);
    }
    let (outcome, content) = match undone {
        Ok(()) => {
            let (result, content) = journal.content(ContentType::Json, b"null".to_vec());
            (Outcome::Succeeded(Success { effect_id: None, rejected: None, result }), content)
        }
        Err(failure) => {
            let message = match failure.into_cause() {
                Ok(error) if error.ends_undoing() => error.to_string(),
                Ok(error) => {
                    leaves_in_doubt(driver, ordinal, &error).await?;
                    return Err(error);
                }
                Err(failure) => failure.message().to_owned(),
            };
            let (error, content) = text_of(&journal, &message);
            (Outcome::Failed(ToolFailure { category: FailureCategory::Permanent, error }), content)
        }
    };
    let elapsed_us = micros(journal.shared.clock.elapsed().saturating_sub(started));
    let kind = CodeKind::Rollback;
    let done = StepCompleted { again: false, elapsed_us, kind, ordinal: None, outcome, request: None };
    let decide = move |_: &RunState, facts: &Facts<'_>| {
        Ok(Plan::default().event(facts.id(), Some(&key), done.clone())?.content([content.clone()]))
    };
    driver.append(decide).await.map(drop)
}

async fn caught(undo: Undo, cx: Rollback) -> Result<(), Failure> {
    let panicked = || Err(Failure::new("the compensation panicked"));
    let Ok(undoing) = catch_unwind(AssertUnwindSafe(|| undo(cx))) else { return panicked() };
    let mut undoing = pin!(undoing);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| undoing.as_mut().poll(cx))) {
        Ok(polled) => polled,
        Err(_) => Poll::Ready(panicked()),
    })
    .await
}

/// Leaves a run in which something is in doubt, until somebody clears the doubt. Returns whether it did: somebody may
/// have cleared it meanwhile, and then there is nothing to wait for.
async fn leaves_in_doubt(driver: &mut Driver, ordinal: Ordinal, error: &Error) -> Result<bool, Error> {
    let (Error::ReconciliationRequired { step, .. } | Error::NeedsOperator { step, .. }) = error else {
        return Ok(false);
    };
    let Some(wait) = waits::doubted(error) else { return Ok(false) };
    let (step, begun) = (step.clone(), waits::left_for(ordinal, wait));
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        if state.step(&step).is_some_and(|step| step.answered().is_some()) {
            return Ok(Plan::default());
        }
        if state.is_suspended() {
            return Ok(Plan::default().release());
        }
        Ok(Plan::default().event(facts.id(), Some(&step), begun.clone())?.release())
    };
    driver.append(decide).await?;
    Ok(driver.state(RunState::is_suspended))
}
