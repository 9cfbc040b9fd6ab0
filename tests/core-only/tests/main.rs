//! The binary judges committed ledgers, one whole and one tampered with, and the whole one is made anew.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use artana_core::{
    ContentRef, ContentType, Digest, Draft, Event, EventId, Genesis, Head, IncarnationId, RunId, RunKey, RunRef, Seq,
    Stamp, StepKey, TenantId, TenantKey, Timestamp, ToolName, ToolVersion,
    event::{
        Body, Cause, Doubt, Effect, GenesisFields, Outcome, ReconcileAction, Resolution, Resolver, RunFinished,
        RunOutcome, RunStarted, Success, ToolCompleted, ToolReconcileRequested, ToolRequested, ToolResolved,
        ToolSignature,
    },
    export::{ContentLine, Kept, KeyLine, Line, RunLine},
    seal,
    verify::BreakKind,
};
use artana_core_only::{Unjudged, shown, verify_file};

const ARGS: &str = r#"{"amount_cents":1000,"card_id":"card_123"}"#;
const RESULT: &str = r#"{"status":"charged"}"#;
const OWNER: IncarnationId = IncarnationId::from_bytes([0x11; 16]);

fn ledger(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledgers").join(name)
}

fn key() -> RunKey {
    RunKey::from_bytes([0x42; 32])
}

fn content(text: &str) -> ContentRef {
    ContentRef { digest: key().digest(text.as_bytes()), len: text.len() as u64, kind: ContentType::Json }
}

fn tool() -> ToolSignature {
    ToolSignature {
        name: ToolName::parse("charge_credit_card").expect("fit"),
        schema_hash: Digest::of_schema(br#"{"type":"object"}"#),
        schema_version: 1,
        version: ToolVersion::parse("1.0.0").expect("fit"),
    }
}

/// A payment whose answer was lost and that was then found to have landed.
fn story(genesis: &Genesis, id: impl Fn(u64) -> EventId) -> Vec<Body> {
    let (request, reconcile) = (id(2).into(), id(4));
    let started = RunStarted {
        capabilities: Default::default(),
        flags: Default::default(),
        genesis: GenesisFields::from(genesis),
        labels: Default::default(),
        limits: Default::default(),
        lineage: None,
        tenant_key_id: TenantKey::from_bytes([0x43; 32]).id(),
        workflow: None,
    };
    let requested = ToolRequested {
        ordinal: None,
        own_effect: false,
        args: content(ARGS),
        attempt: 1,
        effect: Effect::SideEffect,
        incarnation: OWNER,
        settle_us: 5_000_000,
        timeout_us: 30_000_000,
        tool: tool(),
    };
    let lost = Outcome::Unknown(Doubt { cause: Cause::OwnerLost, error: None });
    let action = ReconcileAction::Probe;
    let landed = Resolution::Succeeded(Success { effect_id: None, rejected: None, result: content(RESULT) });
    let resolved =
        ToolResolved { by: Resolver::Probe, evidence: None, outcome: landed, reconcile: Some(reconcile), request };
    vec![
        started.into(),
        requested.into(),
        ToolCompleted { elapsed_us: 0, outcome: lost, request }.into(),
        ToolReconcileRequested { action, incarnation: OWNER, request, tool: tool() }.into(),
        resolved.into(),
        RunFinished { outcome: RunOutcome::Completed, output: None }.into(),
    ]
}

fn sealed(genesis: &Genesis) -> Vec<Event> {
    let id = |seq: u64| EventId::v7(1_767_225_600_000 + seq, [seq.to_le_bytes()[0]; 10]);
    let mut head = Head { seq: Seq::ZERO, hash: genesis.hash() };
    let mut events = Vec::new();
    for (seq, body) in (1_u64..).zip(story(genesis, id)) {
        let step = (2..=5).contains(&seq).then(|| StepKey::parse("charge_step").expect("fit"));
        let at = Timestamp::from_micros(1_767_225_600_000_000 + seq.cast_signed());
        let event = seal(&genesis.run, &head, Draft::new(step, body).expect("small"), Stamp { id: id(seq), at });
        head = event.head();
        events.push(event);
    }
    events
}

fn made() -> String {
    let (tenant, run) = (TenantId::parse("billing_team").expect("fit"), RunId::parse("payment_run").expect("fit"));
    let genesis = Genesis::root(RunRef::new(tenant.clone(), run.clone()), key().id());
    let events = sealed(&genesis);
    let mut lines = vec![Line::Run(RunLine { run: genesis.run.clone(), head: events.last().map(Event::head) })];
    lines.extend(events.into_iter().map(|event| Line::Event(event.into_record())));
    lines.push(Line::Key(KeyLine { tenant: tenant.clone(), root: run.clone(), key: Kept::There(key()) }));
    lines.extend([ARGS, RESULT].map(|text| {
        let ContentRef { digest, len, .. } = content(text);
        let bytes = Kept::There(text.as_bytes().to_vec());
        Line::Content(ContentLine { tenant: tenant.clone(), root: run.clone(), digest, len, bytes })
    }));
    lines.iter().map(|line| line.to_json() + "\n").collect()
}

#[test]
fn the_committed_ledger_is_what_the_format_makes_today() {
    let committed = std::fs::read_to_string(ledger("payment.jsonl")).expect("the fixture");
    assert!(committed == made(), "the same events are sealed or written in another way:\n{}", made());
}

#[test]
fn a_whole_ledger_is_whole() {
    let report = verify_file(&ledger("payment.jsonl")).expect("an export");
    let whole = "billing_team/payment_run: 6 events, whole\ninternally consistent, not anchored\n";
    assert_eq!(shown(&report), whole);
}

/// In the copy the probe found another result, in a payload of the same length.
#[test]
fn a_tampered_copy_fails_with_its_break() {
    let report = verify_file(&ledger("tampered.jsonl")).expect("an export");
    let (_, found) = report.first_break().expect("a break");
    assert_eq!((found.kind, found.seq), (BreakKind::HashMismatch, Seq::new(5)));
    assert_eq!(report.runs[0].events, 4);
}

#[test]
fn the_binary_tells_the_three_apart_by_its_exit_code() {
    let judged = |path: PathBuf| {
        let output = Command::new(env!("CARGO_BIN_EXE_artana-core-only")).arg(path).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(judged(ledger("payment.jsonl")).0, Some(0));
    let (code, said) = judged(ledger("tampered.jsonl"));
    assert_eq!(code, Some(1));
    assert!(said.contains("HashMismatch at sequence 5"), "{said}");
    assert_eq!(judged(ledger("none.jsonl")).0, Some(2));
}

#[test]
fn what_is_no_export_is_not_judged() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    assert!(matches!(verify_file(&manifest), Err(Unjudged::Export(_))));
    assert!(matches!(verify_file(&ledger("none.jsonl")), Err(Unjudged::Io(_))));
}
