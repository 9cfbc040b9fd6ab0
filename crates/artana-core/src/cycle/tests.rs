//! Every pair of state and event of the tool cycle, and what follows from it.

mod closures;

use super::*;
use crate::{
    ContentRef, ContentType, Digest, ToolName,
    event::{
        Cause, Effect, FailureCategory, LateOutcome, Resolver, ToolAttemptFailed, ToolCompleted, ToolResolved,
        ToolSignature,
    },
};

const REQUEST: EventId = EventId::from_bytes([1; 16]);
const OLDER: EventId = EventId::from_bytes([2; 16]);
const OPEN: EventId = EventId::from_bytes([3; 16]);
const OWNER: IncarnationId = IncarnationId::from_bytes([9; 16]);

fn content() -> ContentRef {
    ContentRef { digest: Digest::from_bytes([0; 32]), len: 1, kind: ContentType::Json }
}

fn success() -> Success {
    Success { effect_id: None, rejected: None, result: content() }
}

fn failure() -> ToolFailure {
    ToolFailure { category: FailureCategory::Permanent, error: content() }
}

fn doubt() -> Doubt {
    Doubt { cause: Cause::Timeout, error: None }
}

fn attempt() -> Attempt {
    let zero = Timestamp::default();
    Attempt {
        request: REQUEST.into(),
        number: 1,
        owner: OWNER,
        first_at: zero,
        settled_at: zero,
        called_again: false,
        fruitless: 0,
        window: Duration::from_secs(90),
    }
}

fn tool() -> ToolSignature {
    let name = ToolName::parse("t").expect("fit");
    ToolSignature {
        name,
        schema_hash: Digest::from_bytes([0; 32]),
        schema_version: 1,
        version: crate::ToolVersion::parse("1").expect("fit"),
    }
}

fn states() -> Vec<ToolCycle> {
    let open = Reconciliation { id: OPEN, action: ReconcileAction::Probe, owner: OWNER };
    vec![
        ToolCycle::Absent,
        ToolCycle::Requested(attempt()),
        ToolCycle::RetryDue(attempt()),
        ToolCycle::Unknown(attempt(), doubt()),
        ToolCycle::Reconciling(attempt(), open),
        ToolCycle::Succeeded(attempt().settled(Seq::new(1), success())),
        ToolCycle::Failed(attempt().settled(Seq::new(1), failure())),
    ]
}

fn request(number: u32, effect: Effect) -> Body {
    let requested = ToolRequested {
        args: content(),
        attempt: number,
        effect,
        incarnation: OWNER,
        ordinal: None,
        own_effect: false,
        settle_us: 0,
        timeout_us: 1,
        tool: tool(),
    };
    requested.into()
}

fn late(request: EventId, outcome: Outcome) -> Body {
    LateOutcome { elapsed_us: 0, request: request.into(), what: Late::Tool(outcome) }.into()
}

fn completed(request: EventId, outcome: Outcome) -> Body {
    ToolCompleted { elapsed_us: 0, outcome, request: request.into() }.into()
}

fn resolved(reconcile: Option<EventId>, outcome: Resolution) -> Body {
    let by = Resolver::Probe;
    ToolResolved { by, evidence: None, outcome, reconcile, request: REQUEST.into() }.into()
}

fn reconcile() -> Body {
    let action = ReconcileAction::Retry;
    ToolReconcileRequested { action, incarnation: OWNER, request: REQUEST.into(), tool: tool() }.into()
}

/// The whole table. Columns: absent, requested, retry_due, unknown, reconciling, succeeded, failed.
fn table() -> Vec<(&'static str, Body, [&'static str; 7])> {
    const NO: &str = "-";
    let read = Effect::Read;
    let idempotent = Effect::Idempotent { retention_us: 1 };
    let yes = || Outcome::Succeeded(success());
    let no = || Outcome::Failed(failure());
    let perhaps = || Outcome::Unknown(doubt());
    vec![
        ("first attempt", request(1, idempotent), ["requested", NO, NO, NO, NO, NO, NO]),
        ("next attempt", request(2, Effect::SideEffect), [NO, NO, "requested", NO, NO, NO, NO]),
        ("next attempt, read", request(2, read), [NO, "requested", "requested", NO, NO, NO, NO]),
        ("attempt too far", request(3, read), [NO, NO, NO, NO, NO, NO, NO]),
        (
            "attempt failed",
            ToolAttemptFailed { error: content(), request: REQUEST.into() }.into(),
            [NO, "retry_due", NO, NO, NO, NO, NO],
        ),
        (
            "another attempt failed",
            ToolAttemptFailed { error: content(), request: OLDER.into() }.into(),
            [NO, NO, NO, NO, NO, NO, NO],
        ),
        ("succeeded", completed(REQUEST, yes()), [NO, "succeeded", NO, NO, NO, NO, NO]),
        ("failed", completed(REQUEST, no()), [NO, "failed", NO, NO, NO, NO, NO]),
        ("unknown", completed(REQUEST, perhaps()), [NO, "unknown", NO, NO, NO, NO, NO]),
        ("another succeeded", completed(OLDER, yes()), [NO, NO, NO, NO, NO, NO, NO]),
        ("reconcile", reconcile(), [NO, NO, NO, "reconciling", "reconciling", NO, NO]),
        ("found landed", resolved(Some(OPEN), Resolution::Succeeded(success())), [NO, NO, NO, NO, "succeeded", NO, NO]),
        ("found failed", resolved(Some(OPEN), Resolution::Failed(failure())), [NO, NO, NO, NO, "failed", NO, NO]),
        ("found absent", resolved(Some(OPEN), Resolution::NotLanded), [NO, NO, NO, NO, "retry_due", NO, NO]),
        ("found nothing", resolved(Some(OPEN), Resolution::Unknown(doubt())), [NO, NO, NO, NO, "unknown", NO, NO]),
        ("another found", resolved(Some(OLDER), Resolution::NotLanded), [NO, NO, NO, NO, NO, NO, NO]),
        (
            "operator: landed",
            resolved(None, Resolution::Succeeded(success())),
            [NO, NO, NO, "succeeded", "succeeded", NO, NO],
        ),
        (
            "operator: not landed",
            resolved(None, Resolution::Failed(failure())),
            [NO, NO, NO, "failed", "failed", NO, NO],
        ),
        ("late success", late(REQUEST, yes()), [NO, NO, "succeeded", "succeeded", "succeeded", "succeeded", "failed"]),
        ("late failure", late(REQUEST, no()), [NO, NO, "retry_due", "failed", "failed", "succeeded", "failed"]),
        (
            "late doubt",
            late(REQUEST, perhaps()),
            [NO, NO, "retry_due", "unknown", "reconciling", "succeeded", "failed"],
        ),
        (
            "late, of an older attempt",
            late(OLDER, yes()),
            [NO, "requested", "retry_due", "unknown", "reconciling", "succeeded", "failed"],
        ),
    ]
}

#[test]
fn every_pair_of_state_and_event() {
    for (name, body, row) in table() {
        for (state, expected) in states().into_iter().zip(row) {
            let from = state.name();
            let event = ToolEvent { id: REQUEST, seq: Seq::new(9), at: Timestamp::default(), body: &body };
            let found = state.next(event).map_or("-", |next| next.name());
            assert_eq!(found, expected, "{name} in state {from}");
        }
    }
}

#[test]
fn terminal_outcomes_are_never_changed() {
    for (name, body, _) in table() {
        for state in states().into_iter().skip(5) {
            let event = ToolEvent { id: OLDER, seq: Seq::new(9), at: Timestamp::default(), body: &body };
            if let Ok(next) = state.clone().next(event) {
                assert_eq!(next, state, "{name}");
            }
        }
    }
}

#[test]
fn after_a_second_call_a_late_failure_of_the_first_settles_nothing() {
    let mut twice = attempt();
    twice.called_again = true;
    for outcome in [Outcome::Failed(failure()), Outcome::Succeeded(success())] {
        let settles = matches!(outcome, Outcome::Succeeded(_));
        let body = late(REQUEST, outcome);
        let event = ToolEvent { id: OLDER, seq: Seq::new(9), at: Timestamp::default(), body: &body };
        let next = ToolCycle::Unknown(twice, doubt()).next(event).expect("late outcomes are recorded");
        assert_eq!(next.name(), if settles { "succeeded" } else { "unknown" });
    }
}

#[test]
fn calling_again_is_remembered() {
    let body = reconcile();
    let event = ToolEvent { id: OPEN, seq: Seq::new(9), at: Timestamp::default(), body: &body };
    let next = ToolCycle::Unknown(attempt(), doubt()).next(event).expect("a reconciliation may follow");
    let ToolCycle::Reconciling(again, _) = next else { panic!("somebody is finding out") };
    let lands_until = Timestamp::default().after(Duration::from_secs(90));
    assert!(again.called_again && again.settled_at == lands_until, "its effect may land as late as any");
}

#[test]
fn retention_counts_from_the_first_attempt() {
    let at = Timestamp::from_micros;
    let second = request(2, Effect::SideEffect);
    let mut first = attempt();
    first.first_at = at(5);
    let event = ToolEvent { id: OLDER, seq: Seq::new(9), at: at(100), body: &second };
    let Ok(ToolCycle::Requested(next)) = ToolCycle::RetryDue(first).next(event) else {
        panic!("a second attempt may follow");
    };
    assert_eq!((next.first_at, next.settled_at, next.number), (at(5), at(101), 2));
}

#[test]
fn a_doubt_is_asked_about_again_after_twice_as_long_each_time_up_to_an_hour() {
    let seconds = |fruitless| {
        let doubted =
            Attempt { fruitless, settled_at: Timestamp::default().after(Duration::from_secs(90)), ..attempt() };
        doubted.ask_again_at().since(Timestamp::default()).as_secs()
    };
    assert_eq!([0, 1, 2, 3, 5, 6, u8::MAX].map(seconds), [90, 180, 360, 720, 2880, 3600, 3600]);
    let window = Duration::from_secs(7200);
    let slow = Attempt { fruitless: 9, window, settled_at: Timestamp::default().after(window), ..attempt() };
    assert_eq!(slow.ask_again_at(), slow.settled_at, "an effect that may land later is waited for");
}

#[test]
fn attempts_that_were_found_not_to_have_happened_are_counted() {
    let missed = ToolResolved {
        by: Resolver::Probe,
        evidence: None,
        outcome: Resolution::NotLanded,
        reconcile: Some(OPEN),
        request: REQUEST.into(),
    };
    let (missed, second) = (Body::from(missed), request(2, Effect::SideEffect));
    let open = Reconciliation { id: OPEN, action: ReconcileAction::Probe, owner: OWNER };
    let event = |body| ToolEvent { id: OLDER, seq: Seq::new(9), at: Timestamp::default(), body };
    let due = ToolCycle::Reconciling(attempt(), open).next(event(&missed)).expect("it did not happen");
    let Ok(ToolCycle::Requested(next)) = due.next(event(&second)) else { panic!("a second attempt may follow") };
    assert_eq!(next.fruitless, 1);
}
