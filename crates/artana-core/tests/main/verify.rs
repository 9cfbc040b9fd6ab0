//! Verification: every damage is found at its place and named, and nothing whole is called broken.

mod forks;

use std::{collections::BTreeSet, sync::Arc};

use artana_core::{
    ChainHash, EventId, LabelKey, ParentLink, Queued, RawText, Record, RunKey, RunView, Seq, Status, Timestamp,
    event::Effect,
    verify::{BreakKind, BreakKind::*, Chain, ChainBreak, Ledger, Stored, check_content, genesis_of, verify},
};

use crate::support::{
    History,
    bodies::*,
    named,
    random::{Dice, history},
    step,
};

/// Verifies records as the ledger of the run of `history`, with its head.
fn verified(history: &History, records: &[Record]) -> Result<(), (BreakKind, u64)> {
    let mut ledger = Ledger::new(history.run.clone());
    let pushed = records.iter().try_for_each(|record| ledger.push(record).map(drop));
    let found = pushed.and_then(|()| ledger.finish(Some(&history.head())).map(drop));
    found.map_err(|ChainBreak { kind, seq, .. }| (kind, seq.get()))
}

fn check(history: &History, change: impl FnOnce(&mut Vec<Record>), expect: Result<(), (BreakKind, u64)>) {
    let mut records = history.records();
    change(&mut records);
    assert_eq!(verified(history, &records), expect);
}

fn long() -> History {
    // A seed whose history is not over before its 64th event.
    let found = (0..).map(|seed| history("ten/ant:1", "run/a|b", 64, &mut Dice(seed)).0);
    found.into_iter().find(|history| history.events.len() == 64).expect("some seed does")
}

#[test]
fn ten_thousand_whole_ledgers_are_whole() {
    let mut dice = Dice(42);
    for _ in 0..10_000 {
        let len = 1 + (dice.next() % 8) as usize;
        let (history, state) = history("tenant", "run", len, &mut dice);
        let mut ledger = Ledger::new(history.run.clone());
        for event in &history.events {
            ledger.push(event.record()).expect("a whole ledger");
        }
        ledger.finish(Some(&history.head())).expect("the head");
        ledger.check_key(Some(&history.key)).expect("the key");
        assert_eq!(ledger.check_view(&state.view()), Ok(Some(())));
    }
}

/// The columns of a row, each as the bytes a damaged disk could give back.
const COLUMNS: [&str; 10] = ["tenant", "run", "seq", "event_id", "kind", "step", "at", "payload", "prev_hash", "hash"];

fn column(record: &Record, name: &str) -> Vec<u8> {
    match name {
        "tenant" => record.tenant.as_bytes().to_vec(),
        "run" => record.run.as_bytes().to_vec(),
        "seq" => record.seq.get().to_le_bytes().to_vec(),
        "event_id" => record.event_id.as_bytes().to_vec(),
        "kind" => record.kind.as_bytes().to_vec(),
        "step" => record.step.as_ref().map_or_else(Vec::new, |step| step.as_bytes().to_vec()),
        "at" => record.at.as_micros().to_le_bytes().to_vec(),
        "payload" => record.payload.clone(),
        "prev_hash" => record.prev_hash.as_bytes().to_vec(),
        _ => record.hash.as_bytes().to_vec(),
    }
}

fn with_column(record: &Record, name: &str, bytes: Vec<u8>) -> Record {
    let mut record = record.clone();
    let eight = || <[u8; 8]>::try_from(&bytes[..]).expect("8 bytes");
    let hash = || ChainHash::from_bytes(<[u8; 32]>::try_from(&bytes[..]).expect("32 bytes"));
    let text = || Arc::from(String::from_utf8_lossy(&bytes));
    match name {
        "tenant" => record.tenant = text(),
        "run" => record.run = text(),
        "seq" => record.seq = Seq::new(u64::from_le_bytes(eight())),
        "event_id" => record.event_id = EventId::from_bytes(<[u8; 16]>::try_from(&bytes[..]).expect("16 bytes")),
        "kind" => record.kind = RawText::new(bytes),
        "step" => record.step = Some(RawText::new(bytes)),
        "at" => record.at = Timestamp::from_micros(i64::from_le_bytes(eight())),
        "payload" => record.payload = bytes,
        "prev_hash" => record.prev_hash = hash(),
        _ => record.hash = hash(),
    }
    record
}

/// What a flipped bit in a column is called, as the order of the checks has it.
fn name_of(history: &History, column: &str, damaged: &Record) -> BreakKind {
    let first = damaged.event_id == history.events[0].id() && column != "event_id";
    match column {
        "tenant" => TenantChanged,
        "run" => ForeignRun,
        "seq" => Gap,
        "kind" | "payload" if first && genesis_of(&history.run, damaged).as_ref() != Some(history.genesis()) => {
            GenesisMismatch
        }
        "prev_hash" if first => GenesisMismatch,
        "prev_hash" => PrevMismatch,
        _ => HashMismatch,
    }
}

#[test]
fn every_flipped_bit_of_every_column_is_found_at_its_sequence() {
    let history = long();
    let mut before = Ledger::new(history.run.clone());
    let mut flips = 0;
    for record in history.records() {
        for name in COLUMNS {
            let whole = column(&record, name);
            for bit in 0..whole.len() * 8 {
                let mut bytes = whole.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let damaged = with_column(&record, name, bytes);
                let found = before.clone().push(&damaged).expect_err("a flipped bit");
                assert_eq!(
                    (found.kind, found.seq),
                    (name_of(&history, name, &damaged), record.seq),
                    "bit {bit} of {name}: {found}"
                );
                flips += 1;
            }
        }
        before.push(&record).expect("a whole ledger");
    }
    assert!(flips > 64 * 1000, "{flips}");
}

#[test]
fn a_step_taken_away_or_put_in_is_found() {
    let history = long();
    for at in 0..history.events.len() {
        let seq = at as u64 + 1;
        let step = history.events[at].record().step.clone();
        let other = if step.is_some() { None } else { Some(RawText::from("")) };
        check(&history, |records| records[at].step = other, Err((HashMismatch, seq)));
    }
}

#[test]
fn rows_moved_about_are_found() {
    let history = long();
    for at in 0..history.events.len() - 1 {
        let seq = at as u64 + 1;
        check(&history, |records| records.swap(at, at + 1), Err((Gap, seq)));
        check(&history, |records| drop(records.remove(at)), Err((Gap, seq)));
        check(&history, |records| records.insert(at, records[at].clone()), Err((Gap, seq + 1)));
    }
    check(&history, |_| (), Ok(()));
}

/// A row put in, with all later sequences moved up to hide it.
#[test]
fn a_forged_row_with_renumbered_followers_is_found() {
    let history = long();
    let forge = |records: &mut Vec<Record>| {
        let mut forged = records[9].clone();
        forged.seq = Seq::new(11);
        forged.prev_hash = records[9].hash;
        forged.hash = forged.computed_hash(&forged.prev_hash);
        records.insert(10, forged);
        for (seq, record) in (1..).zip(records.iter_mut()) {
            record.seq = Seq::new(seq);
        }
    };

    let found = verify(history.genesis(), &{
        let mut records = history.records();
        forge(&mut records);
        records
    });
    assert_eq!(found.map_err(|b| (b.kind, b.seq)), Err((PrevMismatch, Seq::new(12))));
}

#[test]
fn a_cut_tail_is_found_by_the_head() {
    let history = long();
    for kept in 1..history.events.len() {
        check(&history, |records| records.truncate(kept), Err((HeadMismatch, kept as u64 + 1)));
    }
    check(&history, Vec::clear, Err((HeadMismatch, 1)));
    let mut ledger = Ledger::new(history.run.clone());
    ledger.push(history.events[0].record()).expect("whole");
    assert_eq!(ledger.finish(None).map_err(|b| b.kind), Err(HeadMismatch));
}

#[test]
fn rows_of_another_run_or_tenant_are_found_even_if_renamed() {
    let (mine, other_run, other_tenant) =
        (History::start("t", "r"), History::start("t", "r2"), History::start("t2", "r"));
    check(&mine, |records| records[0] = other_run.records()[0].clone(), Err((ForeignRun, 1)));
    check(&mine, |records| records[0] = other_tenant.records()[0].clone(), Err((TenantChanged, 1)));
    let renamed = |from: &History| Record { tenant: "t".into(), run: "r".into(), ..from.records()[0].clone() };
    check(&mine, |records| records[0] = renamed(&other_run), Err((GenesisMismatch, 1)));
    check(&mine, |records| records[0] = renamed(&other_tenant), Err((GenesisMismatch, 1)));
}

#[test]
fn separators_in_ids_make_no_two_runs_alike() {
    let names = [("a/b", "c"), ("a", "b/c"), ("a/b/c", "c"), ("a\u{1f600}", "b"), ("a", "\u{1f600}b"), ("a b", "c")];
    let hashes: BTreeSet<String> =
        names.iter().map(|(tenant, run)| History::start(tenant, run).genesis().hash().to_string()).collect();
    assert_eq!(hashes.len(), names.len());
    for (tenant, run) in names {
        let (history, _) = history(tenant, run, 12, &mut Dice(3));
        assert_eq!(verified(&history, &history.records()), Ok(()));
    }
}

#[test]
fn a_run_is_its_own_root_exactly_without_a_parent() {
    let root = History::start("t", "r");
    let mut genesis = root.genesis().clone();
    genesis.root = artana_core::RunId::parse("another").expect("fit");
    let pretender = History::of(genesis, root.key.clone());
    check(&pretender, |_| (), Err((GenesisMismatch, 1)));
    check(&root.fork("f", 1), |_| (), Ok(()));
}

/// A list of the same values is no genesis, although it can be read as one.
#[test]
fn a_genesis_is_an_object() {
    let history = History::start("t", "r");
    let genesis = history.genesis();
    let listed = |genesis_fields: String| {
        let payload = format!(r#"{{"genesis":{genesis_fields},"tenant_key_id":"{}"}}"#, "09".repeat(32));
        let head = artana_core::Head { seq: Seq::ZERO, hash: genesis.hash() };
        let draft = artana_core::Draft::raw("run_started", None, payload.into()).expect("small");
        let stamp = artana_core::Stamp { id: history.events[0].id(), at: Timestamp::default() };
        let event = artana_core::seal(&history.run, &head, draft, stamp);
        genesis_of(&history.run, event.record()).as_ref() == Some(genesis)
    };
    let key = genesis.key_id;
    assert!(listed(format!(r#"{{"key_id":"{key}","root":"r"}}"#)));
    assert!(!listed(format!(r#"["{key}",null,"r"]"#)));
    assert!(!listed(format!(r#"{{"key_id":"{key}","parent":["{key}","p",1],"root":"r"}}"#)));
}

#[test]
fn unknown_kinds_verify_and_their_views_are_not_checked() {
    let mut history = History::start("t", "r");
    history.push_raw("from_the_future", r#"{"words":[]}"#);
    history.push(Some("s"), attempt_failed(history.events[1].id()));
    let mut ledger = Ledger::new(history.run.clone());
    for event in &history.events {
        ledger.push(event.record()).expect("chain and vocabulary hold");
    }
    let view = ledger.state().expect("a start").view();
    assert_eq!(ledger.check_view(&view), Ok(None));
}

#[test]
fn a_well_hashed_row_that_says_nonsense_is_undecodable() {
    let nonsense = |kind: &str, payload: &str| {
        let mut history = History::start("t", "r");
        history.push_raw(kind, payload);
        history
    };
    check(&nonsense("tool_requested", "{}"), |_| (), Err((Undecodable, 2)));
    check(&nonsense("future", "[]"), |_| (), Err((Undecodable, 2)));
    check(&nonsense("future", "{\"a\":1,\"a\":2}"), |_| (), Err((Undecodable, 2)));
    let bad = format!(r#"{{"x":{{"digest":"{}","len":-1,"type":"json"}}}}"#, "ab".repeat(32));
    check(&nonsense("future", &bad), |_| (), Err((Undecodable, 2)));
    let mut illegal = History::start("t", "r");
    illegal.push(Some("s"), completed(illegal.events[0].id(), succeeded()));
    check(&illegal, |_| (), Err((Undecodable, 2)));
}

#[test]
fn a_chain_goes_on_after_a_verified_head() {
    let (history, _) = history("t", "r", 30, &mut Dice(5));
    let records = history.records();
    let mut chain = Chain::resume(named("t", "r"), records[11].head());
    for record in &records[12..] {
        chain.push(record).expect("whole");
    }
    assert_eq!(chain.finish(Some(&history.head())), Ok(history.head()));
}

#[test]
fn a_stored_view_is_compared_field_by_field() {
    let (history, state) = history("t", "r", 20, &mut Dice(9));
    let mut ledger = Ledger::new(history.run.clone());
    for event in &history.events {
        ledger.push(event.record()).expect("whole");
    }
    assert_eq!(ledger.check_view(&state.view()), Ok(Some(())));
    let link = ParentLink { hash: history.head().hash, run: history.run.run.clone(), seq: Seq::new(1) };
    let place = Queued { queue: "q".into(), priority: 0, due_at: Timestamp::from_micros(0) };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut RunView));
    let changed: [Change<'_>; 15] = [
        ("run", &|view| view.run = named("t", "x")),
        ("root", &|view| view.root = named("t", "x").run),
        ("parent", &|view| view.parent = Some(link.clone())),
        ("status", &|view| view.status = Status::Queued),
        ("head", &|view| view.head.seq = view.head.seq.next()),
        ("started_at", &|view| view.started_at = Timestamp::from_micros(0)),
        ("updated_at", &|view| view.updated_at = Timestamp::from_micros(0)),
        ("steps", &|view| view.steps += 1),
        ("pending", &|view| view.pending += 1),
        ("unknown", &|view| view.unknown += 1),
        ("drifts", &|view| view.drifts += 1),
        ("last_step", &|view| view.last_step = Some(step("x"))),
        ("failed_step", &|view| view.failed_step = Some(step("x"))),
        ("labels", &|view| drop(view.labels.insert(LabelKey::parse("x").expect("fit"), String::new()))),
        ("queued", &|view| view.queued = Some(place.clone())),
    ];
    for (field, change) in changed {
        let mut stored = state.view();
        change(&mut stored);
        let found = ledger.check_view(&stored).expect_err(field);
        assert_eq!((found.kind, found.expected), (ViewMismatch, format!("{field} as folded")));
    }
}

#[test]
fn keys_and_content_are_checked_and_named() {
    let mut history = History::start("t", "r");
    history.push(Some("s"), requested(1, Effect::SideEffect));
    let mut ledger = Ledger::new(history.run.clone());
    let wanted: Vec<_> = history.events.iter().flat_map(|e| ledger.push(e.record()).expect("whole")).collect();
    assert_eq!(wanted, [content(ARGS)]);
    assert_eq!(ledger.check_key(Some(&history.key)), Ok(()));
    let other = RunKey::from_bytes([1; 32]);
    assert_eq!(ledger.check_key(Some(&other)).map_err(|b| b.kind), Err(KeyMismatch));
    assert_eq!(ledger.check_key(None).map_err(|b| b.kind), Err(KeyMismatch));
    assert_eq!(ledger.check_tenant_key(None).map_err(|b| b.kind), Err(KeyMismatch));
    let check = |stored: Stored| {
        let found = check_content(Seq::new(2), &wanted[0], &stored, |b| history.key.digest(b), |run, _| run == "r");
        found.map_err(|b| (b.kind, b.seq.get()))
    };
    assert_eq!(check(Stored::Bytes(ARGS.into())), Ok(()));
    assert_eq!(check(Stored::Bytes(RESULT.into())), Err((ContentMismatch, 2)));
    assert_eq!(check(Stored::Unreadable), Err((ContentMismatch, 2)));
    assert_eq!(check(Stored::Missing), Err((ContentMissing, 2)));
    assert_eq!(check(Stored::Erased { run: "r".into(), seq: Seq::new(1) }), Ok(()));
    assert_eq!(check(Stored::Erased { run: "x".into(), seq: Seq::new(1) }), Err((ContentMissing, 2)));
}
