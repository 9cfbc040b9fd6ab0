//! Answers a model ask: from the ledger if it can, otherwise by naming the one thing to do.
//! A decision that is neither a replay nor a first execution is taken again after reading the tail.

use std::{collections::BTreeSet, sync::Arc};

use super::{ModelFailed, drift, fork, perform, prepare::Prepared, reply::Told, stream::Listener, tools, words};
use crate::{
    Error, Run,
    drive::Driven,
    invoke::wait_for_flight,
    journal::{Capacity, Facts, Journal, Plan},
};
use artana_core::{
    ContentType, Digest, IncarnationId, RequestId, RunState, StepKey,
    ask::Field,
    cycle::Settled,
    decide::{self, ForkPoint, ModelDecision, OwnerLife, Refused, Tie, decide_model, model_owner_lost},
    drift::Drift,
    event::{Answer, DriftReplayed, ModelFailure},
    json,
};

/// What a decision comes to, without borrowing the state it was taken on.
enum Next {
    Completed(Box<Settled<Answer>>),
    Failed(Box<Settled<ModelFailure>>),
    Drifted { settled: Box<Settled<Answer>>, fields: BTreeSet<Field>, is_new: bool },
    Fork { at: ForkPoint, fields: BTreeSet<Field> },
    InFlight { owner: IncarnationId, here: bool },
    CloseLost(RequestId),
    Go,
    Refused(Refused),
}

fn next(state: &RunState, prepared: &Prepared, life: OwnerLife) -> Next {
    match decide_model(state, &prepared.ask, prepared.replay(), life) {
        Ok(ModelDecision::Replay(decide::Told::Completed(settled))) => Next::Completed(Box::new(settled.clone())),
        Ok(ModelDecision::Replay(decide::Told::Failed(settled))) => Next::Failed(Box::new(settled.clone())),
        Ok(ModelDecision::ReplayDrifted { settled, fields, is_new }) => {
            Next::Drifted { settled: Box::new(settled.clone()), fields, is_new }
        }
        Ok(ModelDecision::Fork { at, fields }) => Next::Fork { at, fields },
        Ok(ModelDecision::InFlight { owner, here }) => Next::InFlight { owner, here },
        Ok(ModelDecision::CloseLost { abandoned }) => Next::CloseLost(abandoned),
        Ok(ModelDecision::Takeover { .. } | ModelDecision::Execute { .. }) => Next::Go,
        Err(refused) => Next::Refused(refused),
    }
}

/// Asks a model, or answers from the ledger.
pub(crate) async fn ask(prepared: Prepared, listener: &Listener) -> Result<Told, Error> {
    let journal = Arc::clone(prepared.journal());
    journal.shared.open()?;
    let mut prepared = prepared;
    let mut read = false;
    loop {
        prepared = with_seen_tools(prepared).await?;
        let first = journal.with_state(|state| state.step(prepared.step()).is_none());
        let (owner, life) = journal.owner_life(prepared.step()).await?;
        match journal.with_state(|state| next(state, &prepared, life)) {
            Next::Completed(settled) => return told(&prepared, *settled, None).await,
            // A failure is not for ever: somebody else may have had it tried again.
            Next::Failed(settled) if read => return Err(failed(&prepared, *settled).await),
            Next::InFlight { here: true, .. } => wait_for_flight(&journal, prepared.step()).await,
            Next::Go if first || read => {
                if let Some(told) = go(&prepared, owner, listener).await? {
                    return Ok(told);
                }
                // What was asked for once has been tried; what came of it is the answer.
                prepared = prepared.tried();
                read = false;
            }
            _ if !read => {
                journal.refresh().await?;
                read = true;
            }
            Next::Go | Next::Failed(_) => {
                unreachable!("the guards above take every first or freshly read decision to go or to fail")
            }
            Next::CloseLost(abandoned) => close_lost(&journal, prepared.step(), abandoned).await?,
            Next::InFlight { owner, .. } => {
                let (run, step) = (prepared.run.name().clone(), prepared.step().clone());
                return Err(Error::InFlight { run, step, owner });
            }
            Next::Drifted { settled, fields, is_new } => return drifted(&prepared, *settled, fields, is_new).await,
            Next::Fork { at, fields } => return in_fork(&prepared, at, fields, listener).await,
            Next::Refused(refused) => return Err(refusal(&prepared, refused).await),
        }
    }
}

/// Records that nobody will learn what a request was answered whose process is gone.
async fn close_lost(journal: &Arc<Journal>, step: &StepKey, abandoned: RequestId) -> Result<(), Error> {
    let key = step.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let open = state.step(&key).is_some_and(|step| step.is_pending() && step.request() == Some(abandoned));
        if !open {
            return Ok(Plan::default());
        }
        Plan::default().event(facts.id(), Some(&key), model_owner_lost(abandoned))
    };
    journal.append_detached(Capacity::Outcome(abandoned), Some(step.clone()), decide).await.map(drop)
}

/// A tool that a recorded ask had not seen makes no difference to it.
async fn with_seen_tools(prepared: Prepared) -> Result<Prepared, Error> {
    let Some(shown) = prepared.shown.clone().filter(|shown| shown.open) else { return Ok(prepared) };
    let journal = Arc::clone(prepared.journal());
    let recorded = journal.with_state(|state| {
        let digest = state.model_step(prepared.step())?.asked.tools?;
        let (holder, at) = state.asked_place(prepared.step())?;
        Some((digest, holder.clone(), at))
    });
    let Some((digest, holder, at)) = recorded else { return Ok(prepared) };
    if prepared.ask.fingerprint.tools == Some(digest) {
        return Ok(prepared);
    }
    let event = journal.event_of(&holder, at).await?;
    let Some(recorded) = perform::requested(&event).and_then(|asked| asked.tools) else { return Ok(prepared) };
    Ok(match tools::recorded(&prepared.run, &recorded).await? {
        Some(recorded) => {
            let seen = shown.as_seen(&recorded);
            prepared.seen(seen)
        }
        None => prepared,
    })
}

/// Asks in a task of its own, so that the caller may go; or waits for the ask under way.
/// `None` means that the ledger has moved and has to be asked again.
async fn go(prepared: &Prepared, gone: Option<IncarnationId>, listener: &Listener) -> Result<Option<Told>, Error> {
    prepared.admit()?;
    let journal = prepared.journal();
    let flight = match journal.flights.begin(prepared.step()) {
        Ok(flight) => flight,
        Err(landing) => {
            landing.wait().await;
            return Ok(None);
        }
    };
    let busy = journal.shared.enter()?;
    let (task, listener) = (prepared.clone(), listener.clone());
    let done = tokio::spawn(async move {
        let done = perform::perform(&task, gone, &listener).await;
        drop((flight, busy));
        done
    });
    done.await.unwrap_or_else(|_| Err(Error::Internal("a step's task was lost".into())))
}

/// Turns a recorded answer into what the first caller got.
async fn told(prepared: &Prepared, settled: Settled<Answer>, drift: Option<Drift>) -> Result<Told, Error> {
    let journal = prepared.journal();
    let erased = || Error::ContentErased { run: prepared.run.name().clone(), step: prepared.step().clone() };
    let parts = words::read_parts(journal, &settled.outcome.message.parts).await?.ok_or_else(erased)?;
    let response_id = match &settled.outcome.response_id {
        Some(id) => Some(journal.read_content(id, settled.at).await?.ok_or_else(erased)?),
        None => None,
    };
    let items = match &settled.outcome.items {
        Some(items) => Some(journal.read_content(items, settled.at).await?.ok_or_else(erased)?),
        None => None,
    };
    Ok(Told {
        run: prepared.run.clone(),
        answer: settled.outcome,
        parts,
        response_id: response_id.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        items,
        request: settled.request,
        cycles: settled.attempts,
        replayed: true,
        drift,
    })
}

/// Turns a recorded failure into the error the first caller got.
async fn failed(prepared: &Prepared, settled: Settled<ModelFailure>) -> Error {
    let journal = prepared.journal();
    let (run, step) = (prepared.run.name().clone(), prepared.step().clone());
    let failure = &settled.outcome;
    let message = match journal.read_content(&failure.error, settled.at).await {
        Ok(Some(message)) => message,
        Ok(None) => return Error::ContentErased { run, step },
        Err(error) => return error,
    };
    let provider_request = match &failure.provider_request {
        Some(id) => match journal.read_content(id, settled.at).await {
            Ok(id) => id,
            Err(error) => return error,
        },
        None => None,
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Error::ModelFailed(Box::new(ModelFailed {
        run,
        step,
        model: prepared.ask.fingerprint.model.clone(),
        category: failure.category,
        status: failure.status,
        retry_after: failure.retry_after_us.map(std::time::Duration::from_micros),
        provider_request: provider_request.map(text),
        cycles: settled.attempts,
        request: settled.request,
        message: text(message),
    }))
}

/// Gives the recorded answer to an ask that differs, and records that once.
async fn drifted(
    prepared: &Prepared,
    settled: Settled<Answer>,
    fields: BTreeSet<Field>,
    is_new: bool,
) -> Result<Told, Error> {
    let drift = drift::name(prepared, &fields).await?;
    if is_new {
        record_drift(prepared, &drift, fields, settled.request).await?;
    }
    told(prepared, settled, Some(drift)).await
}

async fn record_drift(
    prepared: &Prepared,
    drift: &Drift,
    fields: BTreeSet<Field>,
    request: RequestId,
) -> Result<(), Error> {
    let journal = prepared.journal();
    let bytes = json::to_canonical(&drift.to_json()).expect("what was recorded or asked is in the profile");
    let (changes, content) = journal.content(ContentType::Json, bytes);
    let asked: Digest = prepared.ask.fingerprint.digest();
    let key = prepared.step().clone();
    tracing::warn!(run = %journal.run, step = %key, fields = %drift, "the recorded answer stands for an ask that differs");
    let step = key.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        if state.has_drifted(&key, &asked) {
            return Ok(Plan::default());
        }
        let replayed = DriftReplayed { asked, changes, fields: fields.clone(), request };
        Ok(Plan::default().event(facts.id(), Some(&key), replayed)?.content([content.clone()]))
    };
    journal.append_detached(prepared.run.capacity(), Some(step), decide).await.map(drop)
}

/// Executes the ask in a fork, or answers from the one that an equal ask made before.
async fn in_fork(
    prepared: &Prepared,
    at: ForkPoint,
    fields: BTreeSet<Field>,
    listener: &Listener,
) -> Result<Told, Error> {
    let (journal, name) = (prepared.journal(), prepared.run.name());
    // What drives a run that is ending goes nowhere else with it: there is something to undo here. And whoever paused
    // it did not mean that its work go on under another name.
    let stopped = |state: &RunState| state.is_closing() || !state.pauses().is_empty();
    if prepared.run.driver().is_some() && journal.with_state(stopped) {
        return Err(Error::NotRunning { run: name.clone(), status: journal.with_state(RunState::status) });
    }
    let tie = journal.with_state(|state| outside(state, prepared, &at));
    if let Some(tie) = tie {
        return Err(Error::Tied(name.clone(), prepared.step().clone(), Box::new(tie)));
    }
    let drift = drift::name(prepared, &fields).await?;
    let run = fork::fork_of(&prepared.run, prepared.step(), at, fork::Why::Drift { asked: prepared, fields }).await?;
    let run = driven_like(&prepared.run, run);
    let told = Box::pin(ask(prepared.moved_to(run), listener)).await?;
    Ok(Told { drift: Some(drift), ..told })
}

/// A workflow is moved by its own code, and from its own run: an ancestor has given the rest away already.
fn outside(state: &RunState, prepared: &Prepared, at: &ForkPoint) -> Option<Tie> {
    if state.started().workflow.is_none() || state.finished().is_some() {
        return None;
    }
    match prepared.run.ordinal() {
        None => Some(Tie::Outsider),
        Some(_) => (at.parent != *state.run()).then(|| Tie::Shared(at.parent.run.clone())),
    }
}

/// A workflow goes on with the rest of it in the fork. A session does not: the fork is a run beside its own, and
/// nobody's to drive.
fn driven_like(run: &Run, fork: Run) -> Run {
    let Some(driven) = run.driver().filter(|driven| driven.ordinal.is_some() || driven.undoes) else { return fork };
    let fork = fork.driven(Driven { drive: Arc::new(driven.drive.of_the_rest()), ..driven.clone() });
    driven.drive.move_to(fork.clone());
    fork
}

async fn refusal(prepared: &Prepared, refused: Refused) -> Error {
    let (run, step) = (prepared.run.name().clone(), prepared.step().clone());
    match refused {
        Refused::Drift { fields } => match drift::name(prepared, &fields).await {
            Ok(drift) => {
                tracing::warn!(%run, %step, fields = %drift, "an ask that differs from the recorded one was refused");
                Error::Drift { run, step, drift: Box::new(drift) }
            }
            Err(error) => error,
        },
        Refused::AnotherKind { recorded } => {
            let asked = prepared.ask.fingerprint.model.to_string();
            Error::Drift { run, step, drift: Box::new(crate::invoke::another_kind(&recorded, &asked)) }
        }
        other => crate::control::refused(&run, &step, other),
    }
}
