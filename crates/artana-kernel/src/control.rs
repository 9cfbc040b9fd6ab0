//! Ending a run and resolving doubts: what its own code, a person or the outside world decides.

use std::sync::Arc;

use artana_core::{
    Actor, Content, ContentRef, ContentType, IdError, RequestId, RunRef, RunState, Status, StepKey,
    decide::{OwnerLife, Refused, code_owner_lost, decide_resolve, model_owner_lost, owner_lost},
    event::{
        Body, CancelRequested, Closing, FailureCategory, Resolution, Resolver, RunFinished, RunOutcome, Success,
        ToolFailure, ToolResolved,
    },
    json,
};

use crate::{
    Error, Kernel, Run,
    error::kernel_actor,
    journal::{Capacity, Facts, Journal, Plan},
};

/// Why a child is cancelled whose parent ends.
pub(crate) const ABOVE_ENDS: &str = "the run that started it is ending";
/// Most calls whose doubt is recorded in one append, which holds the request to end besides.
const MAX_LOST: usize = 128;

/// What a person established about a call in doubt, and on what evidence.
#[derive(Debug, Clone)]
pub struct Resolve {
    by: Result<Actor, IdError>,
    reason: String,
    result: Option<Vec<u8>>,
}

impl Resolve {
    /// The effect happened, with this result as JSON.
    pub fn succeeded(by: impl AsRef<str>, result: impl Into<Vec<u8>>, reason: impl Into<String>) -> Self {
        Self { by: Actor::parse(by), reason: reason.into(), result: Some(result.into()) }
    }

    /// The effect did not happen and will not.
    pub fn failed(by: impl AsRef<str>, reason: impl Into<String>) -> Self {
        Self { by: Actor::parse(by), reason: reason.into(), result: None }
    }
}

impl Run {
    /// Ends the run as completed. Ending a completed run again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Unfinished`] while a step is under way or in doubt, [`Error::Ended`] when the run ended otherwise,
    /// [`Error::Moved`] when the rest of it is done in a fork.
    pub async fn finish(&self) -> Result<(), Error> {
        self.latest(drivable).await??;
        let lost = lost_calls(&self.journal).await?;
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            is_here(state)?;
            match state.status() {
                Status::Completed => return Ok(Plan::default()),
                Status::Running => {}
                // A harness sleeps between its sessions; a workflow waits for something and goes on.
                Status::Sleeping if state.started().workflow.is_none() => {}
                status if status.is_finished() => return Err(Error::Ended { run: state.run().clone(), status }),
                Status::NeedsReconciliation => {}
                status => return Err(Error::NotRunning { run: state.run().clone(), status }),
            }
            // A question whose process is gone is closed on the way; an effect is not, because it may have happened.
            let mut plan = Plan::default();
            let mut steps = open_steps(state);
            for (step, request) in lost.iter().take(MAX_LOST) {
                let recorded = state.model_step(step).filter(|model| model.cycle.request() == Some(*request));
                if recorded.is_some() && steps.contains(step) {
                    plan = plan.event(facts.id(), Some(step), model_owner_lost(*request))?;
                    steps.retain(|open| open != step);
                }
            }
            if !steps.is_empty() {
                return Err(Error::Unfinished { run: state.run().clone(), steps });
            }
            plan.event(facts.id(), None, RunFinished { outcome: RunOutcome::Completed, output: None })
        };
        self.journal.append_detached(self.capacity(), None, decide).await.map(drop)
    }

    /// Gives the run up: nothing new starts, what was begun runs to its outcome, and the run then ends as failed.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the run ended otherwise, [`Error::Moved`] when the rest of it is done in a fork.
    pub async fn fail(&self, reason: &str) -> Result<Status, Error> {
        self.close_as(Closing::Failed, None, reason).await
    }

    /// Cancels the run in somebody's name: nothing new starts, what was begun runs to its outcome, and
    /// the run then ends as cancelled, with the children that its sessions began. Cancelling again settles what has died
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the run ended otherwise, [`Error::Moved`] when the rest of it is done in a fork.
    pub async fn cancel(&self, by: impl AsRef<str>, reason: &str) -> Result<Status, Error> {
        self.close_as(Closing::Cancelled, Some(Actor::parse(by)?), reason).await
    }

    async fn close_as(&self, closing: Closing, by: Option<Actor>, reason: &str) -> Result<Status, Error> {
        self.ask_to_close(closing, by, reason).await?;
        self.close_children().await?;
        for landing in self.journal.flights.all() {
            landing.wait().await;
        }
        self.status().await
    }

    /// Cancels what a session has begun in runs of their own. A workflow's driver ends its children itself, because
    /// what they did is undone first.
    pub(crate) async fn close_children(&self) -> Result<(), Error> {
        if self.journal.with_state(|state| state.started().workflow.is_some()) {
            return Ok(());
        }
        let kernel = Kernel(Arc::clone(&self.journal.shared));
        for (step, child) in self.children().await? {
            let is_inherited = self.journal.with_state(|state| state.holder(&step).is_some());
            if child.ended.is_some() || is_inherited {
                continue;
            }
            let ended = match kernel.open_run(&self.tenant, child.run.as_str()).await {
                // Boxed, as the child may have children too.
                Ok(child) => Box::pin(child.cancel(kernel_actor().as_str(), ABOVE_ENDS)).await.map(drop),
                Err(error) => Err(error),
            };
            match ended {
                // It was recorded, and has not begun; or it has ended by itself.
                Ok(()) | Err(Error::RunNotFound { .. } | Error::Ended { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Asks the run to end, and does not wait for what is under way.
    pub(crate) async fn ask_to_close(&self, closing: Closing, by: Option<Actor>, reason: &str) -> Result<(), Error> {
        self.latest(drivable).await??;
        let journal = &self.journal;
        let lost = lost_calls(journal).await?;
        let (reason, content) = journal.content(ContentType::Text, reason.as_bytes().to_vec());
        let capacity = Capacity::Outside(by.clone().unwrap_or_else(kernel_actor));
        let asked = CancelRequested { closing, by, reason: Some(reason) };
        let mut lost = lost.into_iter().peekable();
        loop {
            let (asked, content) = (asked.clone(), content.clone());
            let some: Vec<_> = lost.by_ref().take(MAX_LOST).collect();
            let decide = move |state: &RunState, facts: &Facts<'_>| closing_plan(state, facts, &asked, &content, &some);
            journal.append_detached(capacity.clone(), None, decide).await?;
            if lost.peek().is_none() {
                break;
            }
        }
        journal.cancel.cancel();
        Ok(())
    }

    /// Resolves a call in doubt by a person's word.
    ///
    /// # Errors
    ///
    /// [`Error::OwnerAlive`] while an answer may still come, [`Error::NotInDoubt`] and
    /// [`Error::NothingRecorded`] where there is nothing to resolve, [`Error::InvalidResult`]
    /// when the result is not JSON.
    pub async fn resolve(&self, step: impl AsRef<str>, resolve: Resolve) -> Result<(), Error> {
        self.latest(drivable).await??;
        let (step, by) = (StepKey::parse(step)?, resolve.by?);
        let journal = &self.journal;
        let (owner, life) = journal.owner_life(&step).await?;
        let (reason, reason_content) = journal.content(ContentType::Text, resolve.reason.into_bytes());
        let (outcome, result) = resolution(journal, &step, resolve.result, reason)?;
        let content: Vec<Content> = [reason_content].into_iter().chain(result).collect();
        let capacity = Capacity::Outside(by.clone());
        let key = step.clone();
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            let life = if state.owner(&key) == owner { life } else { OwnerLife::Alive };
            let decided = decide_resolve(state, &key, life);
            let (request, unrecorded) = decided.map_err(|refusal| refused(state.run(), &key, refusal))?;
            let resolved = ToolResolved {
                by: Resolver::Operator(by.clone()),
                evidence: Some(reason),
                outcome: outcome.clone(),
                reconcile: None,
                request,
            };
            let plan = Plan::default();
            let lost = state.step(&key).filter(|_| unrecorded).map(|step| lost_outcome(step, request));
            let plan = lost.into_iter().try_fold(plan, |plan, lost| plan.event(facts.id(), Some(&key), lost))?;
            Ok(plan.event(facts.id(), Some(&key), resolved)?.content(content.clone()))
        };
        journal.append_detached(capacity, Some(step), decide).await.map(drop)
    }
}

fn resolution(
    journal: &Journal,
    step: &StepKey,
    result: Option<Vec<u8>>,
    reason: ContentRef,
) -> Result<(Resolution, Option<Content>), Error> {
    let Some(result) = result else {
        let failure = ToolFailure { category: FailureCategory::Resolved, error: reason };
        return Ok((Resolution::Failed(failure), None));
    };
    if let Err(error) = json::parse(&result) {
        return Err(Error::InvalidResult { run: journal.run.clone(), step: step.clone(), problem: error.to_string() });
    }
    let (result, content) = journal.content(ContentType::Json, result);
    Ok((Resolution::Succeeded(Success { effect_id: None, rejected: None, result }), Some(content)))
}

/// Plans the end of a run: the request to end, and a doubt for each call whose process is gone.
/// The last event is added by the journal once nothing is under way.
fn closing_plan(
    state: &RunState,
    facts: &Facts<'_>,
    asked: &CancelRequested,
    reason: &Content,
    lost: &[(StepKey, RequestId)],
) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    let status = state.status();
    match (status, asked.closing) {
        (Status::Failed, Closing::Failed) | (Status::Cancelled, Closing::Cancelled) => return Ok(plan),
        _ if status.is_finished() => return Err(Error::Ended { run: state.run().clone(), status }),
        _ if state.moved().is_some() => return is_here(state).map(|()| plan),
        (Status::Cancelling, _) => {}
        _ => plan = plan.event(facts.id(), None, asked.clone())?.content([reason.clone()]),
    }
    for (step, request) in lost {
        let recorded = state.step(step).filter(|step| step.is_pending() && step.request() == Some(*request));
        if let Some(recorded) = recorded {
            plan = plan.event(facts.id(), Some(step), lost_outcome(recorded, *request))?;
        }
    }
    Ok(plan)
}

/// Finds the calls under way whose process is gone.
pub(crate) async fn lost_calls(journal: &Journal) -> Result<Vec<(StepKey, RequestId)>, Error> {
    let pending: Vec<StepKey> = journal.with_state(|state| state.pending().cloned().collect());
    let mut lost = Vec::new();
    for step in pending {
        let (_, life) = journal.owner_life(&step).await?;
        let request = journal.with_state(|state| state.step(&step).and_then(artana_core::Step::request));
        if let (OwnerLife::Dead, Some(request)) = (life, request) {
            lost.push((step, request));
        }
    }
    Ok(lost)
}

pub(crate) fn open_steps(state: &RunState) -> Vec<StepKey> {
    let open = |step: &artana_core::Step| step.is_pending() || step.is_unknown();
    state.steps().filter(|(_, step)| open(step)).map(|(key, _)| key.clone()).collect()
}

/// What is recorded of a call whose process is gone: an effect is in doubt, an answer is lost.
pub(crate) fn lost_outcome(step: &artana_core::Step, request: RequestId) -> Body {
    match step {
        artana_core::Step::Model(_) => model_owner_lost(request).into(),
        artana_core::Step::Code(_) => code_owner_lost(request).into(),
        _ => owner_lost(request).into(),
    }
}

/// Refuses to drive what this build does not wholly understand.
pub(crate) fn drivable(state: &RunState) -> Result<(), Error> {
    match state.foreign() {
        Some(what) => Err(Error::FormatTooNew { run: state.run().clone(), what: what.into() }),
        None => Ok(()),
    }
}

/// Refuses to have a run do something whose rest is done in a fork.
pub(crate) fn is_here(state: &RunState) -> Result<(), Error> {
    match state.moved().filter(|_| state.finished().is_none()) {
        Some(fork) => Err(Error::Moved { run: state.run().clone(), fork: fork.clone() }),
        None => Ok(()),
    }
}

/// Names a refusal that needs no comparison of arguments.
pub(crate) fn refused(run: &RunRef, step: &StepKey, refused: Refused) -> Error {
    let (run, step) = (run.clone(), step.clone());
    match refused {
        Refused::FormatTooNew(what) => Error::FormatTooNew { run, what },
        Refused::ToolChanged(change) => Error::ToolChanged { run, step, change },
        Refused::NeedsReconciliation { request, cause } => {
            Error::ReconciliationRequired { run, step, request, cause, believable_at: None }
        }
        Refused::NeedsOperator { request } => Error::NeedsOperator { run, step, request },
        Refused::NotRunning(status) => Error::NotRunning { run, status },
        Refused::NothingRecorded => Error::NothingRecorded { run, step },
        Refused::NotInDoubt => Error::NotInDoubt { run, step },
        Refused::OwnerAlive { owner } => Error::OwnerAlive { run, step, owner },
        Refused::BelongsToAncestor { holder } => Error::EffectBelongsToAncestor { run, step, holder: Some(holder) },
        other => Error::Internal(format!("an unmapped refusal in step {step}: {other:?}")),
    }
}
