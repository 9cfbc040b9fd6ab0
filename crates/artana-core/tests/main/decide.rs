//! Decisions on tool steps, as tables: state of the step, its effect, its owner, the ask, the run's status.

use artana_core::{
    ContentRef, Timestamp, ToolVersion,
    decide::*,
    event::{Body, Closing, Effect, Resolution, RunOutcome},
};

use crate::support::{History, SECOND, bodies::*, step};

const READ: Effect = Effect::Read;
const KEYED: Effect = Effect::Idempotent { retention_us: 100 * SECOND.cast_unsigned() };
const ONCE: Effect = Effect::SideEffect;
const EFFECTS: [Effect; 3] = [READ, KEYED, ONCE];
const OWNERS: [OwnerLife; 3] = [OwnerLife::Here, OwnerLife::Alive, OwnerLife::Dead];
const STATES: [&str; 7] = ["absent", "requested", "retry_due", "unknown", "reconciling", "succeeded", "failed"];

/// A run whose step `s` stands in `state`.
fn given(state: &str, effect: Effect) -> History {
    let mut history = History::start("t", "r");
    if state == "absent" {
        return history;
    }
    let request = history.push(Some("s"), requested(1, effect));
    let mut then = |body: Body| history.push(Some("s"), body);
    match state {
        "retry_due" => then(attempt_failed(request).into()),
        "unknown" => then(completed(request, unknown()).into()),
        "reconciling" => {
            then(completed(request, unknown()).into());
            then(reconcile(request).into())
        }
        "succeeded" => then(completed(request, succeeded()).into()),
        "failed" => then(completed(request, failed()).into()),
        _ => request,
    };
    assert_eq!(history.state().tool_step(&step("s")).expect("a step").cycle.name(), state);
    history
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

fn ask(effect: Effect) -> ToolAsk {
    ToolAsk {
        step: step("s"),
        tool: tool("charge", "1"),
        effect,
        args: content(ARGS),
        accepts: Vec::new(),
        own_effect: false,
    }
}

fn newer(effect: Effect) -> ToolAsk {
    ToolAsk { tool: tool("charge", "2"), ..ask(effect) }
}

fn accepting(effect: Effect) -> ToolAsk {
    ToolAsk { accepts: vec![ToolVersion::parse("1").expect("fit")], ..newer(effect) }
}

fn other_arguments(effect: Effect) -> ToolAsk {
    ToolAsk { args: content(RESULT), ..ask(effect) }
}

fn other_tool(effect: Effect) -> ToolAsk {
    ToolAsk { tool: tool("refund", "1"), ..ask(effect) }
}

fn settled(settled: &Settlement<'_>, change: &Option<ToolChange>) -> String {
    let outcome = match settled {
        Settlement::Succeeded(_) => "replay success",
        Settlement::Failed(_) => "replay failure",
    };
    format!("{outcome}{}", if change.is_some() { ", changed" } else { "" })
}

fn refusal(refused: &Refused) -> String {
    match refused {
        Refused::FormatTooNew(what) => format!("too new: {what}"),
        Refused::AnotherTool { .. } => "another tool".into(),
        Refused::OtherArguments { .. } => "other arguments".into(),
        Refused::ToolChanged(_) => "tool changed".into(),
        Refused::NeedsReconciliation { cause, .. } => format!("reconcile: {cause:?}"),
        Refused::NeedsOperator { .. } => "operator".into(),
        Refused::NotRunning(status) => format!("run is {status}"),
        Refused::NothingRecorded => "nothing".into(),
        Refused::NotInDoubt => "no doubt".into(),
        Refused::OwnerAlive { .. } => "owner alive".into(),
        other => format!("{other:?}"),
    }
}

fn flight(here: bool, owner: artana_core::IncarnationId) -> String {
    assert!(owner == OWNER || owner == RECONCILER);
    if here { "under way here".into() } else { "under way".into() }
}

fn tool_decision(history: &History, ask: &ToolAsk, owner: OwnerLife) -> String {
    match decide_tool(&history.state(), ask, owner) {
        Ok(ToolDecision::Replay { settled: found, change }) => settled(&found, &change),
        Ok(ToolDecision::InFlight { owner, here }) => flight(here, owner),
        Ok(ToolDecision::MarkUnknown { request }) => {
            assert_eq!(request, history.events[1].id().into());
            "mark unknown".into()
        }
        Ok(ToolDecision::Retry { attempt }) => format!("attempt {attempt}"),
        Ok(ToolDecision::Execute) => "execute".into(),
        Err(refused) => refusal(&refused),
    }
}

fn check(history: &History, (ask, owner): (&ToolAsk, OwnerLife), expect: &str) {
    let found = tool_decision(history, ask, owner);
    assert_eq!(found, expect, "{ask:?}, owner {owner:?}");
}

/// Rows: state; columns: owner here, alive elsewhere, dead.
#[test]
fn the_same_ask_again() {
    for effect in EFFECTS {
        let lost = if effect == READ { "attempt 2" } else { "mark unknown" };
        let table = [
            ("absent", ["execute", "execute", "execute"]),
            ("requested", ["under way here", "under way", lost]),
            ("retry_due", ["attempt 2", "attempt 2", "attempt 2"]),
            ("unknown", ["reconcile: Timeout", "reconcile: Timeout", "reconcile: Timeout"]),
            ("reconciling", ["under way here", "under way", "reconcile: OwnerLost"]),
            ("succeeded", ["replay success", "replay success", "replay success"]),
            ("failed", ["replay failure", "replay failure", "replay failure"]),
        ];
        for (state, row) in table {
            for (owner, expect) in OWNERS.into_iter().zip(row) {
                check(&given(state, effect), (&ask(effect), owner), expect);
            }
        }
    }
}

/// A finished step answers and says so; an unfinished one needs the tool to accept the recorded version.
#[test]
fn the_tool_has_changed() {
    for effect in EFFECTS {
        let lost = if effect == READ { "tool changed" } else { "mark unknown" };
        let table = [
            ("absent", "execute", "execute"),
            ("requested", lost, if effect == READ { "attempt 2" } else { "mark unknown" }),
            ("retry_due", "tool changed", "attempt 2"),
            ("unknown", "tool changed", "reconcile: Timeout"),
            ("reconciling", "tool changed", "reconcile: OwnerLost"),
            ("succeeded", "replay success, changed", "replay success, changed"),
            ("failed", "replay failure, changed", "replay failure, changed"),
        ];
        for (state, expect, accepted) in table {
            check(&given(state, effect), (&newer(effect), OwnerLife::Dead), expect);
            check(&given(state, effect), (&accepting(effect), OwnerLife::Dead), accepted);
        }
    }
}

#[test]
fn another_schema_is_another_signature() {
    let mut changed = ask(ONCE);
    changed.tool.schema_version = 2;
    check(&given("succeeded", ONCE), (&changed, OwnerLife::Dead), "replay success, changed");
    check(&given("unknown", ONCE), (&changed, OwnerLife::Dead), "tool changed");
}

#[test]
fn another_call_under_a_used_key_is_refused_whatever_else_holds() {
    for (state, effect, owner) in combinations().filter(|(state, ..)| *state != "absent") {
        let history = given(state, effect);
        check(&history, (&other_tool(effect), owner), "another tool");
        check(&history, (&other_arguments(effect), owner), "other arguments");
        check(&cancelling(history.clone()), (&other_arguments(effect), owner), "other arguments");
        check_reconcile(&history, (&other_tool(effect), owner, blind(0)), "another tool");
        check_reconcile(&history, (&other_arguments(effect), owner, blind(0)), "other arguments");
    }
}

fn combinations() -> impl Iterator<Item = (&'static str, Effect, OwnerLife)> {
    let pairs = STATES.into_iter().flat_map(|state| EFFECTS.into_iter().map(move |effect| (state, effect)));
    pairs.flat_map(|(state, effect)| OWNERS.into_iter().map(move |owner| (state, effect, owner)))
}

#[test]
fn the_length_beside_a_digest_is_not_part_of_the_arguments() {
    let args = ContentRef { len: 0, ..content(ARGS) };
    check(&given("succeeded", ONCE), (&ToolAsk { args, ..ask(ONCE) }, OwnerLife::Dead), "replay success");
}

#[test]
fn a_closing_run_answers_and_starts_nothing() {
    for effect in EFFECTS {
        let closed = |state| cancelling(given(state, effect));
        let dead = OwnerLife::Dead;
        let lost = if effect == READ { "run is cancelling" } else { "mark unknown" };
        check(&closed("absent"), (&ask(effect), dead), "run is cancelling");
        check(&closed("requested"), (&ask(effect), dead), lost);
        check(&closed("requested"), (&ask(effect), OwnerLife::Alive), "under way");
        check(&closed("retry_due"), (&ask(effect), dead), "run is cancelling");
        check(&closed("unknown"), (&ask(effect), dead), "reconcile: Timeout");
        check(&closed("succeeded"), (&ask(effect), dead), "replay success");
        check(&closed("failed"), (&newer(effect), dead), "replay failure, changed");
    }
}

#[test]
fn a_finished_run_answers_and_starts_nothing() {
    let dead = OwnerLife::Dead;
    check(&cancelled(given("absent", ONCE)), (&ask(ONCE), dead), "run is cancelled");
    check(&cancelled(given("retry_due", ONCE)), (&ask(ONCE), dead), "run is cancelled");
    check(&cancelled(given("unknown", ONCE)), (&ask(ONCE), dead), "reconcile: Timeout");
    check(&cancelled(given("succeeded", ONCE)), (&ask(ONCE), dead), "replay success");
    let mut completed = given("succeeded", ONCE);
    completed.push(None, finished(RunOutcome::Completed));
    check(&completed, (&ask(ONCE), dead), "replay success");
    check(&completed, (&ToolAsk { step: step("other"), ..ask(ONCE) }, dead), "run is completed");
}

#[test]
fn a_foreign_run_is_not_driven() {
    for (state, effect, owner) in combinations() {
        let mut history = given(state, effect);
        history.push_raw("from_the_future", "{}");
        let expect = "too new: event kind from_the_future";
        check(&history, (&ask(effect), owner), expect);
        check_reconcile(&history, (&ask(effect), owner, blind(0)), expect);
        check_resolve(&history, owner, expect);
    }
}

/// Without a probe, `seconds` after 1970. Histories count their events in seconds: requests are made at 2.
fn blind(seconds: i64) -> Means {
    Means { probe: false, now: Timestamp::from_micros(seconds * SECOND) }
}

fn seeing(seconds: i64) -> Means {
    Means { probe: true, ..blind(seconds) }
}

fn check_reconcile(history: &History, (ask, owner, means): (&ToolAsk, OwnerLife, Means), expect: &str) {
    let state = history.state();
    let found = match decide_reconcile(&state, ask, owner, means) {
        Ok(ReconcileDecision::Replay { settled: found, change }) => settled(&found, &change),
        Ok(ReconcileDecision::InFlight { owner, here }) => flight(here, owner),
        Ok(ReconcileDecision::MarkUnknown { .. }) => "mark unknown".into(),
        Ok(ReconcileDecision::Probe { attempt }) => format!("probe {}", attempt.number),
        Ok(ReconcileDecision::CallAgain { attempt }) => format!("call again {}", attempt.number),
        Ok(ReconcileDecision::Retry { attempt }) => format!("attempt {attempt}"),
        Err(refused) => refusal(&refused),
    };
    assert_eq!(found, expect, "{ask:?}, owner {owner:?}, {means:?}");
}

#[test]
fn a_reconciliation_with_a_probe() {
    for effect in EFFECTS {
        let lost = if effect == READ { "attempt 2" } else { "mark unknown" };
        let table = [
            ("absent", ["nothing", "nothing", "nothing"]),
            ("requested", ["under way here", "under way", lost]),
            ("retry_due", ["attempt 2", "attempt 2", "attempt 2"]),
            ("unknown", ["probe 1", "probe 1", "probe 1"]),
            ("reconciling", ["under way here", "under way", "probe 1"]),
            ("succeeded", ["replay success", "replay success", "replay success"]),
            ("failed", ["replay failure", "replay failure", "replay failure"]),
        ];
        for (state, row) in table {
            for (owner, expect) in OWNERS.into_iter().zip(row) {
                check_reconcile(&given(state, effect), (&ask(effect), owner, seeing(500)), expect);
            }
        }
    }
}

#[test]
fn a_reconciliation_without_a_probe_calls_again_while_the_key_is_held() {
    let dead = OwnerLife::Dead;
    for state in ["unknown", "reconciling"] {
        check_reconcile(&given(state, READ), (&ask(READ), dead, blind(5000)), "call again 1");
        check_reconcile(&given(state, KEYED), (&ask(KEYED), dead, blind(101)), "call again 1");
        check_reconcile(&given(state, KEYED), (&ask(KEYED), dead, blind(102)), "operator");
        check_reconcile(&given(state, ONCE), (&ask(ONCE), dead, blind(3)), "operator");
    }
}

/// What the tool declares today does not lengthen what it declared when the call was made.
#[test]
fn the_recorded_effect_counts() {
    let dead = OwnerLife::Dead;
    check_reconcile(&given("unknown", ONCE), (&ask(READ), dead, blind(3)), "operator");
    check(&given("requested", ONCE), (&ask(READ), dead), "mark unknown");
}

#[test]
fn a_changed_tool_reconciles_only_what_it_accepts() {
    let dead = OwnerLife::Dead;
    for state in ["unknown", "reconciling"] {
        check_reconcile(&given(state, ONCE), (&newer(ONCE), dead, seeing(3)), "tool changed");
        check_reconcile(&given(state, ONCE), (&accepting(ONCE), dead, seeing(3)), "probe 1");
    }
    check_reconcile(&given("retry_due", ONCE), (&newer(ONCE), dead, seeing(3)), "tool changed");
    check_reconcile(&given("succeeded", ONCE), (&newer(ONCE), dead, seeing(3)), "replay success, changed");
}

#[test]
fn an_ended_run_is_still_reconciled_but_starts_no_call() {
    let dead = OwnerLife::Dead;
    let (closing, ended) = (cancelling(given("unknown", KEYED)), cancelled(given("unknown", KEYED)));
    check_reconcile(&closing, (&ask(KEYED), dead, seeing(3)), "probe 1");
    check_reconcile(&ended, (&ask(KEYED), dead, seeing(3)), "probe 1");
    check_reconcile(&closing, (&ask(KEYED), dead, blind(3)), "run is cancelling");
    check_reconcile(&ended, (&ask(KEYED), dead, blind(3)), "run is cancelled");
    check_reconcile(&cancelled(given("retry_due", KEYED)), (&ask(KEYED), dead, seeing(3)), "run is cancelled");
}

#[test]
fn an_operator_resolves_doubts_only() {
    for effect in EFFECTS {
        let table = [
            ("absent", ["nothing", "nothing", "nothing"]),
            ("requested", ["owner alive", "owner alive", "resolve, recording the doubt"]),
            ("retry_due", ["no doubt", "no doubt", "no doubt"]),
            ("unknown", ["resolve", "resolve", "resolve"]),
            ("reconciling", ["owner alive", "owner alive", "resolve"]),
            ("succeeded", ["no doubt", "no doubt", "no doubt"]),
            ("failed", ["no doubt", "no doubt", "no doubt"]),
        ];
        for (state, row) in table {
            for (owner, expect) in OWNERS.into_iter().zip(row) {
                check_resolve(&given(state, effect), owner, expect);
            }
        }
    }
    check_resolve(&cancelled(given("unknown", ONCE)), OwnerLife::Dead, "resolve");
}

fn check_resolve(history: &History, owner: OwnerLife, expect: &str) {
    let found = match decide_resolve(&history.state(), &step("s"), owner) {
        Ok((request, record)) => {
            assert_eq!(request, history.events[1].id().into());
            if record { "resolve, recording the doubt".into() } else { String::from("resolve") }
        }
        Err(refused) => refusal(&refused),
    };
    assert_eq!(found, expect, "owner {owner:?}");
}

/// Requested at 2 s, with a timeout of 30 s and 5 s to settle: nothing can land from 37 s on.
#[test]
fn a_probe_that_finds_nothing_is_believed_once_nothing_can_land() {
    let check = |effect, seconds, believed| {
        let history = given("unknown", effect);
        let state = history.state();
        let Ok(ReconcileDecision::Probe { attempt }) =
            decide_reconcile(&state, &ask(effect), OwnerLife::Dead, seeing(seconds))
        else {
            panic!("a doubt with a probe is probed");
        };
        let found = not_landed(&attempt, blind(seconds).now);
        assert_eq!(found == Resolution::NotLanded, believed, "{effect:?} at {seconds} s");
    };
    check(ONCE, 36, false);
    check(ONCE, 37, true);
    check(KEYED, 36, false);
    check(KEYED, 37, true);
}

#[test]
fn an_outcome_after_its_cycle_was_closed_is_late() {
    let kind = |state| {
        let history = given(state, ONCE);
        let done = completed(history.events[1].id(), succeeded());
        record_outcome(&history.state(), &step("s"), done).kind()
    };
    assert_eq!(kind("requested"), "tool_completed");
    for state in ["retry_due", "unknown", "reconciling", "succeeded", "failed"] {
        assert_eq!(kind(state), "late_outcome", "{state}");
    }
}
