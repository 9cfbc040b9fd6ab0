//! Every pair of state and event of the model cycle, and what follows from it.

use super::*;
use crate::{
    ContentRef, ContentType, Digest, ModelId,
    conversation::{Message, Role},
    event::{
        Abandoned, AskedOptions, Cause, Doubt, DriftReplayed, FinishReason, LateOutcome, ModelCategory, Outcome,
        RunFinished, RunOutcome, ToolAttemptFailed, Usage,
    },
};

const REQUEST: EventId = EventId::from_bytes([1; 16]);
const OLDER: EventId = EventId::from_bytes([2; 16]);
const NEW: EventId = EventId::from_bytes([3; 16]);
const OWNER: IncarnationId = IncarnationId::from_bytes([9; 16]);
const OTHER: IncarnationId = IncarnationId::from_bytes([8; 16]);
const STATES: usize = 6;

fn content() -> ContentRef {
    ContentRef { digest: Digest::from_bytes([0; 32]), len: 1, kind: ContentType::Text }
}

fn answer() -> Answer {
    Answer {
        cost: None,
        finish: FinishReason::Stop,
        items: None,
        message: Message { parts: Vec::new(), role: Role::Assistant },
        mode: Default::default(),
        response_id: None,
        usage: Usage::default(),
    }
}

fn failure(again: Again) -> ModelFailure {
    ModelFailure {
        again: again == Again::Due,
        answer: None,
        category: ModelCategory::Timeout,
        error: content(),
        provider_request: None,
        retry_after_us: None,
        status: None,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Again {
    Due,
    No,
}

/// The second cycle of a step, so that a number that starts over is told from one that goes on.
fn asking() -> Asking {
    Asking { request: REQUEST.into(), cycle: 2, owner: OWNER, at: Seq::new(4) }
}

fn states() -> [ModelCycle; STATES] {
    let at = Seq::new(5);
    [
        ModelCycle::Absent,
        ModelCycle::Requested(asking()),
        ModelCycle::RetryDue(Box::new(asking().settled(at, failure(Again::Due)))),
        ModelCycle::Completed(Box::new(asking().settled(at, answer()))),
        ModelCycle::Failed(Box::new(asking().settled(at, failure(Again::No)))),
        ModelCycle::Abandoned(asking()),
    ]
}

fn request(cycle: u32) -> Body {
    let requested = ModelRequested {
        asked_root: crate::conversation::EMPTY_ROOT,
        correction: Vec::new(),
        cycle,
        extends: None,
        incarnation: OTHER,
        input_items: None,
        messages: Vec::new(),
        model: ModelId::parse("p/m").expect("fit"),
        options: AskedOptions::default(),
        ordinal: None,
        output_schema: None,
        timeout_us: 1,
        tools: None,
        visibility: None,
    };
    requested.into()
}

fn terminal(request: EventId, outcome: ModelOutcome) -> Body {
    ModelTerminal { elapsed_us: 1, outcome, request: request.into() }.into()
}

fn replayed(request: EventId) -> Body {
    let asked = Digest::from_bytes([3; 32]);
    DriftReplayed { asked, changes: content(), fields: Default::default(), request: request.into() }.into()
}

fn late(request: EventId, outcome: ModelOutcome) -> Body {
    LateOutcome { elapsed_us: 0, request: request.into(), what: Late::Model(Box::new(outcome)) }.into()
}

fn late_tool() -> Body {
    let doubt = Outcome::Unknown(Doubt { cause: Cause::Timeout, error: None });
    LateOutcome { elapsed_us: 0, request: OLDER.into(), what: Late::Tool(doubt) }.into()
}

/// The whole table. Columns: absent, requested, retry_due, completed, failed, abandoned.
fn table() -> Vec<(&'static str, Body, [&'static str; STATES])> {
    const NO: &str = "-";
    let yes = || ModelOutcome::Completed(answer());
    let no = |again| ModelOutcome::Failed(failure(again));
    let lost = || ModelOutcome::Abandoned(Abandoned::OwnerLost);
    let evidence = [NO, NO, "retry_due", "completed", "failed", "abandoned"];
    vec![
        ("first cycle", request(1), ["requested", NO, NO, NO, NO, NO]),
        ("the cycle that was", request(2), [NO, NO, NO, NO, NO, NO]),
        ("next cycle", request(3), [NO, NO, "requested", NO, "requested", "requested"]),
        ("cycle too far", request(4), [NO, NO, NO, NO, NO, NO]),
        ("cycle zero", request(0), [NO, NO, NO, NO, NO, NO]),
        ("completed", terminal(REQUEST, yes()), [NO, "completed", NO, NO, NO, NO]),
        ("failed", terminal(REQUEST, no(Again::No)), [NO, "failed", NO, NO, NO, NO]),
        ("failed, again", terminal(REQUEST, no(Again::Due)), [NO, "retry_due", NO, NO, NO, NO]),
        ("abandoned", terminal(REQUEST, lost()), [NO, "abandoned", NO, NO, NO, NO]),
        ("another completed", terminal(OLDER, yes()), [NO, NO, NO, NO, NO, NO]),
        ("another abandoned", terminal(OLDER, lost()), [NO, NO, NO, NO, NO, NO]),
        ("replayed", replayed(REQUEST), [NO, NO, NO, "completed", NO, NO]),
        ("another replayed", replayed(OLDER), [NO, NO, NO, NO, NO, NO]),
        ("late answer", late(REQUEST, yes()), evidence),
        ("late failure", late(REQUEST, no(Again::Due)), evidence),
        ("late abandonment", late(REQUEST, lost()), evidence),
        (
            "late, of an older cycle",
            late(OLDER, yes()),
            [NO, "requested", "retry_due", "completed", "failed", "abandoned"],
        ),
        ("late, of a tool", late_tool(), [NO, NO, NO, NO, NO, NO]),
        ("of a tool", ToolAttemptFailed { error: content(), request: REQUEST.into() }.into(), [NO, NO, NO, NO, NO, NO]),
        ("of the run", RunFinished { outcome: RunOutcome::Completed, output: None }.into(), [NO, NO, NO, NO, NO, NO]),
    ]
}

fn event(body: &Body) -> ModelEvent<'_> {
    ModelEvent { id: NEW, seq: Seq::new(9), body }
}

#[test]
fn every_pair_of_state_and_event() {
    for (name, body, row) in table() {
        for (state, expected) in states().into_iter().zip(row) {
            let from = state.name();
            let found = state.next(event(&body)).map_or("-", |next| next.name());
            assert_eq!(found, expected, "{name} in state {from}");
        }
    }
}

#[test]
fn the_table_meets_every_state() {
    let names = states().map(|state| state.name());
    assert_eq!(names, ["absent", "requested", "retry_due", "completed", "failed", "abandoned"]);
}

/// An answer is the step's for good; whatever may follow leaves it as it is.
#[test]
fn an_answer_is_never_changed() {
    let [_, _, _, answered, ..] = states();
    for (name, body, _) in table() {
        if let Ok(next) = answered.clone().next(event(&body)) {
            assert_eq!(next, answered, "{name}");
        }
    }
}

/// What ended stays as it ended until a new cycle begins. Evidence begins none.
#[test]
fn only_a_new_cycle_follows_a_cycle_that_ended() {
    for ended in states().into_iter().skip(2) {
        for (name, body, _) in table() {
            let Ok(next) = ended.clone().next(event(&body)) else { continue };
            let begun = matches!(body, Body::ModelRequested(_));
            assert_eq!(next == ended, !begun, "{name} in state {}", ended.name());
        }
    }
}

#[test]
fn a_refusal_names_the_state_and_the_event() {
    let refused = ModelCycle::Absent.next(event(&replayed(REQUEST))).expect_err("nothing to replay");
    assert_eq!(refused.to_string(), "drift_replayed may not follow absent");
}

#[test]
fn a_cycle_knows_its_request_its_number_and_where_it_stands() {
    let [_, _, due, _, _, abandoned] = states();
    for before in [due, abandoned] {
        let Ok(ModelCycle::Requested(asking)) = before.next(event(&request(3))) else {
            panic!("the next cycle may begin");
        };
        assert_eq!(asking, Asking { request: NEW.into(), cycle: 3, owner: OTHER, at: Seq::new(9) });
    }
    let done = terminal(REQUEST, ModelOutcome::Completed(answer()));
    let Ok(ModelCycle::Completed(settled)) = ModelCycle::Requested(asking()).next(event(&done)) else {
        panic!("an answer ends the cycle");
    };
    assert_eq!(*settled, Settled { request: REQUEST.into(), attempts: 2, at: Seq::new(9), outcome: answer() });
}

#[test]
fn every_state_says_who_asks_and_what_was_asked() {
    let shown = states().map(|state| (state.owner(), state.request(), state.cycles()));
    let request = Some(REQUEST.into());
    let ended = (None, request, 2);
    assert_eq!(shown, [(None, None, 0), (Some(OWNER), request, 2), ended, ended, ended, ended]);
}
