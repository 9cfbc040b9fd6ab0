//! Where a run comes from and what came of it: its parent, its forks, and the run as it was at an event.

use artana_core::{Actor, Fork, ParentLink, RunId, RunState, Seq, StepKey};

use crate::{Error, Run, load, model};

impl Run {
    /// Forks the run before the first event of a step, in somebody's name: the fork answers what came before
    /// from here, and goes its own way from the step on. Asking again for the same fork finds it.
    ///
    /// # Errors
    ///
    /// [`Error::NothingRecorded`] when there is no such step, [`Error::RunExists`] when the id is taken by
    /// another run, [`Error::TooManyForks`].
    pub async fn fork_at(&self, step: impl AsRef<str>, id: &str, by: impl AsRef<str>) -> Result<Self, Error> {
        let (step, id, by) = (StepKey::parse(step)?, RunId::parse(id)?, Actor::parse(by)?);
        model::fork_at(self, &step, by, id).await
    }

    /// Lists the run's forks.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn forks(&self) -> Result<Vec<(RunId, Fork)>, Error> {
        self.latest(|state| state.forks().iter().map(|(id, fork)| (id.clone(), fork.clone())).collect()).await
    }

    /// Returns where the run leaves its parent, if it is a fork.
    #[must_use]
    pub fn parent(&self) -> Option<&ParentLink> {
        self.journal.genesis.parent.as_ref()
    }

    /// Returns the run as it was after an event.
    ///
    /// # Errors
    ///
    /// [`Error::NoEvent`] when the run has no event of this sequence.
    pub async fn run_at(&self, seq: Seq) -> Result<RunState, Error> {
        let head = self.latest(|state| state.head().seq).await?;
        if seq == Seq::ZERO || seq > head {
            return Err(Error::NoEvent { run: self.name().clone(), seq });
        }
        load::load_to(&*self.journal.shared.store, self.name(), seq).await
    }
}
