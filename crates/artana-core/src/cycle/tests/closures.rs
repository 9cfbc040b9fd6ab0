//! Every pair of state and event of a closure's cycle, and what follows from it.

use super::*;
use crate::event::{CodeKind, StepCompleted, StepRequested};

const NEW: EventId = EventId::from_bytes([4; 16]);

fn begun(attempt: u32) -> Body {
    StepRequested { attempt, incarnation: OWNER, ordinal: None }.into()
}

fn completed(kind: CodeKind, request: Option<EventId>, outcome: Outcome) -> StepCompleted {
    let request = request.map(Into::into);
    StepCompleted { again: false, elapsed_us: 0, kind, ordinal: None, outcome, request }
}

fn ended(kind: CodeKind, request: Option<EventId>, outcome: Outcome) -> Body {
    completed(kind, request, outcome).into()
}

fn again(kind: CodeKind, request: Option<EventId>, outcome: Outcome) -> Body {
    StepCompleted { again: true, ..completed(kind, request, outcome) }.into()
}

/// The whole table. Columns: absent, requested, retry_due, unknown, reconciling, succeeded, failed.
fn table() -> Vec<(&'static str, Body, [&'static str; 7])> {
    use CodeKind::{Compute, Once, Rollback};
    const NO: &str = "-";
    const NEVER: [&str; 7] = [NO; 7];
    let yes = || Outcome::Succeeded(success());
    let no = || Outcome::Failed(failure());
    let perhaps = || Outcome::Unknown(doubt());
    let this = Some(REQUEST);
    vec![
        ("once, first attempt", begun(1), ["requested", NO, NO, NO, NO, NO, NO]),
        ("once, next attempt", begun(2), [NO, NO, "requested", NO, NO, NO, NO]),
        ("once, attempt too far", begun(3), NEVER),
        ("once succeeded", ended(Once, this, yes()), [NO, "succeeded", NO, NO, NO, NO, NO]),
        ("once failed", ended(Once, this, no()), [NO, "failed", NO, NO, NO, NO, NO]),
        ("once failed, again", again(Once, this, no()), [NO, "retry_due", NO, NO, NO, NO, NO]),
        ("once in doubt", ended(Once, this, perhaps()), [NO, "unknown", NO, NO, NO, NO, NO]),
        ("once in doubt, again", again(Once, this, perhaps()), NEVER),
        ("once succeeded, again", again(Once, this, yes()), NEVER),
        ("another once succeeded", ended(Once, Some(OLDER), yes()), NEVER),
        ("once without a request", ended(Once, None, yes()), NEVER),
        ("computed", ended(Compute, None, yes()), ["succeeded", NO, "succeeded", NO, NO, NO, NO]),
        ("compute failed", ended(Compute, None, no()), ["failed", NO, "failed", NO, NO, NO, NO]),
        ("compute failed, again", again(Compute, None, no()), ["retry_due", NO, "retry_due", NO, NO, NO, NO]),
        ("compute in doubt", ended(Compute, None, perhaps()), NEVER),
        ("computed, again", again(Compute, None, yes()), NEVER),
        ("compute with a request", ended(Compute, this, yes()), NEVER),
        ("undone", ended(Rollback, None, yes()), NEVER),
        ("undone with a request", ended(Rollback, this, yes()), NEVER),
        (
            "operator: done",
            resolved(None, Resolution::Succeeded(success())),
            [NO, NO, NO, "succeeded", "succeeded", NO, NO],
        ),
        ("operator: not done", resolved(None, Resolution::Failed(failure())), [NO, NO, NO, "failed", "failed", NO, NO]),
        ("operator: may run", resolved(None, Resolution::NotLanded), [NO, NO, NO, "retry_due", "retry_due", NO, NO]),
        ("late success", late(REQUEST, yes()), [NO, NO, "succeeded", "succeeded", "succeeded", "succeeded", "failed"]),
        ("late failure", late(REQUEST, no()), [NO, NO, "retry_due", "failed", "failed", "succeeded", "failed"]),
        (
            "late, of an older attempt",
            late(OLDER, yes()),
            [NO, "requested", "retry_due", "unknown", "reconciling", "succeeded", "failed"],
        ),
        ("of a tool: request", request(1, Effect::Read), NEVER),
        ("of a tool: completion", super::completed(REQUEST, yes()), NEVER),
        ("of a tool: reconciliation", reconcile(), NEVER),
    ]
}

fn event(body: &Body) -> ToolEvent<'_> {
    ToolEvent { id: NEW, seq: Seq::new(9), at: Timestamp::from_micros(70), body }
}

#[test]
fn every_pair_of_state_and_event_of_a_closure() {
    for (name, body, row) in table() {
        for (state, expected) in states().into_iter().zip(row) {
            let from = state.name();
            let found = state.next_code(event(&body)).map_or("-", |next| next.name());
            assert_eq!(found, expected, "{name} in state {from}");
        }
    }
}

#[test]
fn the_terminal_outcome_of_a_closure_is_never_changed() {
    for (name, body, _) in table() {
        for state in states().into_iter().skip(5) {
            if let Ok(next) = state.clone().next_code(event(&body)) {
                assert_eq!(next, state, "{name}");
            }
        }
    }
}

#[test]
fn no_event_of_a_closure_follows_in_the_cycle_of_a_tool() {
    for body in [begun(1), begun(2), ended(CodeKind::Once, Some(REQUEST), Outcome::Succeeded(success()))] {
        assert!(states().into_iter().all(|state| state.next(event(&body)).is_err()), "{}", body.kind());
    }
}

/// Nothing of a closure outlives its process: it is in doubt as soon as that is gone.
#[test]
fn a_closure_has_no_settling_time() {
    let ToolCycle::Requested(first) = ToolCycle::Absent.next_code(event(&begun(1))).expect("a first attempt") else {
        panic!("it was begun");
    };
    assert_eq!((first.owner, first.settled_at, first.window), (OWNER, Timestamp::from_micros(70), Duration::ZERO));
    assert_eq!((first.number, first.request), (1, NEW.into()));
}

/// A compute is counted like any other, though nothing says that it began.
#[test]
fn attempts_of_a_compute_are_counted() {
    let failed = again(CodeKind::Compute, None, Outcome::Failed(failure()));
    let first = ToolCycle::Absent.next_code(event(&failed)).expect("a failure");
    let second = first.next_code(event(&failed)).expect("another one");
    assert_eq!((second.name(), second.attempts()), ("retry_due", 2));
    let last = second.next_code(event(&ended(CodeKind::Compute, None, Outcome::Succeeded(success())))).expect("an end");
    assert_eq!((last.name(), last.attempts(), last.settled_at()), ("succeeded", 3, Some(Seq::new(9))));
}
