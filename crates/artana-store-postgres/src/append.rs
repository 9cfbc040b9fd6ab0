//! One batch as one statement, and what its answer means. The statement is the schema's function `artana.append`,
//! which compares, judges and writes in one transaction. No payload is read here or there.

use artana_core::{ChainHash, Head, IncarnationId, RawText, Seq, StepKey, Timestamp};
use artana_ports::{Append, AppendError, Appended, Authority, Epoch, Malformed, Owner, Release};
use tokio_postgres::Row;

use crate::{
    claims::{self, Claims},
    error::Failure,
    lease::authority,
    runs, schema,
    statement::{Column, Param, params},
};

/// Appends a batch. Its parameters stand in the order of the function's.
pub(crate) const APPEND: &str = "SELECT verdict, head_seq, head_hash, owner, epoch FROM artana.append(\
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, \
    $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46)";

const WRITTEN: i16 = 0;
const CONFLICT: i16 = 1;
const FENCED: i16 = 2;
const LAPSED: i16 = 3;

/// What has to be known of a batch once it is sent.
pub(crate) struct Sent {
    head: Head,
    takes_lease: bool,
    claims: Claims,
}

/// Turns a batch whose bounds and shape were checked into the function's parameters.
pub(crate) fn prepare(batch: Append, now: Option<Timestamp>) -> Result<(Vec<Param>, Sent), AppendError> {
    let claims = claims::sorted(batch.claims, batch.releases.clone());
    let (code, incarnation, epoch) = authority(&batch.authority);
    let view = batch.view;
    let sent = Sent { head: view.head, takes_lease: matches!(batch.authority, Authority::TakeLease(_)), claims };
    let mut params = params![
        schema::KNOWN.cast_signed(),
        batch.run.tenant.as_str().to_owned(),
        batch.run.run.as_str().to_owned(),
        now.map(Timestamp::as_micros),
        batch.expected.map(|head| head.seq.get().cast_signed()),
        batch.expected.map(|head| head.hash.as_bytes().to_vec()),
        code,
        incarnation.map(|one| one.as_bytes().to_vec()),
        epoch.map(|epoch| epoch.get().cast_signed()),
        batch.releases.contains(&Release::Lease),
    ];
    params.extend(runs::params(&view)?);
    params.push(Box::new(batch.run_key.map(|key| key.expose().to_vec())));
    params.extend(events(batch.events)?);
    let (digests, contents): (Vec<_>, Vec<_>) =
        batch.content.into_iter().map(|content| (content.digest.as_bytes().to_vec(), content.bytes)).unzip();
    params.extend(params![digests, contents]);
    params.extend(sent.claims.params());
    Ok((params, sent))
}

fn events(records: Vec<artana_core::Record>) -> Result<Vec<Param>, AppendError> {
    let (mut ids, mut kinds, mut steps, mut ats) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut payloads, mut prev_hashes, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        ids.push(record.event_id.as_bytes().to_vec());
        kinds.push(text(&record.kind)?);
        steps.push(record.step.as_ref().map(text).transpose()?);
        ats.push(record.at.as_micros());
        payloads.push(record.payload);
        prev_hashes.push(record.prev_hash.as_bytes().to_vec());
        hashes.push(record.hash.as_bytes().to_vec());
    }
    Ok(params![ids, kinds, steps, ats, payloads, prev_hashes, hashes])
}

/// Reads a name as text. Postgres keeps no text that is not UTF-8 or holds U+0000, and no name of a run does.
fn text(name: &RawText) -> Result<String, Malformed> {
    checked(name.as_str().unwrap_or("\0"))
}

/// Copies a text that Postgres can keep.
pub(crate) fn checked(text: &str) -> Result<String, Malformed> {
    if text.contains('\0') {
        return Err(Malformed { what: "a name holds U+0000 or is not UTF-8" });
    }
    Ok(text.to_owned())
}

/// Copies a step's key.
pub(crate) fn step(step: Option<&StepKey>) -> Option<String> {
    step.map(|step| step.as_str().to_owned())
}

/// Reads the function's answer.
pub(crate) fn answer(rows: Result<Vec<Row>, Failure>, sent: &Sent) -> Result<Appended, AppendError> {
    let rows = rows.map_err(|failure| sent.claims.denied(&failure).unwrap_or_else(|| failure.into()))?;
    let row = rows.first().ok_or_else(|| Failure::damaged("artana.append answers nothing"))?;
    match Column(0, "verdict").small(row)? {
        WRITTEN => {
            let epoch = epoch(row)?.filter(|_| sent.takes_lease);
            Ok(Appended { head: sent.head, epoch })
        }
        CONFLICT => Err(AppendError::Conflict { actual: maybe_head(row)? }),
        FENCED => {
            let incarnation = IncarnationId::from_bytes(Column(3, "runs.lease_owner").array(row)?);
            let epoch = epoch(row)?.unwrap_or_default();
            Err(AppendError::Fenced { by: Owner { incarnation, epoch } })
        }
        LAPSED => Err(AppendError::Lapsed),
        _ => Err(Failure::damaged("artana.append answers with another verdict").into()),
    }
}

fn epoch(row: &Row) -> Result<Option<Epoch>, Failure> {
    Ok(Column(4, "runs.lease_epoch").maybe_int(row)?.map(|epoch| Epoch::new(epoch.cast_unsigned())))
}

fn maybe_head(row: &Row) -> Result<Option<Head>, Failure> {
    Column(1, "runs.head_seq").maybe_int(row)?.map(|seq| head_at(row, seq, 2)).transpose()
}

/// Reads the head from the first two columns. A sequence that is negative by damage becomes one that no run has.
pub(crate) fn head(row: &Row) -> Result<Head, Failure> {
    let seq = Column(0, "runs.head_seq").int(row)?;
    head_at(row, seq, 1)
}

fn head_at(row: &Row, seq: i64, hash: usize) -> Result<Head, Failure> {
    let hash = ChainHash::from_bytes(Column(hash, "runs.head_hash").array(row)?);
    Ok(Head { seq: Seq::new(seq.cast_unsigned()), hash })
}
