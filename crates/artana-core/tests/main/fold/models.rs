//! Model events in the fold: cycles, drifts, late answers, and what each refuses.

use artana_core::{EventId, cost::ModelCost, event::*, model_cycle::ModelCycle};

use super::{check, given};
use crate::support::{History, bodies::*, models::*, step};

/// A run with a step that was answered, and the request's id.
fn answered_step<T>(more: impl FnOnce(&mut History, EventId) -> T) -> History {
    given(|h| {
        let request = h.push(Some("s"), asked(1, &["a"]));
        h.push(Some("s"), ended(request, answered()));
        more(h, request);
    })
}

#[test]
fn an_event_of_the_model_cycle_names_its_step() {
    check(&given(|h| h.push(None, asked(1, &["a"]))), Err("model_requested names no step"));
    check(&answered_step(|h, r| h.push(None, ended(r, answered()))), Err("model_terminal names no step"));
    check(&answered_step(|h, r| h.push(None, replayed(r, &["b"]))), Err("drift_replayed names no step"));
    check(&answered_step(|h, r| h.push(None, late_model(r, answered()))), Err("late_outcome names no step"));
}

#[test]
fn a_step_stays_of_one_kind() {
    let tool = |more: fn(&mut History, EventId) -> EventId| {
        given(|h| {
            let request = h.push(Some("s"), requested(1, Effect::Read));
            more(h, request);
        })
    };
    check(&tool(|h, _| h.push(Some("s"), asked(1, &[]))), Err("step s is of another kind than model_requested"));
    check(&tool(|h, r| h.push(Some("s"), ended(r, answered()))), Err("step s is of another kind than model_terminal"));
    check(&tool(|h, r| h.push(Some("s"), replayed(r, &[]))), Err("step s is of another kind than drift_replayed"));
    check(
        &tool(|h, r| h.push(Some("s"), late_model(r, answered()))),
        Err("step s is of another kind than late_outcome"),
    );
    let model = |body: fn(EventId) -> Body| answered_step(|h, r| h.push(Some("s"), body(r)));
    check(&model(|_| requested(1, Effect::Read).into()), Err("step s is of another kind than tool_requested"));
    check(&model(|r| completed(r, succeeded()).into()), Err("step s is of another kind than tool_completed"));
    check(&model(|r| decided(r, Resolution::NotLanded).into()), Err("step s is of another kind than tool_resolved"));
    check(&model(|r| late(r, succeeded()).into()), Err("step s is of another kind than late_outcome"));
}

#[test]
fn an_illegal_transition_names_its_step() {
    check(
        &given(|h| h.push(Some("s"), ended(h.events[0].id(), answered()))),
        Err("in step s: model_terminal may not follow absent"),
    );
    check(
        &answered_step(|h, _| h.push(Some("s"), asked(2, &["a"]))),
        Err("in step s: model_requested may not follow completed"),
    );
    check(
        &answered_step(|h, r| h.push(Some("s"), ended(r, answered()))),
        Err("in step s: model_terminal may not follow completed"),
    );
    check(&answered_step(|h, r| h.push(Some("s"), late_model(r, answered()))), Ok(()));
}

#[test]
fn a_closing_run_asks_nothing_and_takes_what_was_answered() {
    let closed = |more: fn(&mut History, EventId) -> EventId| {
        given(|h| {
            let request = h.push(Some("s"), asked(1, &["a"]));
            h.push(None, closing(Closing::Failed));
            more(h, request);
        })
    };
    check(
        &closed(|h, _| h.push(Some("x"), asked(1, &["a"]))),
        Err("model_requested may not follow in a run that is cancelling"),
    );
    check(
        &closed(|h, _| h.push(None, finished(RunOutcome::Failed))),
        Err("run_finished may not follow in a run that is cancelling"),
    );
    check(&closed(|h, r| h.push(Some("s"), ended(r, answered()))), Ok(()));
    let over = closed(|h, r| {
        h.push(Some("s"), ended(r, abandoned()));
        h.push(None, finished(RunOutcome::Failed));
        h.push(Some("s"), late_model(r, answered()))
    });
    check(&over, Ok(()));
    let replaying = answered_step(|h, r| {
        h.push(None, finished(RunOutcome::Completed));
        h.push(Some("s"), replayed(r, &["b"]));
    });
    check(&replaying, Ok(()));
}

#[test]
fn a_cycle_asks_the_same_thing_with_words_of_its_own() {
    let second = |change: fn(&mut ModelRequested)| {
        given(|h| {
            let mut first = asked(1, &["a"]);
            (first.tools, first.output_schema) = (Some(content(ARGS)), Some(content(ARGS)));
            let mut second = ModelRequested { cycle: 2, ..first.clone() };
            let request = h.push(Some("s"), first);
            h.push(Some("s"), ended(request, unanswered()));
            change(&mut second);
            h.push(Some("s"), second);
        })
    };
    const REFUSED: &str = "a cycle of step s differs from the first in its model, its tools or its output";
    check(&second(|second| second.model = model("provider/other")), Err(REFUSED));
    check(&second(|second| second.tools = None), Err(REFUSED));
    check(&second(|second| second.output_schema = Some(content(RESULT))), Err(REFUSED));
    check(&second(|_| ()), Ok(()));
    let reworded = second(|second| {
        *second = ModelRequested { tools: second.tools, output_schema: second.output_schema, ..asked(2, &["b", "c"]) };
        second.options.sampling = Some(content(ARGS));
    });
    check(&reworded, Ok(()));
    let state = reworded.state();
    let found = state.model_step(&step("s")).expect("a step");
    assert_eq!((found.first.get(), found.asked_at.get(), found.asked.asked_root), (2, 4, root_of(&["b", "c"])));
}

#[test]
fn a_drift_is_recorded_once() {
    let drifts = |texts: &[&[&str]]| {
        answered_step(|h, r| {
            for texts in texts {
                h.push(Some("s"), replayed(r, texts));
            }
        })
    };
    check(&drifts(&[&["b"]]), Ok(()));
    check(&drifts(&[&["b"], &["c"]]), Ok(()));
    check(&drifts(&[&["b"], &["c"], &["b"]]), Err("the same drift of step s is recorded already"));
    let of_another_step = answered_step(|h, r| {
        h.push(Some("s"), replayed(r, &["b"]));
        let request = h.push(Some("x"), asked(1, &["a"]));
        h.push(Some("x"), ended(request, answered()));
        h.push(Some("x"), replayed(request, &["b"]));
    });
    check(&of_another_step, Ok(()));
    assert_eq!(of_another_step.state().drifts(), 2);
}

#[test]
fn a_replayed_drift_leaves_the_step_as_it_was() {
    let history = answered_step(|h, r| {
        let failing = h.push(Some("x"), requested(1, Effect::Read));
        h.push(Some("x"), completed(failing, failed()));
        h.push(Some("s"), replayed(r, &["b"]));
    });
    let (before, after) = (history.upto(3).state(), history.state());
    assert_eq!(before.step(&step("s")), after.step(&step("s")));
    let view = after.view();
    assert_eq!((view.failed_step, view.last_step, view.steps), (Some(step("x")), Some(step("s")), 2));
}

/// A failure is the step's end only where no other cycle is due.
#[test]
fn a_failure_that_is_tried_again_is_not_the_runs() {
    let failing = |outcome: ModelOutcome| {
        given(|h| {
            let request = h.push(Some("s"), asked(1, &["a"]));
            h.push(Some("s"), ended(request, outcome));
        })
    };
    let failed = |history: &History| history.state().failed_step().cloned();
    assert_eq!((failed(&failing(again())), failed(&failing(abandoned()))), (None, None));
    let mut history = failing(unanswered());
    assert_eq!(failed(&history), Some(step("s")));
    let second = history.push(Some("s"), asked(2, &["a"]));
    assert_eq!((failed(&history), history.state().view().pending), (Some(step("s")), 1));
    history.push(Some("s"), ended(second, answered()));
    assert_eq!((failed(&history), history.state().view().pending), (None, 0));
}

/// What came late was paid for, and the step stays as it was closed.
#[test]
fn a_late_answer_counts_in_the_costs_alone() {
    let history = given(|h| {
        let first = h.push(Some("s"), asked(1, &["a"]));
        h.push(Some("s"), ended(first, abandoned()));
        let second = h.push(Some("s"), asked(2, &["a"]));
        h.push(Some("s"), late_model(first, answered()));
        h.push(Some("s"), ended(second, unanswered()));
    });
    let state = history.state();
    assert!(matches!(&state.model_step(&step("s")).expect("a step").cycle, ModelCycle::Failed(_)));
    let mut expected = ModelCost::default();
    (expected.calls, expected.abandoned, expected.failed, expected.unpriced) = (2, 1, 1, 1);
    (expected.elapsed_us, expected.usage) = (700 + 11 + 700, answer().usage);
    assert_eq!(state.costs().total(), expected);
}

/// In a batch a conversation may go on from one of the same batch, and the same drift or fork is not taken twice.
#[test]
fn a_projection_knows_what_is_not_committed_yet() {
    let history = answered_step(|h, r| {
        h.push(Some("s"), replayed(r, &["b"]));
        h.push(Some("s"), RunForked { because: wanted(), cut: h.events[0].seq(), fork: run("f") });
        let asked = h.push(Some("two"), asked(1, &["x"]));
        h.push(Some("three"), extending((asked, 1), &["x", "y"]));
    });
    let committed = history.upto(3).state();
    let mut projection = committed.project();
    for event in &history.events[3..] {
        projection.apply(event).expect("each fits after the last");
    }
    assert_eq!((projection.head(), projection.view()), (history.head(), history.state().view()));
    for body in [
        Body::from(replayed(history.events[1].id(), &["b"])),
        RunForked { because: wanted(), cut: history.events[0].seq(), fork: run("f") }.into(),
    ] {
        let twice = history.sealed(Some("s"), |step| artana_core::Draft::new(step, body.clone()).expect("small"));
        let before = projection.view();
        projection.apply(&twice).expect_err("it is there already");
        assert_eq!(projection.view(), before);
    }
}

fn wanted() -> ForkCause {
    ForkCause::Wanted { by: artana_core::Actor::parse("ops").expect("fit") }
}

fn run(id: &str) -> artana_core::RunId {
    artana_core::RunId::parse(id).expect("fit")
}
