//! Performs a closure's step: what may be repeated runs and is then recorded; what may not is requested first.
//! It never decides whether to; `artana-core` has.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use artana_core::{
    Content, ContentRef, ContentType, IncarnationId, RequestId, RunState, StepKey, Timestamp,
    cycle::Settled,
    decide::{CodeDecision, OwnerLife, Refused, Settlement, code_owner_lost, decide_code, record_code},
    event::{
        Body, Cause, CodeKind, Doubt, FailureCategory, Outcome, StepCompleted, StepRequested, Success, ToolFailure,
    },
    limits::MAX_CONTENT_BYTES,
};
use artana_ports::{ClaimDenied, EffectToken};

use super::{Failure, FailureKind, Retry};
use crate::{
    Error, Run, control, family,
    fence::Permit,
    invoke::{another_kind, wait_for_flight},
    journal::{Capacity, Facts, Journal, Plan},
    perform::{insist, micros, wait_or_cancel},
    verdict::{MAX_TEXT_BYTES, clipped},
};

/// What a closure came to, as bytes.
pub(crate) type Ran = Result<Vec<u8>, Failure>;
type Running = Pin<Box<dyn Future<Output = Ran> + Send>>;
/// Makes attempts, and keeps what one came to that could not be recorded.
pub(crate) type Attempts = Arc<Mutex<Tries>>;

/// A closure, and what it came to where that could not be recorded.
pub(crate) struct Tries {
    /// Makes one attempt. `None` where the closure can be called once only and was.
    make: Box<dyn FnMut() -> Option<Running> + Send>,
    kept: Option<Attempted>,
}

impl Tries {
    pub(crate) fn new(make: impl FnMut() -> Option<Running> + Send + 'static) -> Attempts {
        Arc::new(Mutex::new(Self { make: Box::new(make), kept: None }))
    }
}

/// A closure's step with everything that is known of it before the ledger is asked.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) run: Run,
    pub(crate) step: StepKey,
    pub(crate) kind: CodeKind,
    pub(crate) content: ContentType,
    pub(crate) retry: Retry,
    pub(crate) attempts: Attempts,
}

impl Code {
    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A recorded outcome.
enum Recorded {
    Succeeded(Settled<Success>),
    Failed(Settled<ToolFailure>),
}

/// What a decision comes to, without borrowing the state it was taken on.
enum Next {
    Answer(Recorded),
    InFlight { owner: IncarnationId, here: bool },
    MarkUnknown(RequestId),
    Go(Due),
    Refused(Refused),
}

/// The attempt that is due, and from when on.
#[derive(Debug, Clone, Copy)]
struct Due {
    attempt: u32,
    first_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
}

fn next(state: &RunState, code: &Code, life: OwnerLife) -> Next {
    match decide_code(state, &code.step, code.kind, life) {
        Ok(CodeDecision::Replay(Settlement::Succeeded(settled))) => Next::Answer(Recorded::Succeeded(settled.clone())),
        Ok(CodeDecision::Replay(Settlement::Failed(settled))) => Next::Answer(Recorded::Failed(settled.clone())),
        Ok(CodeDecision::InFlight { owner, here }) => Next::InFlight { owner, here },
        Ok(CodeDecision::MarkUnknown { request }) => Next::MarkUnknown(request),
        Ok(CodeDecision::Execute { attempt, last }) => {
            let wait = code.retry.backoff.after(attempt.saturating_sub(1), &state.genesis().hash(), &code.step);
            Next::Go(Due {
                attempt,
                first_at: last.map(|last| last.first_at),
                not_before: last.map(|last| last.last_at.after(wait)),
            })
        }
        Err(refused) => Next::Refused(refused),
    }
}

/// Runs a closure, or answers from the ledger.
pub(crate) async fn run(code: &Code) -> Result<Vec<u8>, Error> {
    let journal = &code.run.journal;
    journal.shared.open()?;
    let mut read = false;
    loop {
        let first = journal.with_state(|state| state.step(&code.step).is_none());
        let (_, life) = journal.owner_life(&code.step).await?;
        match journal.with_state(|state| next(state, code, life)) {
            Next::Answer(recorded) => return answer(code, recorded).await,
            Next::InFlight { here: true, .. } => wait_for_flight(journal, &code.step).await,
            Next::Go(due) if first || read => {
                if let Some(bytes) = go(code, due).await? {
                    return Ok(bytes);
                }
                read = false;
            }
            _ if !read => {
                journal.refresh().await?;
                read = true;
            }
            Next::Go(_) => unreachable!("the guards above take every first or freshly read decision to go"),
            Next::InFlight { owner, .. } => {
                return Err(Error::InFlight { run: journal.run.clone(), step: code.step.clone(), owner });
            }
            Next::MarkUnknown(request) => mark_unknown(code, request).await?,
            Next::Refused(Refused::AnotherKind { recorded }) => {
                let drift = Box::new(another_kind(&recorded, name(code.kind)));
                return Err(Error::Drift { run: journal.run.clone(), step: code.step.clone(), drift });
            }
            Next::Refused(refused) => return Err(control::refused(&journal.run, &code.step, refused)),
        }
    }
}

fn name(kind: CodeKind) -> &'static str {
    match kind {
        CodeKind::Compute => "compute",
        CodeKind::Once => "once",
        CodeKind::Rollback => "on_rollback",
    }
}

/// Makes an attempt in a task of its own, so that the caller may go; or waits until one is due, or for the one under
/// way. Returns what the closure returned and the ledger now has.
async fn go(code: &Code, due: Due) -> Result<Option<Vec<u8>>, Error> {
    let journal = &code.run.journal;
    if let Some(wait) = due.not_before.map(|due| due.since(journal.shared.clock.now())).filter(|wait| !wait.is_zero()) {
        wait_or_cancel(&code.run, wait).await;
        // Much may have been said meanwhile, so the ledger is asked once more.
        return journal.shared.open().map(|()| None);
    }
    if code.kind == CodeKind::Once {
        family::no_ancestor_ran(&code.run, &code.step).await?;
    }
    let flight = match journal.flights.begin(&code.step) {
        Ok(flight) => flight,
        Err(landing) => {
            landing.wait().await;
            return Ok(None);
        }
    };
    let busy = journal.shared.enter()?;
    let task = code.clone();
    let done = tokio::spawn(async move {
        let done = match task.kind {
            CodeKind::Compute => compute(&task, due).await,
            CodeKind::Once | CodeKind::Rollback => once(&task, due).await.map(|()| None),
        };
        drop((flight, busy));
        done
    });
    done.await.unwrap_or_else(|_| Err(Error::Internal("a step's task was lost".into())))
}

/// What is repeatable is recorded in one append after it happened.
async fn compute(code: &Code, due: Due) -> Result<Option<Vec<u8>>, Error> {
    let journal = &code.run.journal;
    let ran = attempt(code).await?;
    let (ended, content) = judged(code, due, &ran);
    let result = result(&ended, &content);
    let task = code.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        // Somebody else may have recorded the step meanwhile, and then that counts.
        match decide_code(state, &task.step, task.kind, OwnerLife::Dead) {
            Ok(CodeDecision::Execute { attempt, .. }) if attempt == due.attempt => {
                let done = StepCompleted { ordinal: task.run.ordinal(), ..ended.clone() };
                Ok(Plan::default().event(facts.id(), Some(&task.step), done)?.content(content.clone()))
            }
            _ => Ok(Plan::default()),
        }
    };
    let events = journal.append(code.run.capacity(), Some(code.step.clone()), decide).await?;
    if events.is_empty() {
        // A run that was paused meanwhile may go on before its process is gone.
        code.tries().kept = Some(ran);
    }
    Ok(result.filter(|_| !events.is_empty()))
}

/// Returns what a closure returned, to be told once it is recorded.
fn result(done: &StepCompleted, content: &[Content]) -> Option<Vec<u8>> {
    let succeeded = matches!(done.outcome, Outcome::Succeeded(_));
    content.first().filter(|_| succeeded).map(|content| content.bytes.clone())
}

/// Claim before effect: the request is durable before the closure runs.
async fn once(code: &Code, due: Due) -> Result<(), Error> {
    let journal = &code.run.journal;
    let Some(token) = claim(code, due).await? else { return Ok(()) };
    let request = token.request();
    let ran = match token.spend() {
        Ok(()) => attempt(code).await?,
        Err(_) => Attempted { ended: Ended::NotRun, elapsed: Duration::ZERO },
    };
    let (done, content) = judged(code, due, &ran);
    let key = code.step.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let body = record_code(state, &key, request, done.clone());
        if done.again && matches!(body, Body::LateOutcome(_)) {
            // Somebody closed the cycle, and an attempt that did nothing says nothing about it.
            return Ok(Plan::default());
        }
        Ok(Plan::default().event(facts.id(), Some(&key), body)?.content(content.clone()))
    };
    insist(journal, Capacity::Outcome(request), &code.step, decide).await.map(drop)
}

async fn claim(code: &Code, due: Due) -> Result<Option<EffectToken>, Error> {
    let journal = &code.run.journal;
    let task = code.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        match decide_code(state, &task.step, task.kind, OwnerLife::Dead) {
            Ok(CodeDecision::Execute { attempt, .. }) if attempt == due.attempt => {}
            _ => return Ok(Plan::default()),
        }
        let (incarnation, ordinal) = (facts.incarnation, task.run.ordinal());
        let body = Body::from(StepRequested { attempt: due.attempt, incarnation, ordinal });
        let id = facts.id();
        let claim = family::claim(state, &task.step, &body, id);
        Ok(Plan::default().event(id, Some(&task.step), body)?.claim(claim))
    };
    let events = match journal.append(code.run.capacity(), Some(code.step.clone()), decide).await {
        Err(Error::Denied(ClaimDenied::Unique { .. })) => {
            let (run, step) = (journal.run.clone(), code.step.clone());
            return Err(Error::EffectBelongsToAncestor { run, step, holder: None });
        }
        other => other?,
    };
    Ok(events.first().and_then(|event| Permit::of(&code.run, event)).map(|permit| permit.token))
}

/// How an attempt ended, before anything was made of it.
enum Ended {
    Returned(Ran),
    Panicked,
    NotRun,
}

struct Attempted {
    ended: Ended,
    elapsed: Duration,
}

/// Runs the closure once, catching panics.
async fn attempt(code: &Code) -> Result<Attempted, Error> {
    if let Some(kept) = code.tries().kept.take() {
        return Ok(kept);
    }
    let clock = &code.run.journal.shared.clock;
    let started = clock.elapsed();
    let begun = catch_unwind(AssertUnwindSafe(|| (code.tries().make)()));
    let ended = match begun {
        Err(_) => Ended::Panicked,
        Ok(None) => return Err(Error::Internal(format!("the closure of step {} has run already", code.step))),
        Ok(Some(running)) => caught(running).await,
    };
    Ok(Attempted { ended, elapsed: clock.elapsed().saturating_sub(started) })
}

async fn caught(running: Running) -> Ended {
    let mut running = pin!(running);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx))) {
        Ok(Poll::Ready(ran)) => Poll::Ready(Ended::Returned(ran)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(Ended::Panicked),
    })
    .await
}

/// Says what an attempt's end means. What nobody classified may have happened, unless the closure may run again.
fn judged(code: &Code, due: Due, ran: &Attempted) -> (StepCompleted, Vec<Content>) {
    let repeatable = code.kind == CodeKind::Compute;
    let (outcome, again, content) = match &ran.ended {
        Ended::Returned(Ok(bytes)) => success(code, bytes.clone()),
        Ended::Returned(Err(failure)) if repeatable || is_known(failure.kind) => {
            let again = failure.kind != FailureKind::Permanent && more(code, due);
            failed(code, failure, again)
        }
        Ended::Returned(Err(failure)) => doubt(code, Cause::Reported, Some(failure.message())),
        Ended::Panicked if repeatable => failed(code, &Failure::transient("the closure panicked"), more(code, due)),
        Ended::Panicked => doubt(code, Cause::Panic, None),
        Ended::NotRun => failed(code, &Failure::transient("the heartbeat ran out before the closure ran"), true),
    };
    let elapsed_us = micros(ran.elapsed);
    let kind = code.kind;
    (StepCompleted { again, elapsed_us, kind, ordinal: None, outcome, request: None }, content)
}

fn is_known(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Permanent | FailureKind::Transient)
}

/// Returns whether another attempt may be made: there are some left, and there is time.
fn more(code: &Code, due: Due) -> bool {
    let now = code.run.journal.shared.clock.now();
    let spent = due.first_at.map_or(Duration::ZERO, |first| now.since(first));
    let wait = code.retry.backoff.after(due.attempt, &code.run.journal.genesis.hash(), &code.step);
    let begins = spent.saturating_add(wait);
    due.attempt < code.retry.attempts && code.retry.within.is_none_or(|within| begins <= within)
}

type Judged = (Outcome, bool, Vec<Content>);

fn success(code: &Code, bytes: Vec<u8>) -> Judged {
    if bytes.len() > MAX_CONTENT_BYTES {
        let told = format!("its result has {} bytes, more than {MAX_CONTENT_BYTES}", bytes.len());
        return match code.kind {
            CodeKind::Compute => failed(code, &Failure::permanent(told), false),
            // It happened; what it returned is lost.
            CodeKind::Once | CodeKind::Rollback => doubt(code, Cause::Reported, Some(&told)),
        };
    }
    let (result, content) = code.run.journal.content(code.content, bytes);
    (Outcome::Succeeded(Success { effect_id: None, rejected: None, result }), false, vec![content])
}

fn failed(code: &Code, failure: &Failure, again: bool) -> Judged {
    let (error, content) = text_of(&code.run.journal, failure.message());
    let category = match failure.kind {
        FailureKind::Transient => FailureCategory::Transient,
        _ => FailureCategory::Permanent,
    };
    (Outcome::Failed(ToolFailure { category, error }), again, vec![content])
}

fn doubt(code: &Code, cause: Cause, message: Option<&str>) -> Judged {
    let (error, content) = message.map(|message| text_of(&code.run.journal, message)).unzip();
    (Outcome::Unknown(Doubt { cause, error }), false, Vec::from_iter(content))
}

/// Makes content of what code said, cut where it is too long.
pub(crate) fn text_of(journal: &Journal, message: &str) -> (ContentRef, Content) {
    journal.content(ContentType::Text, clipped(message, MAX_TEXT_BYTES).as_bytes().to_vec())
}

/// Records that nobody can say what became of a closure whose process is gone.
async fn mark_unknown(code: &Code, request: RequestId) -> Result<(), Error> {
    let key = code.step.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let open = state.step(&key).is_some_and(|step| step.is_pending() && step.request() == Some(request));
        if !open {
            return Ok(Plan::default());
        }
        Plan::default().event(facts.id(), Some(&key), code_owner_lost(request))
    };
    let journal = &code.run.journal;
    journal.append_detached(Capacity::Outcome(request), Some(code.step.clone()), decide).await.map(drop)
}

/// Turns a recorded outcome into what the first caller got.
async fn answer(code: &Code, recorded: Recorded) -> Result<Vec<u8>, Error> {
    let journal = &code.run.journal;
    let (run, step) = (journal.run.clone(), code.step.clone());
    let erased = || Error::ContentErased { run: run.clone(), step: step.clone() };
    match recorded {
        Recorded::Succeeded(settled) => {
            code.run.recorded(&settled.outcome.result, settled.at).await?.ok_or_else(erased)
        }
        Recorded::Failed(settled) => {
            let message = journal.read_content(&settled.outcome.error, settled.at).await?.ok_or_else(erased)?;
            let message = String::from_utf8_lossy(&message).into_owned();
            let (category, attempts) = (settled.outcome.category, settled.attempts);
            Err(Error::StepFailed { run, step, category, attempts, message })
        }
    }
}
