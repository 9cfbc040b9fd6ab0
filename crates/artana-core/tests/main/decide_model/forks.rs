//! Decisions in forks: what the shared steps answer, where the next fork leaves, and what forks are called.

use artana_core::{Digest, RunState, Seq, Timestamp, event::Resolution, limits::MAX_ID_BYTES};

use super::*;
use crate::support::named;

const DEAD: (RetryFailed, OwnerLife) = (RetryFailed::No, OwnerLife::Dead);

fn strict() -> (ReplayPolicy, RetryFailed, OwnerLife) {
    (Strict, DEAD.0, DEAD.1)
}

fn forking() -> (ReplayPolicy, RetryFailed, OwnerLife) {
    (Fork, DEAD.0, DEAD.1)
}

/// Adds a tool call, up to `state`.
fn call(history: &mut History, key: &str, (effect, state): (Effect, &str)) {
    let request = history.push(Some(key), requested(1, effect));
    let then: Body = match state {
        "succeeded" => completed(request, succeeded()).into(),
        "failed" => completed(request, failed()).into(),
        "unknown" => completed(request, unknown()).into(),
        "retry_due" => attempt_failed(request).into(),
        _ => return,
    };
    history.push(Some(key), then);
}

/// A run with a step in every state; `bad` begins at 4 and `gone` at 6.
fn parent() -> History {
    let mut history = History::start("t", "r");
    cycle(&mut history, "first", "completed");
    cycle(&mut history, "bad", "failed");
    cycle(&mut history, "gone", "abandoned");
    cycle(&mut history, "due", "retry_due");
    cycle(&mut history, "thinking", "requested");
    for state in ["succeeded", "failed", "unknown", "retry_due", "requested"] {
        call(&mut history, &format!("pay {state}"), (Effect::SideEffect, state));
        call(&mut history, &format!("look {state}"), (Effect::Read, state));
    }
    history
}

/// A fork of all of it.
fn fork() -> (History, RunState) {
    let parent = parent();
    let fork = parent.fork("f", parent.events.len());
    let state = fork.state_after(Some(&parent.state()));
    (fork, state)
}

#[test]
fn shared_model_steps_answer_and_go_on() {
    let (_, state) = fork();
    let ask = |key| ask(key, &["hello"]);
    let retry = (Strict, RetryFailed::Yes, OwnerLife::Dead);
    check_state(&state, &ask("first"), strict(), "replay answer");
    check_state(&state, &ask("first"), retry, "replay answer");
    check_state(&state, &ask("bad"), strict(), "replay failure");
    check_state(&state, &ask("bad"), retry, "execute, cycle 2");
    check_state(&state, &ask("gone"), strict(), "execute, cycle 2");
    check_state(&state, &ask("due"), strict(), "execute, cycle 2");
    // It never happened here, whoever asks there.
    for owner in OWNERS {
        check_state(&state, &ask("thinking"), (Strict, RetryFailed::No, owner), "execute, cycle 1");
    }
    check_state(&state, &super::ask("first", &["bye"]), (Allow, DEAD.0, DEAD.1), "replay drifted: messages");
    check_state(&state, &super::ask("first", &["bye"]), strict(), "drift: messages");
}

fn tool_ask(key: &str) -> ToolAsk {
    let (tool, args) = (tool("charge", "1"), content(ARGS));
    ToolAsk { step: step(key), tool, effect: Effect::SideEffect, args, accepts: Vec::new(), own_effect: false }
}

fn check_tool(state: &RunState, key: &str, [expect, own]: [&str; 2]) {
    for (own_effect, expect) in [(false, expect), (true, own)] {
        let ask = ToolAsk { own_effect, ..tool_ask(key) };
        let found = match decide_tool(state, &ask, OwnerLife::Dead) {
            Ok(ToolDecision::Replay { settled: Settlement::Succeeded(_), .. }) => "replay success".into(),
            Ok(ToolDecision::Replay { settled: Settlement::Failed(_), .. }) => "replay failure".into(),
            Ok(ToolDecision::Execute) => "execute".into(),
            Ok(other) => format!("{other:?}"),
            Err(refused) => refusal(&refused),
        };
        assert_eq!(found, expect, "{key}, own effect: {own_effect}");
    }
}

#[test]
fn shared_tool_steps_answer_or_stay_with_their_holder() {
    let (_, state) = fork();
    for tool in ["pay", "look"] {
        let check = |state_there: &str, expect| check_tool(&state, &format!("{tool} {state_there}"), expect);
        check("succeeded", ["replay success", "replay success"]);
        check("failed", ["replay failure", "replay failure"]);
        check("unknown", ["only in r", "execute"]);
    }
    for open in ["retry_due", "requested"] {
        check_tool(&state, &format!("pay {open}"), ["only in r", "execute"]);
        // A look that did not end never happened here.
        check_tool(&state, &format!("look {open}"), ["execute", "execute"]);
    }
    check_tool(&state, "new", ["execute", "execute"]);
}

#[test]
fn a_doubt_of_an_ancestor_is_resolved_there() {
    let (_, state) = fork();
    let resolve = |key: &str| match decide_resolve(&state, &step(key), OwnerLife::Dead) {
        Ok(_) => "resolve".into(),
        Err(refused) => refusal(&refused),
    };
    assert_eq!(resolve("pay unknown"), "only in r");
    assert_eq!(resolve("pay requested"), "only in r");
    assert_eq!(resolve("look unknown"), "only in r");
    assert_eq!(resolve("pay succeeded"), "no doubt");
    assert_eq!(resolve("pay retry_due"), "no doubt");
    assert_eq!(resolve("look requested"), "nothing");
    assert_eq!(resolve("first"), "nothing");
    let means = Means { probe: true, now: Timestamp::default() };
    let reconcile = |key: &str, own_effect| {
        let ask = ToolAsk { own_effect, ..tool_ask(key) };
        decide_reconcile(&state, &ask, OwnerLife::Dead, means)
            .map_or_else(|refused| refusal(&refused), |_| "goes on".into())
    };
    assert_eq!(
        (reconcile("pay unknown", false), reconcile("pay unknown", true)),
        ("only in r".into(), "nothing".into())
    );
    assert_eq!(reconcile("pay succeeded", false), "goes on");
    assert_eq!(reconcile("look requested", false), "nothing");
}

/// From the first request on, the fork's own effect is decided on like any other.
#[test]
fn an_effect_of_the_forks_own_is_its_own() {
    let (mut fork, _) = fork();
    let parent = parent().state();
    let own = ToolRequested { own_effect: true, ..requested(1, Effect::SideEffect) };
    let request = fork.push(Some("pay unknown"), own);
    let state = fork.state_after(Some(&parent));
    let ask = tool_ask("pay unknown");
    assert!(matches!(decide_tool(&state, &ask, OwnerLife::Alive), Ok(ToolDecision::InFlight { .. })));
    assert_eq!(decide_resolve(&state, &ask.step, OwnerLife::Dead), Ok((request.into(), true)));
    fork.push(Some("pay unknown"), completed(request, unknown()));
    fork.push(Some("pay unknown"), decided(request, Resolution::NotLanded));
    let state = fork.state_after(Some(&parent));
    assert_eq!(decide_tool(&state, &ask, OwnerLife::Dead), Ok(ToolDecision::Retry { attempt: 2 }));
    assert_eq!(decide_fork(&state, &ask.step).map(|at| (at.parent, at.cut)), Ok((fork.run.clone(), Seq::new(1))));
}

fn leaves(state: &RunState, key: &str, expect: &str) {
    check_state(state, &ask(key, &["bye"]), forking(), &format!("{expect}: messages"));
    let found = decide_fork(state, &step(key)).map(|at| format!("fork {} at {}", at.parent.run, at.cut));
    assert_eq!(found, Ok(expect.into()));
    assert_eq!(state.run().tenant.as_str(), decide_fork(state, &step(key)).expect("a step").parent.tenant.as_str());
}

#[test]
fn a_fork_leaves_before_the_steps_first_event_in_the_run_that_has_it() {
    let root = parent();
    leaves(&root.state(), "first", "fork r at 1");
    leaves(&root.state(), "bad", "fork r at 3");
    let mut fork = root.fork("f", 5);
    cycle(&mut fork, "mine", "completed");
    cycle(&mut fork, "later", "requested");
    let shared = root.upto(5).state();
    let state = fork.state_after(Some(&shared));
    leaves(&state, "mine", "fork f at 1");
    leaves(&state, "later", "fork f at 3");
    leaves(&state, "first", "fork r at 1");
    leaves(&state, "bad", "fork r at 3");
    let mut leaf = fork.fork("leaf", 3);
    cycle(&mut leaf, "own", "abandoned");
    let state = leaf.state_after(Some(&fork.upto(3).state_after(Some(&shared))));
    leaves(&state, "own", "fork leaf at 1");
    leaves(&state, "mine", "fork f at 1");
    leaves(&state, "first", "fork r at 1");
}

/// A fork that went on with a failed step holds it, but the step began in the ancestor, and what differs from it
/// differs from there on.
#[test]
fn a_step_that_a_fork_went_on_with_began_in_its_ancestor() {
    let root = parent();
    let mut fork = root.fork("f", 5);
    cycle(&mut fork, "mine", "completed");
    let request = fork.push(Some("bad"), asked(2, &["hello"]));
    let last = fork.push(Some("bad"), ended(request, answered()));
    let shared = root.upto(5).state();
    let state = fork.state_after(Some(&shared));
    let bad = step("bad");
    assert_eq!((state.holder(&bad), state.origin(&bad)), (None, Some((&root.run.run, Seq::new(4)))));
    check_state(&state, &ask("bad", &["hello"]), strict(), "replay answer");
    leaves(&state, "bad", "fork r at 3");
    let mine = state.model_step(&bad).expect("its own");
    assert_eq!((mine.first.get(), mine.asked_at.get(), mine.cycle.cycles()), (4, 4, 2));
    assert_eq!(fork.events[4].id(), last);
    let leaf = fork.fork("leaf", 5);
    let state = leaf.state_after(Some(&state));
    assert_eq!((state.holder(&bad), state.origin(&bad)), (Some(&fork.run.run), Some((&root.run.run, Seq::new(4)))));
    leaves(&state, "bad", "fork r at 3");
    check_state(&state, &ask("bad", &["hello"]), strict(), "replay answer");
}

#[test]
fn a_persons_fork_needs_a_step() {
    let state = parent().state();
    assert_eq!(decide_fork(&state, &step("nowhere")), Err(Refused::NothingRecorded));
    leaves(&parent().state(), "thinking", "fork r at 9");
    let at = decide_fork(&state, &step("pay requested")).expect("a tool's step");
    assert_eq!(state.origin(&step("pay requested")).map(|(_, first)| first.get()), Some(at.cut.get() + 1));
    let mut foreign = parent();
    foreign.push_raw("from_the_future", "{}");
    assert!(matches!(decide_fork(&foreign.state(), &step("first")), Err(Refused::FormatTooNew(_))));
    let mut ended = parent().upto(3);
    ended.push(None, finished(RunOutcome::Completed));
    leaves(&ended.state(), "first", "fork r at 1");
}

fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

#[test]
fn the_same_drift_finds_the_same_fork_and_another_another() {
    let run = named("t", "r");
    let id = fork_id(&run, &step("s"), &digest(1));
    assert_eq!(id, fork_id(&run, &step("s"), &digest(1)));
    let others = [
        fork_id(&run, &step("s"), &digest(2)),
        fork_id(&run, &step("s/t"), &digest(1)),
        fork_id(&named("t", "r2"), &step("s"), &digest(1)),
        fork_id(&named("t2", "r"), &step("s"), &digest(1)),
        fork_id(&named("t", "r~"), &step("s"), &digest(1)),
        fork_id(&named("tr", "s"), &step("s"), &digest(1)),
    ];
    let distinct: std::collections::BTreeSet<_> = others.iter().chain([&id]).map(|id| id.as_str()).collect();
    assert_eq!(distinct.len(), others.len() + 1);
}

/// The same drift, met in the fork of a run instead of the run: the fork leaves the same parent.
#[test]
fn a_drift_met_in_a_fork_finds_the_fork_of_the_run_the_step_began_in() {
    let (_, state) = fork();
    let ask = ask("first", &["bye"]);
    let from = |state: &RunState| match decide_model(state, &ask, Replay { policy: Fork, ..Replay::default() }, DEAD.1)
    {
        Ok(ModelDecision::Fork { at, .. }) => fork_id(&at.parent, &ask.step, &ask.fingerprint.digest()),
        other => panic!("a fork: {other:?}"),
    };
    assert_eq!(from(&state), from(&parent().state()));
}

#[test]
fn a_forks_name_begins_with_its_parents_and_fits() {
    let check = |parent: &str, kept: &str| {
        let id = fork_id(&named("t", parent), &step("s"), &digest(1));
        let (name, hash) = id.as_str().rsplit_once('~').expect("a tilde");
        assert_eq!(name, kept);
        assert!(hash.len() == 20 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{hash}");
        assert!(id.as_str().len() <= MAX_ID_BYTES);
    };
    let r = |n| "r".repeat(n);
    check("r", "r");
    check("a~b/ü😀", "a~b/ü😀");
    check(&r(235), &r(235));
    check(&r(236), &r(235));
    check(&r(256), &r(235));
    // A character across the end of what is kept is left out whole.
    for lead in 231..=235 {
        let parent = format!("{}😀{}", r(lead), r(252 - lead));
        let kept = if lead + 4 <= 235 { format!("{}😀{}", r(lead), r(231 - lead)) } else { r(lead) };
        check(&parent, &kept);
    }
    check(&"😀".repeat(64), &"😀".repeat(58));
    check(&"ü".repeat(128), &"ü".repeat(117));
    // Names that are alike as far as they are kept are told apart by the rest.
    let id = |tail: &str| fork_id(&named("t", &format!("{}{tail}", r(240))), &step("s"), &digest(1));
    assert_ne!(id("a"), id("b"));
}
