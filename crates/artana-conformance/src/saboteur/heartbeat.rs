//! Stores in which the dead come back, or the living are lost.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use artana_core::{IncarnationId, Timestamp, limits::MAX_TTL_SECONDS};
use artana_ports::{BeatError, Heartbeat, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene},
    sabotages,
};
use crate::writer::new_incarnation;

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "heartbeat/lasts_for_its_time": "Lets a life last to the end of its last instant." => OneInstantLonger;
    "heartbeat/is_prolonged": "Answers a heartbeat in time with the old end." => NeverProlongs;
    "heartbeat/is_never_shortened": "Answers each heartbeat with its own end." => Shortens;
    "heartbeat/lapsed_is_never_renewed": "Renews a lapsed life." => RenewsTheLapsed;
    "heartbeat/unknown_is_lapsed": "Starts a life with a heartbeat that is not the first." => StartsTheUnknown;
    "heartbeat/starts_once": "Starts a life again after its end." => StartsAgain;
    "heartbeat/retiring_ends_a_life": "Says of the retired that they live until their time." => RetiresLater;
    "heartbeat/retired_is_never_renewed": "Renews a retired life." => RenewsTheRetired;
    "heartbeat/retired_for_good": "Forgets who was retired when the clock is before it." => RetiresUntilTheClockSteps;
    "heartbeat/retiring_nobody_changes_nothing": "Bars whoever is retired before its life began." => BarsTheUnborn;
    "heartbeat/time_is_bounded": "Takes a time-to-live that is too long for the longest." => ShortensTimes;
    "heartbeat/answers_in_order": "Answers in the order of the incarnations' bytes." => SortsTheLiving;
};

/// When each life ends, as it was answered last.
#[derive(Debug, Default)]
struct Ends(Notes<BTreeMap<IncarnationId, Timestamp>>);

impl Ends {
    fn note(&self, beat: &Heartbeat, answer: Result<Timestamp, BeatError>) -> Result<Timestamp, BeatError> {
        if let Ok(end) = &answer {
            self.0.with(|ends| ends.insert(beat.incarnation, *end));
        }
        answer
    }

    fn of(&self, incarnation: IncarnationId) -> Option<Timestamp> {
        self.0.with(|ends| ends.get(&incarnation).copied())
    }
}

#[derive(Debug, Default)]
struct OneInstantLonger(Ends);

#[async_trait]
impl Mischief for OneInstantLonger {
    async fn beat(&self, at: Scene<'_>, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        self.0.note(&beat, at.store.beat(beat).await)
    }

    async fn alive(&self, at: Scene<'_>, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        let alive = at.store.alive(incarnations).await?;
        let last = |incarnation: &IncarnationId| self.0.of(*incarnation) == Some(at.now);
        Ok(alive.into_iter().zip(incarnations).map(|(alive, incarnation)| alive || last(incarnation)).collect())
    }
}

#[derive(Debug, Default)]
struct NeverProlongs(Ends);

#[async_trait]
impl Mischief for NeverProlongs {
    async fn beat(&self, at: Scene<'_>, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        match self.0.of(beat.incarnation) {
            Some(end) if !beat.first && at.alive(beat.incarnation).await? => {
                // Whatever refuses every write refuses this one: nobody has the life that ends here.
                at.store.retire(new_incarnation()).await?;
                Ok(end)
            }
            _ => self.0.note(&beat, at.store.beat(beat).await),
        }
    }
}

#[derive(Debug, Default)]
struct Shortens;

#[async_trait]
impl Mischief for Shortens {
    async fn beat(&self, at: Scene<'_>, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        at.store.beat(beat).await.map(|_| at.now.after(beat.ttl))
    }
}

#[derive(Debug, Default)]
struct RenewsTheLapsed(Ends);

#[async_trait]
impl Mischief for RenewsTheLapsed {
    async fn beat(&self, at: Scene<'_>, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        match self.0.of(beat.incarnation) {
            Some(end) if !beat.first && end <= at.now => Ok(at.now.after(beat.ttl)),
            _ => self.0.note(&beat, at.store.beat(beat).await),
        }
    }
}

#[derive(Debug, Default)]
struct StartsTheUnknown(Ends);

#[async_trait]
impl Mischief for StartsTheUnknown {
    async fn beat(&self, at: Scene<'_>, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        let unknown = self.0.of(beat.incarnation).is_none();
        self.0.note(&beat, at.store.beat(Heartbeat { first: beat.first || unknown, ..beat }).await)
    }
}

#[derive(Debug, Default)]
struct StartsAgain(Ends);

#[async_trait]
impl Mischief for StartsAgain {
    async fn beat(&self, at: Scene<'_>, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        match self.0.of(beat.incarnation) {
            Some(end) if beat.first && end <= at.now => Ok(at.now.after(beat.ttl)),
            _ => self.0.note(&beat, at.store.beat(beat).await),
        }
    }
}

#[derive(Debug, Default)]
struct BarsTheUnborn;

#[async_trait]
impl Mischief for BarsTheUnborn {
    async fn retire(&self, at: Scene<'_>, incarnation: IncarnationId) -> Result<(), StoreError> {
        // Whoever has begun is not begun again.
        drop(at.store.beat(Heartbeat { incarnation, ttl: Duration::from_secs(1), first: true }).await);
        at.store.retire(incarnation).await
    }
}

#[derive(Debug, Default)]
struct RetiresLater(Notes<BTreeMap<IncarnationId, Timestamp>>);

#[async_trait]
impl Mischief for RetiresLater {
    async fn retire(&self, at: Scene<'_>, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.0.with(|retired| retired.insert(incarnation, at.now));
        at.store.retire(incarnation).await
    }

    async fn alive(&self, at: Scene<'_>, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        let alive = at.store.alive(incarnations).await?;
        let retired = |incarnation| self.0.with(|retired| retired.get(incarnation).is_some_and(|then| at.now >= *then));
        Ok(alive.into_iter().zip(incarnations).map(|(alive, incarnation)| alive || retired(incarnation)).collect())
    }
}

#[derive(Debug, Default)]
struct RenewsTheRetired(Notes<BTreeSet<IncarnationId>>);

#[async_trait]
impl Mischief for RenewsTheRetired {
    async fn retire(&self, at: Scene<'_>, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.0.with(|retired| retired.insert(incarnation));
        at.store.retire(incarnation).await
    }

    async fn beat(&self, at: Scene<'_>, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        match at.store.beat(beat).await {
            Err(BeatError::Lapsed) if self.0.with(|retired| retired.contains(&beat.incarnation)) => {
                Ok(at.now.after(beat.ttl))
            }
            answer => answer,
        }
    }
}

#[derive(Debug, Default)]
struct RetiresUntilTheClockSteps(Notes<BTreeMap<IncarnationId, Timestamp>>);

#[async_trait]
impl Mischief for RetiresUntilTheClockSteps {
    async fn retire(&self, at: Scene<'_>, incarnation: IncarnationId) -> Result<(), StoreError> {
        self.0.with(|retired| retired.insert(incarnation, at.now));
        at.store.retire(incarnation).await
    }

    async fn alive(&self, at: Scene<'_>, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        let alive = at.store.alive(incarnations).await?;
        let before = |incarnation| self.0.with(|retired| retired.get(incarnation).is_some_and(|then| at.now < *then));
        Ok(alive.into_iter().zip(incarnations).map(|(alive, incarnation)| alive || before(incarnation)).collect())
    }
}

#[derive(Debug, Default)]
struct ShortensTimes;

#[async_trait]
impl Mischief for ShortensTimes {
    async fn beat(&self, at: Scene<'_>, beat: Heartbeat) -> Result<Timestamp, BeatError> {
        let ttl = beat.ttl.min(Duration::from_secs(MAX_TTL_SECONDS));
        at.store.beat(Heartbeat { ttl, ..beat }).await
    }
}

#[derive(Debug, Default)]
struct SortsTheLiving;

#[async_trait]
impl Mischief for SortsTheLiving {
    async fn alive(&self, at: Scene<'_>, incarnations: &[IncarnationId]) -> Result<Vec<bool>, StoreError> {
        let mut sorted = incarnations.to_vec();
        sorted.sort();
        at.store.alive(&sorted).await
    }
}
