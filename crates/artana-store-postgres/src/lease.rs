//! Heartbeats, leases and due runs, judged on the store's clock. A life that has ended stays ended.

use std::time::Duration;

use artana_core::{ChainHash, Head, IncarnationId, RunId, RunRef, Seq, TenantId, Timestamp};
use artana_ports::{Authority, BeatError, DueQuery, Epoch, Heartbeat, Leased, StoreError};
use tokio_postgres::Row;

use crate::{
    error::{Failure, written},
    schema,
    session::Sessions,
    statement::{Column, params},
};

/// How long the row of an ended life is kept, so that beating it again says so.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

const BEAT: &str = "SELECT artana.beat($1, $2, $3, $4, $5, $6)";
const RETIRE: &str = "SELECT artana.retire($1, $2, $3)";
const ALIVE: &str = "SELECT incarnation FROM artana.heartbeats \
                     WHERE incarnation = ANY ($1) AND artana.ends(expires_at, ttl, $2) > (SELECT artana.clock($2))";
const TAKE_DUE: &str = "SELECT tenant, run, head_seq, head_hash, lease_epoch, queue, due_at, died \
                        FROM artana.take_due($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// The code that the schema's functions raise for a life that has ended.
const LAPSED: &str = "AR001";

/// Returns an authority as the schema's function numbers it.
pub(crate) fn authority(authority: &Authority) -> (i16, Option<IncarnationId>, Option<Epoch>) {
    match authority {
        Authority::Outside(_) | Authority::Late(_) => (0, None, None),
        Authority::Driver(epoch) => (1, None, Some(*epoch)),
        Authority::TakeLease(incarnation) => (2, Some(*incarnation), None),
        Authority::Plain(incarnation) => (3, Some(*incarnation), None),
    }
}

/// Starts a life or prolongs it.
pub(crate) async fn beat(
    sessions: &Sessions,
    beat: &Heartbeat,
    now: Option<Timestamp>,
) -> Result<Timestamp, BeatError> {
    beat.check_ttl()?;
    let ttl = i64::try_from(beat.ttl.as_micros()).unwrap_or(i64::MAX);
    let kept = i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX);
    let incarnation = beat.incarnation.as_bytes().to_vec();
    let params = params![known(), incarnation, ttl, beat.first, now.map(Timestamp::as_micros), kept];
    let rows = sessions.tell(BEAT, params).await?;
    let row = rows.first().ok_or_else(|| Failure::damaged("artana.beat answers nothing"))?;
    let ends = Column(0, "heartbeats.expires_at").maybe_int(row)?;
    ends.map(Timestamp::from_micros).ok_or(BeatError::Lapsed)
}

/// Ends a life now.
pub(crate) async fn retire(
    sessions: &Sessions,
    incarnation: IncarnationId,
    now: Option<Timestamp>,
) -> Result<(), StoreError> {
    let params = params![known(), incarnation.as_bytes().to_vec(), now.map(Timestamp::as_micros)];
    sessions.tell(RETIRE, params).await.map(drop).map_err(written)
}

/// Says for each incarnation whether it lives.
pub(crate) async fn living_of(
    sessions: &Sessions,
    incarnations: &[IncarnationId],
    now: Option<Timestamp>,
) -> Result<Vec<bool>, Failure> {
    let asked: Vec<Vec<u8>> = incarnations.iter().map(|one| one.as_bytes().to_vec()).collect();
    let rows = sessions.ask(ALIVE, params![asked, now.map(Timestamp::as_micros)]).await?;
    let living =
        rows.iter().map(|row| Column(0, "heartbeats.incarnation").bytes(row)).collect::<Result<Vec<_>, _>>()?;
    Ok(incarnations.iter().map(|one| living.contains(&&one.as_bytes()[..])).collect())
}

/// Takes the leases of due runs that nobody alive holds, or that the taker holds without driving them.
pub(crate) async fn take_due(
    sessions: &Sessions,
    query: &DueQuery,
    now: Option<Timestamp>,
) -> Result<Vec<Leased>, BeatError> {
    let busy_tenants: Vec<String> = query.busy_tenants.iter().map(|tenant| tenant.as_str().to_owned()).collect();
    let driven = query
        .driving
        .as_ref()
        .map(|driving| driving.iter().map(|run| (run.tenant.as_str().to_owned(), run.run.as_str().to_owned())).unzip());
    let (driven_tenants, driven_runs): (Option<Vec<String>>, Option<Vec<String>>) = driven.unzip();
    let params = params![
        known(),
        query.taker.as_bytes().to_vec(),
        now.map(Timestamp::as_micros),
        kept(&query.queues),
        kept(&query.busy_queues),
        busy_tenants,
        driven_tenants,
        driven_runs,
        i64::from(query.limit),
    ];
    let rows = match sessions.tell(TAKE_DUE, params).await {
        Err(failure) if failure.code().is_some_and(|code| code.code() == LAPSED) => return Err(BeatError::Lapsed),
        answer => answer?,
    };
    // A row that cannot be read is not due: no damaged run keeps the healthy ones waiting.
    Ok(rows.iter().filter_map(|row| due_row(row).ok()).collect())
}

/// The schema this version knows, as the schema's functions take it.
fn known() -> i32 {
    schema::KNOWN.cast_signed()
}

/// The names that Postgres can compare with. With another one nothing is named: no row has it.
fn kept(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.replace('\0', "\u{1}")).collect()
}

fn due_row(row: &Row) -> Result<Leased, Failure> {
    let unnamed = |_| Failure::damaged("runs holds a name that is none");
    let tenant = TenantId::parse(Column(0, "runs.tenant").text(row)?).map_err(unnamed)?;
    let run = RunId::parse(Column(1, "runs.run").text(row)?).map_err(unnamed)?;
    let seq = Seq::new(Column(2, "runs.head_seq").int(row)?.cast_unsigned());
    let hash = ChainHash::from_bytes(Column(3, "runs.head_hash").array(row)?);
    Ok(Leased {
        run: RunRef::new(tenant, run),
        epoch: Epoch::new(Column(4, "runs.lease_epoch").int(row)?.cast_unsigned()),
        head: Head { seq, hash },
        queue: Column(5, "runs.queue").text(row)?.to_owned(),
        due_at: Timestamp::from_micros(Column(6, "runs.due_at").int(row)?),
        died: Column(7, "runs.lease_owner").maybe_array(row)?.map(IncarnationId::from_bytes),
    })
}
