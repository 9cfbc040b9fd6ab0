//! What an append costs on Postgres: one alone, and 32 runs at once, beside the raw driver committing the same rows
//! on the same server in one statement. It starts a server of its own, and has it wait for the disk.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use artana_core::{
    Actor, ChainHash, Content, EventId, Head, Record, RunId, RunKey, RunRef, RunView, Seq, Status, Timestamp,
};
use artana_ports::{Append, Authority, EventStore};
use artana_store_postgres::PostgresStore;
use artana_testkit::postgres::Database;
use tokio_postgres::{Client, NoTls, Statement};

use crate::{
    report::{Line, median, micros},
    world::{self, Size},
};

const DURABILITY: &str = "postgres, synchronous_commit=on, fsync=on";
/// How much an append may cost over the raw driver's commit of the same rows.
const ALLOWANCE_US: f64 = 150.0;
const RUNS: usize = 32;

/// The store's tables again, without its functions.
const TABLES: &str = "CREATE SCHEMA raw; \
    CREATE TABLE raw.events (LIKE artana.events INCLUDING ALL); \
    CREATE TABLE raw.vault (LIKE artana.vault INCLUDING ALL); \
    CREATE TABLE raw.runs (LIKE artana.runs INCLUDING ALL); \
    INSERT INTO raw.runs SELECT * FROM artana.runs; INSERT INTO raw.events SELECT * FROM artana.events";
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
    let store = Arc::new(PostgresStore::connect(database.url()).pool(RUNS + 2..=RUNS + 2).await?);
    let mut runs = Vec::new();
    for n in 0..RUNS {
        let mut run = Writer::new(&format!("run {n}"))?;
        store.append(run.next(0)).await?;
        runs.push(run);
    }
    database.run(TABLES);
    one(size, &store, &database, runs[0].clone()).await?;
    many(size, &store, &database, runs).await?;
    Ok(store.close().await?)
}

/// One run, in interleaved pairs.
async fn one(size: &Size, store: &PostgresStore, database: &Database, mut run: Writer) -> Result<()> {
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
    Line { bench: "append", durability: DURABILITY, unit, ours, raw: theirs, target, met }.print();
    Ok(())
}

/// Many runs at once, round by round, each beside as many raw connections.
async fn many(size: &Size, store: &Arc<PostgresStore>, database: &Database, mut runs: Vec<Writer>) -> Result<()> {
    let mut raws = Vec::new();
    for _ in 0..RUNS {
        raws.push(Arc::new(Raw::connect(database).await?));
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first run went on alone.
    runs.remove(0);
    for round in 0..size.rounds {
        let batches: Vec<Vec<Append>> =
            runs.iter_mut().map(|run| (0..PER_ROUND).map(|n| run.next(round * PER_ROUND + n)).collect()).collect();
        let appends = (batches.len() * PER_ROUND) as f64;
        let began = Instant::now();
        let send = |batches: Vec<Append>| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for batch in batches {
                    store.append(batch).await?;
                }
                Ok::<(), artana_ports::AppendError>(())
            })
        };
        for task in batches.iter().cloned().map(send).collect::<Vec<_>>() {
            task.await??;
        }
        ours.push(appends / began.elapsed().as_secs_f64());
        let began = Instant::now();
        let send = |(raw, batches): (&Arc<Raw>, Vec<Append>)| {
            let raw = Arc::clone(raw);
            tokio::spawn(async move {
                for batch in batches {
                    raw.commit(&batch).await?;
                }
                Ok::<(), anyhow::Error>(())
            })
        };
        for task in raws.iter().zip(batches).map(send).collect::<Vec<_>>() {
            task.await??;
        }
        theirs.push(appends / began.elapsed().as_secs_f64());
    }
    let met = median(&ours) >= 0.6 * median(&theirs);
    let (unit, target) = ("appends/s", ">= 0.6 of as many raw connections");
    Line { bench: "concurrent_32_runs", durability: DURABILITY, unit, ours, raw: theirs, target, met }.print();
    Ok(())
}

/// How many appends a run makes in a round.
const PER_ROUND: usize = 10;

/// Makes the batches of one run.
#[derive(Debug, Clone)]
struct Writer {
    run: RunRef,
    head: Option<Head>,
}

impl Writer {
    fn new(name: &str) -> Result<Self> {
        Ok(Self { run: RunRef::new(artana_core::TenantId::parse("bench")?, RunId::parse(name)?), head: None })
    }

    /// The next batch: one event, and about 300 bytes of content that nobody said before.
    fn next(&mut self, n: usize) -> Append {
        let seq = self.head.map_or(Seq::new(1), |head| head.seq.next());
        let mut hash = [0x5a; 32];
        hash[..8].copy_from_slice(&seq.get().to_le_bytes());
        let record = Record {
            tenant: self.run.tenant.shared(),
            run: self.run.run.shared(),
            seq,
            event_id: EventId::v7(seq.get(), [7; 10]),
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
        Append {
            run: self.run.clone(),
            expected,
            authority: Authority::Outside(Actor::parse("bench").expect("a name")),
            content: vec![Content { digest: key.digest(&bytes), bytes }],
            claims: Vec::new(),
            releases: Vec::new(),
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
