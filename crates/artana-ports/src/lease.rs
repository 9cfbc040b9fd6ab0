//! Who may write to a run: authorities, leases, and the one rule by which an append's authority is judged.
//! Knows no clock and keeps no lives: who lives is asked.

use std::fmt;

use artana_core::{Actor, IncarnationId, RequestId};

use crate::{Append, AppendError, Release};

/// The number of a lease's grant; it grows with every grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(u64);

impl Epoch {
    /// Wraps a number; 0 means never granted.
    #[must_use]
    pub const fn new(epoch: u64) -> Self {
        Self(epoch)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// In what capacity an append is made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every store has to consider each authority")]
pub enum Authority {
    /// The holder of the run's lease. Fenced when the epoch is old, whoever holds the lease now;
    /// lapsed when the holder's heartbeat has lapsed or the lease was given back.
    Driver(Epoch),
    /// Takes the run's lease with this append. Refused while another live incarnation holds it.
    TakeLease(IncarnationId),
    /// A step of an unleased run. Refused while a live incarnation holds the lease, itself included,
    /// and when this one has lapsed.
    Plain(IncarnationId),
    /// A person or the outside world. Never fenced.
    Outside(Actor),
    /// Only the outcome of this request. Never fenced, whatever lease, epoch or heartbeat.
    Late(RequestId),
}

/// Who holds a run's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The incarnation.
    pub incarnation: IncarnationId,
    /// The number of its grant.
    pub epoch: Epoch,
}

/// The right to drive a run as a whole, as the run's row keeps it. The default is that of a run that was never leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    /// Who holds it, alive or dead; nobody after it was given back.
    pub owner: Option<IncarnationId>,
    /// The number of the last grant.
    pub epoch: Epoch,
}

impl Lease {
    /// Returns who holds the lease, alive or dead, and under which number.
    #[must_use]
    pub fn holder(self) -> Option<Owner> {
        self.owner.map(|incarnation| Owner { incarnation, epoch: self.epoch })
    }

    /// Returns the lease after a grant, whoever held it before.
    #[must_use]
    pub fn granted_to(self, taker: IncarnationId) -> Self {
        Self { owner: Some(taker), epoch: Epoch(self.epoch.0.saturating_add(1)) }
    }

    /// Judges the authority of a batch, and returns the lease as the batch leaves it. `lives` says whether an
    /// incarnation lives on the store's clock; it is asked about one or two, and about none where nothing depends on it.
    ///
    /// # Errors
    ///
    /// [`AppendError::Fenced`] with who holds the lease, [`AppendError::Lapsed`], or what `lives` failed with.
    pub fn after(
        self,
        batch: &Append,
        lives: impl FnMut(IncarnationId) -> Result<bool, AppendError>,
    ) -> Result<Self, AppendError> {
        let lease = self.admit(&batch.authority, lives)?;
        let given_back = batch.releases.contains(&Release::Lease);
        Ok(Self { owner: lease.owner.filter(|_| !given_back), ..lease })
    }

    fn admit(
        self,
        authority: &Authority,
        mut lives: impl FnMut(IncarnationId) -> Result<bool, AppendError>,
    ) -> Result<Self, AppendError> {
        let (holder, fenced) = (self.holder(), |by| Err(AppendError::Fenced { by }));
        match authority {
            Authority::Outside(_) | Authority::Late(_) => Ok(self),
            Authority::Driver(epoch) => match holder {
                Some(by) if by.epoch != *epoch => fenced(by),
                Some(by) if lives(by.incarnation)? => Ok(self),
                Some(_) | None => Err(AppendError::Lapsed),
            },
            Authority::Plain(it) | Authority::TakeLease(it) if !lives(*it)? => Err(AppendError::Lapsed),
            Authority::Plain(it) => match holder {
                Some(by) if by.incarnation == *it || lives(by.incarnation)? => fenced(by),
                Some(_) | None => Ok(self),
            },
            Authority::TakeLease(it) => match holder {
                Some(by) if by.incarnation != *it && lives(by.incarnation)? => fenced(by),
                Some(_) | None => Ok(self.granted_to(*it)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVING: IncarnationId = IncarnationId::from_bytes([1; 16]);
    const OTHER: IncarnationId = IncarnationId::from_bytes([2; 16]);
    const DEAD: IncarnationId = IncarnationId::from_bytes([3; 16]);

    fn held_by(owner: Option<IncarnationId>) -> Lease {
        Lease { owner, epoch: Epoch(4) }
    }

    /// Judges an authority; says what became of the lease, and who was asked about.
    fn judged(lease: Lease, authority: Authority) -> (String, Vec<IncarnationId>) {
        let mut asked = Vec::new();
        let lives = |incarnation| {
            asked.push(incarnation);
            Ok(incarnation != DEAD)
        };
        let verdict = match lease.admit(&authority, lives) {
            Ok(after) if after == lease => "passes".to_owned(),
            Ok(after) => format!("{} under {}", after.owner.expect("a taker"), after.epoch),
            Err(AppendError::Fenced { by }) => format!("fenced by {} under {}", by.incarnation, by.epoch),
            Err(error) => error.code().to_owned(),
        };
        (verdict, asked)
    }

    #[test]
    fn what_people_say_passes_every_lease_and_nobody_is_asked_about() {
        for owner in [None, Some(LIVING), Some(DEAD)] {
            let operator = Actor::parse("operator").expect("a name");
            assert_eq!(judged(held_by(owner), Authority::Outside(operator)), ("passes".into(), vec![]));
        }
    }

    #[test]
    fn a_driver_needs_its_epoch_and_its_life() {
        let check = |owner, epoch, verdict: &str, asked: &[IncarnationId]| {
            assert_eq!(judged(held_by(owner), Authority::Driver(Epoch(epoch))), (verdict.into(), asked.to_vec()));
        };
        check(Some(LIVING), 4, "passes", &[LIVING]);
        check(Some(DEAD), 4, "artana::lapsed", &[DEAD]);
        check(Some(DEAD), 3, &format!("fenced by {DEAD} under 4"), &[]);
        check(None, 4, "artana::lapsed", &[]);
        check(None, 3, "artana::lapsed", &[]);
    }

    #[test]
    fn a_plain_append_needs_a_life_and_passes_the_dead_alone() {
        let check = |owner, verdict: &str, asked: &[IncarnationId]| {
            assert_eq!(judged(held_by(owner), Authority::Plain(LIVING)), (verdict.into(), asked.to_vec()));
        };
        check(None, "passes", &[LIVING]);
        check(Some(DEAD), "passes", &[LIVING, DEAD]);
        check(Some(OTHER), &format!("fenced by {OTHER} under 4"), &[LIVING, OTHER]);
        check(Some(LIVING), &format!("fenced by {LIVING} under 4"), &[LIVING]);
        assert_eq!(judged(held_by(None), Authority::Plain(DEAD)).0, "artana::lapsed");
    }

    #[test]
    fn a_lease_is_taken_from_nobody_from_the_dead_and_again() {
        let check = |owner, verdict: &str, asked: &[IncarnationId]| {
            assert_eq!(judged(held_by(owner), Authority::TakeLease(LIVING)), (verdict.into(), asked.to_vec()));
        };
        let granted = format!("{LIVING} under 5");
        check(None, &granted, &[LIVING]);
        check(Some(DEAD), &granted, &[LIVING, DEAD]);
        check(Some(LIVING), &granted, &[LIVING]);
        check(Some(OTHER), &format!("fenced by {OTHER} under 4"), &[LIVING, OTHER]);
        assert_eq!(judged(held_by(Some(OTHER)), Authority::TakeLease(DEAD)).0, "artana::lapsed");
    }

    #[test]
    fn what_cannot_be_looked_up_is_told() {
        let silent = |_| Err(AppendError::Ambiguous);
        let told = held_by(Some(OTHER)).admit(&Authority::Driver(Epoch(4)), silent);
        assert!(matches!(told, Err(AppendError::Ambiguous)));
    }

    #[test]
    fn epochs_do_not_wrap() {
        let last = Lease { owner: None, epoch: Epoch(u64::MAX) };
        assert_eq!(last.granted_to(LIVING), Lease { owner: Some(LIVING), ..last });
    }
}
