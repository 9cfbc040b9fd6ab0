//! One batch inside the writer's transaction: head, authority, claims, rows, in this order.
//! It compares and moves bytes; it never folds, hashes, or reads a payload.

use artana_core::{ChainHash, Head, IncarnationId, Record, RunRef, Seq};
use artana_ports::{Append, AppendError, Appended, Epoch, Lease};
use rusqlite::{Row, params};

use crate::{
    claims,
    error::Failure,
    lease::alive,
    runs,
    statement::{Column, Statements, Text},
    vault,
    writer::Tx,
};

const STATE: &str = "SELECT head_seq, head_hash, lease_owner, lease_epoch FROM runs WHERE tenant = ?1 AND run = ?2";
const EVENT: &str = "INSERT INTO events (tenant, run, seq, event_id, kind, step, at, payload, prev_hash, hash) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// Appends a batch whose bounds and shape were checked.
pub(crate) fn append(tx: &mut Tx<'_>, batch: &Append) -> Result<Appended, AppendError> {
    let state = state(&mut tx.sql, &batch.run)?;
    batch.check_head(state.map(|(head, _)| head))?;
    let before = state.map(|(_, lease)| lease).unwrap_or_default();
    let lease = before.after(batch, |incarnation| Ok(alive(tx, incarnation)?))?;
    claims::settle(tx, batch)?;
    write(&mut tx.sql, batch, lease)?;
    Ok(batch.appended(lease))
}

/// About how many bytes a batch writes.
pub(crate) fn weight(batch: &Append) -> usize {
    let payloads: usize = batch.events.iter().map(|record| record.payload.len()).sum();
    let content: usize = batch.content.iter().map(|content| content.bytes.len()).sum();
    payloads + content
}

fn write(sql: &mut Statements<'_>, batch: &Append, lease: Lease) -> Result<(), Failure> {
    if let Some(key) = &batch.run_key {
        vault::keep_run_key(sql, batch, key)?;
    }
    for record in &batch.events {
        write_event(sql, &batch.run, record)?;
    }
    for content in &batch.content {
        vault::keep(sql, batch, content)?;
    }
    match batch.expected {
        None => runs::insert(sql, &batch.view, lease),
        Some(_) => runs::update(sql, &batch.view, lease),
    }
}

fn write_event(sql: &mut Statements<'_>, run: &RunRef, record: &Record) -> Result<(), Failure> {
    sql.run(
        EVENT,
        params![
            run.tenant.as_str(),
            run.run.as_str(),
            record.seq.get().cast_signed(),
            record.event_id.as_bytes(),
            Text(record.kind.as_bytes()),
            record.step.as_ref().map(|step| Text(step.as_bytes())),
            record.at.as_micros(),
            record.payload,
            record.prev_hash.as_bytes(),
            record.hash.as_bytes(),
        ],
    )?;
    Ok(())
}

fn state(sql: &mut Statements<'_>, run: &RunRef) -> Result<Option<(Head, Lease)>, Failure> {
    sql.first(STATE, params![run.tenant.as_str(), run.run.as_str()], |row| Ok((head(row)?, lease(row)?)))
}

/// Reads the head from the first two columns. A sequence that is negative by damage becomes one that
/// no run has.
pub(crate) fn head(row: &Row<'_>) -> Result<Head, Failure> {
    let seq = Seq::new(Column(0, "runs.head_seq").int(row)?.cast_unsigned());
    Ok(Head { seq, hash: ChainHash::from_bytes(Column(1, "runs.head_hash").array(row)?) })
}

fn lease(row: &Row<'_>) -> Result<Lease, Failure> {
    let owner = Column(2, "runs.lease_owner").maybe_array(row)?.map(IncarnationId::from_bytes);
    Ok(Lease { owner, epoch: Epoch::new(Column(3, "runs.lease_epoch").int(row)?.cast_unsigned()) })
}
