//! Stores that hand out the wrong runs, or in the wrong order.

use std::collections::{BTreeMap, BTreeSet};

use artana_core::{IncarnationId, Queued, RunRef, RunView};
use artana_ports::{Append, AppendError, Appended, BeatError, DueQuery, Epoch, Leased};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Leases, Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "due/not_before_its_time": "Hands out runs before their time." => TakesEarly;
    "due/left_queue_is_not_taken": "Hands out runs that have left their queue." => TakesTheFinished;
    "due/highest_priority_first": "Hands out the earliest first, whatever its priority." => ForgetsPriority;
    "due/earliest_first": "Hands out runs of one priority in the order of their ids." => ForgetsTime;
    "due/limit_is_kept": "Hands out one more than was asked for." => OneTooMany;
    "due/queues_are_chosen": "Hands out the runs of all queues." => AllQueues;
    "due/busy_queues_are_left": "Hands out the runs of busy queues." => ForgetsBusyQueues;
    "due/busy_tenants_are_left": "Hands out the runs of busy tenants." => ForgetsBusyTenants;
    "due/its_place_is_told": "Tells the time of the taking as the time from when on a run was due." => TellsNow;
    "due/the_dead_holder_is_named": "Names nobody who died." => NamesNobody;
    "due/held_by_the_living_is_left": "Hands out runs that the living hold." => TakesFromTheLiving;
    "due/held_by_the_dead_is_taken": "Hands out no run that anybody ever held." => LeavesToTheDead;
    "due/lost_by_the_taker_is_taken_again": "Leaves what the taker holds, whatever that says." => LeavesToTheTaker;
    "due/driven_by_the_taker_is_left": "Hands out all that the taker holds to one that says what it drives." => TakesFromTheTaker;
    "due/held_by_another_is_left": "Hands out what anybody holds to one that says what it drives." => TakesFromAnybody;
    "due/is_taken_once": "Hands out the same runs to the next who asks and does not say what it drives." => HandsOutTwice;
    "due/grant_drives": "Answers the epoch after the granted one." => NextEpoch;
    "due/taker_needs_a_life": "Tells a dead taker that nothing is due." => NothingForTheDead;
};

/// The rows of all runs.
#[derive(Debug, Default)]
struct Rows(Notes<BTreeMap<RunRef, RunView>>);

impl Rows {
    /// Appends, and notes the row.
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.with(|rows| rows.insert(batch.run.clone(), batch.view.clone()));
        at.store.append(batch).await
    }

    fn queued(&self, run: &RunRef) -> Option<Queued> {
        self.0.with(|rows| rows.get(run).and_then(|row| row.queued.clone()))
    }

    /// Returns some runs as if they had been taken.
    fn leased(&self, which: impl Fn(&RunView) -> bool) -> Vec<Leased> {
        let leased = |row: &RunView| {
            let place =
                row.queued.clone().unwrap_or(Queued { queue: String::new(), priority: 0, due_at: row.started_at });
            let (epoch, Queued { queue, due_at, .. }) = (Epoch::new(1), place);
            Leased { run: row.run.clone(), epoch, head: row.head, due_at, queue, died: None }
        };
        self.0.with(|rows| rows.values().filter(|row| which(row)).map(leased).collect())
    }
}

#[derive(Debug, Default)]
struct TakesEarly(Rows);

#[async_trait]
impl Mischief for TakesEarly {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.append(at, batch).await
    }

    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let mut taken = at.store.take_due(query).await?;
        taken.extend(self.0.leased(|row| row.queued.as_ref().is_some_and(|queued| queued.due_at > at.now)));
        Ok(taken)
    }
}

#[derive(Debug, Default)]
struct TakesTheFinished(Rows);

#[async_trait]
impl Mischief for TakesTheFinished {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.append(at, batch).await
    }

    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let mut taken = at.store.take_due(query).await?;
        taken.extend(self.0.leased(|row| row.queued.is_none()));
        Ok(taken)
    }
}

#[derive(Debug, Default)]
struct ForgetsPriority(Rows);

#[async_trait]
impl Mischief for ForgetsPriority {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.append(at, batch).await
    }

    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let mut taken = at.store.take_due(query).await?;
        taken.sort_by_key(|leased| (self.0.queued(&leased.run).map(|queued| queued.due_at), leased.run.clone()));
        Ok(taken)
    }
}

#[derive(Debug, Default)]
struct ForgetsTime(Rows);

#[async_trait]
impl Mischief for ForgetsTime {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.append(at, batch).await
    }

    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let mut taken = at.store.take_due(query).await?;
        let order = |run: &RunRef| self.0.queued(run).map(|queued| std::cmp::Reverse(queued.priority));
        taken.sort_by_key(|leased| (order(&leased.run), leased.run.clone()));
        Ok(taken)
    }
}

#[derive(Debug, Default)]
struct OneTooMany;

#[async_trait]
impl Mischief for OneTooMany {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        at.store.take_due(&DueQuery { limit: query.limit + 1, ..query.clone() }).await
    }
}

#[derive(Debug, Default)]
struct AllQueues;

#[async_trait]
impl Mischief for AllQueues {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        at.store.take_due(&DueQuery { queues: Vec::new(), ..query.clone() }).await
    }
}

#[derive(Debug, Default)]
struct ForgetsBusyQueues;

#[async_trait]
impl Mischief for ForgetsBusyQueues {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        at.store.take_due(&DueQuery { busy_queues: Vec::new(), ..query.clone() }).await
    }
}

#[derive(Debug, Default)]
struct ForgetsBusyTenants;

#[async_trait]
impl Mischief for ForgetsBusyTenants {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        at.store.take_due(&DueQuery { busy_tenants: Vec::new(), ..query.clone() }).await
    }
}

#[derive(Debug, Default)]
struct TellsNow;

#[async_trait]
impl Mischief for TellsNow {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let mut taken = at.store.take_due(query).await?;
        taken.iter_mut().for_each(|leased| leased.due_at = at.now);
        Ok(taken)
    }
}

#[derive(Debug, Default)]
struct NamesNobody;

#[async_trait]
impl Mischief for NamesNobody {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let mut taken = at.store.take_due(query).await?;
        taken.iter_mut().for_each(|leased| leased.died = None);
        Ok(taken)
    }
}

#[derive(Debug, Default)]
struct TakesFromTheLiving {
    rows: Rows,
    leases: Leases,
}

#[async_trait]
impl Mischief for TakesFromTheLiving {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let answer = self.rows.append(at, batch.clone()).await;
        self.leases.note(&batch, &answer);
        answer
    }

    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let mut taken = at.store.take_due(query).await?;
        for (run, owner) in self.leases.all() {
            if at.alive(owner.incarnation).await? {
                taken.extend(self.rows.leased(|row| row.run == run));
            }
        }
        Ok(taken)
    }
}

#[derive(Debug, Default)]
struct LeavesToTheDead(Leases);

#[async_trait]
impl Mischief for LeavesToTheDead {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let answer = at.store.append(batch.clone()).await;
        self.0.note(&batch, &answer);
        answer
    }

    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let mut taken = at.store.take_due(query).await?;
        taken.retain(|leased| self.0.of(&leased.run).is_none());
        Ok(taken)
    }
}

#[derive(Debug, Default)]
struct LeavesToTheTaker;

#[async_trait]
impl Mischief for LeavesToTheTaker {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        at.store.take_due(&DueQuery { driving: None, ..query.clone() }).await
    }
}

#[derive(Debug, Default)]
struct TakesFromTheTaker;

#[async_trait]
impl Mischief for TakesFromTheTaker {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        at.store.take_due(&DueQuery { driving: query.driving.as_ref().map(|_| BTreeSet::new()), ..query.clone() }).await
    }
}

#[derive(Debug, Default)]
struct TakesFromAnybody(Notes<Vec<(IncarnationId, Leased)>>);

#[async_trait]
impl Mischief for TakesFromAnybody {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let taken = at.store.take_due(query).await?;
        let others: Vec<Leased> = self.0.with(|known| {
            let others = known.iter().filter(|(taker, _)| query.driving.is_some() && *taker != query.taker);
            let others = others.map(|(_, leased)| leased.clone()).collect();
            known.extend(taken.iter().map(|leased| (query.taker, leased.clone())));
            others
        });
        Ok(taken.into_iter().chain(others).collect())
    }
}

#[derive(Debug, Default)]
struct HandsOutTwice(Notes<Option<(IncarnationId, Vec<Leased>)>>);

#[async_trait]
impl Mischief for HandsOutTwice {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let taken = at.store.take_due(query).await?;
        let (first, again) = self.0.with(|first| first.get_or_insert((query.taker, taken.clone())).clone());
        Ok(if first == query.taker || query.driving.is_some() { taken } else { again })
    }
}

#[derive(Debug, Default)]
struct NextEpoch;

#[async_trait]
impl Mischief for NextEpoch {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let mut taken = at.store.take_due(query).await?;
        taken.iter_mut().for_each(|leased| leased.epoch = Epoch::new(leased.epoch.get() + 1));
        Ok(taken)
    }
}

#[derive(Debug, Default)]
struct NothingForTheDead;

#[async_trait]
impl Mischief for NothingForTheDead {
    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        match at.store.take_due(query).await {
            Err(BeatError::Lapsed) => Ok(Vec::new()),
            answer => answer,
        }
    }
}
