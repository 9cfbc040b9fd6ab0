//! Reads a run's rows exactly as they are stored. Damage that still fits a row is passed on, for
//! verification to name; only what no row can hold is an error.

use artana_core::{ChainHash, EventId, RawText, Record, RunRef, Seq, Timestamp, limits::MAX_PAGE_EVENTS};
use artana_store_sql::at_seq;
use rusqlite::{Row, params};

use crate::{
    error::Failure,
    statement::{Column, Statements},
};

const READ: &str = "SELECT seq, event_id, kind, step, at, payload, prev_hash, hash FROM events \
                    WHERE tenant = ?1 AND run = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4";

/// Reads a page of rows after a position.
pub(crate) fn read(sql: &mut Statements<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, Failure> {
    let after = i64::try_from(after.get()).unwrap_or(i64::MAX);
    let params = params![run.tenant.as_str(), run.run.as_str(), after, limit.min(MAX_PAGE_EVENTS)];
    sql.all(READ, params, |row| {
        let seq = Column(0, "events.seq").int(row)?.cast_unsigned();
        record(row, run, seq).map_err(|failure| at_seq(failure.into(), run, seq).into())
    })
}

fn record(row: &Row<'_>, run: &RunRef, seq: u64) -> Result<Record, Failure> {
    Ok(Record {
        tenant: run.tenant.shared(),
        run: run.run.shared(),
        seq: Seq::new(seq),
        event_id: EventId::from_bytes(Column(1, "event_id").array(row)?),
        kind: RawText::new(Column(2, "kind").bytes(row)?),
        step: Column(3, "step").maybe_bytes(row)?.map(RawText::new),
        at: Timestamp::from_micros(Column(4, "at").int(row)?),
        payload: Column(5, "payload").bytes(row)?.to_vec(),
        prev_hash: ChainHash::from_bytes(Column(6, "prev_hash").array(row)?),
        hash: ChainHash::from_bytes(Column(7, "hash").array(row)?),
    })
}
