//! `pgbench`, the server's own load program, doing the writes of an append and nothing else: what the server can do.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use artana_testkit::postgres::Database;

/// The store's tables again, without its functions, holding the same runs.
pub(crate) const TABLES: &str = "DROP SCHEMA IF EXISTS raw CASCADE; CREATE SCHEMA raw; \
    CREATE TABLE raw.events (LIKE artana.events INCLUDING ALL); \
    CREATE TABLE raw.vault (LIKE artana.vault INCLUDING ALL); \
    CREATE TABLE raw.runs (LIKE artana.runs INCLUDING ALL); \
    CREATE TABLE raw.accounts (LIKE artana.accounts INCLUDING ALL); \
    CREATE TABLE raw.reservations (LIKE artana.reservations INCLUDING ALL); \
    INSERT INTO raw.runs SELECT * FROM artana.runs; INSERT INTO raw.accounts SELECT * FROM artana.accounts";

/// One event of 208 bytes, and 290 bytes of content that nobody said before, in one statement.
const APPEND: &str = "\
    run AS (UPDATE raw.runs SET head_seq = head_seq + 1, head_hash = sha256(int8send(head_seq)), steps = steps + 1 \
        WHERE tenant = :tenant AND run = 'run ' || :client_id RETURNING head_seq), \
    event AS (INSERT INTO raw.events SELECT :tenant, 'run ' || :client_id, head_seq, uuid_send(gen_random_uuid()), \
        'note', 'step', 1, convert_to('{\"a\":\"' || repeat('x', 200) || '\"}', 'utf8'), sha256(int8send(head_seq)), \
        sha256(int8send(head_seq)) FROM run) \
    INSERT INTO raw.vault (tenant, root, digest, len, codec, seal, bytes) \
        SELECT :tenant, 'run ' || :client_id, sha256(uuid_send(gen_random_uuid())), 290, 0, 0, \
            convert_to(repeat('argument ', 31) || head_seq, 'utf8') FROM run";
/// What a budget adds: an amount is held of the one account, and what was held before is settled.
const BUDGET: &str = "\
    account AS (UPDATE raw.accounts SET settled = settled + 1, reserved = reserved WHERE tenant = :tenant), \
    freed AS (DELETE FROM raw.reservations WHERE tenant = :tenant AND holder = convert_to(:client_id::text, 'utf8')), \
    held AS (INSERT INTO raw.reservations SELECT :tenant, 'a', convert_to(:client_id || ' ' || head_seq, 'utf8'), 1 \
        FROM run), ";

/// The counterpart of some workload.
pub(crate) struct Pgbench<'d> {
    database: &'d Database,
    program: PathBuf,
    script: tempfile::NamedTempFile,
}

impl<'d> Pgbench<'d> {
    /// Prepares the tables beside the store's own. The runs are named `run 0` and so on.
    pub(crate) fn new(database: &'d Database, one_tenant: bool) -> Result<Self> {
        database.run(TABLES);
        let tenant = if one_tenant { "'bench'" } else { "'bench' || :client_id" };
        let (run, rest) = APPEND.split_once("event AS").context("two parts")?;
        let budget = if one_tenant { BUDGET } else { "" };
        let sql = format!("WITH {run}{budget}event AS{rest};").replace(":tenant", tenant);
        let script = tempfile::NamedTempFile::new()?;
        fs::write(script.path(), sql)?;
        Ok(Self { database, program: program()?, script })
    }

    /// Returns how many appends a second so many clients made, each so many, one after another.
    pub(crate) fn appends(&self, clients: usize, each: usize) -> Result<f64> {
        let output = Command::new(&self.program)
            .args(["-n", "-M", "prepared", "-j", "2", "-c", &clients.to_string(), "-t", &each.to_string(), "-f"])
            .arg(self.script.path())
            .arg(self.database.url())
            .env("PGOPTIONS", "-c search_path=pg_catalog -c plan_cache_mode=force_generic_plan")
            .stdin(Stdio::null())
            .output()?;
        let (said, erred) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "pgbench: {erred}");
        let whole = format!("number of transactions actually processed: {0}/{0}", clients * each);
        ensure!(said.contains(&whole), "pgbench did not do all: {said}{erred}");
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next());
        Ok(rate.context("pgbench says no rate")?.parse()?)
    }
}

/// Finds the program, which comes with the server.
fn program() -> Result<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let folders = installed.map(|version| version.path().join("bin")).chain(std::env::split_paths(&on_path));
    let mut found = folders.map(|folder| folder.join("pgbench")).filter(|program| program.is_file());
    found.next().context("pgbench is not installed; it comes with the Postgres server")
}
