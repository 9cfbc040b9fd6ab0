//! One batch as one statement, and what its answer means. No payload is read here or on the server.
//!
//! The schema's function `artana.append` compares, judges and writes any batch in one transaction. Most batches need
//! little of that: whoever drives a run goes on with it, and claims nothing. They have a statement of their own, which
//! writes if all is as it should be, and costs the server a quarter less. If it is not, that statement writes nothing,
//! and the function says why.

use artana_core::{ChainHash, Content, Head, IncarnationId, RawText, Seq, StepKey, Timestamp};
use artana_ports::{Append, AppendError, Appended, Authority, Epoch, Malformed, Owner, Release};
use tokio_postgres::Row;

use crate::{
    claims::{self, Claims},
    error::Failure,
    lanes::Place,
    lease::authority,
    runs, schema,
    session::Sessions,
    statement::{Column, Param, params},
};

/// Appends any batch. Its parameters stand in the order of the function's.
const APPEND: &str = "SELECT verdict, head_seq, head_hash, owner, epoch FROM artana.append(\
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, \
    $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46)";

/// How many of the function's parameters the statements take that go on with a run: the first ones.
const SHARED: usize = 33;

/// Goes on with a run under an authority, told as a condition on the run `r` and on the heartbeat `h` it stands on. It
/// says what `artana.append` says of the same authority, and what `artana_ports::Lease::after` says.
///
/// The condition is judged again of the row's newest version where the row was waited for. The heartbeat is still the
/// one that was seen before: where that one has run out meanwhile, what is known of the life now decides. Whether a
/// newer schema is there is seen after the tables were locked that a migration locks before it says so.
///
/// Content comes sorted, and is inserted as it comes: a row of the run beside the elements of an array, in their order.
macro_rules! go_on {
    ($authority:literal) => {
        concat!(
            "WITH run AS (UPDATE artana.runs AS r SET status = $11, head_seq = $12, head_hash = $13, \
                updated_at = $14, steps = $15, pending = $16, unknown = $17, drifts = $18, last_step = $19, \
                failed_step = $20, labels = $21, queue = $22, priority = $23, due_at = $24, \
                lease_owner = CASE WHEN $9 THEN NULL ELSE r.lease_owner END \
                FROM artana.heartbeats AS h \
                WHERE r.tenant = $2 AND r.run = $3 AND r.head_seq = $5 AND r.head_hash = $6 AND ",
            $authority,
            " AND artana.ends(h.expires_at, h.ttl, $4) > artana.clock($4) \
                    AND NOT EXISTS (SELECT FROM artana.migrations AS m WHERE m.version > $1) \
                RETURNING CASE WHEN artana.ends(h.expires_at, h.ttl, $4) > artana.clock($4) \
                    OR artana.life(h.incarnation, $4) > artana.clock($4) THEN true ELSE artana.lapse() END), \
            event AS (INSERT INTO artana.events (tenant, run, seq, event_id, kind, step, at, payload, prev_hash, hash) \
                SELECT $2, $3, $5 + e.n, e.event_id, e.kind, e.step, e.at, e.payload, e.prev_hash, e.hash \
                FROM run, unnest($25::bytea[], $26::text[], $27::text[], $28::bigint[], $29::bytea[], $30::bytea[], \
                    $31::bytea[]) WITH ORDINALITY AS e (event_id, kind, step, at, payload, prev_hash, hash, n)), \
            word AS (INSERT INTO artana.vault (tenant, root, digest, len, codec, seal, bytes) \
                SELECT $2, $10, c.digest, length(c.bytes), 0, 0, c.bytes \
                FROM run, unnest($32::bytea[], $33::bytea[]) AS c (digest, bytes) ON CONFLICT DO NOTHING) \
            SELECT 0::smallint AS verdict, (SELECT pg_notify('artana', $2 || chr(10) || $3) FROM artana.followed AS f \
                WHERE f.tenant = $2 AND f.run = $3 AND f.until > artana.clock(NULL)) FROM run"
        )
    };
}

// Each names the other one's parameter as well, so that both take the same ones: a driver has no incarnation, and a
// plain step no epoch.
const DRIVE: &str = go_on!("r.lease_epoch = $7 AND h.incarnation = r.lease_owner AND $8::bytea IS NULL");
const STEP: &str = go_on!(
    "h.incarnation = $8 AND $7::bigint IS NULL \
        AND (r.lease_owner IS NULL OR artana.life(r.lease_owner, $4) <= artana.clock($4))"
);

const WRITTEN: i16 = 0;
const CONFLICT: i16 = 1;
const FENCED: i16 = 2;
const LAPSED: i16 = 3;

/// What has to be known of a batch once it is sent.
struct Sent {
    head: Head,
    takes_lease: bool,
    claims: Claims,
    /// The statement that goes on with the run, if that is all the batch does.
    goes_on: Option<&'static str>,
}

/// Sends a batch whose bounds and shape were checked, and gives its place back when it is done, not when the caller
/// goes.
pub(crate) async fn send(
    sessions: &Sessions,
    place: Place,
    batch: Append,
    now: Option<Timestamp>,
) -> Result<Appended, AppendError> {
    let (params, sent) = prepare(batch, now)?;
    let goes_on = sent.goes_on;
    let rows = sessions.holding(place, move |this| async move {
        if let Some(statement) = goes_on {
            let rows = this.tell_here(statement, &params[..SHARED]).await?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        this.tell_here(APPEND, &params).await
    });
    answer(rows.await, &sent)
}

/// Returns the statement by which an authority goes on with a run, if it has one.
fn going_on(authority: &Authority) -> Option<&'static str> {
    match authority {
        Authority::Driver(_) => Some(DRIVE),
        Authority::Plain(_) => Some(STEP),
        Authority::TakeLease(_) | Authority::Outside(_) | Authority::Late(_) => None,
    }
}

/// Turns a batch into the function's parameters.
fn prepare(batch: Append, now: Option<Timestamp>) -> Result<(Vec<Param>, Sent), AppendError> {
    let claims = claims::sorted(batch.claims, batch.releases.clone());
    let (code, incarnation, epoch) = authority(&batch.authority);
    let view = batch.view;
    let only_goes_on = batch.expected.is_some() && batch.run_key.is_none() && claims.is_empty();
    let sent = Sent {
        head: view.head,
        takes_lease: matches!(batch.authority, Authority::TakeLease(_)),
        goes_on: going_on(&batch.authority).filter(|_| only_goes_on),
        claims,
    };
    let mut params = params![
        schema::KNOWN.cast_signed(),
        batch.run.tenant.as_str().to_owned(),
        batch.run.run.as_str().to_owned(),
        now.map(Timestamp::as_micros),
        batch.expected.map(|head| head.seq.get().cast_signed()),
        batch.expected.map(|head| head.hash.as_bytes().to_vec()),
        epoch.map(|epoch| epoch.get().cast_signed()),
        incarnation.map(|one| one.as_bytes().to_vec()),
        batch.releases.contains(&Release::Lease),
    ];
    params.extend(runs::moved(&view)?);
    params.extend(events(batch.events)?);
    params.extend(words(batch.content));
    debug_assert_eq!(params.len(), SHARED);
    params.extend(params![code]);
    params.extend(runs::begun(&view));
    params.extend(params![batch.run_key.map(|key| key.expose().to_vec())]);
    params.extend(sent.claims.params());
    Ok((params, sent))
}

/// In the order of their digests, so that two runs of a family never wait for each other.
fn words(mut content: Vec<Content>) -> Vec<Param> {
    content.sort_unstable_by_key(|content| content.digest);
    let (digests, contents): (Vec<_>, Vec<_>) =
        content.into_iter().map(|content| (content.digest.as_bytes().to_vec(), content.bytes)).unzip();
    params![digests, contents]
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

/// Reads a statement's answer.
fn answer(rows: Result<Vec<Row>, Failure>, sent: &Sent) -> Result<Appended, AppendError> {
    let rows = rows.map_err(|failure| sent.claims.denied(&failure).unwrap_or_else(|| failure.into()))?;
    let row = rows.first().ok_or_else(|| Failure::damaged("artana.append answers nothing"))?;
    match Column(0, "verdict").small(row)? {
        WRITTEN => {
            let epoch = if sent.takes_lease { epoch(row)? } else { None };
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
