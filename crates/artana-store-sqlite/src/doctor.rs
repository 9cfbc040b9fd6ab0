//! Looks for what is wrong with the file as a whole. It reads everything and changes nothing.

use artana_core::Timestamp;
use artana_ports::{Finding, Severity};
use rusqlite::params;

use crate::{
    Synchronous,
    connect::wal_of,
    error::Failure,
    reader::Source,
    statement::{Column, Statements},
};

/// Most findings of one kind: enough to act on.
const MOST: usize = 100;
/// A log that is larger than this is not being moved into the database.
const LARGE_WAL: u64 = 256 * 1024 * 1024;

const INTEGRITY: &str = "PRAGMA integrity_check(100)";
const STALE: &str = "SELECT count(*) FROM heartbeats WHERE expires_at <= ?1";

const KEYLESS: &str = "SELECT DISTINCT tenant FROM runs EXCEPT SELECT tenant FROM tenant_keys";

/// Rows that belong to nothing: the table, what is wrong, and the statement that names tenant and key.
const STRAYS: [(&str, &str, &str); 8] = [
    (
        "events",
        "has events, but no row in runs",
        "SELECT DISTINCT tenant, run FROM events EXCEPT SELECT tenant, run FROM runs",
    ),
    ("events", "has events before sequence 1", "SELECT DISTINCT tenant, run FROM events WHERE seq < 1"),
    (
        "events",
        "has events after its head",
        "SELECT DISTINCT e.tenant, e.run FROM runs AS r JOIN events AS e ON e.tenant = r.tenant AND e.run = r.run \
         AND e.seq > r.head_seq",
    ),
    (
        "runs",
        "has a head that is none of its events",
        "SELECT tenant, run FROM runs AS r WHERE NOT EXISTS (SELECT 1 FROM events AS e WHERE e.tenant = r.tenant \
         AND e.run = r.run AND e.seq = r.head_seq AND e.hash = r.head_hash)",
    ),
    (
        "runs",
        "has no key in run_keys for its family",
        "SELECT tenant, run FROM runs AS r WHERE NOT EXISTS (SELECT 1 FROM run_keys AS k WHERE k.tenant = r.tenant \
         AND k.root = r.root)",
    ),
    (
        "run_keys",
        "has a key, but no row in runs",
        "SELECT tenant, root FROM run_keys EXCEPT SELECT tenant, run FROM runs",
    ),
    (
        "vault",
        "has content, but no row in runs",
        "SELECT DISTINCT tenant, root FROM vault EXCEPT SELECT tenant, run FROM runs",
    ),
    (
        "reservations",
        "has reservations, but no account",
        "SELECT DISTINCT tenant, account FROM reservations EXCEPT SELECT tenant, account FROM accounts",
    ),
];

/// Examines a store.
pub(crate) fn examine(
    sql: &mut Statements<'_>,
    source: &Source,
    synchronous: Option<Synchronous>,
    now: Timestamp,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = integrity(sql)?;
    for (table, what, statement) in STRAYS {
        findings.extend(strays(sql, table, what, statement)?);
    }
    findings.extend(keyless(sql)?);
    if findings.is_empty() {
        findings.push(finding(Severity::Fine, "file", "every page, every table and every key is in order"));
    }
    findings.extend(heartbeats(sql, now)?);
    findings.extend(synchronous.and_then(durability));
    findings.extend(wal(source));
    Ok(findings)
}

fn finding(severity: Severity, subject: &str, message: impl Into<String>) -> Finding {
    Finding { severity, subject: subject.into(), message: message.into() }
}

fn integrity(sql: &mut Statements<'_>) -> Result<Vec<Finding>, Failure> {
    let lines = sql
        .all(INTEGRITY, (), |row| Ok(String::from_utf8_lossy(Column(0, "integrity_check").bytes(row)?).into_owned()))?;
    let broken = lines.into_iter().filter(|line| line != "ok");
    Ok(broken.map(|line| finding(Severity::Broken, "file", format!("{line}; restore it from a copy"))).collect())
}

fn strays(sql: &mut Statements<'_>, table: &str, what: &str, statement: &'static str) -> Result<Vec<Finding>, Failure> {
    let mut rows = sql.get(statement)?.query(())?;
    let mut found = Vec::new();
    while found.len() < MOST {
        let Some(row) = rows.next()? else { break };
        let shown = |at| Ok::<_, Failure>(String::from_utf8_lossy(Column(at, "key").bytes(row)?).into_owned());
        let (tenant, key) = (shown(0)?, shown(1)?);
        let message = format!("{key:?} of tenant {tenant:?} {what}; compare it with a copy");
        found.push(finding(Severity::Broken, table, message));
    }
    Ok(found)
}

/// A tenant without a key is worth knowing only: whether its runs name one, their events say.
fn keyless(sql: &mut Statements<'_>) -> Result<Vec<Finding>, Failure> {
    sql.all(KEYLESS, (), |row| {
        let tenant = String::from_utf8_lossy(Column(0, "runs.tenant").bytes(row)?).into_owned();
        Ok(finding(Severity::Notice, "tenant_keys", format!("tenant {tenant:?} has runs, but no key; verify them")))
    })
}

fn heartbeats(sql: &mut Statements<'_>, now: Timestamp) -> Result<Option<Finding>, Failure> {
    let stale = sql.first(STALE, params![now.as_micros()], |row| Column(0, "heartbeats").int(row))?.unwrap_or(0);
    let message = format!("{stale} incarnations have ended; a new one forgets those that ended a day ago");
    Ok((stale > 0).then(|| finding(Severity::Fine, "heartbeats", message)))
}

fn durability(synchronous: Synchronous) -> Option<Finding> {
    let message = format!(
        "synchronous={} lets a power cut take appends that were acknowledged; open the store with full",
        synchronous.as_str()
    );
    (!synchronous.survives_power_cut()).then(|| finding(Severity::Notice, "durability", message))
}

fn wal(source: &Source) -> Option<Finding> {
    let len = std::fs::metadata(wal_of(&source.path)).ok()?.len();
    let message = format!("the log has {len} bytes; a reader that never ends keeps it from being moved");
    (len > LARGE_WAL).then(|| finding(Severity::Notice, "wal", message))
}
