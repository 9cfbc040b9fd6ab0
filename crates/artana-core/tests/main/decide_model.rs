//! Decisions on model steps, as tables: what is asked, the policy, the state of the step, its owner, the run's status.

mod cycles;
mod forks;

use artana_core::{
    RunState,
    ask::{ApiMode, Field, Fingerprint, ModelAsk, ReasoningEffort, Verbosity},
    decide::*,
    event::{Abandoned, AskedOptions, Body, Closing, Effect, ModelOutcome, ModelRequested, RunOutcome, ToolRequested},
};

use crate::support::{History, bodies::*, models::*, step};

use ReplayPolicy::{AllowPromptDrift as Allow, ForkOnDrift as Fork, Strict};

const POLICIES: [ReplayPolicy; 3] = [Strict, Allow, Fork];
const OWNERS: [OwnerLife; 3] = [OwnerLife::Here, OwnerLife::Alive, OwnerLife::Dead];
const RETRIES: [RetryFailed; 2] = [RetryFailed::No, RetryFailed::Yes];
const STATES: [&str; 6] = ["absent", "requested", "retry_due", "completed", "failed", "abandoned"];

/// A run whose step `s` stands in `state` after one cycle.
fn given(state: &str) -> History {
    let mut history = History::start("t", "r");
    if state != "absent" {
        cycle(&mut history, "s", state);
    }
    history
}

/// Adds the first cycle of a step, up to `state`.
fn cycle(history: &mut History, key: &str, state: &str) -> artana_core::EventId {
    let request = history.push(Some(key), asked(1, &["hello"]));
    let outcome = match state {
        "retry_due" => again(),
        "completed" => answered(),
        "failed" => unanswered(),
        "abandoned" => abandoned(),
        _ => return request,
    };
    history.push(Some(key), ended(request, outcome));
    request
}

fn cancelling(mut history: History) -> History {
    history.push(None, closing(Closing::Cancelled));
    history
}

fn cancelled(history: History) -> History {
    let mut history = cancelling(history);
    history.push(None, finished(RunOutcome::Cancelled));
    history
}

/// The ask as it is recorded.
fn same() -> ModelAsk {
    ask("s", &["hello"])
}

fn changed(change: impl FnOnce(&mut ModelRequested)) -> ModelAsk {
    let mut requested = asked(1, &["hello"]);
    change(&mut requested);
    ModelAsk { step: step("s"), fingerprint: Fingerprint::from(&requested) }
}

fn other_words() -> ModelAsk {
    ask("s", &["hello", "again"])
}

fn other_model() -> ModelAsk {
    changed(|asked| asked.model = model("provider/other"))
}

/// One ask for each part that may differ without asking for another thing.
fn prompts() -> [(Field, ModelAsk); 7] {
    let option = |change: fn(&mut AskedOptions)| changed(|asked| change(&mut asked.options));
    [
        (Field::Messages, other_words()),
        (Field::InputItems, changed(|asked| asked.input_items = Some(content(ARGS)))),
        (Field::ApiMode, option(|options| options.api_mode = ApiMode::Chat)),
        (Field::ReasoningEffort, option(|options| options.reasoning_effort = Some(ReasoningEffort::None))),
        (Field::Verbosity, option(|options| options.verbosity = Some(Verbosity::High))),
        (Field::PreviousResponseId, option(|options| options.previous_response_id = Some(content(ARGS)))),
        (Field::Sampling, option(|options| options.sampling = Some(content(ARGS)))),
    ]
}

/// One ask for each part that makes it another thing that is asked.
fn things() -> [(Field, ModelAsk); 3] {
    [
        (Field::Model, other_model()),
        (Field::Tools, changed(|asked| asked.tools = Some(content(ARGS)))),
        (Field::OutputSchema, changed(|asked| asked.output_schema = Some(content(ARGS)))),
    ]
}

fn list(fields: &std::collections::BTreeSet<Field>) -> String {
    fields.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", ")
}

fn refusal(refused: &Refused) -> String {
    match refused {
        Refused::Drift { fields } => format!("drift: {}", list(fields)),
        Refused::NotRunning(status) => format!("run is {status}"),
        Refused::AnotherKind { recorded } => format!("another kind: {recorded}"),
        Refused::FormatTooNew(what) => format!("too new: {what}"),
        Refused::BelongsToAncestor { holder } => format!("only in {holder}"),
        Refused::NothingRecorded => "nothing".into(),
        Refused::NotInDoubt => "no doubt".into(),
        other => format!("{other:?}"),
    }
}

fn decision(state: &RunState, ask: &ModelAsk, replay: Replay, owner: OwnerLife) -> String {
    match decide_model(state, ask, replay, owner) {
        Ok(ModelDecision::Replay(Told::Completed(_))) => "replay answer".into(),
        Ok(ModelDecision::Replay(Told::Failed(_))) => "replay failure".into(),
        Ok(ModelDecision::ReplayDrifted { fields, is_new: true, .. }) => format!("replay drifted: {}", list(&fields)),
        Ok(ModelDecision::ReplayDrifted { is_new: false, .. }) => "replay drifted, recorded".into(),
        Ok(ModelDecision::Fork { at, fields }) => format!("fork {} at {}: {}", at.parent.run, at.cut, list(&fields)),
        Ok(ModelDecision::InFlight { owner, here }) => {
            assert_eq!(owner, OWNER);
            if here { "under way here".into() } else { "under way".into() }
        }
        Ok(ModelDecision::Takeover { abandoned, cycle }) => {
            assert_eq!(state.step(&ask.step).and_then(|step| step.request()), Some(abandoned));
            format!("take over, cycle {cycle}")
        }
        Ok(ModelDecision::CloseLost { abandoned }) => {
            assert_eq!(state.step(&ask.step).and_then(|step| step.request()), Some(abandoned));
            "close what is lost".into()
        }
        Ok(ModelDecision::Execute { cycle }) => format!("execute, cycle {cycle}"),
        Err(refused) => refusal(&refused),
    }
}

fn check(
    history: &History,
    ask: &ModelAsk,
    (policy, retry, owner): (ReplayPolicy, RetryFailed, OwnerLife),
    expect: &str,
) {
    check_state(&history.state(), ask, (policy, retry, owner), expect);
}

fn check_state(
    state: &RunState,
    ask: &ModelAsk,
    (policy, retry, owner): (ReplayPolicy, RetryFailed, OwnerLife),
    expect: &str,
) {
    let found = decision(state, ask, Replay { policy, retry }, owner);
    assert_eq!(found, expect, "{ask:?}, {policy:?}, retry {retry:?}, owner {owner:?}");
}

/// Every policy, retry and owner.
fn combinations() -> impl Iterator<Item = (ReplayPolicy, RetryFailed, OwnerLife)> {
    let pairs = POLICIES.into_iter().flat_map(|policy| RETRIES.map(|retry| (policy, retry)));
    pairs.flat_map(|(policy, retry)| OWNERS.map(|owner| (policy, retry, owner)))
}

/// What the ledger answers where nothing differs, or what differs passes: the table of the model step.
fn undrifted(state: &str, retry: RetryFailed, owner: OwnerLife) -> &'static str {
    match (state, retry, owner) {
        ("absent", ..) => "execute, cycle 1",
        ("requested", _, OwnerLife::Here) => "under way here",
        ("requested", _, OwnerLife::Alive) => "under way",
        ("requested", _, OwnerLife::Dead) => "take over, cycle 2",
        ("completed", ..) => "replay answer",
        ("failed", RetryFailed::No, _) => "replay failure",
        _ => "execute, cycle 2",
    }
}

#[test]
fn the_same_ask_again() {
    for state in STATES {
        for (policy, retry, owner) in combinations() {
            check(&given(state), &same(), (policy, retry, owner), undrifted(state, retry, owner));
        }
    }
}

#[test]
fn another_prompt() {
    for ((field, ask), state) in prompts().into_iter().flat_map(|ask| STATES.map(|state| (ask.clone(), state))) {
        for (policy, retry, owner) in combinations() {
            let expect = match (policy, state) {
                (_, "absent") => "execute, cycle 1".into(),
                (Strict, _) => format!("drift: {field}"),
                (Allow, "completed") => format!("replay drifted: {field}"),
                (Allow, _) => undrifted(state, retry, owner).into(),
                (Fork, _) => format!("fork r at 1: {field}"),
            };
            check(&given(state), &ask, (policy, retry, owner), &expect);
        }
    }
}

#[test]
fn another_thing_is_never_answered() {
    for ((field, ask), state) in things().into_iter().flat_map(|ask| STATES.map(|state| (ask.clone(), state))) {
        for (policy, retry, owner) in combinations() {
            let expect = match (policy, state) {
                (_, "absent") => "execute, cycle 1".into(),
                (Strict | Allow, _) => format!("drift: {field}"),
                (Fork, _) => format!("fork r at 1: {field}"),
            };
            check(&given(state), &ask, (policy, retry, owner), &expect);
        }
    }
}

#[test]
fn a_prompt_that_may_pass_does_not_let_another_thing_pass() {
    let both = changed(|asked| {
        asked.output_schema = Some(content(ARGS));
        asked.options.api_mode = ApiMode::Responses;
    });
    let (no, dead) = (RetryFailed::No, OwnerLife::Dead);
    check(&given("completed"), &both, (Allow, no, dead), "drift: api_mode, output_schema");
    check(&given("completed"), &both, (Fork, no, dead), "fork r at 1: api_mode, output_schema");
}

#[test]
fn a_drift_that_is_recorded_is_not_recorded_again() {
    let (no, dead) = (RetryFailed::No, OwnerLife::Dead);
    let mut history = given("completed");
    history.push(Some("s"), replayed(history.events[1].id(), &["hello", "again"]));
    check(&history, &other_words(), (Allow, no, dead), "replay drifted, recorded");
    check(&history, &ask("s", &["bye"]), (Allow, no, dead), "replay drifted: messages");
    check(&history, &same(), (Allow, no, dead), "replay answer");
    history.push(Some("s"), replayed(history.events[1].id(), &["bye"]));
    check(&history, &ask("s", &["bye"]), (Allow, no, dead), "replay drifted, recorded");
    check(&history, &other_words(), (Allow, no, dead), "replay drifted, recorded");
    check(&history, &other_words(), (Strict, no, dead), "drift: messages");
    assert_eq!(history.state().drifts(), 2);
}

/// The length and the type beside a digest are not part of an ask.
#[test]
fn only_digests_are_compared() {
    let sampled =
        |len| changed(|asked| asked.options.sampling = Some(artana_core::ContentRef { len, ..content(ARGS) }));
    let mut history = History::start("t", "r");
    let mut first = asked(1, &["hello"]);
    first.options.sampling = Some(content(ARGS));
    let request = history.push(Some("s"), first);
    history.push(Some("s"), ended(request, answered()));
    check(&history, &sampled(1), (Strict, RetryFailed::No, OwnerLife::Dead), "replay answer");
}

#[test]
fn a_closing_run_answers_and_starts_nothing() {
    for state in STATES {
        for (policy, retry, owner) in combinations() {
            let open = undrifted(state, retry, owner);
            let starts = open.contains("cycle");
            check(
                &cancelling(given(state)),
                &same(),
                (policy, retry, owner),
                match open {
                    _ if open.starts_with("take over") => "close what is lost",
                    _ if starts => "run is cancelling",
                    open => open,
                },
            );
        }
    }
    let (no, dead) = (RetryFailed::No, OwnerLife::Dead);
    check(&cancelling(given("completed")), &other_words(), (Strict, no, dead), "drift: messages");
    check(&cancelling(given("completed")), &other_words(), (Allow, no, dead), "replay drifted: messages");
    check(&cancelling(given("failed")), &other_words(), (Allow, no, dead), "replay failure");
    check(&cancelling(given("failed")), &other_words(), (Allow, RetryFailed::Yes, dead), "run is cancelling");
    check(&cancelling(given("completed")), &other_words(), (Fork, no, dead), "fork r at 1: messages");
}

#[test]
fn a_finished_run_answers_and_starts_nothing() {
    for state in ["absent", "retry_due", "completed", "failed", "abandoned"] {
        for (policy, retry, owner) in combinations() {
            let open = undrifted(state, retry, owner);
            let starts = open.contains("cycle");
            check(
                &cancelled(given(state)),
                &same(),
                (policy, retry, owner),
                if starts { "run is cancelled" } else { open },
            );
        }
    }
    let mut completed = given("completed");
    completed.push(None, finished(RunOutcome::Completed));
    let (no, dead) = (RetryFailed::No, OwnerLife::Dead);
    check(&completed, &other_words(), (Allow, no, dead), "replay drifted: messages");
    check(&completed, &other_model(), (Fork, no, dead), "fork r at 1: model");
    check(&completed, &ask("new", &["hello"]), (Fork, no, dead), "run is completed");
}

#[test]
fn a_foreign_run_is_not_driven() {
    for state in STATES {
        for (policy, retry, owner) in combinations() {
            let mut history = given(state);
            history.push_raw("from_the_future", "{}");
            let expect = "too new: event kind from_the_future";
            check(&history, &same(), (policy, retry, owner), expect);
            check(&history, &other_words(), (policy, retry, owner), expect);
        }
    }
}

#[test]
fn a_key_belongs_to_one_kind_of_step() {
    for (policy, retry, owner) in combinations() {
        let mut history = History::start("t", "r");
        history.push(Some("s"), requested(1, Effect::Read));
        check(&history, &same(), (policy, retry, owner), "another kind: charge");
        check(&cancelled_later(&history), &same(), (policy, retry, owner), "another kind: charge");
    }
    let tool = ToolAsk {
        step: step("s"),
        tool: tool("charge", "1"),
        effect: Effect::Read,
        args: content(ARGS),
        accepts: Vec::new(),
        own_effect: true,
    };
    for state in STATES.into_iter().filter(|state| *state != "absent") {
        for owner in OWNERS {
            let found = decide_tool(&given(state).state(), &tool, owner).expect_err("a model's step");
            assert_eq!(refusal(&found), "another kind: provider/model");
        }
    }
    let found = decide_resolve(&given("requested").state(), &step("s"), OwnerLife::Dead).expect_err("no effect");
    assert_eq!(refusal(&found), "nothing");
}

fn cancelled_later(history: &History) -> History {
    let mut history = cancelling(history.clone());
    history.push(Some("s"), completed(history.events[1].id(), succeeded()));
    history.push(None, finished(RunOutcome::Cancelled));
    history
}
