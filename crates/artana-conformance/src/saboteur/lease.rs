//! Stores that fence those who may write, or let those write who may not.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use artana_core::{IncarnationId, RunRef};
use artana_ports::{Append, AppendError, Appended, Authority, BeatError, DueQuery, Epoch, Leased, Owner, Release};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Leases, Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "lease/plain_needs_a_life": "Lets the dead append plainly." => PlainDead;
    "lease/plain_is_fenced_by_the_living": "Lets others append plainly beside a live holder." => PlainBesideAnother;
    "lease/plain_is_fenced_by_itself": "Lets the holder append plainly." => PlainBesideItself;
    "lease/plain_passes_the_dead": "Fences plain appends with the lease of the dead." => FencedByTheDead;
    "lease/taking_answers_an_epoch": "Counts epochs from zero." => CountsFromZero;
    "lease/taking_needs_a_life": "Lets the dead take a lease." => DeadTaker;
    "lease/held_is_not_taken": "Lets a lease be taken from the living." => TakesFromTheLiving;
    "lease/dead_is_taken_over": "Lets nobody take the lease of the dead." => HeldByTheDead;
    "lease/taking_again_raises_the_epoch": "Answers the old epoch when the holder takes its lease again." => SameEpochAgain;
    "lease/driver_drives": "Lets a driver append once." => DrivesOnce;
    "lease/old_epoch_is_fenced": "Lets the holder before the present one go on." => AnyEpoch;
    "lease/old_epoch_of_the_holder_is_fenced": "Compares the holder and not the epoch." => AnyEpochOfTheHolder;
    "lease/driver_needs_a_life": "Lets a dead holder drive." => DeadDriver;
    "lease/driver_needs_a_lease": "Lets a holder drive on after it gave the lease back." => DrivesOn;
    "lease/release_frees": "Fences plain appends with a lease that was given back." => FencedByTheFree;
    "lease/is_given_back_without_an_event": "Ignores what an append without an event gives back." => WantsAnEvent;
    "lease/release_keeps_the_epoch": "Counts epochs in two bits." => FewEpochs;
    "lease/outside_is_never_fenced": "Fences people with a live holder's lease." => FencesOutside;
    "lease/late_is_never_fenced": "Fences late outcomes with a live holder's lease." => FencesLate;
};

fn one_less(epoch: Epoch) -> Epoch {
    Epoch::new(epoch.get().saturating_sub(1))
}

/// Who was granted which epoch of which run.
#[derive(Debug, Default)]
struct History(Notes<BTreeMap<(RunRef, u64), IncarnationId>>);

impl History {
    fn note(&self, batch: &Append, answer: Result<Appended, AppendError>) -> Result<Appended, AppendError> {
        if let (Ok(Appended { epoch: Some(epoch), .. }), Authority::TakeLease(taker)) = (&answer, &batch.authority) {
            self.0.with(|grants| grants.insert((batch.run.clone(), epoch.get()), *taker));
        }
        answer
    }

    /// Returns who was granted the epoch a batch drives under.
    fn of(&self, batch: &Append) -> Option<IncarnationId> {
        let Authority::Driver(epoch) = batch.authority else { return None };
        self.0.with(|grants| grants.get(&(batch.run.clone(), epoch.get())).copied())
    }
}

#[derive(Debug, Default)]
struct PlainDead;

#[async_trait]
impl Mischief for PlainDead {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match at.store.append(batch.clone()).await {
            Err(AppendError::Lapsed) if batch.claims.is_empty() && matches!(batch.authority, Authority::Plain(_)) => {
                at.force(batch).await
            }
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct PlainBesideAnother;

#[async_trait]
impl Mischief for PlainBesideAnother {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match (at.store.append(batch.clone()).await, &batch.authority) {
            (Err(AppendError::Fenced { by }), Authority::Plain(sender))
                if by.incarnation != *sender && !at.elsewhere() =>
            {
                at.force(batch).await
            }
            (answer, _) => answer,
        }
    }
}

#[derive(Debug, Default)]
struct PlainBesideItself;

#[async_trait]
impl Mischief for PlainBesideItself {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match (at.store.append(batch.clone()).await, &batch.authority) {
            (Err(AppendError::Fenced { by }), Authority::Plain(sender)) if by.incarnation == *sender => {
                at.force(batch).await
            }
            (answer, _) => answer,
        }
    }
}

#[derive(Debug, Default)]
struct FencedByTheDead(Leases);

#[async_trait]
impl Mischief for FencedByTheDead {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if let (Authority::Plain(_), Some(by)) = (&batch.authority, self.0.of(&batch.run))
            && !at.alive(by.incarnation).await?
        {
            return Err(AppendError::Fenced { by });
        }
        let answer = at.store.append(batch.clone()).await;
        self.0.note(&batch, &answer);
        answer
    }
}

#[derive(Debug, Default)]
struct CountsFromZero;

#[async_trait]
impl Mischief for CountsFromZero {
    async fn append(&self, at: Scene<'_>, mut batch: Append) -> Result<Appended, AppendError> {
        if let Authority::Driver(epoch) = &mut batch.authority {
            *epoch = Epoch::new(epoch.get() + 1);
        }
        match at.store.append(batch).await {
            Ok(appended) => Ok(Appended { epoch: appended.epoch.map(one_less), ..appended }),
            Err(AppendError::Fenced { by }) => {
                Err(AppendError::Fenced { by: Owner { epoch: one_less(by.epoch), ..by } })
            }
            Err(other) => Err(other),
        }
    }

    async fn take_due(&self, at: Scene<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
        let mut taken = at.store.take_due(query).await?;
        taken.iter_mut().for_each(|leased| leased.epoch = one_less(leased.epoch));
        Ok(taken)
    }
}

#[derive(Debug, Default)]
struct DeadTaker;

#[async_trait]
impl Mischief for DeadTaker {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match at.store.append(batch.clone()).await {
            Err(AppendError::Lapsed) if matches!(batch.authority, Authority::TakeLease(_)) => {
                Ok(Appended { epoch: Some(Epoch::new(1)), ..at.force(batch).await? })
            }
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct TakesFromTheLiving;

#[async_trait]
impl Mischief for TakesFromTheLiving {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        match (at.store.append(batch.clone()).await, &batch.authority) {
            (Err(AppendError::Fenced { by }), Authority::TakeLease(_)) => {
                Ok(Appended { epoch: Some(by.epoch), ..at.force(batch).await? })
            }
            (answer, _) => answer,
        }
    }
}

#[derive(Debug, Default)]
struct HeldByTheDead(Leases);

#[async_trait]
impl Mischief for HeldByTheDead {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if let (Authority::TakeLease(_), Some(by)) = (&batch.authority, self.0.of(&batch.run))
            && !at.alive(by.incarnation).await?
        {
            return Err(AppendError::Fenced { by });
        }
        let answer = at.store.append(batch.clone()).await;
        self.0.note(&batch, &answer);
        answer
    }
}

#[derive(Debug, Default)]
struct SameEpochAgain(Leases);

#[async_trait]
impl Mischief for SameEpochAgain {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let before = self.0.of(&batch.run);
        let answer = at.store.append(batch.clone()).await;
        self.0.note(&batch, &answer);
        let appended = answer?;
        let same = before.filter(|before| batch.authority == Authority::TakeLease(before.incarnation));
        Ok(Appended { epoch: same.map_or(appended.epoch, |before| Some(before.epoch)), ..appended })
    }
}

#[derive(Debug, Default)]
struct DrivesOnce(Notes<BTreeSet<(RunRef, u64)>>);

#[async_trait]
impl Mischief for DrivesOnce {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if let Authority::Driver(epoch) = batch.authority
            && !batch.releases.contains(&Release::Lease)
            && self.0.with(|drove| !drove.insert((batch.run.clone(), epoch.get())))
        {
            return Err(AppendError::Lapsed);
        }
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct AnyEpoch(History);

#[async_trait]
impl Mischief for AnyEpoch {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let holder = self.0.of(&batch);
        match at.store.append(batch.clone()).await {
            Err(AppendError::Fenced { by }) if holder.is_some_and(|holder| holder != by.incarnation) => {
                at.force(batch).await
            }
            answer => self.0.note(&batch, answer),
        }
    }
}

#[derive(Debug, Default)]
struct AnyEpochOfTheHolder(History);

#[async_trait]
impl Mischief for AnyEpochOfTheHolder {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let holder = self.0.of(&batch);
        match at.store.append(batch.clone()).await {
            Err(AppendError::Fenced { by }) if holder == Some(by.incarnation) => at.force(batch).await,
            answer => self.0.note(&batch, answer),
        }
    }
}

#[derive(Debug, Default)]
struct DeadDriver(Leases);

#[async_trait]
impl Mischief for DeadDriver {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let held = self.0.of(&batch.run).is_some();
        let answer = at.store.append(batch.clone()).await;
        self.0.note(&batch, &answer);
        match answer {
            Err(AppendError::Lapsed) if held && matches!(batch.authority, Authority::Driver(_)) => {
                at.force(batch).await
            }
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct DrivesOn(Leases);

#[async_trait]
impl Mischief for DrivesOn {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let held = self.0.of(&batch.run).is_some();
        let answer = at.store.append(batch.clone()).await;
        self.0.note(&batch, &answer);
        match answer {
            Err(AppendError::Lapsed) if !held && matches!(batch.authority, Authority::Driver(_)) => {
                at.force(batch).await
            }
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct FencedByTheFree {
    leases: Leases,
    freed: Notes<BTreeMap<RunRef, Owner>>,
}

#[async_trait]
impl Mischief for FencedByTheFree {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if let (Authority::Plain(_), Some(by)) =
            (&batch.authority, self.freed.with(|freed| freed.get(&batch.run).copied()))
        {
            return Err(AppendError::Fenced { by });
        }
        let before = self.leases.of(&batch.run);
        let answer = at.store.append(batch.clone()).await;
        self.leases.note(&batch, &answer);
        if let (Ok(_), Some(owner), true) = (&answer, before, batch.releases.contains(&Release::Lease)) {
            self.freed.with(|freed| freed.insert(batch.run, owner));
        }
        answer
    }
}

#[derive(Debug, Default)]
struct WantsAnEvent;

#[async_trait]
impl Mischief for WantsAnEvent {
    async fn append(&self, at: Scene<'_>, mut batch: Append) -> Result<Appended, AppendError> {
        if batch.events.is_empty() {
            batch.releases.clear();
        }
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct FewEpochs;

#[async_trait]
impl Mischief for FewEpochs {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let appended = at.store.append(batch).await?;
        Ok(Appended { epoch: appended.epoch.map(|epoch| Epoch::new(epoch.get() % 4)), ..appended })
    }
}

#[derive(Debug, Default)]
struct FencesOutside(Leases);

#[async_trait]
impl Mischief for FencesOutside {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if let (Authority::Outside(_), Some(by)) = (&batch.authority, self.0.of(&batch.run))
            && at.alive(by.incarnation).await?
        {
            return Err(AppendError::Fenced { by });
        }
        let answer = at.store.append(batch.clone()).await;
        self.0.note(&batch, &answer);
        answer
    }
}

#[derive(Debug, Default)]
struct FencesLate(Leases);

#[async_trait]
impl Mischief for FencesLate {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        if let (Authority::Late(_), Some(by)) = (&batch.authority, self.0.of(&batch.run))
            && at.alive(by.incarnation).await?
        {
            return Err(AppendError::Fenced { by });
        }
        let answer = at.store.append(batch.clone()).await;
        self.0.note(&batch, &answer);
        answer
    }
}
