//! Heartbeats, leases and due runs, judged on the store's clock. A life that has ended stays ended.

use std::time::Duration;

use artana_core::{
    ChainHash, Head, IncarnationId, RunId, RunRef, Seq, TenantId, Timestamp,
    limits::{MAX_TTL_SECONDS, MIN_TTL_MILLIS},
};
use artana_ports::{AppendError, Authority, BeatError, DueQuery, Epoch, Heartbeat, Leased, Owner, StoreError};
use rusqlite::{Row, params};

use crate::{
    error::Failure,
    statement::{Column, Statements},
    writer::Tx,
};

/// How long the row of an ended life is kept, so that beating it again says so.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

const LIFE: &str = "SELECT expires_at FROM heartbeats WHERE incarnation = ?1";
const BORN: &str = "INSERT INTO heartbeats (incarnation, expires_at) VALUES (?1, ?2)";
const PROLONG: &str = "UPDATE heartbeats SET expires_at = ?2 WHERE incarnation = ?1";
/// A life that was ended has the negative of the time it ended at, which no clock brings back.
const END: &str = "UPDATE heartbeats SET expires_at = -max(?2, 1) WHERE incarnation = ?1 AND expires_at >= 0";
const PURGE_LIVES: &str = "DELETE FROM heartbeats WHERE abs(expires_at) < ?1";
const PURGE_RATES: &str = "DELETE FROM rates WHERE starts + window <= ?1";
const DUE: &str = "SELECT tenant, run, head_seq, head_hash, lease_epoch, queue, due_at, lease_owner FROM runs \
    WHERE queue IS NOT NULL AND due_at <= ?1 AND NOT EXISTS \
    (SELECT 1 FROM heartbeats WHERE incarnation = lease_owner AND expires_at > ?1) \
    ORDER BY priority DESC, due_at, tenant, run";
const TAKE: &str = "UPDATE runs SET lease_owner = ?3, lease_epoch = ?4 WHERE tenant = ?1 AND run = ?2";

/// Starts a life or prolongs it.
pub(crate) fn beat(tx: &mut Tx<'_>, beat: &Heartbeat) -> Result<Timestamp, BeatError> {
    check_ttl(beat.ttl)?;
    let now = tx.now();
    let ends = now.after(beat.ttl);
    tx.forget_lives();
    let known = life(&mut tx.sql, beat.incarnation)?;
    match (beat.first, known) {
        (true, None) => born(tx, beat.incarnation, ends)?,
        (false, Some(known)) if known > now => {
            let ends = ends.max(known);
            tx.sql.run(PROLONG, params![beat.incarnation.as_bytes(), ends.as_micros()])?;
            return Ok(ends);
        }
        (true, Some(_)) | (false, _) => return Err(BeatError::Lapsed),
    }
    Ok(ends)
}

fn check_ttl(ttl: Duration) -> Result<(), BeatError> {
    if ttl < Duration::from_millis(MIN_TTL_MILLIS) || ttl > Duration::from_secs(MAX_TTL_SECONDS) {
        return Err(BeatError::BadTtl);
    }
    Ok(())
}

fn born(tx: &mut Tx<'_>, incarnation: IncarnationId, ends: Timestamp) -> Result<(), Failure> {
    let now = tx.now();
    // A new life is rare, and so a good moment to forget what nobody asks about any more.
    tx.sql.run(PURGE_LIVES, params![now.before(KEPT).as_micros()])?;
    tx.sql.run(PURGE_RATES, params![now.before(KEPT).as_micros()])?;
    tx.sql.run(BORN, params![incarnation.as_bytes(), ends.as_micros()])?;
    Ok(())
}

/// Ends a life now.
pub(crate) fn retire(tx: &mut Tx<'_>, incarnation: IncarnationId) -> Result<(), StoreError> {
    let now = tx.now();
    tx.forget_lives();
    tx.sql.run(END, params![incarnation.as_bytes(), now.as_micros()])?;
    Ok(())
}

/// Returns when a life ends; `None` if it never began.
pub(crate) fn life(sql: &mut Statements<'_>, incarnation: IncarnationId) -> Result<Option<Timestamp>, Failure> {
    sql.first(LIFE, params![incarnation.as_bytes()], |row| {
        Ok(Timestamp::from_micros(Column(0, "heartbeats.expires_at").int(row)?))
    })
}

/// Says for each incarnation whether it lives.
pub(crate) fn living_of(
    sql: &mut Statements<'_>,
    incarnations: &[IncarnationId],
    now: Timestamp,
) -> Result<Vec<bool>, Failure> {
    incarnations.iter().map(|one| Ok(life(sql, *one)?.is_some_and(|ends| ends > now))).collect()
}

fn alive(tx: &mut Tx<'_>, incarnation: IncarnationId) -> Result<bool, Failure> {
    let ends = tx.life(incarnation, |sql| life(sql, incarnation))?;
    Ok(ends.is_some_and(|ends| ends > tx.now()))
}

/// A run's lease as its row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) owner: Option<IncarnationId>,
    pub(crate) epoch: Epoch,
}

impl Lease {
    /// The lease of a run that was never leased.
    pub(crate) const NONE: Self = Self { owner: None, epoch: Epoch::new(0) };

    fn granted_to(self, owner: IncarnationId) -> Self {
        Self { owner: Some(owner), epoch: Epoch::new(self.epoch.get().saturating_add(1)) }
    }
}

/// Judges an append's authority, and returns the lease as the append leaves it.
pub(crate) fn authorise(tx: &mut Tx<'_>, authority: &Authority, lease: Lease) -> Result<Lease, AppendError> {
    let fenced = |owner| Err(AppendError::Fenced { by: Owner { incarnation: owner, epoch: lease.epoch } });
    match authority {
        Authority::Outside(_) | Authority::Late(_) => Ok(lease),
        Authority::Driver(epoch) => match lease.owner {
            Some(owner) if *epoch != lease.epoch => fenced(owner),
            Some(owner) => living(tx, owner).map(|()| lease),
            None => Err(AppendError::Lapsed),
        },
        Authority::Plain(incarnation) => {
            living(tx, *incarnation)?;
            held(tx, lease)?.map_or(Ok(lease), fenced)
        }
        Authority::TakeLease(incarnation) => {
            living(tx, *incarnation)?;
            match held(tx, lease)? {
                Some(owner) if owner != *incarnation => fenced(owner),
                _ => Ok(lease.granted_to(*incarnation)),
            }
        }
    }
}

fn living(tx: &mut Tx<'_>, incarnation: IncarnationId) -> Result<(), AppendError> {
    if alive(tx, incarnation)? { Ok(()) } else { Err(AppendError::Lapsed) }
}

/// Returns the owner of a lease if it lives.
fn held(tx: &mut Tx<'_>, lease: Lease) -> Result<Option<IncarnationId>, Failure> {
    match lease.owner {
        Some(owner) if alive(tx, owner)? => Ok(Some(owner)),
        _ => Ok(None),
    }
}

/// Takes the leases of due runs that nobody alive holds.
pub(crate) fn take_due(tx: &mut Tx<'_>, query: &DueQuery) -> Result<Vec<Leased>, BeatError> {
    let now = tx.now();
    if !alive(tx, query.taker)? {
        return Err(BeatError::Lapsed);
    }
    let found = due(&mut tx.sql, query, now)?;
    for leased in &found {
        let (tenant, run) = (leased.run.tenant.as_str(), leased.run.run.as_str());
        let epoch = leased.epoch.get().cast_signed();
        tx.sql.run(TAKE, params![tenant, run, query.taker.as_bytes(), epoch])?;
    }
    Ok(found)
}

fn due(sql: &mut Statements<'_>, query: &DueQuery, now: Timestamp) -> Result<Vec<Leased>, Failure> {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut rows = sql.get(DUE)?.query(params![now.as_micros()])?;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(row) = rows.next()? else { break };
        // A row that cannot be read is not due: no damaged run keeps the healthy ones waiting.
        if let Ok(leased) = due_row(row)
            && query.wants(&leased.run.tenant, &leased.queue)
        {
            found.push(leased);
        }
    }
    Ok(found)
}

fn due_row(row: &Row<'_>) -> Result<Leased, Failure> {
    let unnamed = |_| Failure::damaged("runs holds a name that is none");
    let tenant = TenantId::parse(Column(0, "runs.tenant").text(row)?).map_err(unnamed)?;
    let run = RunId::parse(Column(1, "runs.run").text(row)?).map_err(unnamed)?;
    let seq = Seq::new(Column(2, "runs.head_seq").int(row)?.cast_unsigned());
    let hash = ChainHash::from_bytes(Column(3, "runs.head_hash").array(row)?);
    let epoch = Column(4, "runs.lease_epoch").int(row)?.cast_unsigned();
    Ok(Leased {
        run: RunRef::new(tenant, run),
        epoch: Epoch::new(epoch.saturating_add(1)),
        head: Head { seq, hash },
        queue: Column(5, "runs.queue").text(row)?.to_owned(),
        due_at: Timestamp::from_micros(Column(6, "runs.due_at").int(row)?),
        died: Column(7, "runs.lease_owner").maybe_array(row)?.map(IncarnationId::from_bytes),
    })
}
