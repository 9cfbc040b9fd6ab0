//! Looks for what is wrong with the store as a whole, and how it is doing. It reads everything and changes nothing.

use artana_core::Timestamp;
use artana_ports::{Finding, Severity};
use deadpool_postgres::{Object, Transaction};

use crate::{Durability, error::Failure, session::Sessions, statement::Column, vitals};

/// Most findings of one kind: enough to act on.
const MOST: usize = 100;
/// How many rows are asked for: one more, to know whether there are more.
const ASKED: i64 = 101;

/// Everything is looked at as of one moment, however long it takes, so that no append seems half done.
const BEGIN: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
const INVALID: &str = "SELECT c.relname::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid \
    JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'artana' AND NOT i.indisvalid";
const STALE: &str = "SELECT count(*) FROM artana.heartbeats WHERE artana.ends(expires_at, ttl, $1) <= artana.clock($1)";
const KEYLESS: &str = "SELECT tenant FROM artana.runs EXCEPT SELECT tenant FROM artana.tenant_keys LIMIT $1";

/// Rows that belong to nothing: the table, what is wrong, and the statement that names tenant and key.
const STRAYS: [(&str, &str, &str); 8] = [
    (
        "events",
        "has events, but no row in runs",
        "SELECT DISTINCT tenant, run FROM artana.events EXCEPT SELECT tenant, run FROM artana.runs LIMIT $1",
    ),
    ("events", "has events before sequence 1", "SELECT DISTINCT tenant, run FROM artana.events WHERE seq < 1 LIMIT $1"),
    (
        "events",
        "has events after its head",
        "SELECT DISTINCT e.tenant, e.run FROM artana.runs AS r JOIN artana.events AS e ON e.tenant = r.tenant \
         AND e.run = r.run AND e.seq > r.head_seq LIMIT $1",
    ),
    (
        "runs",
        "has a head that is none of its events",
        "SELECT tenant, run FROM artana.runs AS r WHERE NOT EXISTS (SELECT 1 FROM artana.events AS e \
         WHERE e.tenant = r.tenant AND e.run = r.run AND e.seq = r.head_seq AND e.hash = r.head_hash) LIMIT $1",
    ),
    (
        "runs",
        "has no key in run_keys for its family",
        "SELECT tenant, run FROM artana.runs AS r WHERE NOT EXISTS (SELECT 1 FROM artana.run_keys AS k \
         WHERE k.tenant = r.tenant AND k.root = r.root) LIMIT $1",
    ),
    (
        "run_keys",
        "has a key, but no row in runs",
        "SELECT tenant, root FROM artana.run_keys EXCEPT SELECT tenant, run FROM artana.runs LIMIT $1",
    ),
    (
        "vault",
        "has content, but no row in runs",
        "SELECT DISTINCT tenant, root FROM artana.vault EXCEPT SELECT tenant, run FROM artana.runs LIMIT $1",
    ),
    (
        "reservations",
        "has reservations, but no account",
        "SELECT tenant, encode(account, 'escape') FROM (SELECT tenant, account FROM artana.reservations \
         EXCEPT SELECT tenant, account FROM artana.accounts) AS stray LIMIT $1",
    ),
];

/// Examines a store.
pub(crate) async fn examine(
    sessions: &Sessions,
    asked: Durability,
    now: Option<Timestamp>,
) -> Result<Vec<Finding>, Failure> {
    let this = sessions.clone();
    let examined = move |mut lent: Object| async move {
        let done = this.at_length(examine_on(&this, &mut lent, asked, now)).await;
        (lent, done)
    };
    sessions.with(examined).await
}

async fn examine_on(
    sessions: &Sessions,
    client: &mut Object,
    asked: Durability,
    now: Option<Timestamp>,
) -> Result<Vec<Finding>, Failure> {
    let tx = sessions.patiently(client.transaction()).await?;
    sessions.patiently(tx.batch_execute(BEGIN)).await?;
    sessions.lengthen(&tx).await?;
    let mut findings = invalid(&tx).await?;
    for (table, what, statement) in STRAYS {
        findings.extend(strays(&tx, table, what, statement).await?);
    }
    findings.extend(keyless(&tx).await?);
    if findings.is_empty() {
        findings.push(finding(Severity::Fine, "database", "every table, every index and every key is in order"));
    }
    findings.extend(heartbeats(&tx, now).await?);
    findings.extend(vitals::examine(&tx, asked, now).await?);
    tx.commit().await?;
    Ok(findings)
}

pub(crate) fn finding(severity: Severity, subject: &str, message: impl Into<String>) -> Finding {
    Finding { severity, subject: subject.into(), message: message.into() }
}

async fn invalid(tx: &Transaction<'_>) -> Result<Vec<Finding>, Failure> {
    let rows = tx.query(INVALID, &[]).await?;
    let broken = |row| {
        let name = Column(0, "pg_class.relname").text(row)?;
        Ok(finding(Severity::Broken, "index", format!("the index {name} is not valid; REINDEX it")))
    };
    rows.iter().map(broken).collect()
}

async fn strays(tx: &Transaction<'_>, table: &str, what: &str, statement: &str) -> Result<Vec<Finding>, Failure> {
    let rows = tx.query(statement, &[&ASKED]).await?;
    let stray = |row| {
        let (tenant, key) = (Column(0, "tenant").text(row)?, Column(1, "key").text(row)?);
        let message = format!("{key:?} of tenant {tenant:?} {what}; compare it with a copy");
        Ok(finding(Severity::Broken, table, message))
    };
    let more = (rows.len() > MOST).then(|| Ok(finding(Severity::Broken, table, format!("more of the same: {what}"))));
    rows.iter().take(MOST).map(stray).chain(more).collect()
}

/// A tenant without a key is worth knowing only: whether its runs name one, their events say.
async fn keyless(tx: &Transaction<'_>) -> Result<Vec<Finding>, Failure> {
    let rows = tx.query(KEYLESS, &[&ASKED]).await?;
    let noticed = |row| {
        let tenant = Column(0, "runs.tenant").text(row)?;
        Ok(finding(Severity::Notice, "tenant_keys", format!("tenant {tenant:?} has runs, but no key; verify them")))
    };
    rows.iter().take(MOST).map(noticed).collect()
}

async fn heartbeats(tx: &Transaction<'_>, now: Option<Timestamp>) -> Result<Option<Finding>, Failure> {
    let row = tx.query_one(STALE, &[&now.map(Timestamp::as_micros)]).await?;
    let stale = Column(0, "heartbeats").int(&row)?;
    let message = format!("{stale} incarnations have ended; a new one forgets those that ended a day ago");
    Ok((stale > 0).then(|| finding(Severity::Fine, "heartbeats", message)))
}
