//! How the server and the store's tables are doing: what `store info` shows of them, and what the doctor notices. It
//! reads, and changes nothing.

use std::time::{Duration, Instant};

use artana_core::Timestamp;
use artana_ports::{Finding, Severity, StoreInfo};
use deadpool_postgres::{GenericClient, Object, Transaction};
use tokio_postgres::Row;

use crate::{
    Durability, PostgresOptions, doctor::finding, durability::Settings, error::Failure, session::Sessions,
    statement::Column,
};

/// The settings that decide what an append survives.
pub(crate) const SETTINGS: &str = "SELECT current_setting('synchronous_commit'), current_setting('fsync'), \
    current_setting('full_page_writes'), current_setting('synchronous_standby_names')";
const FACTS: &str = "SELECT current_setting('server_version'), pg_is_in_recovery(), \
    (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c \
        JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'artana' AND c.relkind = 'r')";
/// All that the server lets in count, those of other databases and of other roles too. Each role may read this count;
/// of the sessions themselves the server shows a role its own.
const CONNECTIONS: &str = "SELECT (SELECT sum(numbackends)::bigint FROM pg_stat_database), \
    current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint";
const BLOAT: &str = "SELECT relname::text, n_live_tup, n_dead_tup, pg_total_relation_size(relid) \
    FROM pg_stat_user_tables WHERE schemaname = 'artana' ORDER BY n_dead_tup DESC, relname";
const LEASES: &str = "SELECT r.tenant, r.run, artana.clock($1) - r.updated_at, \
    artana.life(r.lease_owner, $1) > artana.clock($1), count(*) OVER () \
    FROM artana.runs AS r WHERE r.lease_owner IS NOT NULL ORDER BY r.updated_at, r.tenant, r.run LIMIT 1";
/// What a worker would take over now, the longest due first.
const LEFT: &str = "SELECT r.tenant, r.run, artana.clock($1) - r.due_at, count(*) OVER () FROM artana.runs AS r \
    WHERE r.lease_owner IS NOT NULL AND r.queue IS NOT NULL AND r.due_at <= artana.clock($1) \
    AND artana.life(r.lease_owner, $1) <= artana.clock($1) ORDER BY r.due_at, r.tenant, r.run LIMIT 1";

/// A table with more dead rows than this, and more than a part of its live ones, is not being vacuumed: the server
/// does it by itself at a fifth.
const MANY_DEAD: i64 = 10_000;
const LIVE_FOR_EACH_DEAD: i64 = 2;

/// Reads the settings that decide what an append survives.
pub(crate) async fn settings(sessions: &Sessions) -> Result<Settings, Failure> {
    let rows = sessions.ask(SETTINGS, Vec::new()).await?;
    settings_of(rows.first().ok_or_else(|| Failure::damaged("the server has no settings"))?)
}

/// Reads them.
pub(crate) fn settings_of(row: &Row) -> Result<Settings, Failure> {
    let setting = |at| Column(at, "pg_settings").text(row).map(str::to_owned);
    Ok(Settings {
        synchronous_commit: setting(0)?,
        fsync: setting(1)?,
        full_page_writes: setting(2)?,
        standbys: setting(3)?,
    })
}

/// Describes the store.
pub(crate) async fn info(
    sessions: &Sessions,
    options: &PostgresOptions,
    schema: u32,
    settings: &Settings,
) -> Result<StoreInfo, Failure> {
    let this = sessions.clone();
    let asked = |lent: Object| async move {
        let told = this.patiently(told(&lent)).await;
        (lent, told)
    };
    let told = sessions.with(asked).await?;
    let durability = match options.read_only {
        true => "read only".to_owned(),
        false => format!(
            "synchronous_commit={}, fsync={}, full_page_writes={}",
            settings.synchronous_commit, settings.fsync, settings.full_page_writes
        ),
    };
    let facts = vec![
        ("place", sessions.place().to_owned()),
        ("schema", schema.to_string()),
        ("postgres", told.version),
        ("server", if told.standby { "standby" } else { "primary" }.to_owned()),
        ("synchronous_commit", settings.synchronous_commit.clone()),
        ("fsync", settings.fsync.clone()),
        ("full_page_writes", settings.full_page_writes.clone()),
        ("pool", options.pool.end().to_string()),
        ("connections", told.connections),
        ("store_bytes", told.bytes.to_string()),
        ("round_trip_us", told.round_trip.as_micros().to_string()),
    ];
    Ok(StoreInfo { kind: "postgres", durability, facts })
}

/// What the server tells of itself and the store.
struct Told {
    version: String,
    standby: bool,
    bytes: i64,
    connections: String,
    round_trip: Duration,
}

/// Asks the server. A row keeps its statement, and the server is told to forget that when the row goes: so every row is
/// gone before the last answer, and nothing is under way afterwards.
async fn told(client: &impl GenericClient) -> Result<Told, Failure> {
    let facts = client.query_one(FACTS, &[]).await?;
    let version = Column(0, "server_version").text(&facts)?.to_owned();
    let standby = Column(1, "pg_is_in_recovery").flag(&facts)?;
    let bytes = Column(2, "pg_total_relation_size").int(&facts)?;
    drop(facts);
    let row = client.query_one(CONNECTIONS, &[]).await?;
    let connections = format!("{} of {}", in_use(&row)?, most(&row)?);
    drop(row);
    Ok(Told { version, standby, bytes, connections, round_trip: round_trip(client).await? })
}

/// Measures how long the server takes to answer nothing: the best of three, because the first may wake somebody.
async fn round_trip(client: &impl GenericClient) -> Result<Duration, Failure> {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        client.batch_execute("").await?;
        best = best.min(began.elapsed());
    }
    Ok(best)
}

fn in_use(row: &Row) -> Result<i64, Failure> {
    Column(0, "pg_stat_database").int(row)
}

fn most(row: &Row) -> Result<i64, Failure> {
    Column(1, "max_connections").int(row)
}

/// Tells how the server and the tables are doing, as part of an examination.
pub(crate) async fn examine(
    tx: &Transaction<'_>,
    asked: Durability,
    now: Option<Timestamp>,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = weak(&settings_of(&tx.query_one(SETTINGS, &[]).await?)?, asked);
    findings.extend(bloat(tx).await?);
    findings.push(connections(&tx.query_one(CONNECTIONS, &[]).await?)?);
    findings.push(leases(tx, now).await?);
    findings.extend(left(tx, now).await?);
    let round_trip = round_trip(tx).await?;
    findings.push(finding(Severity::Fine, "round trip", format!("the server answers in {round_trip:.1?}")));
    Ok(findings)
}

/// Names settings that weaken what an acknowledged append survives: a power cut in any case, and more where more was
/// asked for. They were enough when the store was opened, and a server may be told otherwise while it runs.
fn weak(settings: &Settings, asked: Durability) -> Vec<Finding> {
    let in_any_case = settings.weak(Durability::PowerCut);
    let asked_for = settings.weak(asked);
    let besides = asked_for.into_iter().filter(|weak| !in_any_case.contains(weak)).map(|weak| (weak, asked));
    let all = in_any_case.iter().map(|weak| (*weak, Durability::PowerCut)).chain(besides);
    let noticed = |((name, value), against): ((&str, &str), Durability)| {
        let message =
            format!("{name}={value} lets {} take appends that were acknowledged; change it", against.against());
        finding(Severity::Notice, "durability", message)
    };
    all.map(noticed).collect()
}

/// Names the tables that hold more dead rows than the server should leave, and how large all of them are.
async fn bloat(tx: &Transaction<'_>) -> Result<Vec<Finding>, Failure> {
    let (mut findings, mut bytes, mut dead_rows) = (Vec::new(), 0, 0);
    for row in &tx.query(BLOAT, &[]).await? {
        let name = Column(0, "pg_stat_user_tables.relname").text(row)?;
        let (live, dead) = (Column(1, "n_live_tup").int(row)?, Column(2, "n_dead_tup").int(row)?);
        let size = Column(3, "pg_total_relation_size").int(row)?;
        (bytes, dead_rows) = (bytes + size, dead_rows + dead);
        if dead > MANY_DEAD && dead > live / LIVE_FOR_EACH_DEAD {
            let message = format!(
                "{name} holds {dead} dead rows beside {live} live ones, in {size} bytes; VACUUM it, and see whether \
                 autovacuum runs or an old transaction holds it up"
            );
            findings.push(finding(Severity::Notice, "bloat", message));
        }
    }
    let message = format!("all tables and indexes take {bytes} bytes, {dead_rows} dead rows included");
    findings.push(finding(Severity::Fine, "size", message));
    Ok(findings)
}

fn connections(row: &Row) -> Result<Finding, Failure> {
    let (used, most) = (in_use(row)?, most(row)?);
    let message = format!("{used} of {most} connections of the server are in use");
    // Four fifths: what is left is soon taken by one more process with its pool.
    let (severity, advice) = if used * 5 > most * 4 {
        (Severity::Notice, "; make the pools smaller, or max_connections larger")
    } else {
        (Severity::Fine, "")
    };
    Ok(finding(severity, "connections", message + advice))
}

async fn leases(tx: &Transaction<'_>, now: Option<Timestamp>) -> Result<Finding, Failure> {
    let Some(row) = tx.query_opt(LEASES, &[&now.map(Timestamp::as_micros)]).await? else {
        return Ok(finding(Severity::Fine, "leases", "no run is held"));
    };
    let (tenant, run) = (Column(0, "runs.tenant").text(&row)?, Column(1, "runs.run").text(&row)?);
    let since = elapsed(&row, "runs.updated_at")?;
    let holder = match Column(3, "heartbeats").flag(&row)? {
        true => "whoever holds it lives",
        false => "whoever held it has died, and a worker takes it when it is due",
    };
    let held = Column(4, "runs").int(&row)?;
    let message = format!(
        "{held} held; the one that moved longest ago, {since:.1?} ago, is {run:?} of tenant {tenant:?}, and {holder}"
    );
    Ok(finding(Severity::Fine, "leases", message))
}

/// Names what waits for a worker because whoever drove it has died. Where workers run it is taken at once.
async fn left(tx: &Transaction<'_>, now: Option<Timestamp>) -> Result<Option<Finding>, Failure> {
    let Some(row) = tx.query_opt(LEFT, &[&now.map(Timestamp::as_micros)]).await? else { return Ok(None) };
    let (tenant, run) = (Column(0, "runs.tenant").text(&row)?, Column(1, "runs.run").text(&row)?);
    let (due, left) = (elapsed(&row, "runs.due_at")?, Column(3, "runs").int(&row)?);
    let message = format!(
        "{left} due and held by the dead; {run:?} of tenant {tenant:?} has been due for {due:.1?}; see whether a worker \
         of its queue runs"
    );
    Ok(Some(finding(Severity::Notice, "leases", message)))
}

/// How long something is ago, which the third column tells in microseconds.
fn elapsed(row: &Row, column: &'static str) -> Result<Duration, Failure> {
    Ok(Duration::from_micros(u64::try_from(Column(2, column).int(row)?).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_judged_by_what_was_asked_for_and_by_a_power_cut_in_any_case() {
        let on = || "on".to_owned();
        let settings = Settings {
            synchronous_commit: on(),
            fsync: "off".to_owned(),
            full_page_writes: on(),
            standbys: String::new(),
        };
        let told = |asked| weak(&settings, asked).into_iter().map(|found| found.message).collect::<Vec<_>>();
        let power_cut = "fsync=off lets a power cut take appends that were acknowledged; change it";
        let loss = "synchronous_standby_names='' lets the loss of the server take appends that were acknowledged; \
                    change it";
        assert_eq!(told(Durability::AsTheServer), [power_cut]);
        assert_eq!(told(Durability::PowerCut), [power_cut]);
        assert_eq!(told(Durability::Standby), [power_cut, loss]);
    }
}
