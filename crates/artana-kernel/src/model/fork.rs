//! Forks: the parent records one first, then the fork is started, and started again if it is missing.

use std::{collections::BTreeSet, sync::Arc};

use artana_core::{
    Actor, Digest, Genesis, ParentLink, RunId, RunRef, RunState, StepKey,
    ask::Field,
    decide::{ForkPoint, Tie, decide_fork, fork_id, ties},
    event::{ForkCause, OWN_UNDO, RunForked, RunStarted},
    limits::{MAX_FORK_DEPTH, MAX_FORKS},
};

use super::prepare::Prepared;
use crate::{
    Error, Kernel, Run,
    journal::{Capacity, Facts, Journal, Plan},
    load,
};

/// Why a run is forked.
pub(crate) enum Why<'a> {
    /// A step was asked otherwise than recorded.
    Drift { asked: &'a Prepared, fields: BTreeSet<Field> },
    /// Somebody wants to go another way, in a run of this id.
    Wanted { by: Actor, id: RunId },
}

/// Forks a run before the first event of a step, for a person.
pub(crate) async fn fork_at(run: &Run, step: &StepKey, by: Actor, id: RunId) -> Result<Run, Error> {
    let at = run.latest(|state| decide_fork(state, step)).await?;
    let at = at.map_err(|refused| crate::control::refused(run.name(), step, refused))?;
    fork_of(run, step, at, Why::Wanted { by, id }).await
}

/// Returns the fork of a run at a point, and makes it where it is missing.
pub(crate) async fn fork_of(run: &Run, step: &StepKey, at: ForkPoint, why: Why<'_>) -> Result<Run, Error> {
    let kernel = Kernel(Arc::clone(&run.journal.shared));
    let (id, because, ask) = match why {
        Why::Drift { asked: ask, fields } => {
            let asked: Digest = ask.ask.fingerprint.digest();
            (fork_id(&at.parent, step, &asked), ForkCause::Drift { asked, fields }, Some(ask))
        }
        Why::Wanted { by, id } => (id, ForkCause::Wanted { by }, None),
    };
    let fork = RunRef::new(at.parent.tenant.clone(), id);
    // A run of this id is looked for first, so that nobody's run is recorded as a fork.
    let journal = match kernel.journal(&fork).await {
        Err(Error::RunNotFound { .. }) => {
            // What would be refused in the fork makes none.
            ask.map(Prepared::admit).transpose()?;
            // Whoever drives the parent holds its lease; an ancestor is nobody's to drive here.
            let capacity = if at.parent == *run.name() { run.capacity() } else { Capacity::Request };
            let forked = RunForked { because, cut: at.cut, fork: fork.run.clone() };
            announce(&kernel.journal(&at.parent).await?, capacity, step, forked).await?;
            start(&kernel, &at, &fork).await?
        }
        other => other?,
    };
    let parent = journal.with_state(|state| state.genesis().parent.clone());
    let shares = |link: ParentLink| link.run == at.parent.run && link.seq == at.cut;
    if !parent.is_some_and(shares) {
        return Err(Error::RunExists { run: fork });
    }
    Ok(Run::new(journal, run.tenant.clone()))
}

/// Records the fork in its parent, which holds the cap on forks. One that is recorded already, and may
/// not have begun, leaves where it was recorded to.
async fn announce(parent: &Arc<Journal>, capacity: Capacity, step: &StepKey, forked: RunForked) -> Result<(), Error> {
    let key = step.clone();
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        crate::control::drivable(state)?;
        let known = state.forks().contains_key(&forked.fork);
        if !known && let Some(tie) = not_forked(state, &forked) {
            return Err(Error::Tied(state.run().clone(), key.clone(), Box::new(tie)));
        }
        if !known && moves(state, &forked) {
            crate::control::is_here(state)?;
            if state.is_closing() || !state.pauses().is_empty() {
                return Err(Error::NotRunning { run: state.run().clone(), status: state.status() });
            }
        }
        match state.forks().get(&forked.fork) {
            Some(known) if known.recorded.1.cut == forked.cut => return Ok(Plan::default()),
            Some(_) => {
                let run = RunRef::new(state.run().tenant.clone(), forked.fork.clone());
                return Err(Error::RunExists { run });
            }
            None => {}
        }
        if state.forks().len() >= MAX_FORKS || state.depth() >= MAX_FORK_DEPTH {
            return Err(Error::TooManyForks(state.run().clone()));
        }
        Plan::default().event(facts.id(), Some(&key), forked.clone())
    };
    // Alone in its append: what others claim in theirs they decide on a run that knows of its fork, or does not.
    parent.append_detached(capacity, None, decide).await.map(drop)
}

/// Returns whether the rest of a workflow goes to the fork.
fn moves(state: &RunState, forked: &RunForked) -> bool {
    let goes_on = state.started().workflow.is_some() && state.finished().is_none();
    goes_on && matches!(forked.because, ForkCause::Drift { .. })
}

/// What keeps a fork from being made. A fork by hand takes nothing from the run, which may be undone in both; but what
/// a child does is under the child's keys, and nobody would know it again.
fn not_forked(state: &RunState, forked: &RunForked) -> Option<Tie> {
    state.started().workflow.as_ref()?;
    let moves = moves(state, forked);
    ties(state, forked.cut).into_iter().find(|tie| moves || matches!(tie, Tie::Child { .. }))
}

/// Starts the fork that is recorded in a run and is missing, and returns it.
pub(crate) async fn recorded(run: &Run, fork: &RunId) -> Result<Run, Error> {
    let kernel = Kernel(Arc::clone(&run.journal.shared));
    let known = run.journal.with_state(|state| state.forks().get(fork).map(|fork| fork.recorded.1.cut));
    let cut = known.ok_or_else(|| Error::Internal(format!("the fork {fork} is not recorded")))?;
    let name = RunRef::new(run.name().tenant.clone(), fork.clone());
    let journal = match kernel.journal(&name).await {
        Err(Error::RunNotFound { .. }) => start(&kernel, &ForkPoint { parent: run.name().clone(), cut }, &name).await?,
        other => other?,
    };
    Ok(Run::new(journal, run.tenant.clone()))
}

/// Writes a fork's first event; of many racing callers one does.
async fn start(kernel: &Kernel, at: &ForkPoint, fork: &RunRef) -> Result<Arc<Journal>, Error> {
    let parent = load::load_to(&*kernel.0.store, &at.parent, at.cut).await?;
    let genesis = Genesis {
        run: fork.clone(),
        root: parent.genesis().root.clone(),
        parent: Some(parent.link()),
        key_id: parent.genesis().key_id,
    };
    let before = kernel.journal(&at.parent).await?;
    let started = before.with_state(|state| started(state, &fork.run));
    kernel.start_fork(&parent, genesis, started).await?;
    kernel.journal(fork).await
}

/// Returns with what a fork is started. One that the rest of a workflow moved to takes over what there is to undo; any
/// other one leaves that to the workflow, which goes on beside it.
fn started(parent: &RunState, fork: &RunId) -> RunStarted {
    let mut started = parent.started().clone();
    started.flags.remove(OWN_UNDO);
    if started.workflow.is_some() && parent.moved() != Some(fork) {
        started.flags.insert(OWN_UNDO.to_owned());
    }
    started
}
