//! What the judge of questions calls wrong, case by case.

use artana_core::{EventId, ModelId, event::ModelCategory};
use artana_ports::{Message, ModelOptions};

use super::*;

fn request(n: u8) -> RequestId {
    EventId::v7(1, [n; 10]).into()
}

fn words(prompt: &str) -> ModelRequest {
    ModelRequest {
        model: ModelId::parse("demo/one").expect("fit"),
        messages: vec![Message::user(prompt)],
        input_items: Vec::new(),
        options: ModelOptions::default(),
        tools: Vec::new(),
        output_schema: None,
    }
}

fn asked(n: u8, prompt: &str, said: Option<&str>) -> Asked {
    Asked {
        life: 1,
        step: StepKey::parse("s").expect("fit"),
        request: request(n),
        words: words(prompt),
        said: said.map(|text| Ok(ModelAnswer::text(text))),
    }
}

fn call(n: u8, prompt: &str, outcome: Option<Said>) -> RecordedCall {
    let step = StepKey::parse("s").expect("fit");
    RecordedCall { step, request: request(n), cycle: 1, asked: words(prompt), outcome }
}

fn answered(n: u8, prompt: &str, text: &str) -> RecordedCall {
    call(n, prompt, Some(Ok(ModelAnswer::text(text))))
}

fn timeout() -> Option<Said> {
    Some(Err(ModelError::new(ModelCategory::Timeout, "late")))
}

fn ledger(calls: &[RecordedCall]) -> Recorded {
    Recorded { calls: calls.to_vec(), closed: calls.iter().map(|call| call.request).collect() }
}

#[track_caller]
fn check(questions: &[Asked], recorded: &Recorded, crashes: usize, expected: &[&str]) {
    let calm = [asked(1, "a", Some("A")), asked(2, "b", Some("B"))];
    let wrong = judge(questions, recorded, &calm, crashes);
    let fits = wrong.iter().zip(expected).all(|(found, expected)| found.contains(expected));
    assert!(fits && wrong.len() == expected.len(), "{wrong:?} instead of {expected:?}");
}

#[test]
fn what_is_recorded_as_it_was_said_is_fine() {
    let calls = [answered(1, "a", "A"), answered(2, "b", "B")];
    let questions = [asked(1, "a", Some("A")), asked(2, "b", Some("B"))];
    check(&questions, &ledger(&calls), 0, &[]);
    check(&questions[..1], &ledger(&calls[..1]), 0, &[]);
    // Given up by the kernel before the model had spoken.
    check(&[asked(1, "a", None)], &ledger(&[call(1, "a", timeout())]), 0, &[]);
}

#[test]
fn a_question_that_was_cut_may_come_again_and_leaves_a_trace() {
    let questions = [asked(1, "a", Some("A")), asked(2, "a", None), asked(3, "a", Some("A"))];
    let calls = [call(1, "a", None), call(2, "a", None), answered(3, "a", "A")];
    check(&questions, &ledger(&calls), 1, &[]);
    let open = Recorded { closed: [request(2), request(3)].into(), ..ledger(&calls) };
    check(&questions, &open, 1, &["the ledger does not say so"]);
    let abandoned = "abandoned by a life that went on";
    check(&questions, &ledger(&calls), 0, &[abandoned, abandoned]);
}

#[test]
fn a_recorded_answer_is_not_asked_for_again() {
    let questions = [asked(1, "a", Some("A")), asked(3, "a", Some("A"))];
    let calls = [answered(1, "a", "A"), answered(3, "a", "A")];
    check(&questions, &ledger(&calls), 1, &["answered 2 times instead of 1"]);
    check(&[asked(1, "c", Some("C"))], &ledger(&[answered(1, "c", "C")]), 1, &["1 times instead of 0"]);
}

#[test]
fn every_question_is_recorded_before_it_leaves() {
    check(&[asked(1, "a", Some("A"))], &ledger(&[]), 1, &["before its request was recorded"]);
    let twice = [asked(1, "a", None), asked(1, "a", Some("A"))];
    check(
        &twice,
        &ledger(&[answered(1, "a", "A")]),
        1,
        &["another answer", "asked twice under one request", "2 times"],
    );
    check(&[asked(1, "a", Some("A"))], &ledger(&[answered(1, "b", "A")]), 1, &["otherwise than recorded"]);
}

#[test]
fn the_ledger_has_the_models_own_answer() {
    let another = ["the ledger has another answer"];
    check(&[asked(1, "a", Some("A"))], &ledger(&[answered(1, "a", "B")]), 0, &another);
    check(&[asked(1, "a", Some("A"))], &ledger(&[call(1, "a", timeout())]), 0, &another);
    check(&[asked(1, "a", None)], &ledger(&[answered(1, "a", "A")]), 0, &another);
    check(&[], &ledger(&[answered(1, "a", "A")]), 0, &["no model gave"]);
}
