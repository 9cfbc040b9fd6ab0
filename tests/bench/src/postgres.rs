//! What an append costs on Postgres: one alone, beside the raw driver committing the same rows on the same server in
//! one statement; and many runs at once, beside `pgbench`. It starts a server of its own, and has it wait for the disk.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use artana_core::{
    ChainHash, Content, EventId, Head, IncarnationId, Record, RunId, RunKey, RunRef, RunView, Seq, Status, TenantId,
    Timestamp, limits::MAX_TTL_SECONDS,
};
use artana_ports::{Append, Authority, Claim, EventStore, Heartbeat, Release, Reserve};
use artana_store_postgres::PostgresStore;
use artana_testkit::postgres::Database;
use tokio_postgres::{Client, NoTls, Statement};

use crate::{
    pgbench::{Pgbench, TABLES},
    report::{Line, median, micros},
    world::{self, Size},
};

const DURABILITY: &str = "postgres, synchronous_commit=on, fsync=on";
/// How much an append may cost over the raw driver's commit of the same rows.
const ALLOWANCE_US: f64 = 150.0;
/// Who drives the runs.
const LIFE: IncarnationId = IncarnationId::from_bytes([7; 16]);

const COMMIT: &str = "WITH \
    event AS (INSERT INTO raw.events VALUES ('bench', $1, $2, $3, 'note', 'step', 1, $4, $5, $6)), \
    words AS (INSERT INTO raw.vault (tenant, root, digest, len, codec, seal, bytes) \
        VALUES ('bench', $1, $7, length($8::bytea), 0, 0, $8::bytea)) \
    UPDATE raw.runs SET head_seq = $2, head_hash = $6, steps = $2 WHERE tenant = 'bench' AND run = $1";

/// Measures both, where there is a server.
pub(crate) async fn appends(size: &Size) -> Result<()> {
    let Some(database) = Database::fresh() else { return Ok(()) };
    database.run("ALTER SYSTEM SET fsync = on");
    database.run("ALTER SYSTEM SET full_page_writes = on");
    database.run("SELECT pg_reload_conf()");
    one(size, &database).await?;
    drop(database);
    for (runs, budget, target) in
        [(1, false, None), (8, false, None), (32, false, Some(0.6)), (128, false, None), (32, true, Some(0.6))]
    {
        let Some(database) = Database::fresh() else { return Ok(()) };
        many(size, &database, runs, budget, target).await?;
    }
    Ok(())
}

/// One run, in interleaved pairs.
async fn one(size: &Size, database: &Database) -> Result<()> {
    let store = PostgresStore::connect(database.url()).await?;
    store.beat(Heartbeat { incarnation: LIFE, ttl: Duration::from_secs(MAX_TTL_SECONDS), first: true }).await?;
    let mut run = Writer::leased(&store, "bench", "run", false).await?;
    database.run(TABLES);
    let raw = Raw::connect(database).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for n in 1..=size.steps {
        let batch = run.next(n);
        let began = Instant::now();
        store.append(batch.clone()).await?;
        ours.push(micros(began.elapsed()));
        let began = Instant::now();
        raw.commit(&batch).await?;
        theirs.push(micros(began.elapsed()));
    }
    let met = median(&ours) <= median(&theirs) + ALLOWANCE_US;
    let (unit, target) = ("us/append", "<= raw + 150 us");
    Line { bench: "postgres_append", durability: DURABILITY, unit, ours, raw: theirs, target, met }.print();
    Ok(store.close().await?)
}

/// Many runs at once, round by round, each beside as many clients of `pgbench`.
async fn many(size: &Size, database: &Database, runs: usize, budget: bool, target: Option<f64>) -> Result<()> {
    let store = Arc::new(PostgresStore::connect(database.url()).await?);
    store.beat(Heartbeat { incarnation: LIFE, ttl: Duration::from_secs(MAX_TTL_SECONDS), first: true }).await?;
    let mut writers = Vec::new();
    for n in 0..runs {
        let tenant = if budget { "bench".into() } else { format!("bench{n}") };
        writers.push(Writer::leased(&store, &tenant, &format!("run {n}"), budget).await?);
    }
    let pgbench = Pgbench::new(database, budget)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let per_round = size.steps * EACH / runs;
    for _ in 0..size.rounds.div_ceil(4) {
        let batches: Vec<Vec<Append>> =
            writers.iter_mut().map(|run| (0..per_round).map(|n| run.next(n)).collect()).collect();
        let began = Instant::now();
        let send = |batches: Vec<Append>| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for batch in batches {
                    store.append(batch).await?;
                }
                Ok::<(), artana_ports::AppendError>(())
            })
        };
        for task in batches.into_iter().map(send).collect::<Vec<_>>() {
            task.await??;
        }
        ours.push((runs * per_round) as f64 / began.elapsed().as_secs_f64());
        theirs.push(tokio::task::block_in_place(|| pgbench.appends(runs, per_round))?);
    }
    store.retire(LIFE).await?;
    store.close().await?;
    let bench = if budget { format!("postgres_{runs}_runs_of_one_budget") } else { format!("postgres_{runs}_runs") };
    let (met, said) = match target {
        Some(share) => (median(&ours) >= share * median(&theirs), format!(">= {share} of pgbench")),
        None => (true, "none: reported only".into()),
    };
    let unit = "appends/s";
    Line { bench: &bench, durability: DURABILITY, unit, ours, raw: theirs, target: &said, met }.print();
    Ok(())
}

/// How many appends all runs together make in a round, for each step of a round of one run: `pgbench` connects anew
/// each time, and has to be warm for most of it.
const EACH: usize = 20;
/// Makes the batches of one run that is driven.
#[derive(Debug, Clone)]
struct Writer {
    run: RunRef,
    head: Option<Head>,
    authority: Authority,
    /// What the last batch held of the budget, if there is one.
    held: Option<Option<EventId>>,
}

impl Writer {
    /// Starts a run and takes its lease.
    async fn leased(store: &PostgresStore, tenant: &str, name: &str, budget: bool) -> Result<Self> {
        let run = RunRef::new(TenantId::parse(tenant)?, RunId::parse(name)?);
        let mut writer = Self { run, head: None, authority: Authority::TakeLease(LIFE), held: budget.then_some(None) };
        let epoch = store.append(writer.next(0)).await?.epoch.context("a lease")?;
        writer.authority = Authority::Driver(epoch);
        Ok(writer)
    }

    /// The next batch: one event, and about 300 bytes of content that nobody said before.
    fn next(&mut self, n: usize) -> Append {
        let seq = self.head.map_or(Seq::new(1), |head| head.seq.next());
        let mut hash = [0x5a; 32];
        hash[..8].copy_from_slice(&seq.get().to_le_bytes());
        // Of this run alone, like the ids of a kernel.
        let mut noise = [7; 10];
        let name = self.run.run.as_str().bytes().rev();
        noise.iter_mut().zip(name).for_each(|(noise, byte)| *noise = byte);
        let id = EventId::v7(seq.get(), noise);
        let record = Record {
            tenant: self.run.tenant.shared(),
            run: self.run.run.shared(),
            seq,
            event_id: id,
            kind: "note".into(),
            step: Some("step".into()),
            at: Timestamp::from_micros(1),
            payload: format!("{{\"a\":\"{}\"}}", "x".repeat(200)).into_bytes(),
            prev_hash: self.head.map_or(ChainHash::from_bytes([0; 32]), |head| head.hash),
            hash: ChainHash::from_bytes(hash),
        };
        let key = RunKey::from_bytes([1; 32]);
        let bytes = world::args(n).into_bytes();
        let expected = self.head.replace(record.head());
        let (mut claims, mut releases) = (Vec::new(), Vec::new());
        if let Some(held) = &mut self.held {
            let account = String::from("a");
            releases.extend(held.replace(id).map(|holder| Release::Reserve { account, holder, spent: 1 }));
            claims.push(Claim::Reserve(Reserve { account: "a".into(), limit: u64::MAX, amount: 1, holder: id }));
        }
        Append {
            run: self.run.clone(),
            expected,
            authority: self.authority.clone(),
            content: vec![Content { digest: key.digest(&bytes), bytes }],
            claims,
            releases,
            view: self.view(record.head()),
            events: vec![record],
            run_key: expected.is_none().then_some(key),
        }
    }

    fn view(&self, head: Head) -> RunView {
        RunView {
            run: self.run.clone(),
            root: self.run.run.clone(),
            parent: None,
            status: Status::Running,
            head,
            started_at: Timestamp::from_micros(1),
            updated_at: Timestamp::from_micros(1),
            steps: head.seq.get(),
            pending: 0,
            unknown: 0,
            drifts: 0,
            last_step: None,
            failed_step: None,
            labels: BTreeMap::new(),
            queued: None,
        }
    }
}

/// The raw driver: one connection, one prepared statement, one commit.
struct Raw {
    client: Client,
    commit: Statement,
}

impl Raw {
    async fn connect(database: &Database) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await?;
        tokio::spawn(connection);
        let commit = client.prepare(COMMIT).await?;
        Ok(Self { client, commit })
    }

    async fn commit(&self, batch: &Append) -> Result<()> {
        let (event, words) = (batch.events.first().context("an event")?, batch.content.first().context("content")?);
        let (id, digest) = (event.event_id.as_bytes().to_vec(), words.digest.as_bytes().to_vec());
        let (prev_hash, hash) = (event.prev_hash.as_bytes().to_vec(), event.hash.as_bytes().to_vec());
        let seq = event.seq.get().cast_signed();
        let run = batch.run.run.as_str();
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
            [&run, &seq, &id, &event.payload, &prev_hash, &hash, &digest, &words.bytes];
        self.client.execute(&self.commit, &params).await?;
        Ok(())
    }
}
