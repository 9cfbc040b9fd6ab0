//! One budget for a run, what it began in runs of their own, and the forks of these. It reads and refuses; it reserves
//! nothing, so what is under way may spend beyond it.

use std::{collections::BTreeSet, sync::Arc};

use artana_core::{RunId, RunRef, Step, Usd};

use super::Driving;
use crate::{Error, journal::Journal};

/// What a run and all that it begins have spent, which is all that they may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "run {run} and its children have spent {spent} of a budget of {budget} and begin nothing more; grant the run more with `Kernel::grant`, and they go on"
)]
pub struct BudgetSpent {
    /// The run at the top, whose budget it is.
    pub run: RunRef,
    /// What they have spent.
    pub spent: Usd,
    /// What they may spend together.
    pub budget: Usd,
}

impl Driving {
    /// Returns what the calls of a whole tree of runs cost so far, and what they may cost together: of this run, or of
    /// the one at the top whose work it does a part of, of all below that, and of their forks.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn spent(&self) -> Result<(Usd, Option<Usd>), Error> {
        let top = self.top().await?;
        top.refresh().await?;
        let budget = budget_of(&top);
        Ok((self.cost_below(&top).await?, budget))
    }

    /// Refuses to begin anything once the budget is spent.
    pub(super) async fn within_budget(&self) -> Result<(), Error> {
        let top = self.top().await?;
        if budget_of(&top).is_none() {
            return Ok(());
        }
        top.refresh().await?;
        let Some(budget) = budget_of(&top) else { return Ok(()) };
        let spent = self.cost_below(&top).await?;
        if spent < budget {
            return Ok(());
        }
        Err(Error::BudgetSpent(Box::new(BudgetSpent { run: top.run.clone(), spent, budget })))
    }

    /// Opens the run at the top. Its limits are those of all below it, whatever these were bound to when they began.
    async fn top(&self) -> Result<Arc<Journal>, Error> {
        let mut journal = Arc::clone(&self.run.journal);
        while let Some(lineage) = journal.with_state(|state| state.started().lineage.clone()) {
            journal = self.kernel().journal(&RunRef::new(journal.run.tenant.clone(), lineage.run)).await?;
        }
        Ok(journal)
    }

    async fn cost_below(&self, top: &Journal) -> Result<Usd, Error> {
        let (mut spent, mut seen, mut due) = (0_u64, BTreeSet::new(), vec![top.run.run.clone()]);
        while let Some(id) = due.pop() {
            if !seen.insert(id.clone()) {
                continue;
            }
            let journal = match self.kernel().journal(&RunRef::new(top.run.tenant.clone(), id)).await {
                Ok(journal) => journal,
                // It is recorded, and its own first event is not there yet.
                Err(Error::RunNotFound { .. }) => continue,
                Err(error) => return Err(error),
            };
            journal.refresh().await?;
            let (cost, below) = journal.with_state(|state| {
                let children = state.steps().filter_map(|(_, step)| child_of(step));
                (state.costs().total().cost, children.chain(state.forks().keys()).cloned().collect::<Vec<_>>())
            });
            spent = spent.saturating_add(cost.as_nanos());
            due.extend(below);
        }
        Ok(Usd::nanos(spent))
    }
}

fn budget_of(top: &Journal) -> Option<Usd> {
    top.with_state(|state| state.limits().budget)
}

fn child_of(step: &Step) -> Option<&RunId> {
    match step {
        Step::Child(child) => Some(&child.run),
        _ => None,
    }
}
