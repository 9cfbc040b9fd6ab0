//! Costs: prices round up once, sums saturate, and each event adds its share and no more.

use artana_core::{
    Digest, Event, ModelId, RunState, Usd,
    cost::{Charge, Costs, ModelCost, Price, PriceTable, ToolCost, charge},
    event::*,
};

use crate::support::{History, bodies::*, models::*, step, whole};

fn usage(input: u64, cached: u64, output: u64) -> Usage {
    Usage { cached, input, output, reasoning: output / 2 }
}

fn price(cached: u64, input: u64, output: u64) -> Price {
    Price { cached: Usd::nanos(cached), input: Usd::nanos(input), output: Usd::nanos(output) }
}

#[test]
fn a_price_is_rounded_up_once() {
    let cost = |price: Price, usage: Usage| price.of(&usage).as_nanos();
    assert_eq!(cost(price(1, 1, 1), usage(0, 0, 0)), 0);
    assert_eq!(cost(price(1, 1, 1), usage(1, 0, 0)), 1);
    // Each share alone would be rounded up to 1.
    assert_eq!(cost(price(1, 1, 1), usage(400_000, 200_000, 200_000)), 1);
    assert_eq!(cost(price(1, 1, 1), usage(1_000_000, 0, 0)), 1);
    assert_eq!(cost(price(1, 1, 1), usage(1_000_000, 0, 1)), 2);
    assert_eq!(cost(price(0, 2_500_000_000, 10_000_000_000), usage(1_200, 0, 350)), 6_500_000);
}

#[test]
fn cached_tokens_have_a_price_of_their_own() {
    let million = |cached| usage(1_000_000, cached, 0);
    let cost = |price: Price, usage: Usage| price.of(&usage).as_nanos();
    assert_eq!(cost(price(1_000, 10_000, 0), million(0)), 10_000);
    assert_eq!(cost(price(1_000, 10_000, 0), million(1_000_000)), 1_000);
    assert_eq!(cost(price(1_000, 10_000, 0), million(250_000)), 250 + 7_500);
    // A provider that reports more cached tokens than there were is believed as far as there were any.
    assert_eq!(cost(price(1_000, 10_000, 0), million(2_000_000)), 1_000);
    let whole = Price::per_million(Usd::nanos(10_000), Usd::nanos(20_000));
    assert_eq!(cost(whole, million(1_000_000)), 10_000);
    // Reasoning is part of the output, and paid once.
    assert_eq!(cost(whole, Usage { reasoning: 1_000_000, ..usage(0, 0, 1_000_000) }), 20_000);
}

#[test]
fn what_does_not_fit_is_the_largest_amount() {
    let most = price(u64::MAX, u64::MAX, u64::MAX);
    assert_eq!(most.of(&usage(u64::MAX, 0, u64::MAX)), Usd::nanos(u64::MAX));
    assert_eq!(most.of(&usage(u64::MAX, u64::MAX, u64::MAX)), Usd::nanos(u64::MAX));
    assert_eq!(most.of(&usage(1_000_000, 0, 0)), Usd::nanos(u64::MAX));
    assert_eq!(most.of(&usage(999_999, 0, 0)), Usd::nanos(u64::MAX - u64::MAX / 1_000_000));
}

fn table(prices: &[(&str, Price)]) -> PriceTable {
    PriceTable::new(prices.iter().map(|(id, price)| (model(id), *price)))
}

#[test]
fn a_table_is_named_by_its_prices() {
    let used = usage(1_000_000, 0, 0);
    let digest = |prices: &[(&str, Price)]| table(prices).cost(&model("p/a"), &used).map(|cost| cost.table);
    let (a, b) = (("p/a", price(1, 2, 3)), ("p/b", price(4, 5, 6)));
    assert_eq!(digest(&[a, b]), digest(&[b, a]));
    let expect = br#"{"p/a":{"cached":1,"input":2,"output":3},"p/b":{"cached":4,"input":5,"output":6}}"#;
    assert_eq!(digest(&[a, b]), Some(Digest::of_schema(expect)));
    assert_ne!(digest(&[a]), digest(&[a, b]));
    assert_ne!(digest(&[a]), digest(&[("p/a", price(1, 2, 4))]));
    assert_eq!(table(&[a]).cost(&model("p/a"), &used).map(|cost| cost.nanos), Some(Usd::nanos(2)));
    assert_eq!(table(&[a]).cost(&model("p/b"), &used), None, "an unknown price is not free");
    assert_eq!(PriceTable::default().cost(&model("p/a"), &used), None);
    assert_eq!(table(&[]), PriceTable::default());
    // Free is a price.
    assert_eq!(table(&[("p/a", price(0, 0, 0))]).cost(&model("p/a"), &used).map(|cost| cost.nanos), Some(Usd::ZERO));
}

fn model_share(id: &str, change: impl FnOnce(&mut ModelCost)) -> Charge {
    let mut cost = ModelCost::default();
    change(&mut cost);
    Charge::Model(model(id), cost)
}

fn tool_share(change: impl FnOnce(&mut ToolCost)) -> Charge {
    let mut cost = ToolCost::default();
    change(&mut cost);
    Charge::Tool(tool("charge", "1").name, cost)
}

#[test]
fn shares_add_up_and_saturate() {
    let mut costs = Costs::default();
    assert!(costs.is_empty());
    costs.add(&model_share("p/a", |cost| (cost.calls, cost.cost) = (1, Usd::nanos(7))));
    costs.add(&model_share("p/a", |cost| (cost.failed, cost.usage.input) = (1, 5)));
    costs.add(&model_share("p/b", |cost| (cost.abandoned, cost.elapsed_us) = (1, 9)));
    costs.add(&tool_share(|cost| (cost.calls, cost.elapsed_us) = (1, 3)));
    let total = costs.total();
    assert_eq!((total.calls, total.failed, total.abandoned, total.cost), (1, 1, 1, Usd::nanos(7)));
    assert_eq!((total.usage.input, total.elapsed_us), (5, 9));
    assert!(!costs.is_empty() && costs.models.len() == 2 && costs.tools.len() == 1);
    let mut twice = costs.clone();
    twice.merge(&costs);
    assert_eq!(twice.models[&model("p/a")].usage.input, 10);
    assert_eq!(twice.tools.values().map(|tool| tool.elapsed_us).sum::<u64>(), 6);
    let full = model_share("p/a", |cost| {
        let most = u64::MAX;
        (cost.calls, cost.failed, cost.abandoned, cost.unpriced) = (most, most, most, most);
        (cost.cost, cost.elapsed_us) = (Usd::nanos(most), most);
        cost.usage = Usage { cached: most, input: most, output: most, reasoning: most };
    });
    costs.add(&full);
    let Charge::Model(_, expect) = &full else { panic!("a model's") };
    assert_eq!(costs.models[&model("p/a")], *expect);
    let full = tool_share(|cost| {
        (cost.calls, cost.failed, cost.unknown, cost.elapsed_us) = (u64::MAX, u64::MAX, u64::MAX, u64::MAX);
    });
    costs.add(&full);
    let Charge::Tool(name, expect) = &full else { panic!("a tool's") };
    assert_eq!(costs.tools[name], *expect);
}

/// What the last event of a history adds to what the events before it cost.
fn added(history: &History) -> Option<Charge> {
    let (last, before) = history.events.split_last().expect("events");
    let state = history.upto(before.len()).state();
    let found = charge(&state, last);
    let mut sum = state.costs().clone();
    found.iter().for_each(|share| sum.add(share));
    assert_eq!(history.state().costs(), &sum, "the fold adds just this");
    found
}

/// A model step in its first cycle, closed by `outcome` if there is one, and then one more event.
fn of_model(outcome: Option<ModelOutcome>, then: impl FnOnce(artana_core::EventId) -> Option<Body>) -> Option<Charge> {
    let mut history = History::start("t", "r");
    let request = history.push(Some("s"), asked(1, &["a"]));
    outcome.map(|outcome| history.push(Some("s"), ended(request, outcome)));
    then(request).map(|body| history.push(Some("s"), body));
    added(&history)
}

/// The same of a tool step.
fn of_tool(outcome: Option<Outcome>, then: &[fn(&History) -> Body]) -> Option<Charge> {
    let mut history = History::start("t", "r");
    let request = history.push(Some("s"), requested(1, Effect::SideEffect));
    outcome.map(|outcome| history.push(Some("s"), completed(request, outcome)));
    for body in then {
        let body = body(&history);
        history.push(Some("s"), body);
    }
    added(&history)
}

const MODEL: &str = "provider/model";

fn priced(nanos: u64) -> ModelOutcome {
    let cost = Some(Cost { nanos: Usd::nanos(nanos), table: Digest::from_bytes([1; 32]) });
    ModelOutcome::Completed(Answer { cost, ..answer() })
}

#[test]
fn every_event_of_a_model_step_has_its_share() {
    let none = |_| None;
    let used = answer().usage;
    let share = |change: fn(&mut ModelCost)| Some(model_share(MODEL, change));
    assert_eq!(of_model(None, none), share(|cost| cost.calls = 1));
    let paid = model_share(MODEL, |cost| (cost.cost, cost.usage, cost.elapsed_us) = (Usd::nanos(3), used, 700));
    assert_eq!(of_model(Some(priced(3)), none), Some(paid));
    let unpriced = model_share(MODEL, |cost| (cost.unpriced, cost.usage, cost.elapsed_us) = (1, used, 700));
    assert_eq!(of_model(Some(answered()), none), Some(unpriced));
    let free = model_share(MODEL, |cost| (cost.usage, cost.elapsed_us) = (used, 700));
    assert_eq!(of_model(Some(priced(0)), none), Some(free), "free is a price");
    assert_eq!(of_model(Some(unanswered()), none), share(|cost| (cost.failed, cost.elapsed_us) = (1, 700)));
    // An answer that cannot be used was paid for.
    let invalid = model_share(MODEL, |cost| {
        (cost.failed, cost.unpriced, cost.usage, cost.elapsed_us) = (1, 1, used, 700);
    });
    assert_eq!(of_model(Some(again()), none), Some(invalid));
    assert_eq!(of_model(Some(abandoned()), none), share(|cost| (cost.abandoned, cost.elapsed_us) = (1, 700)));
    assert_eq!(of_model(Some(answered()), |request| Some(replayed(request, &["b"]).into())), None);
}

/// A request ends once: what comes after it adds what it cost, and nothing that was counted.
#[test]
fn what_came_late_is_paid_for_once() {
    let late = |outcome: ModelOutcome| move |request| Some(late_model(request, outcome).into());
    let used = answer().usage;
    let paid = || model_share(MODEL, |cost| (cost.cost, cost.usage, cost.elapsed_us) = (Usd::nanos(3), used, 11));
    assert_eq!(of_model(Some(abandoned()), late(priced(3))), Some(paid()));
    assert_eq!(of_model(Some(unanswered()), late(priced(3))), Some(paid()), "it was given up too early");
    let bare = || model_share(MODEL, |cost| cost.elapsed_us = 11);
    assert_eq!(of_model(Some(abandoned()), late(unanswered())), Some(bare()));
    assert_eq!(of_model(Some(abandoned()), late(abandoned())), Some(bare()));
    let unusable = model_share(MODEL, |cost| (cost.unpriced, cost.usage, cost.elapsed_us) = (1, used, 11));
    assert_eq!(of_model(Some(abandoned()), late(again())), Some(unusable));
    assert_eq!(of_model(Some(priced(3)), late(priced(3))), Some(model_share(MODEL, |_| ())));
    // The late answer of another request than the one that was answered is another call's.
    let mut history = History::start("t", "r");
    let first = history.push(Some("s"), asked(1, &["a"]));
    history.push(Some("s"), ended(first, abandoned()));
    let second = history.push(Some("s"), asked(2, &["a"]));
    history.push(Some("s"), ended(second, priced(5)));
    history.push(Some("s"), late_model(first, priced(3)));
    assert_eq!(added(&history), Some(paid()));
    assert_eq!(history.state().costs().total().cost, Usd::nanos(8));
}

fn first(history: &History) -> artana_core::EventId {
    history.events[1].id()
}

#[test]
fn every_event_of_a_tool_step_has_its_share() {
    let share = |change: fn(&mut ToolCost)| Some(tool_share(change));
    assert_eq!(of_tool(None, &[]), share(|cost| cost.calls = 1));
    assert_eq!(of_tool(None, &[|h| attempt_failed(first(h)).into()]), share(|cost| cost.failed = 1));
    assert_eq!(of_tool(Some(succeeded()), &[]), share(|cost| cost.elapsed_us = 1200));
    assert_eq!(of_tool(Some(failed()), &[]), share(|cost| (cost.failed, cost.elapsed_us) = (1, 1200)));
    assert_eq!(of_tool(Some(unknown()), &[]), share(|cost| (cost.unknown, cost.elapsed_us) = (1, 1200)));
    let doubt = |then| of_tool(Some(unknown()), &[then]);
    assert_eq!(doubt(|h| reconcile(first(h)).into()), None);
    assert_eq!(doubt(|h| decided(first(h), Resolution::NotLanded).into()), share(|cost| cost.failed = 1));
    assert_eq!(doubt(|h| decided(first(h), resolution(failed())).into()), share(|cost| cost.failed = 1));
    assert_eq!(doubt(|h| decided(first(h), resolution(succeeded())).into()), None);
    assert_eq!(doubt(|h| decided(first(h), resolution(unknown())).into()), None);
}

fn resolution(outcome: Outcome) -> Resolution {
    match outcome {
        Outcome::Succeeded(success) => Resolution::Succeeded(success),
        Outcome::Failed(failure) => Resolution::Failed(failure),
        Outcome::Unknown(doubt) => Resolution::Unknown(doubt),
    }
}

#[test]
fn a_late_outcome_of_a_tool_fails_an_attempt_at_most_once() {
    let time = || Some(tool_share(|cost| cost.elapsed_us = 9));
    let failure = || Some(tool_share(|cost| (cost.failed, cost.elapsed_us) = (1, 9)));
    let doubt = |then| of_tool(Some(unknown()), &[then]);
    assert_eq!(doubt(|h| late(first(h), failed()).into()), failure());
    assert_eq!(doubt(|h| late(first(h), succeeded()).into()), time());
    assert_eq!(doubt(|h| late(first(h), unknown()).into()), time());
    assert_eq!(doubt(|h| late(h.events[0].id(), failed()).into()), time(), "of another request");
    assert_eq!(of_tool(Some(failed()), &[|h| late(first(h), failed()).into()]), time());
    let due: [fn(&History) -> Body; 2] = [|h| attempt_failed(first(h)).into(), |h| late(first(h), failed()).into()];
    assert_eq!(of_tool(None, &due), time());
    // After a second call under the same request, the failure of the first says nothing about the other.
    let called_again: [fn(&History) -> Body; 2] = [
        |h| ToolReconcileRequested { action: ReconcileAction::Retry, ..reconcile(first(h)) }.into(),
        |h| late(first(h), failed()).into(),
    ];
    assert_eq!(of_tool(Some(unknown()), &called_again), time());
}

/// No other kind costs anything, with a step or without one.
#[test]
fn other_events_cost_nothing() {
    let history = History::start("t", "r");
    let state = history.state();
    let charged = |body: &Body, step: Option<&str>| {
        let event = history.sealed(step, |step| artana_core::Draft::new(step, body.clone()).expect("small"));
        charge(&state, &event)
    };
    let mut costing = Vec::new();
    for body in whole::bodies() {
        assert_eq!(charged(&body, None), None, "{}", body.kind());
        if charged(&body, Some("s")).is_some() {
            costing.push(body.kind());
        }
    }
    assert_eq!(costing, ["model_requested", "tool_requested"], "nothing is known of the step before");
    assert!(state.step(&step("s")).is_none());
}

/// A fork's costs are its own; what the models of its ancestors cost is theirs.
#[test]
fn the_costs_of_a_family_are_the_sum_of_its_runs() {
    let mut root = History::start("t", "r");
    let request = root.push(Some("s"), asked(1, &["a"]));
    root.push(Some("s"), ended(request, priced(3)));
    let shared: RunState = root.state();
    let mut fork = root.fork("f", 3);
    let request = fork.push(Some("x"), asked(1, &["a"]));
    fork.push(Some("x"), ended(request, priced(5)));
    let state = fork.state_after(Some(&shared));
    assert_eq!((shared.costs().total().cost, state.costs().total().cost), (Usd::nanos(3), Usd::nanos(5)));
    let mut family = shared.costs().clone();
    family.merge(state.costs());
    let both: &ModelCost = &family.models[&ModelId::parse(MODEL).expect("fit")];
    assert_eq!((both.calls, both.cost), (2, Usd::nanos(8)));
    let last: &Event = &fork.events[2];
    assert!(matches!(charge(&fork.upto(2).state_after(Some(&shared)), last), Some(Charge::Model(..))));
}
