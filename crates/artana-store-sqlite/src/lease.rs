//! Heartbeats, leases and due runs, judged on the store's clock by the port's rules. A life that has ended stays ended.

use std::time::Duration;

use artana_core::{ChainHash, Head, IncarnationId, RunId, RunRef, Seq, TenantId, Timestamp};
use artana_ports::{BeatError, DueQuery, Epoch, Heartbeat, Lease, Leased, StoreError};
use rusqlite::{Row, params};

use crate::{
    error::Failure,
    statement::{Column, Statements, Text},
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
/// The queues there are, and the priorities in one: each look-up goes to the next one, past all runs of the last.
const FIRST_QUEUE: &str = "SELECT queue FROM runs WHERE queue IS NOT NULL ORDER BY queue LIMIT 1";
const NEXT_QUEUE: &str = "SELECT queue FROM runs WHERE queue > ?1 ORDER BY queue LIMIT 1";
const FIRST_PRIORITY: &str = "SELECT priority FROM runs WHERE queue = ?1 ORDER BY priority DESC LIMIT 1";
const NEXT_PRIORITY: &str =
    "SELECT priority FROM runs WHERE queue = ?1 AND priority < ?2 ORDER BY priority DESC LIMIT 1";
/// What is due of one queue and priority, with whether a living incarnation holds it.
const DUE: &str = "SELECT tenant, run, head_seq, head_hash, lease_epoch, queue, due_at, lease_owner, EXISTS \
    (SELECT 1 FROM heartbeats WHERE incarnation = lease_owner AND expires_at > ?3) FROM runs \
    WHERE queue = ?1 AND priority = ?2 AND due_at <= ?3 ORDER BY due_at, tenant, run";
const TAKE: &str = "UPDATE runs SET lease_owner = ?3, lease_epoch = ?4 WHERE tenant = ?1 AND run = ?2";

/// Starts a life or prolongs it.
pub(crate) fn beat(tx: &mut Tx<'_>, beat: &Heartbeat) -> Result<Timestamp, BeatError> {
    tx.forget_lives();
    let known = life(&mut tx.sql, beat.incarnation)?;
    let ends = beat.end(known, tx.now())?;
    match known {
        None => born(tx, beat.incarnation, ends)?,
        Some(_) => drop(tx.sql.run(PROLONG, params![beat.incarnation.as_bytes(), ends.as_micros()])?),
    }
    Ok(ends)
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

/// Says whether an incarnation lives, looking once in a transaction.
pub(crate) fn alive(tx: &mut Tx<'_>, incarnation: IncarnationId) -> Result<bool, Failure> {
    let ends = tx.life(incarnation, |sql| life(sql, incarnation))?;
    Ok(ends.is_some_and(|ends| ends > tx.now()))
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

/// Says whether it is worth asking the writer, and writes nothing: most who ask are told that nothing is due. A taker
/// that is dead is told so by the writer.
pub(crate) fn may_be_due(sql: &mut Statements<'_>, query: &DueQuery, now: Timestamp) -> Result<bool, Failure> {
    let lives = life(sql, query.taker)?.is_some_and(|ends| ends > now);
    let one = DueQuery { limit: query.limit.min(1), ..query.clone() };
    Ok(!lives || !due(sql, &one, now)?.is_empty())
}

fn due(sql: &mut Statements<'_>, query: &DueQuery, now: Timestamp) -> Result<Vec<Leased>, Failure> {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    if limit > 0 {
        for queue in queues(sql, query)? {
            due_in(sql, (&queue, query), now, limit, &mut found)?;
        }
    }
    // Each queue has told its own in order.
    found.sort_by(|(one, this), (other, that)| {
        let place = |leased: &Leased| (leased.due_at, leased.run.clone());
        other.cmp(one).then_with(|| place(this).cmp(&place(that)))
    });
    Ok(found.into_iter().take(limit).map(|(_, leased)| leased).collect())
}

/// Lists the queues that are asked for.
fn queues(sql: &mut Statements<'_>, query: &DueQuery) -> Result<Vec<String>, Failure> {
    let mut named: Vec<String> = query.queues.clone();
    if named.is_empty() {
        let read = |row: &Row<'_>| Ok(Column(0, "runs.queue").bytes(row)?.to_vec());
        let mut next = sql.first(FIRST_QUEUE, (), read)?;
        while let Some(queue) = next {
            // A name that cannot be read belongs to runs that are not due.
            named.extend(String::from_utf8(queue.clone()));
            next = sql.first(NEXT_QUEUE, params![Text(&queue)], read)?;
        }
    }
    named.sort_unstable();
    named.dedup();
    named.retain(|queue| !query.busy_queues.contains(queue));
    Ok(named)
}

/// Adds what is due in a queue, at most so many, with its priority.
fn due_in(
    sql: &mut Statements<'_>,
    (queue, query): (&str, &DueQuery),
    now: Timestamp,
    limit: usize,
    found: &mut Vec<(i64, Leased)>,
) -> Result<(), Failure> {
    let enough = found.len() + limit;
    let read = |row: &Row<'_>| Column(0, "runs.priority").maybe_int(row);
    let mut next = sql.first(FIRST_PRIORITY, params![queue], read)?.flatten();
    while let Some(priority) = next {
        let mut rows = sql.get(DUE)?.query(params![queue, priority, now.as_micros()])?;
        while found.len() < enough {
            let Some(row) = rows.next()? else { break };
            // A row that cannot be read is not due: no damaged run keeps the healthy ones waiting.
            found.extend(due_row(row, query).ok().flatten().map(|leased| (priority, leased)));
        }
        drop(rows);
        if found.len() >= enough {
            break;
        }
        next = sql.first(NEXT_PRIORITY, params![queue, priority], read)?.flatten();
    }
    Ok(())
}

/// Reads a due run; `None` where it is not to be taken.
fn due_row(row: &Row<'_>, query: &DueQuery) -> Result<Option<Leased>, Failure> {
    let unnamed = |_| Failure::damaged("runs holds a name that is none");
    let tenant = TenantId::parse(Column(0, "runs.tenant").text(row)?).map_err(unnamed)?;
    let run = RunRef::new(tenant, RunId::parse(Column(1, "runs.run").text(row)?).map_err(unnamed)?);
    let owner = Column(7, "runs.lease_owner").maybe_array(row)?.map(IncarnationId::from_bytes);
    let held = Column(8, "heartbeats.incarnation").int(row)? != 0;
    let left = held && owner.is_none_or(|owner| !query.retakes(&run, owner));
    if left || query.busy_tenants.contains(&run.tenant) {
        return Ok(None);
    }
    let seq = Seq::new(Column(2, "runs.head_seq").int(row)?.cast_unsigned());
    let hash = ChainHash::from_bytes(Column(3, "runs.head_hash").array(row)?);
    let lease = Lease { owner, epoch: Epoch::new(Column(4, "runs.lease_epoch").int(row)?.cast_unsigned()) };
    Ok(Some(Leased {
        run,
        epoch: lease.granted_to(query.taker).epoch,
        head: Head { seq, hash },
        queue: Column(5, "runs.queue").text(row)?.to_owned(),
        due_at: Timestamp::from_micros(Column(6, "runs.due_at").int(row)?),
        died: owner.filter(|owner| *owner != query.taker),
    }))
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, StatementStatus};

    use super::*;

    const TAKER: IncarnationId = IncarnationId::from_bytes([7; 16]);
    const ADD: &str = "INSERT INTO runs (tenant, run, root, status, head_seq, head_hash, started_at, updated_at, steps, \
        pending, unknown, drifts, labels, queue, priority, due_at, lease_epoch) \
        VALUES ('t', ?1, ?1, 'queued', 1, zeroblob(32), 0, 0, 0, 0, 0, 0, '{}', ?2, ?3, ?4, 0)";

    #[test]
    fn what_is_not_asked_for_and_what_is_not_due_is_not_looked_at() {
        let connection = Connection::open_in_memory().expect("a database");
        for (_, migration) in crate::schema::MIGRATIONS.after(0) {
            connection.execute_batch(migration.sql).expect("the schema");
        }
        let mut sql = Statements::new(&connection);
        connection.execute_batch("BEGIN").expect("a transaction");
        for number in 0..10_000 {
            sql.run(ADD, params![format!("other {number}"), "other", number % 3, 1]).expect("a row");
            sql.run(ADD, params![format!("later {number}"), "mine", number % 3, 1_000_000 + number]).expect("a row");
        }
        sql.run(ADD, params!["low", "mine", 1, 5]).expect("a row");
        sql.run(ADD, params!["high", "mine", 2, 9]).expect("a row");
        connection.execute_batch("COMMIT").expect("a commit");
        let query = DueQuery { queues: vec!["mine".into(), "none".into()], ..DueQuery::all(TAKER, 9) };
        let found = due(&mut sql, &query, Timestamp::from_micros(10)).expect("what is due");
        let names: Vec<_> = found.iter().map(|leased| leased.run.run.as_str()).collect();
        assert_eq!(names, ["high", "low"]);
        let all = DueQuery { busy_queues: vec!["other".into()], ..DueQuery::all(TAKER, 9) };
        assert_eq!(due(&mut sql, &all, Timestamp::from_micros(10)).expect("what is due").len(), 2);
        for text in [FIRST_QUEUE, NEXT_QUEUE, FIRST_PRIORITY, NEXT_PRIORITY, DUE] {
            let steps = sql.get(text).expect("a statement").get_status(StatementStatus::VmStep);
            assert!((1..500).contains(&steps), "{steps} steps of {text}");
        }
    }
}
