//! Runs that are due: which are asked for, which of them are taken, and in which order. Knows no clock and no store.

use std::{cmp::Reverse, collections::BTreeSet};

use artana_core::{Head, IncarnationId, Queued, RunRef, RunView, TenantId, Timestamp};

use crate::{Epoch, Lease};

/// Which due runs to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueQuery {
    /// Who takes them.
    pub taker: IncarnationId,
    /// From which queues; all, if empty.
    pub queues: Vec<String>,
    /// Not from these queues.
    pub busy_queues: Vec<String>,
    /// Not of these tenants.
    pub busy_tenants: Vec<TenantId>,
    /// The runs that the taker drives, if it says so. Another one that it holds is then due like one that nobody
    /// holds: it was taken in a reply that was lost, or could not be given back. Unless the taker says so, all that it
    /// holds is left.
    pub driving: Option<BTreeSet<RunRef>>,
    /// At most so many.
    pub limit: u32,
}

impl DueQuery {
    /// Asks for up to so many due runs of all tenants and queues.
    #[must_use]
    pub fn all(taker: IncarnationId, limit: u32) -> Self {
        Self { taker, queues: Vec::new(), busy_queues: Vec::new(), busy_tenants: Vec::new(), driving: None, limit }
    }

    /// Returns whether a run of a tenant that waits in a queue is asked for.
    #[must_use]
    pub fn wants(&self, tenant: &TenantId, queue: &str) -> bool {
        let named = |queues: &[String]| queues.iter().any(|name| name == queue);
        let wanted = self.queues.is_empty() || named(&self.queues);
        wanted && !named(&self.busy_queues) && !self.busy_tenants.contains(tenant)
    }

    /// Returns whether a run that a live incarnation holds is taken all the same.
    #[must_use]
    pub fn retakes(&self, run: &RunRef, holder: IncarnationId) -> bool {
        holder == self.taker && self.driving.as_ref().is_some_and(|driving| !driving.contains(run))
    }

    /// Chooses among all runs there are, each with its lease: what is due and not held by the living, highest priority
    /// and then earliest first, at most so many. Each comes with the grant that the store is to write, by
    /// [`Lease::granted_to`] the taker. `lives` says whether an incarnation lives on the store's clock.
    ///
    /// A taker that does not live is refused before, with [`BeatError::Lapsed`](crate::BeatError::Lapsed). A store with an
    /// index looks up less, and has to come to the same.
    #[must_use]
    pub fn choose<'v>(
        &self,
        runs: impl IntoIterator<Item = (&'v RunView, Lease)>,
        now: Timestamp,
        lives: impl Fn(IncarnationId) -> bool,
    ) -> Vec<Leased> {
        let due = |(view, lease): (&'v RunView, Lease)| {
            let place = view.queued.as_ref().filter(|place| place.due_at <= now)?;
            let left = lease.owner.is_some_and(|owner| lives(owner) && !self.retakes(&view.run, owner));
            (!left && self.wants(&view.run.tenant, &place.queue)).then_some((view, lease, place))
        };
        let mut found: Vec<_> = runs.into_iter().filter_map(due).collect();
        found.sort_by_key(|&(view, _, place)| (Reverse(place.priority), place.due_at, &view.run));
        let taken = found.into_iter().take(usize::try_from(self.limit).unwrap_or(usize::MAX));
        let leased = |(view, lease, place): (&RunView, Lease, &Queued)| Leased {
            run: view.run.clone(),
            epoch: lease.granted_to(self.taker).epoch,
            head: view.head,
            due_at: place.due_at,
            queue: place.queue.clone(),
            died: lease.owner.filter(|owner| *owner != self.taker),
        };
        taken.map(leased).collect()
    }
}

/// A run whose lease was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The run.
    pub run: RunRef,
    /// The number of the grant.
    pub epoch: Epoch,
    /// The run's head.
    pub head: Head,
    /// From when on it was due.
    pub due_at: Timestamp,
    /// The queue it waited in.
    pub queue: String,
    /// Who held it before and died, if it was not given back. The taker itself has not.
    pub died: Option<IncarnationId>,
}
