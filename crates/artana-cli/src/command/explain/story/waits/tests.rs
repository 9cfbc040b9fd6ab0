//! What workflows wait for, in sentences and with the ways out.

use std::collections::{BTreeMap, BTreeSet};

use artana_core::{
    Actor, Draft, EventId, Genesis, Head, IncarnationId, Name, Ordinal, RunId, RunKey, RunRef, RunState, Seq, Stamp,
    StepKey, TenantId, TenantKey, Timestamp,
    event::{
        Body, CancelRequested, ChildStarted, Closing, CompensationRegistered, GenesisFields, Paused, RunEnqueued,
        RunParked, RunStarted, StepRequested, Wait, WaitStarted,
    },
    explain::{History, explain},
    seal,
};
use serde_json::Value;

use super::super::super::{Told, json, story, ways};
use crate::{
    look::{Look, Reader},
    speller::Speller,
};

/// A run with some events, and the history of them.
struct Given {
    state: RunState,
    seen: History,
}

fn stamp(seq: u64) -> Stamp {
    let id = EventId::v7(seq, [3; 10]);
    Stamp { id, at: Timestamp::from_micros(1_767_225_600_000_000 + seq.cast_signed()) }
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn given(events: impl IntoIterator<Item = (Option<&'static str>, Body)>) -> Given {
    let run = RunRef::new(TenantId::parse("default").expect("a name"), RunId::parse("trip").expect("a name"));
    let genesis = Genesis::root(run.clone(), RunKey::from_bytes([7; 32]).id());
    let started = RunStarted {
        capabilities: BTreeSet::new(),
        flags: BTreeSet::new(),
        genesis: GenesisFields::from(&genesis),
        labels: BTreeMap::new(),
        limits: artana_core::Limits::default(),
        lineage: None,
        tenant_key_id: TenantKey::from_bytes([8; 32]).id(),
        workflow: None,
    };
    let head = Head { seq: Seq::ZERO, hash: genesis.hash() };
    let first = seal(&run, &head, Draft::new(None, started).expect("small"), stamp(1));
    let mut state = RunState::start(&run, &first, None).expect("a run");
    let mut seen = History::default();
    seen.see(&first);
    for (step, body) in events {
        let step = step.map(|step| StepKey::parse(step).expect("a key"));
        let head = state.head();
        let event = seal(&run, &head, Draft::new(step, body).expect("small"), stamp(head.seq.next().get()));
        state.apply(&event).expect("it follows");
        seen.see(&event);
    }
    Given { state, seen }
}

/// The lines on what is waited for and what can be done, as a pipe gets them, and the blockers for a program.
fn told(Given { state, seen }: Given) -> (Vec<String>, Value) {
    let told = Told {
        id: "trip",
        tenant: "default",
        explanation: Some(explain(&state, &seen, &BTreeSet::new())),
        broken: None,
        left: None,
        missing: BTreeSet::new(),
        said: BTreeMap::new(),
    };
    let ways = ways::ways(&told, &Speller::new("artana", None, "default"));
    let blockers = json::of(&told, &ways)["blockers"].clone();
    let lines = story::of(&told).ways(ways).lines(Look { reader: Reader::Pipe, width: 80, colour: false });
    let shown = lines.into_iter().filter(|line| line.starts_with("waits\t") || line.starts_with("next\t"));
    (shown.filter(|line| !line.contains("run steps")).collect(), blockers)
}

fn check(events: impl IntoIterator<Item = (Option<&'static str>, Body)>, blocker: &str, expect: &[&str]) {
    let (lines, blockers) = told(given(events));
    assert_eq!(lines, expect);
    assert_eq!(blockers[0]["blocker"], blocker, "{blockers}");
}

fn paused(block: Option<&str>, ordinal: Option<Ordinal>) -> Body {
    let by = ordinal.is_none().then(|| Actor::parse("ops@example").expect("a name"));
    Paused { block: block.map(name), by, metadata: None, ordinal, reason: None, suspends: false }.into()
}

fn waits(wait: Wait) -> Body {
    WaitStarted { given_up: Vec::new(), ordinal: Ordinal::new(1), suspends: true, wait }.into()
}

const SECOND: &str = "00000000-0002-7303-8303-030303030303";

#[test]
fn a_pause_is_lifted_by_its_ticket() {
    let resume = format!("next\tto let it go on\tartana run resume trip --ticket {SECOND} --by YOU");
    check(
        [(None, paused(None, None))],
        "paused",
        &[
            "waits\tops@example paused it at 2026-01-01T00:00:00Z. Nothing new starts until somebody lets it go on.",
            &resume,
        ],
    );
    check(
        [(None, paused(Some("audit"), None))],
        "paused",
        &[
            "waits\tops@example blocked it under the name audit, at 2026-01-01T00:00:00Z. Nothing new starts until \
             somebody lets it go on.",
            "next\tto lift what blocks it under the name audit\tartana run unblock trip audit --by YOU",
        ],
    );
    let answer = format!(
        "next\tto let it go on with an answer for its code\tartana run resume trip --ticket {SECOND} --by YOU \
         --input 'JSON'"
    );
    check(
        [(Some("ask"), paused(None, Some(Ordinal::new(0))))],
        "paused",
        &[
            "waits\tIts own code paused it in step ask, at 2026-01-01T00:00:00Z. Nothing new starts until somebody lets \
             it go on.",
            &resume,
            &answer,
        ],
    );
    let died = vec![IncarnationId::from_bytes([7; 16]); 3];
    check(
        [(None, RunParked { died, reason: None }.into())],
        "paused",
        &[
            "waits\tIt was parked at 2026-01-01T00:00:00Z: 3 processes died with it since it last got anywhere. Nothing \
             new starts until somebody lets it go on.",
            &resume,
        ],
    );
    check(
        [(None, RunParked { died: Vec::new(), reason: None }.into())],
        "paused",
        &[
            "waits\tIt was parked at 2026-01-01T00:00:00Z: its code failed again and again. Nothing new starts until \
             somebody lets it go on.",
            &resume,
        ],
    );
}

#[test]
fn what_a_sleeping_run_waits_for() {
    check(
        [(Some("nap"), waits(Wait::Timer(Timestamp::from_micros(1_767_225_660_000_001))))],
        "waits",
        &[
            "waits\tIt sleeps until 2026-01-01T00:01:01Z (step nap).",
            "next\tto wait for it and see what comes\tartana run tail trip --follow",
        ],
    );
    check(
        [(None, waits(Wait::Signal(name("it's paid"))))],
        "waits",
        &[
            "waits\tIt waits until somebody sends it the signal it's paid.",
            "next\tto tell it what it waits for under the name it's paid\tartana run signal trip 'it'\\''s paid' --by YOU --value 'JSON'",
        ],
    );
    let run = RunId::parse("kid").expect("a name");
    check(
        [
            (Some("kid"), ChildStarted { ordinal: None, run: run.clone() }.into()),
            (Some("kid"), waits(Wait::Child(run))),
        ],
        "waits",
        &[
            "waits\tIt waits for run kid, which does part of the work (step kid).",
            "next\tto see what the other run waits for\tartana run explain kid",
        ],
    );
}

#[test]
fn what_a_queued_and_an_ending_run_wait_for() {
    let due = Timestamp::from_micros(1_767_225_660_000_000);
    check(
        [(None, RunEnqueued { deduplication: None, due, priority: 2, queue: name("slow") }.into())],
        "queued",
        &[
            "waits\tIt waits in the queue slow for a worker, from 2026-01-01T00:01:00Z on, with priority 2.",
            "next\tto wait for it and see what comes\tartana run tail trip --follow",
        ],
    );
    check(
        [
            (Some("undo/a"), CompensationRegistered { ordinal: Ordinal::new(0) }.into()),
            (Some("undo/b"), CompensationRegistered { ordinal: Ordinal::new(1) }.into()),
            (None, CancelRequested { closing: Closing::Cancelled, by: None, reason: None }.into()),
        ],
        "to_undo",
        &[
            "waits\tIt is ending, and its code has yet to undo what it did, in this order: undo/b, undo/a.",
            "next\tto go on: run its program again; it opens run trip, what is recorded answers from the ledger, and \
             only the rest is done\t",
        ],
    );
}

/// Nobody outside knows code by a key, so that only a person can find out.
#[test]
fn code_in_doubt_is_resolved_by_a_person() {
    let incarnation = IncarnationId::from_bytes([7; 16]);
    check(
        [(Some("pay"), StepRequested { attempt: 1, incarnation, ordinal: None }.into())],
        "in_doubt",
        &[
            "waits\tStep pay is in doubt: nobody knows whether attempt 1 of code that must not run twice happened (the \
             process that made the call is gone). Nobody has asked for the step since; whoever does is told so.",
            "waits\tNothing is guessed: another call could do it twice, and giving up could hide that it was done.",
            "next\tsomebody has looked, and it did what it was to do\tartana run resolve trip --step pay --succeeded \
             'ITS RESULT AS JSON' --by YOU --reason 'what you found there'",
            "next\tsomebody has looked, and it did not\tartana run resolve trip --step pay --failed --by YOU --reason \
             'what you found there'",
        ],
    );
}
