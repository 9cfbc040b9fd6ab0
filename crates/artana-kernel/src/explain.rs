//! Explains a run where it is stored, as far as its ledger holds. Reads only, and opens nothing: a broken run
//! is explained up to its break.

use std::collections::BTreeSet;

use artana_core::{
    IncarnationId, RunId, RunRef, RunState, Seq, Tenant,
    explain::{Explanation, History, explain},
    limits::MAX_PAGE_EVENTS,
    verify::ChainBreak,
};
use artana_ports::EventStore;

use crate::{Error, Kernel, load};

/// A run explained as far as its ledger holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explained {
    /// What happened, up to the break if there is one; `None` where not even the first event holds.
    pub explanation: Option<Explanation>,
    /// The first break of the chain and whose it is: the run's own, or that of an ancestor it shares events with.
    pub broken: Option<(RunRef, ChainBreak)>,
}

impl Kernel {
    /// Explains a run: what happened, what it waits for, and what would lift that. Its chain is checked on the
    /// way, its content is not.
    ///
    /// # Errors
    ///
    /// [`Error::RunNotFound`]; [`Error::Store`]. A break is no error.
    pub async fn explain(&self, tenant: &Tenant, id: &str) -> Result<Explained, Error> {
        self.0.open()?;
        let run = RunRef::new(tenant.id()?.clone(), RunId::parse(id)?);
        let store = &*self.0.store;
        let mut history = History::default();
        let (state, broken) = match load::visit(store, &run, |_, event| history.see(event)).await {
            Ok(state) => (Some(state), None),
            Err(Error::Damaged { run: damaged, found }) => {
                history = History::default();
                (as_far_as_it_holds(store, &run, &mut history).await?, Some((damaged, *found)))
            }
            Err(error) => return Err(error),
        };
        let explanation = match state {
            Some(state) => Some(explain(&state, &history, &alive(store, &state, &history).await?)),
            None => None,
        };
        Ok(Explained { explanation, broken })
    }
}

/// Folds the events before the first break of a run, and shows them to `history`.
async fn as_far_as_it_holds(
    store: &dyn EventStore,
    run: &RunRef,
    history: &mut History,
) -> Result<Option<RunState>, Error> {
    let Some(end) = crate::audit::verify(store, run).await?.head.map(|head| head.seq) else { return Ok(None) };
    let state = match load::load_to(store, run, end).await {
        Err(Error::Damaged { .. }) => return Ok(None),
        other => other?,
    };
    let mut at = Seq::ZERO;
    while at < end {
        let page = store.read(run, at, MAX_PAGE_EVENTS).await?;
        let Some(last) = page.last() else { break };
        at = last.seq;
        for row in page.into_iter().filter(|row| row.seq <= end) {
            history.see(&load::decode(run, row)?);
        }
    }
    Ok(Some(state))
}

/// Finds those of the processes at a run's steps, and at its session, that live.
async fn alive(store: &dyn EventStore, state: &RunState, history: &History) -> Result<BTreeSet<IncarnationId>, Error> {
    let at_steps = state.steps().filter_map(|(_, step)| step.owner());
    let owners: BTreeSet<IncarnationId> = at_steps.chain(history.awake()).collect();
    let owners: Vec<IncarnationId> = owners.into_iter().collect();
    if owners.is_empty() {
        return Ok(BTreeSet::new());
    }
    let lives = store.alive(&owners).await?;
    Ok(owners.into_iter().zip(lives).filter(|(_, lives)| *lives).map(|(owner, _)| owner).collect())
}
