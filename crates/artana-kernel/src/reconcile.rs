//! Finds out what became of a call in doubt: asks the outside world, or calls again with the same
//! key. What is about to be done is recorded first, so that two reconcilers cause one action.

use artana_core::{
    ContentRef, EventId, IncarnationId, RequestId, RunState, StepKey, Timestamp,
    cycle::{Attempt, ToolCycle},
    decide::{Means, OwnerLife, ReconcileDecision, Refused, decide_reconcile, may_call_again, not_landed},
    event::{
        Body, Cause, Doubt, Late, LateOutcome, Outcome, ReconcileAction, Resolution, Resolver, ToolReconcileRequested,
        ToolResolved,
    },
};
use artana_ports::Probed;

use crate::{
    Error,
    fence::Permit,
    invoke::{self, Answered, Invocation},
    journal::{Capacity, Facts, Plan},
    perform::{self, Done, Ended, Ending, Verdict},
    verdict,
};

enum Next {
    Answer(Box<Answered>),
    InFlight { owner: IncarnationId, here: bool },
    MarkUnknown(RequestId),
    FindOut(ReconcileAction, Attempt),
    Go,
    Refused(Refused),
}

fn next(state: &RunState, invocation: &Invocation, life: OwnerLife, now: Timestamp) -> Next {
    let means = Means { probe: invocation.registered().is_some_and(|port| port.spec().probe), now };
    match decide_reconcile(state, &invocation.ask, life, means) {
        Ok(ReconcileDecision::Replay { settled, change }) => Next::Answer(Answered::new(settled, change)),
        Ok(ReconcileDecision::InFlight { owner, here }) => Next::InFlight { owner, here },
        Ok(ReconcileDecision::MarkUnknown { request }) => Next::MarkUnknown(request),
        Ok(ReconcileDecision::Probe { attempt }) => Next::FindOut(ReconcileAction::Probe, attempt),
        Ok(ReconcileDecision::CallAgain { attempt }) => Next::FindOut(ReconcileAction::Retry, attempt),
        Ok(ReconcileDecision::Retry { .. }) => Next::Go,
        Err(refused) => Next::Refused(refused),
    }
}

/// Reconciles a step, or answers from the ledger.
pub(crate) async fn reconcile(invocation: &Invocation) -> Result<Done, Error> {
    let journal = invocation.journal();
    journal.shared.open()?;
    let step = &invocation.ask.step;
    let mut read = false;
    loop {
        let (owner, life) = journal.owner_life(step).await?;
        let now = journal.shared.clock.now();
        let next = journal.with_state(|state| next(state, invocation, life, now));
        match next {
            Next::Answer(answered) => return invoke::answer(invocation, *answered).await,
            Next::InFlight { here: true, .. } => invoke::wait_for_flight(journal, step).await,
            _ if !read => {
                journal.refresh().await?;
                read = true;
            }
            Next::InFlight { owner, .. } => return Err(invoke::in_flight(invocation, owner)),
            Next::MarkUnknown(request) => invoke::mark_unknown(journal, step, request).await?,
            Next::Refused(refused) => return Err(invoke::refusal(invocation, refused).await),
            Next::FindOut(action, attempt) => find_out(invocation, Doubtful { action, attempt, gone: owner }).await?,
            Next::Go => {
                if let Some(done) = invoke::go(invocation, owner).await? {
                    return Ok(done);
                }
            }
        }
    }
}

/// A call in doubt, what to do about it, and whose reconciliation died before.
#[derive(Clone, Copy)]
struct Doubtful {
    action: ReconcileAction,
    attempt: Attempt,
    gone: Option<IncarnationId>,
}

/// Finds out in a task of its own, so that the caller may go. A doubt that stays is an error.
async fn find_out(invocation: &Invocation, doubtful: Doubtful) -> Result<(), Error> {
    invocation.admit()?;
    let journal = invocation.journal();
    let flight = match journal.flights.begin(&invocation.ask.step) {
        Ok(flight) => flight,
        Err(landing) => {
            landing.wait().await;
            return Ok(());
        }
    };
    let busy = journal.shared.enter()?;
    let task = invocation.clone();
    let found = tokio::spawn(async move {
        let found = find_out_here(&task, doubtful).await;
        drop((flight, busy));
        found
    });
    found.await.unwrap_or_else(|_| Err(Error::Internal("a reconciliation's task was lost".into())))
}

/// A probe that has seen nothing too early to be believed is followed by a call under the same key,
/// where the provider still holds it.
async fn find_out_here(invocation: &Invocation, doubtful: Doubtful) -> Result<(), Error> {
    let mut found = carry_out(invocation, doubtful).await?;
    if found == Some(Doubts::TooEarly) && callable_now(invocation, &doubtful.attempt) {
        let again = Doubtful { action: ReconcileAction::Retry, ..doubtful };
        found = carry_out(invocation, again).await?;
    }
    let believable_at = match found {
        None => return Ok(()),
        Some(Doubts::TooEarly) => Some(doubtful.attempt.ask_again_at()),
        Some(Doubts::Stay) => None,
    };
    Err(Error::ReconciliationRequired {
        run: invocation.run.name().clone(),
        step: invocation.ask.step.clone(),
        request: doubtful.attempt.request,
        cause: Cause::Reported,
        believable_at,
    })
}

fn callable_now(invocation: &Invocation, attempt: &Attempt) -> bool {
    let journal = invocation.journal();
    let now = journal.shared.clock.now();
    journal.with_state(|state| callable(state, &invocation.ask.step, attempt, now))
}

fn callable(state: &RunState, step: &StepKey, attempt: &Attempt, now: Timestamp) -> bool {
    may_call_again(state, step, attempt, now)
}

/// Why a doubt stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubts {
    /// The outside world has not seen the key, but might yet; or it was not asked.
    TooEarly,
    /// Nobody knows.
    Stay,
}

/// Announces, does and records one way of finding out. `None` means that the ledger has the answer.
async fn carry_out(invocation: &Invocation, doubtful: Doubtful) -> Result<Option<Doubts>, Error> {
    let Doubtful { action, attempt, .. } = doubtful;
    let Some((id, permit)) = announce(invocation, doubtful).await? else { return Ok(None) };
    let found = match action {
        ReconcileAction::Probe => probe(invocation, attempt, permit).await,
        _ => call_again(invocation, attempt, permit).await,
    };
    let doubts = match (&found.outcome, found.unseen) {
        (Resolution::Unknown(_), true) => Some(Doubts::TooEarly),
        (Resolution::Unknown(_), false) => Some(Doubts::Stay),
        _ => None,
    };
    let recorded = resolve(invocation, action, attempt.request, id, found).await?;
    Ok(doubts.filter(|_| recorded))
}

/// Records what is about to be done. `None` means that the ledger has moved.
async fn announce(
    invocation: &Invocation,
    Doubtful { action, attempt, gone }: Doubtful,
) -> Result<Option<(EventId, Permit)>, Error> {
    let journal = invocation.journal();
    let step = invocation.ask.step.clone();
    let task = invocation.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let step = &task.ask.step;
        let moved = state.owner(step).is_some_and(|owner| Some(owner) != gone);
        let still = match next(state, &task, OwnerLife::Dead, facts.now) {
            Next::FindOut(_, same) if same.request == attempt.request => {
                action != ReconcileAction::Retry || callable(state, step, &attempt, facts.now)
            }
            _ => false,
        };
        if moved || !still {
            return Ok(Plan::default());
        }
        let tool = task.ask.tool.clone();
        let body = ToolReconcileRequested { action, incarnation: facts.incarnation, request: attempt.request, tool };
        Plan::default().event(facts.id(), Some(step), body)
    };
    let events = journal.append(invocation.run.capacity(), Some(step), decide).await?;
    Ok(events.first().and_then(|event| Some((event.id(), Permit::of(&invocation.run, event)?))))
}

/// What was found, and the content it refers to.
#[derive(Clone)]
struct Found {
    outcome: Resolution,
    content: Vec<artana_core::Content>,
    /// Whether a probe has seen nothing, or nobody has looked.
    unseen: bool,
}

fn stays(error: Option<ContentRef>) -> Found {
    let doubt = Doubt { cause: Cause::Reported, error };
    Found { outcome: Resolution::Unknown(doubt), content: Vec::new(), unseen: false }
}

/// Whoever may count as dead does nothing, so nothing was learnt, and the next one asks.
fn nothing_done() -> Found {
    unseen(stays(None))
}

async fn probe(invocation: &Invocation, attempt: Attempt, permit: Permit) -> Found {
    let cx = perform::fenced(invocation, permit.token, attempt.number);
    let (port, args) = (invocation.port(), invocation.args.clone());
    let asked = async move { if cx.may_leave() { Some(port.probe(args, cx).await) } else { None } };
    let asked = match perform::guarded(invocation, asked).await {
        Ok(None) => return nothing_done(),
        Ok(Some(answer)) => Ok(answer),
        Err(ended) => Err(ended),
    };
    match asked {
        Ok(Ok(Probed::Landed(output))) => found(verdict::success(invocation, output)),
        Ok(Ok(Probed::NotLanded)) => {
            let now = invocation.journal().shared.clock.now();
            Found { outcome: not_landed(&attempt, now), content: Vec::new(), unseen: true }
        }
        Ok(Ok(Probed::Unknown)) => stays(None),
        // Nobody has looked, so there is no reason not to look again.
        Ok(Err(error)) => unseen(found(verdict::doubt(invocation, Cause::Reported, Some(error.message)))),
        Err(Ended::TimedOut) => unseen(found(verdict::doubt(invocation, Cause::Timeout, None))),
        Err(_) => found(verdict::doubt(invocation, Cause::Panic, None)),
    }
}

fn unseen(found: Found) -> Found {
    Found { unseen: true, ..found }
}

/// A failure says that this call did nothing, not that the one in doubt did nothing: a refusal for
/// want of credentials, say, tells nothing about a charge made before. So every failure keeps the doubt.
async fn call_again(invocation: &Invocation, attempt: Attempt, permit: Permit) -> Found {
    found(match perform::act_once(invocation, permit, attempt.number).await {
        Ended::NotSent => return nothing_done(),
        Ended::Answered(Ok(output)) => verdict::success(invocation, output),
        Ended::Answered(Err(error)) => verdict::doubt(invocation, Cause::Reported, Some(error.message)),
        Ended::TimedOut => verdict::doubt(invocation, Cause::Timeout, None),
        Ended::Panicked => verdict::doubt(invocation, Cause::Panic, None),
    })
}

fn found(verdict: Verdict) -> Found {
    let outcome = match verdict.ending {
        Ending::Completed(Outcome::Succeeded(success)) => Resolution::Succeeded(success),
        Ending::Completed(Outcome::Failed(failure)) => Resolution::Failed(failure),
        Ending::Completed(Outcome::Unknown(doubt)) => Resolution::Unknown(doubt),
        Ending::AttemptFailed { error, .. } => {
            Resolution::Unknown(Doubt { cause: Cause::Reported, error: Some(error) })
        }
    };
    Found { outcome, content: verdict.content, unseen: false }
}

/// Records what was found, for as long as it takes; late, if somebody else closed the doubt meanwhile.
/// Returns whether there was anything left to record.
async fn resolve(
    invocation: &Invocation,
    action: ReconcileAction,
    request: RequestId,
    id: EventId,
    found: Found,
) -> Result<bool, Error> {
    let step = invocation.ask.step.clone();
    let by = if action == ReconcileAction::Probe { Resolver::Probe } else { Resolver::Retry };
    let decide = {
        let step = step.clone();
        move |state: &RunState, facts: &Facts<'_>| {
            let ours = state.tool_step(&step).is_some_and(|step| match &step.cycle {
                ToolCycle::Reconciling(_, open) => open.id == id,
                _ => false,
            });
            let body: Body = match (&found.outcome, ours) {
                (outcome, true) => {
                    let (by, outcome) = (by.clone(), outcome.clone());
                    ToolResolved { by, evidence: None, outcome, reconcile: Some(id), request }.into()
                }
                (Resolution::Succeeded(success), false) => {
                    let outcome = Outcome::Succeeded(success.clone());
                    LateOutcome { elapsed_us: 0, request, what: Late::Tool(outcome) }.into()
                }
                _ => return Ok(Plan::default()),
            };
            Ok(Plan::default().event(facts.id(), Some(&step), body)?.content(found.content.clone()))
        }
    };
    let events = perform::insist(invocation.journal(), Capacity::Outcome(request), &step, decide).await?;
    Ok(!events.is_empty())
}
