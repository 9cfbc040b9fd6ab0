//! Who lives and who may write: lives of incarnations, leases and epochs. Times come as arguments.

use std::collections::BTreeMap;

use artana_core::{IncarnationId, Timestamp};
use artana_ports::{AppendError, Authority, BeatError, Epoch, Heartbeat, Owner};

/// When the life of each incarnation ends or ended. Nobody is forgotten, so nobody comes back.
#[derive(Debug, Default)]
pub(super) struct Lives(BTreeMap<IncarnationId, Timestamp>);

impl Lives {
    pub(super) fn alive(&self, incarnation: IncarnationId, now: Timestamp) -> bool {
        self.0.get(&incarnation).is_some_and(|end| *end > now)
    }

    /// Starts or prolongs a life.
    pub(super) fn beat(&mut self, beat: &Heartbeat, now: Timestamp) -> Result<Timestamp, BeatError> {
        let known = self.0.contains_key(&beat.incarnation);
        let fit = if beat.first { !known } else { self.alive(beat.incarnation, now) };
        if !fit {
            return Err(BeatError::Lapsed);
        }
        let end = now.after(beat.ttl);
        self.0.insert(beat.incarnation, end);
        Ok(end)
    }

    /// Ends a life for good.
    pub(super) fn retire(&mut self, incarnation: IncarnationId) {
        self.0.insert(incarnation, Timestamp::from_micros(i64::MIN));
    }
}

/// The right to drive a run as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lease {
    epoch: u64,
    owner: Option<IncarnationId>,
}

impl Lease {
    /// Checks an authority; a grant answers its epoch.
    pub(super) fn admit(
        &mut self,
        authority: &Authority,
        lives: &Lives,
        now: Timestamp,
    ) -> Result<Option<Epoch>, AppendError> {
        match authority {
            Authority::Outside(_) | Authority::Late(_) => Ok(None),
            Authority::Plain(incarnation) | Authority::TakeLease(incarnation) if !lives.alive(*incarnation, now) => {
                Err(AppendError::Lapsed)
            }
            Authority::Plain(_) => match self.live_owner(lives, now) {
                Some(by) => Err(AppendError::Fenced { by }),
                None => Ok(None),
            },
            Authority::TakeLease(taker) => match self.live_owner(lives, now) {
                Some(by) if by.incarnation != *taker => Err(AppendError::Fenced { by }),
                Some(_) | None => Ok(Some(self.grant(*taker))),
            },
            Authority::Driver(epoch) => match self.owner() {
                Some(by) if by.epoch != *epoch => Err(AppendError::Fenced { by }),
                Some(by) if lives.alive(by.incarnation, now) => Ok(None),
                Some(_) | None => Err(AppendError::Lapsed),
            },
        }
    }

    /// Returns who holds the lease, alive or dead.
    pub(super) fn owner(&self) -> Option<Owner> {
        self.owner.map(|incarnation| Owner { incarnation, epoch: Epoch::new(self.epoch) })
    }

    /// Returns who holds the lease and lives.
    pub(super) fn live_owner(&self, lives: &Lives, now: Timestamp) -> Option<Owner> {
        self.owner().filter(|owner| lives.alive(owner.incarnation, now))
    }

    /// Grants the lease under the next epoch.
    pub(super) fn grant(&mut self, taker: IncarnationId) -> Epoch {
        self.epoch += 1;
        self.owner = Some(taker);
        Epoch::new(self.epoch)
    }

    /// Frees the lease; the epoch stays.
    pub(super) fn release(&mut self) {
        self.owner = None;
    }
}
