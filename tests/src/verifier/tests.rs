//! The independent verifier and the product's own agree, on whole exports and on every kind of damage.

mod forks;

use artana_core::{
    ContentRef, ContentType, Draft, Event, EventId, Genesis, Head, Name, ParentLink, RunId, RunKey, RunRef, Seq, Stamp,
    StepKey, TenantId, TenantKey, Timestamp,
    event::{Body, GenesisFields, Note, RunStarted},
    export::{self, ContentLine, Kept, KeyLine, Line, RunLine},
    seal,
};

use super::{Break, verify};

const WORDS: [&str; 3] = ["first words", "", "naïve 😀"];

fn key() -> RunKey {
    RunKey::from_bytes([7; 32])
}

/// A started run with one note for each of some words.
fn run(genesis: &Genesis, words: &[&str]) -> Vec<Event> {
    let started = RunStarted {
        capabilities: Default::default(),
        flags: Default::default(),
        genesis: GenesisFields::from(genesis),
        labels: Default::default(),
        limits: Default::default(),
        lineage: None,
        tenant_key_id: TenantKey::from_bytes([9; 32]).id(),
        workflow: None,
    };
    let mut head = Head { seq: Seq::ZERO, hash: genesis.hash() };
    let first = Draft::new(None, Body::from(started)).expect("small");
    let notes = words.iter().map(|words| {
        let content =
            ContentRef { digest: key().digest(words.as_bytes()), len: words.len() as u64, kind: ContentType::Text };
        let note = Note { topic: Name::parse("words").expect("fit"), value: content };
        Draft::new(StepKey::parse("a/b").ok(), Body::from(note)).expect("small")
    });
    let mut events = Vec::new();
    for draft in std::iter::once(first).chain(notes) {
        let seq = head.seq.next().get();
        let stamp = Stamp { id: EventId::v7(seq, [3; 10]), at: Timestamp::from_micros(-5 + seq.cast_signed()) };
        events.push(seal(&genesis.run, &head, draft, stamp));
        head = events[events.len() - 1].head();
    }
    events
}

fn lines(genesis: &Genesis, events: &[Event], whole: bool) -> Vec<Line> {
    let head = whole.then(|| events[events.len() - 1].head());
    let run = Line::Run(RunLine { run: genesis.run.clone(), head });
    std::iter::once(run).chain(events.iter().map(|event| Line::Event(event.record().clone()))).collect()
}

fn root() -> Genesis {
    let tenant = TenantId::parse("ten/ant").expect("fit");
    Genesis::root(RunRef::new(tenant, RunId::parse("run|1").expect("fit")), key().id())
}

/// A fork and its root, with key and content.
fn export() -> Vec<String> {
    let root = root();
    let events = run(&root, &WORDS);
    let shared = events[2].head();
    let name = RunRef::new(root.run.tenant.clone(), RunId::parse("fork").expect("fit"));
    let parent = Some(ParentLink { hash: shared.hash, run: root.run.run.clone(), seq: shared.seq });
    let fork = Genesis { run: name, root: root.root.clone(), parent, key_id: root.key_id };
    let (tenant, root_run) = (root.run.tenant.clone(), root.run.run.clone());
    let mut all = lines(&root, &events[..3], false);
    all.extend(lines(&fork, &run(&fork, &WORDS[1..]), true));
    all.push(Line::Key(KeyLine { tenant: tenant.clone(), root: root_run.clone(), key: Kept::There(key()) }));
    all.extend(WORDS.iter().map(|words| {
        let (digest, bytes) = (key().digest(words.as_bytes()), words.as_bytes().to_vec());
        let (tenant, root) = (tenant.clone(), root_run.clone());
        Line::Content(ContentLine { tenant, root, digest, len: bytes.len() as u64, bytes: Kept::There(bytes) })
    }));
    all.iter().map(Line::to_json).collect()
}

type Verdict = Result<Option<(String, String, u64)>, ()>;

fn product(file: &[u8]) -> Verdict {
    let report = export::verify(file.split(|byte| *byte == b'\n')).map_err(drop)?;
    Ok(report.first_break().map(|(run, found)| (run.run.to_string(), found.kind.to_string(), found.seq.get())))
}

fn independent(file: &[u8]) -> Verdict {
    let found = verify(file).map_err(drop)?;
    Ok(found.first_break().map(|(run, (kind, seq))| (run.into(), kind.into(), seq)))
}

fn agreed(lines: &[String]) -> Verdict {
    let file = lines.join("\n");
    let verdict = independent(file.as_bytes());
    assert_eq!(verdict, product(file.as_bytes()), "{file}");
    verdict
}

fn check(change: impl FnOnce(&mut Vec<String>), run: &str, (kind, seq): Break) {
    let mut lines = export();
    change(&mut lines);
    assert_eq!(agreed(&lines), Ok(Some((run.into(), kind.into(), seq))));
}

#[test]
fn a_whole_export_is_whole() {
    let lines = export();
    assert_eq!(agreed(&lines), Ok(None));
    let found = verify(lines.join("\n").as_bytes()).expect("an export");
    assert_eq!((found.runs.iter().map(|run| run.events).collect::<Vec<_>>(), found.content), (vec![3, 3], 3));
}

/// Lines: 0 root, 1–3 its events, 4 fork, 5–7 its events, 8 key, 9–11 content.
#[test]
fn damage_is_named_alike() {
    check(|l| drop(l.remove(2)), "run|1", ("Gap", 2));
    check(|l| l.swap(2, 3), "run|1", ("Gap", 2));
    check(|l| drop(l.remove(3)), "fork", ("GenesisMismatch", 1));
    check(|l| drop(l.drain(..4)), "fork", ("GenesisMismatch", 1));
    check(|l| drop(l.drain(4..)), "run|1", ("HeadMismatch", 3));
    check(|l| drop(l.remove(7)), "fork", ("HeadMismatch", 3));
    check(|l| drop(l.remove(9)), "run|1", ("ContentMissing", 2));
    check(|l| l[8] = l[8].replace("0707", "0708"), "run|1", ("KeyMismatch", 1));
    check(|l| l[9] = l[9].replace("\"len\":11", "\"len\":12"), "run|1", ("ContentMismatch", 0));
    check(|l| l[11] = l[11].replace("bytes\":\"", "bytes\":\"AAAA"), "fork", ("ContentMismatch", 3));
    check(|l| l[10] = l[10].replace("ten/ant", "ten"), "run|1", ("TenantChanged", 0));
    check(|l| l[10] = l[10].replace("run|1", "run"), "run|1", ("ForeignRun", 0));
    check(|l| l[2] = l[2].replace("a/b", "a-b"), "run|1", ("HashMismatch", 2));
    check(|l| l[2] = l[2].replace("\"step\":\"a/b\"", "\"step\":null"), "run|1", ("HashMismatch", 2));
    check(|l| l[4] = l[4].replace("ten/ant", "other"), "fork", ("TenantChanged", 1));
}

#[test]
fn files_that_are_no_exports_are_refused_alike() {
    let refused = |change: fn(&mut Vec<String>)| {
        let mut lines = export();
        change(&mut lines);
        assert_eq!(agreed(&lines), Err(()));
    };
    refused(|l| drop(l.remove(0)));
    refused(|l| l.swap(7, 8));
    refused(|l| l.swap(8, 9));
    refused(|l| l.push("{}".into()));
    refused(|l| l[1] = l[1].replace("\"step\":null,", ""));
    refused(|l| l[1] = l[1].replace("\"seq\":1", "\"seq\":1,\"seq\":1"));
    refused(Vec::clear);
}

/// Every byte of the file changed in each of three ways.
#[test]
fn any_changed_byte_is_judged_alike() {
    let file = export().join("\n").into_bytes();
    let mut judged = 0;
    for at in 0..file.len() {
        for mask in [0x01, 0x02, 0x20] {
            let mut damaged = file.clone();
            damaged[at] ^= mask;
            let verdict = independent(&damaged);
            assert_eq!(verdict, product(&damaged), "byte {at}: {}", String::from_utf8_lossy(&damaged));
            assert_ne!(verdict, Ok(None), "byte {at} with {mask:#x}: {}", String::from_utf8_lossy(&damaged));
            judged += 1;
        }
    }
    assert!(judged > 5000, "{judged}");
}

#[test]
fn the_committed_ledgers_are_judged_alike() {
    let whole: &[u8] = include_bytes!("../../core-only/tests/ledgers/payment.jsonl");
    let tampered: &[u8] = include_bytes!("../../core-only/tests/ledgers/tampered.jsonl");
    assert_eq!((independent(whole), product(whole)), (Ok(None), Ok(None)));
    let broken = Ok(Some(("payment_run".into(), "HashMismatch".into(), 5)));
    assert_eq!((independent(tampered), product(tampered)), (broken.clone(), broken));
}
