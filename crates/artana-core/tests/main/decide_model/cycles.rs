//! Decisions over several cycles, and how a request's end is recorded.

use super::*;

/// Whatever ended the cycles before, the next one has the next number.
#[test]
fn cycles_are_counted_on() {
    let (yes, dead) = (RetryFailed::Yes, OwnerLife::Dead);
    let mut history = given("abandoned");
    for (cycle, outcome) in [(2, unanswered()), (3, again()), (4, abandoned()), (5, unanswered())] {
        check(&history, &same(), (Strict, yes, dead), &format!("execute, cycle {cycle}"));
        let request = history.push(Some("s"), asked(cycle, &["hello"]));
        check(&history, &same(), (Strict, yes, dead), &format!("take over, cycle {}", cycle + 1));
        history.push(Some("s"), ended(request, outcome));
    }
    check(&history, &same(), (Strict, RetryFailed::No, dead), "replay failure");
    let request = history.push(Some("s"), asked(6, &["hello"]));
    history.push(Some("s"), ended(request, answered()));
    check(&history, &same(), (Strict, yes, dead), "replay answer");
    assert_eq!(history.state().model_step(&step("s")).map(|step| step.cycle.cycles()), Some(6));
}

/// The prompt of the last cycle is the step's: what was asked before is the drift now.
#[test]
fn a_new_cycle_may_have_another_prompt() {
    let (no, dead) = (RetryFailed::No, OwnerLife::Dead);
    let mut history = given("failed");
    check(&history, &other_words(), (Allow, RetryFailed::Yes, dead), "execute, cycle 2");
    let request = history.push(Some("s"), asked(2, &["hello", "again"]));
    history.push(Some("s"), ended(request, answered()));
    check(&history, &other_words(), (Strict, no, dead), "replay answer");
    check(&history, &same(), (Strict, no, dead), "drift: messages");
    // The step began with its first cycle, and that is where a fork leaves.
    check(&history, &same(), (Fork, no, dead), "fork r at 1: messages");
}

#[test]
fn the_answer_that_is_replayed_is_the_recorded_one() {
    let history = given("completed");
    let state = history.state();
    let Ok(ModelDecision::Replay(Told::Completed(settled))) =
        decide_model(&state, &same(), Replay::default(), OwnerLife::Dead)
    else {
        panic!("an answer is recorded");
    };
    assert_eq!((&settled.outcome, settled.at), (&answer(), history.events[2].seq()));
    assert_eq!((settled.request, settled.attempts), (history.events[1].id().into(), 1));
}

#[test]
fn an_end_after_its_cycle_was_closed_is_late() {
    let kind = |history: &History| {
        let done = ended(history.events[1].id(), answered());
        record_terminal(&history.state(), &step("s"), done).kind()
    };
    assert_eq!(kind(&given("requested")), "model_terminal");
    for state in ["retry_due", "completed", "failed", "abandoned"] {
        assert_eq!(kind(&given(state)), "late_outcome", "{state}");
    }
    let mut taken_over = given("abandoned");
    taken_over.push(Some("s"), asked(2, &["hello"]));
    assert_eq!(kind(&taken_over), "late_outcome");
}

/// What is recorded as late is what the call came to, and the fold takes it.
#[test]
fn a_late_end_loses_nothing() {
    let mut history = given("abandoned");
    let done = ended(history.events[1].id(), again());
    let Body::LateOutcome(late) = record_terminal(&history.state(), &step("s"), done.clone()) else {
        panic!("the cycle is closed");
    };
    assert_eq!(
        late,
        artana_core::event::LateOutcome { elapsed_us: 700, ..late_model(history.events[1].id(), again()) }
    );
    history.push(Some("s"), late);
    assert_eq!(history.state().step(&step("s")).map(|step| step.state()), Some("abandoned"));
}

#[test]
fn a_lost_owner_closes_its_request_and_nobody_saw_how_long_it_took() {
    let mut history = given("requested");
    let lost = model_owner_lost(history.events[1].id().into());
    assert_eq!((lost.elapsed_us, &lost.outcome), (0, &ModelOutcome::Abandoned(Abandoned::OwnerLost)));
    history.push(Some("s"), lost);
    check(&history, &same(), (Strict, RetryFailed::No, OwnerLife::Alive), "execute, cycle 2");
}
