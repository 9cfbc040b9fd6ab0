//! Every bit of every stored column of the run's rows, one at a time.
//!
//! An event's break is decided by the events before it, so one pass flips the same bit in all events, each of
//! which is then judged after its own whole prefix; likewise each piece of content by itself. One bit of every
//! column of every row, and every bit of rows without a sequence, goes through the kernel's verification.

use std::collections::BTreeMap;

use artana_core::{
    ContentRef, Digest, Record, RunId, RunKey, RunRef, Seq, TenantId,
    content::references,
    event::Body,
    json,
    verify::{self, BreakKind, ChainBreak, check_content},
};
use artana_ports::EventStore;
use artana_testkit::SeededEntropy;
use rusqlite::{Connection, ErrorCode};

use super::{
    ledger::{CLAIMED, EVENTS, FORK, FORK_CLAIMED, Opened, RUN, TENANT, image},
    table::{Cells, Row, Stored, columns},
};

const PAGE: u32 = 1024;
/// Columns that say which row it is.
const IDENTITY: [&str; 3] = ["tenant", "run", "seq"];
/// Columns of a run's row that are neither derived nor verified: who drives it.
const COORDINATION: [&str; 2] = ["lease_owner", "lease_epoch"];

fn name() -> RunRef {
    RunRef::new(TenantId::parse(TENANT).expect("a name"), RunId::parse(RUN).expect("a name"))
}

/// The whole ledger, what is known before each of its events, and a connection to tamper with it.
struct Bench {
    opened: Opened,
    raw: Connection,
    run: RunRef,
    records: Vec<Record>,
    /// The ledger as verified up to before the event of the same index.
    before: Vec<verify::Ledger>,
    random: SeededEntropy,
}

impl Bench {
    async fn new() -> Self {
        let opened = Opened::of(Some(&image().await)).await;
        let (run, raw) = (name(), opened.raw());
        let records = opened.store.read(&run, Seq::ZERO, PAGE).await.expect("rows");
        assert_eq!(records.len() as u64, EVENTS);
        let mut ledger = verify::Ledger::new(run.clone());
        let mut before = Vec::new();
        for record in &records {
            before.push(ledger.clone());
            ledger.push(record).expect("a whole ledger");
        }
        assert_eq!(opened.verdict(TENANT, RUN).await, None);
        Self { opened, raw, run, records, before, random: SeededEntropy::new(64) }
    }

    fn any_bit(&self, value: Option<&Stored>) -> Option<usize> {
        let bits = value.map_or(0, Stored::bits) as u64;
        (bits > 0).then(|| (self.random.next_u64() % bits) as usize)
    }

    /// Checks that the kernel finds a break where it should be, and that verifiers of the export agree.
    async fn finds(&self, (kind, seq): (BreakKind, u64), what: &str) {
        assert_eq!(self.opened.verdict(TENANT, RUN).await, Some((kind, seq)), "{what}");
        // A piece of content that cannot be read has no line in an export.
        let shown = match kind {
            BreakKind::ContentMismatch if matches!(what, "len" | "codec" | "seal") => BreakKind::ContentMissing,
            kind => kind,
        };
        let [product, independent] = self.opened.by_export(TENANT, RUN).await;
        assert_eq!(product, Some((shown.to_string(), seq)), "{what}");
        assert_eq!(product, independent, "{what}");
    }

    fn events(&self, column: &str) -> Cells {
        let event = |at| {
            let seq = Stored::Int(at as i64 + 1);
            Row::new("events", [("tenant", TENANT.into()), ("run", RUN.into()), ("seq", seq)])
        };
        Cells::new(&self.raw, column, (0..self.records.len()).map(event).collect())
    }

    /// Flips every bit of a column of all events, each pass the same bit of each.
    async fn every_bit_of_events(&self, column: &str) {
        let mut cells = self.events(column);
        assert!(cells.most_bits() > 0, "{column} is stored");
        for bit in 0..=cells.most_bits() {
            cells.flip_all(&self.raw, bit);
            let read = self.opened.store.read(&self.run, Seq::ZERO, PAGE).await.expect("rows");
            for at in (0..read.len()).filter(|at| cells.has(*at, bit)) {
                let found = self.before[at].clone().push(&read[at]).expect_err("a break");
                assert_eq!(found.seq.get(), at as u64 + 1, "bit {bit} of {column}: {found}");
            }
        }
        for at in 0..self.records.len() {
            let Some(bit) = self.any_bit(cells.value(at)) else { continue };
            cells.flip(&self.raw, at, bit).expect("set");
            let found = self.break_at(at).await;
            self.finds((found.kind, at as u64 + 1), &format!("bit {bit} of {column}")).await;
            cells.restore(&self.raw, at);
        }
        assert_eq!(self.opened.verdict(TENANT, RUN).await, None, "{column} is whole again");
    }

    /// What is found where a row's place is empty or taken by another row.
    async fn break_at(&self, at: usize) -> ChainBreak {
        let read = self.opened.store.read(&self.run, Seq::new(at as u64), 2).await.expect("rows");
        match read.first() {
            Some(record) => self.before[at].clone().push(record).expect_err("a break"),
            None => {
                let head = self.opened.store.head(&self.run).await.expect("a head");
                self.before[at].finish(head.as_ref()).expect_err("a break")
            }
        }
    }
}

#[tokio::test]
async fn the_ledger_has_every_kind_and_every_outcome() {
    let bench = Bench::new().await;
    for kind in Body::KINDS {
        assert!(bench.records.iter().any(|record| record.kind.as_str() == Some(kind)), "{kind}");
    }
    let payloads: Vec<String> =
        bench.records.iter().map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect();
    for outcome in ["succeeded", "failed", "unknown", "rejected", "not_landed", "operator", "probe", "retry"] {
        assert!(payloads.iter().any(|payload| payload.contains(outcome)), "{outcome}");
    }
}

#[tokio::test]
async fn no_table_and_no_row_of_the_run_is_left_out() {
    let bench = Bench::new().await;
    let count = |sql: &str| bench.raw.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    let judged = ["events", "run_keys", "runs", "tenant_keys", "uniques", "vault"];
    let coordination = "heartbeats";
    let mut tables = bench.raw.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("a statement");
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).expect("tables");
    for table in tables.map(|table| table.expect("a name")) {
        if !judged.contains(&&*table) && table != coordination {
            assert_eq!(count(&format!("SELECT count(*) FROM {table}")), 0, "{table} holds something");
        }
    }
    assert_eq!(count("SELECT count(*) FROM uniques"), claims(&bench).await.len() as i64, "every claim is an event's");
    let pieces = count("SELECT count(*) FROM vault WHERE tenant = 'acme' AND root = 'main'");
    assert_eq!(pieces as usize, referred(&bench.records).len(), "every piece of content is referred to");
}

#[tokio::test]
async fn every_bit_of_every_payload_is_found_at_its_sequence() {
    Bench::new().await.every_bit_of_events("payload").await;
}

#[tokio::test]
async fn every_bit_of_every_other_field_of_an_event_is_found_at_its_sequence() {
    let bench = Bench::new().await;
    for column in columns(&bench.raw, "events") {
        if !IDENTITY.contains(&&*column) && column != "payload" {
            bench.every_bit_of_events(&column).await;
        }
    }
}

#[tokio::test]
async fn every_bit_that_says_which_event_it_is_is_found_at_its_sequence() {
    let bench = Bench::new().await;
    for column in IDENTITY {
        let mut cells = bench.events(column);
        for at in 0..bench.records.len() {
            let sample = bench.any_bit(cells.value(at));
            for bit in (0..cells.most_bits()).filter(|bit| cells.has(at, *bit)).collect::<Vec<_>>() {
                match cells.flip(&bench.raw, at, bit) {
                    Ok(()) => {}
                    // Another row has that place, so a table cannot hold this one.
                    Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => continue,
                    Err(error) => panic!("{error}"),
                }
                let found = bench.break_at(at).await;
                assert_eq!(found.seq.get(), at as u64 + 1, "bit {bit} of {column}: {found}");
                if sample == Some(bit) || (column == "seq" && at % 16 == 15) {
                    bench.finds((found.kind, found.seq.get()), column).await;
                }
                cells.restore(&bench.raw, at);
            }
        }
    }
    assert_eq!(bench.opened.verdict(TENANT, RUN).await, None);
}

#[tokio::test]
async fn every_bit_of_rows_without_a_sequence_is_found() {
    let bench = Bench::new().await;
    let named = |second| [("tenant", TENANT.into()), (second, RUN.into())];
    for row in [
        Row::new("runs", named("run")),
        Row::new("run_keys", named("root")),
        Row::new("tenant_keys", [("tenant", TENANT.into())]),
    ] {
        let table = row.table();
        for column in columns(&bench.raw, table).iter().filter(|column| !COORDINATION.contains(&&***column)) {
            let mut cells = Cells::new(&bench.raw, column, vec![row.clone()]);
            for bit in 0..cells.most_bits() {
                cells.flip(&bench.raw, 0, bit).expect("set");
                let found = bench.opened.verdict(TENANT, RUN).await.expect("a break");
                assert!(fits(found, table, column), "bit {bit} of {table}.{column}: {found:?}");
                cells.restore(&bench.raw, 0);
            }
        }
    }
    assert_eq!(bench.opened.verdict(TENANT, RUN).await, None);
}

/// Returns the claims of the run and of its fork, the first one of each and one of a closure: whose, at which
/// sequence, and the row.
async fn claims(bench: &Bench) -> [(&'static str, u64, Row); 3] {
    let mut found = Vec::new();
    for (run, step) in [(RUN, CLAIMED), (FORK, FORK_CLAIMED), (RUN, "once")] {
        let name = RunRef::new(bench.run.tenant.clone(), RunId::parse(run).expect("a name"));
        let records = bench.opened.store.read(&name, Seq::ZERO, PAGE).await.expect("rows");
        let began = |record: &&Record| record.step.as_ref().and_then(|step| step.as_str()) == Some(step);
        let first = records.iter().find(began).expect("the step");
        let holder = Stored::Blob(first.event_id.as_bytes().to_vec());
        found.push((run, first.seq.get(), Row::new("uniques", [("tenant", TENANT.into()), ("holder", holder)])));
    }
    found.try_into().expect("three claims")
}

#[tokio::test]
async fn every_bit_of_every_claim_is_found_at_the_event_that_holds_it() {
    let bench = Bench::new().await;
    let claims = claims(&bench).await;
    for (run, seq, row) in &claims {
        for column in columns(&bench.raw, "uniques") {
            let mut cells = Cells::new(&bench.raw, &column, vec![row.clone()]);
            assert!(cells.most_bits() > 0, "{column} is stored");
            for bit in 0..cells.most_bits() {
                cells.flip(&bench.raw, 0, bit).expect("set");
                let found = bench.opened.verdict(TENANT, run).await;
                assert_eq!(found, Some((BreakKind::ViewMismatch, *seq)), "bit {bit} of {column} of {run}");
                cells.restore(&bench.raw, 0);
            }
        }
        assert_eq!(bench.opened.verdict(TENANT, run).await, None);
    }
    for change in ["UPDATE uniques SET holder = x'00'", "DELETE FROM uniques"] {
        bench.raw.execute_batch(change).expect("a change");
        for (run, seq, _) in &claims[..2] {
            assert_eq!(bench.opened.verdict(TENANT, run).await, Some((BreakKind::ViewMismatch, *seq)), "{change}");
            assert_eq!(bench.opened.by_export(TENANT, run).await, [None, None], "an export holds no claims");
        }
    }
}

/// Says whether a break is the one that a bit of this column causes.
fn fits((kind, seq): (BreakKind, u64), table: &str, column: &str) -> bool {
    match (table, column) {
        ("runs", "head_seq") => kind == BreakKind::HeadMismatch,
        ("runs", "tenant" | "run" | "head_hash") => (kind, seq) == (BreakKind::HeadMismatch, EVENTS),
        ("runs", _) => (kind, seq) == (BreakKind::ViewMismatch, EVENTS),
        _ => (kind, seq) == (BreakKind::KeyMismatch, 1),
    }
}

/// Returns for each piece of content the first event that refers to it.
fn referred(records: &[Record]) -> BTreeMap<Digest, (Seq, ContentRef)> {
    let mut found = BTreeMap::new();
    for record in records {
        let payload = json::parse(&record.payload).expect("JSON");
        for reference in references(&payload).expect("references") {
            found.entry(reference.digest).or_insert((record.seq, reference));
        }
    }
    found
}

#[tokio::test]
async fn every_bit_of_every_piece_of_content_is_found_where_it_is_first_referred_to() {
    let bench = Bench::new().await;
    let wanted = referred(&bench.records);
    let digests: Vec<Digest> = wanted.keys().copied().collect();
    let key = bench.opened.store.run_key(&bench.run).await.expect("an answer").expect("a key");
    let rows: Vec<Row> = digests.iter().map(|digest| content_row(&bench.raw, *digest)).collect();
    for column in columns(&bench.raw, "vault") {
        let mut cells = Cells::new(&bench.raw, &column, rows.clone());
        for bit in 0..=cells.most_bits() {
            cells.flip_all(&bench.raw, bit);
            let broken = content_breaks(&bench, &wanted, &digests, &key).await;
            for (at, digest) in digests.iter().enumerate().filter(|(at, _)| cells.has(*at, bit)) {
                let found = broken[at].as_ref().expect("a break");
                assert_eq!(found.seq, wanted[digest].0, "bit {bit} of {column}: {found}");
            }
        }
        let place = matches!(&*column, "tenant" | "root" | "digest");
        let kind = if place { BreakKind::ContentMissing } else { BreakKind::ContentMismatch };
        for (at, digest) in digests.iter().enumerate() {
            let Some(bit) = bench.any_bit(cells.value(at)) else { continue };
            cells.flip(&bench.raw, at, bit).expect("set");
            bench.finds((kind, wanted[digest].0.get()), &column).await;
            cells.restore(&bench.raw, at);
        }
    }
    assert_eq!(bench.opened.verdict(TENANT, RUN).await, None);
}

fn content_row(raw: &Connection, digest: Digest) -> Row {
    let sql = "SELECT rowid FROM vault WHERE tenant = ?1 AND root = ?2 AND digest = ?3";
    let id = raw.query_row(sql, rusqlite::params![TENANT, RUN, digest.as_bytes()], |row| row.get(0));
    Row::new("vault", [("rowid", Stored::Int(id.expect("a row")))])
}

/// Judges each piece of content by itself.
async fn content_breaks(
    bench: &Bench,
    wanted: &BTreeMap<Digest, (Seq, ContentRef)>,
    digests: &[Digest],
    key: &RunKey,
) -> Vec<Option<ChainBreak>> {
    let stored = bench.opened.store.content(&bench.run, digests).await.expect("answers");
    let digester = key.digester();
    let judge = |(digest, stored)| {
        let (seq, reference) = &wanted[digest];
        check_content(*seq, reference, stored, |bytes| digester.digest(bytes), |_, _| false).err()
    };
    digests.iter().zip(&stored).map(judge).collect()
}
