//! Performs a tool's effect: records the request, calls once, records the outcome.
//! It never decides whether to; `artana-core` has.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use artana_core::{
    Content, ContentRef, Digest, IncarnationId, RequestId, RunState, StepKey,
    decide::{OwnerLife, ToolChange, ToolDecision, decide_tool, record_outcome},
    event::{Body, Effect, FailureCategory, Outcome, ToolAttemptFailed, ToolCompleted, ToolFailure, ToolRequested},
};
use artana_ports::{ClaimDenied, EffectToken, ToolContext, ToolError, ToolErrorKind, ToolOutput};
use tracing::Instrument;

use crate::{
    Error, Run, family,
    fence::{Fence, Permit},
    invoke::Invocation,
    journal::{Capacity, Facts, Journal, Plan},
    send::{MAX_BACKOFF, passes},
    verdict::judge,
};

/// The longest wait between two attempts.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(3600);

/// A success on its way to the caller.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) result: Vec<u8>,
    pub(crate) replayed: bool,
    pub(crate) attempts: u32,
    pub(crate) request: RequestId,
    pub(crate) change: Option<ToolChange>,
    pub(crate) effect_id: Option<String>,
}

impl Done {
    /// What a call that was just made returns.
    fn fresh(output: ToolOutput, attempts: u32, request: RequestId) -> Self {
        let ToolOutput { result, effect_id } = output;
        Self { result, replayed: false, attempts, request, change: None, effect_id }
    }
}

/// How a call ended, before anything was made of it.
pub(crate) enum Ended {
    Answered(Result<ToolOutput, ToolError>),
    TimedOut,
    Panicked,
    /// The fence kept it back: nothing has happened.
    NotSent,
}

/// What is to be recorded of a call.
pub(crate) struct Verdict {
    pub(crate) ending: Ending,
    pub(crate) content: Vec<Content>,
}

/// The event a call ends with.
#[derive(Clone)]
pub(crate) enum Ending {
    Completed(Outcome),
    AttemptFailed {
        error: ContentRef,
        /// Whether the call left this process at all.
        sent: bool,
    },
}

/// A request that is durable, with the one permit to act on it.
struct Claimed {
    permit: Permit,
    attempt: u32,
}

/// Makes attempts until one ends the step, and returns a success.
/// `None` means that the ledger has to be asked: it moved, or it holds a failure or a doubt.
///
/// `gone` is an owner known to be dead; death is stable, so a step that it owns, or that nobody owns,
/// may be gone on with whenever the append is decided.
pub(crate) async fn perform(invocation: &Invocation, gone: Option<IncarnationId>) -> Result<Option<Done>, Error> {
    let span = tracing::info_span!("artana.tool", run = %invocation.run.name(), step = %invocation.ask.step,
        tool = %invocation.ask.tool.name, attempt = tracing::field::Empty, outcome = tracing::field::Empty);
    let reads = invocation.ask.effect == Effect::Read;
    async {
        loop {
            invocation.journal().shared.open()?;
            let ended = if reads { look(invocation, gone).await? } else { act(invocation, gone).await? };
            match ended {
                After::Done(done) => return Ok(Some(done)),
                After::Ask => return Ok(None),
                After::Retry(wait) => wait_or_cancel(&invocation.run, wait).await,
            }
        }
    }
    .instrument(span)
    .await
}

/// A run that is cancelled, or a kernel that closes, makes no further attempt, so there is nothing to wait for.
pub(crate) async fn wait_or_cancel(run: &Run, wait: Duration) {
    let journal = &run.journal;
    let (mut cancelled, mut closing) = (run.cancellation(), journal.shared.closing.subscribe());
    tokio::select! {
        () = journal.shared.clock.sleep(wait) => {}
        () = cancelled.cancelled() => {}
        () = closing.cancelled() => {}
    }
}

/// What follows an attempt.
enum After {
    Done(Done),
    Ask,
    Retry(Duration),
}

/// Claim before effect: the request is durable before the call leaves.
async fn act(invocation: &Invocation, gone: Option<IncarnationId>) -> Result<After, Error> {
    let journal = invocation.journal();
    let Some(Claimed { permit, attempt }) = claim(invocation, gone).await? else { return Ok(After::Ask) };
    tracing::Span::current().record("attempt", attempt);
    let request = permit.token.request();
    let started = journal.shared.clock.elapsed();
    let ended = act_once(invocation, permit, attempt).await;
    let elapsed = journal.shared.clock.elapsed().saturating_sub(started);
    let wait = retry_wait(invocation, attempt, &ended);
    let kept = kept(&ended);
    let verdict = judge(invocation, ended, attempt);
    let recorded = record(journal, &invocation.ask.step, request, elapsed, verdict).await?;
    let recorded = recorded.as_ref();
    tracing::Span::current().record("outcome", recorded.map_or("nothing", name));
    Ok(match kept {
        _ if matches!(recorded, Some(Body::ToolAttemptFailed(_))) => After::Retry(wait),
        Some(output) if succeeded(recorded) => After::Done(Done::fresh(output, attempt, request)),
        _ => After::Ask,
    })
}

/// A tool that only reads is repeatable: request and outcome leave in one append, after it happened.
async fn look(invocation: &Invocation, gone: Option<IncarnationId>) -> Result<After, Error> {
    let journal = invocation.journal();
    let step = invocation.ask.step.clone();
    let Some(attempt) = journal.with_state(|state| next_attempt(state, invocation, gone)) else {
        return Ok(After::Ask);
    };
    let request = RequestId::from(journal.shared.event_id(journal.shared.clock.now()));
    let started = journal.shared.clock.elapsed();
    let cx = ToolContext::new(invocation.run.name().clone(), step.clone(), request, effect_key(invocation));
    let ended = call(invocation, context(invocation, cx, attempt)).await;
    let elapsed_us = micros(journal.shared.clock.elapsed().saturating_sub(started));
    let wait = retry_wait(invocation, attempt, &ended);
    let kept = kept(&ended);
    let verdict = judge(invocation, ended, attempt);
    let task = invocation.clone();
    let Verdict { ending, content } = verdict;
    let retries = matches!(ending, Ending::AttemptFailed { .. });
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        if next_attempt(state, &task, gone) != Some(attempt) {
            return Ok(Plan::default());
        }
        let step = Some(&task.ask.step);
        let ended: Body = match ending.clone() {
            Ending::Completed(outcome) => ToolCompleted { elapsed_us, outcome, request }.into(),
            Ending::AttemptFailed { error, .. } => ToolAttemptFailed { error, request }.into(),
        };
        let plan = Plan::default().event(request.into(), step, requested(&task, attempt, facts.incarnation))?;
        Ok(plan.event(facts.id(), step, ended)?.content([task.args_content.clone()]).content(content.clone()))
    };
    let events = journal.append(invocation.run.capacity(), Some(step), decide).await?;
    let appended = !events.is_empty();
    Ok(match kept {
        _ if !appended => After::Ask,
        _ if retries => After::Retry(wait),
        Some(output) if succeeded(events.get(1).map(artana_core::Event::body)) => {
            After::Done(Done::fresh(output, attempt, request))
        }
        _ => After::Ask,
    })
}

fn succeeded(body: Option<&Body>) -> bool {
    match body {
        Some(Body::ToolCompleted(done)) => {
            matches!(&done.outcome, Outcome::Succeeded(success) if success.rejected.is_none())
        }
        _ => false,
    }
}

async fn claim(invocation: &Invocation, gone: Option<IncarnationId>) -> Result<Option<Claimed>, Error> {
    let denied = |claimed: &Result<_, Error>| matches!(claimed, Err(Error::Denied(ClaimDenied::Unique { .. })));
    let mut claimed = claim_as(invocation, gone, Family::First).await;
    if denied(&claimed) && invocation.ask.own_effect {
        claimed = claim_as(invocation, gone, Family::Beside).await;
    }
    if denied(&claimed) {
        let (run, step) = (invocation.run.name().clone(), invocation.ask.step.clone());
        return Err(Error::EffectBelongsToAncestor { run, step, holder: None });
    }
    claimed
}

/// Whether a call is the first of its family under its key, or one beside another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    First,
    Beside,
}

async fn claim_as(
    invocation: &Invocation,
    gone: Option<IncarnationId>,
    family: Family,
) -> Result<Option<Claimed>, Error> {
    let journal = invocation.journal();
    let task = invocation.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let Some(attempt) = next_attempt(state, &task, gone) else { return Ok(Plan::default()) };
        let body = Body::from(requested(&task, attempt, facts.incarnation));
        let id = facts.id();
        let own = (family == Family::First && attempt == 1).then(|| family::own_claim(state, &task.ask, id));
        let claim = family::claim(state, &task.ask.step, &body, id).or(own.flatten());
        let plan = Plan::default().event(id, Some(&task.ask.step), body)?;
        Ok(plan.claim(claim).content([task.args_content.clone()]))
    };
    let events = journal.append(invocation.run.capacity(), Some(invocation.ask.step.clone()), decide).await?;
    Ok(events.first().and_then(|event| match event.body() {
        Body::ToolRequested(asked) => {
            Some(Claimed { permit: Permit::of(&invocation.run, event)?, attempt: asked.attempt })
        }
        _ => None,
    }))
}

/// Decides on the latest state which attempt may be made now, if any. An owner other than the one
/// known to be gone means that the ledger has to be asked again.
fn next_attempt(state: &RunState, invocation: &Invocation, gone: Option<IncarnationId>) -> Option<u32> {
    if state.owner(&invocation.ask.step).is_some_and(|owner| Some(owner) != gone) {
        return None;
    }
    match decide_tool(state, &invocation.ask, OwnerLife::Dead) {
        Ok(ToolDecision::Execute) => Some(1),
        Ok(ToolDecision::Retry { attempt }) => Some(attempt),
        _ => None,
    }
}

fn requested(invocation: &Invocation, attempt: u32, incarnation: IncarnationId) -> ToolRequested {
    let spec = invocation.port().spec();
    ToolRequested {
        args: invocation.ask.args,
        attempt,
        effect: spec.effect,
        incarnation,
        ordinal: invocation.run.ordinal(),
        own_effect: invocation.ask.own_effect,
        settle_us: micros(spec.settle),
        timeout_us: micros(spec.timeout),
        tool: spec.signature.clone(),
    }
}

/// Makes the one call that a permit is for.
pub(crate) async fn act_once(invocation: &Invocation, Permit { token, fence }: Permit, attempt: u32) -> Ended {
    match call(invocation, fenced(invocation, token, attempt)).await {
        // A tool that was told so has done nothing, and the attempt does not count.
        Ended::Answered(Err(error)) if held_back(&fence, &error) => Ended::NotSent,
        ended => ended,
    }
}

fn held_back(fence: &Fence, error: &ToolError) -> bool {
    fence.kept_back() && error.kind == ToolErrorKind::Transient
}

/// Calls the tool with a deadline, catching panics.
async fn call(invocation: &Invocation, cx: ToolContext) -> Ended {
    let (port, args) = (invocation.port(), invocation.args.clone());
    let called = async move {
        // Nothing comes between this look and the call.
        if cx.may_leave() { Ended::Answered(port.call(args, cx).await) } else { Ended::NotSent }
    };
    guarded(invocation, called).await.unwrap_or_else(|ended| ended)
}

/// Runs a tool's future with its deadline, catching panics.
pub(crate) async fn guarded<T>(invocation: &Invocation, future: impl Future<Output = T>) -> Result<T, Ended> {
    let clock = Arc::clone(&invocation.journal().shared.clock);
    let mut future = pin!(future);
    let mut deadline = pin!(clock.sleep(invocation.port().spec().timeout));
    std::future::poll_fn(|cx| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(answer)) => return Poll::Ready(Ok(answer)),
            Ok(Poll::Pending) => {}
            Err(_) => return Poll::Ready(Err(Ended::Panicked)),
        }
        deadline.as_mut().poll(cx).map(|()| Err(Ended::TimedOut))
    })
    .await
}

/// The context of a call whose effect leaves with this token.
pub(crate) fn fenced(invocation: &Invocation, token: EffectToken, attempt: u32) -> ToolContext {
    let (run, step) = (invocation.run.name().clone(), invocation.ask.step.clone());
    context(invocation, ToolContext::fenced(run, step, token, effect_key(invocation)), attempt)
}

fn effect_key(invocation: &Invocation) -> Digest {
    invocation.run.name().effect_key(&invocation.ask.step, &invocation.port().spec().signature.name)
}

fn context(invocation: &Invocation, mut cx: ToolContext, attempt: u32) -> ToolContext {
    let (journal, spec) = (invocation.journal(), invocation.port().spec());
    cx.attempt = attempt;
    cx.capabilities = Arc::new(invocation.run.tenant.capabilities().clone());
    cx.limits = journal.with_state(RunState::limits);
    cx.deadline = journal.shared.clock.now().after(spec.timeout);
    cx.cancellation = invocation.run.cancellation();
    cx
}

fn kept(ended: &Ended) -> Option<ToolOutput> {
    match ended {
        Ended::Answered(Ok(output)) => Some(output.clone()),
        _ => None,
    }
}

fn retry_wait(invocation: &Invocation, attempt: u32, ended: &Ended) -> Duration {
    let backoff = invocation.port().spec().retry.backoff;
    let grown = backoff.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let asked = match ended {
        Ended::Answered(Err(error)) => error.retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    grown.max(asked).min(MAX_RETRY_WAIT)
}

/// Records a call's end, for as long as it takes, and says what was recorded.
async fn record(
    journal: &Arc<Journal>,
    step: &StepKey,
    request: RequestId,
    elapsed: Duration,
    verdict: Verdict,
) -> Result<Option<Body>, Error> {
    let Verdict { ending, content } = verdict;
    let elapsed_us = micros(elapsed);
    let key = step.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let open = state.tool_step(&key).is_some_and(|s| s.cycle.is_pending() && s.cycle.request() == Some(request));
        let body = match ending.clone() {
            // Somebody closed the cycle, and a call that never left says nothing about it.
            Ending::AttemptFailed { sent: false, .. } if !open => return Ok(Plan::default()),
            Ending::AttemptFailed { error, .. } if open && (!state.is_closing() || state.admits(&key)) => {
                ToolAttemptFailed { error, request }.into()
            }
            // A run that starts nothing new makes no further attempt, so the failure is final there.
            Ending::AttemptFailed { error, .. } => {
                let outcome = Outcome::Failed(ToolFailure { category: FailureCategory::Transient, error });
                record_outcome(state, &key, ToolCompleted { elapsed_us, outcome, request })
            }
            Ending::Completed(outcome) => record_outcome(state, &key, ToolCompleted { elapsed_us, outcome, request }),
        };
        Ok(Plan::default().event(facts.id(), Some(&key), body)?.content(content.clone()))
    };
    let events = insist(journal, Capacity::Outcome(request), step, decide).await?;
    Ok(events.first().map(|event| event.body().clone()))
}

fn name(body: &Body) -> &'static str {
    match body {
        Body::ToolAttemptFailed(_) => "attempt_failed",
        Body::ToolCompleted(_) if succeeded(Some(body)) => "succeeded",
        Body::ToolCompleted(done) => match done.outcome {
            Outcome::Succeeded(_) => "rejected",
            Outcome::Failed(_) => "failed",
            Outcome::Unknown(_) => "unknown",
        },
        other => other.kind(),
    }
}

/// Appends what must not be lost, trying again for as long as the store may come back. When it will
/// not, this process's incarnation is given up, so that others need not wait for its answer.
pub(crate) async fn insist(
    journal: &Arc<Journal>,
    capacity: Capacity,
    step: &StepKey,
    decide: impl FnMut(&RunState, &Facts<'_>) -> Result<Plan, Error> + Send + Sync + Clone + 'static,
) -> Result<Vec<artana_core::Event>, Error> {
    let mut backoff = Duration::from_millis(20);
    loop {
        match journal.append(capacity.clone(), Some(step.clone()), decide.clone()).await {
            Err(Error::Store(error)) if passes(&error) => {
                tracing::warn!(run = %journal.run, %step, code = error.code(), "an outcome waits for the store");
                journal.shared.clock.sleep(backoff).await;
                backoff = (backoff * 2).min(MAX_BACKOFF);
            }
            Err(error) => {
                tracing::error!(run = %journal.run, %step, code = error.code(), "an outcome could not be recorded");
                journal.shared.lifeline.give_up();
                return Err(error);
            }
            recorded => return recorded,
        }
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
