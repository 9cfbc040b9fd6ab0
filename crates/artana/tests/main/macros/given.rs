//! States: tools are given the values of the program they ask for, and a kernel is not built without them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use artana::{Kernel, KernelBuilder, NoArgs, State, States, ToolContext, ToolResult, tool};
use artana_testkit::MemoryStore;

use super::{ORDER, Order, context, run};

struct Prices {
    cents: u64,
}

#[derive(Default)]
struct Calls(AtomicU64);

/// Everything a tool can be given, in no particular order.
#[tool]
async fn quote(calls: State<Calls>, cx: ToolContext, prices: State<Prices>, order: Order) -> ToolResult<u64> {
    calls.0.fetch_add(1, Ordering::Relaxed);
    Ok(order.cents + prices.cents + u64::from(cx.attempt))
}

#[tool]
async fn shared(calls: State<Arc<Calls>>) -> ToolResult<u64> {
    Ok(calls.0.fetch_add(1, Ordering::Relaxed))
}

fn builder() -> KernelBuilder {
    Kernel::builder(MemoryStore::new())
}

fn problems(builder: KernelBuilder) -> Vec<String> {
    let refused = builder.build().map(drop).expect_err("a kernel that cannot be built");
    assert_eq!(refused.code(), "artana::build");
    refused.problems
}

#[tokio::test]
async fn states_are_found_by_their_types_whenever_they_are_added() {
    let kernel = builder().state(Prices { cents: 1 }).tool(quote).state(Calls::default()).build().unwrap();
    let answer = run(&kernel).await.step("a").tool(quote, &ORDER).await.unwrap();
    assert_eq!(answer.output(), &1202);
}

#[tokio::test]
async fn a_state_is_one_for_all_calls_and_may_be_shared_with_the_program() {
    let calls = Arc::new(Calls::default());
    let kernel = builder().state(Arc::clone(&calls)).tool(shared).build().unwrap();
    let run = run(&kernel).await;
    for step in ["a", "b", "c"] {
        run.step(step).tool(shared, &NoArgs).await.unwrap();
    }
    assert_eq!(calls.0.load(Ordering::Relaxed), 3);
}

#[test]
fn every_missing_state_is_named_with_its_tool_beside_all_other_problems() {
    let found = problems(builder().tool(quote).time_to_live(Duration::ZERO).tool(shared).tool(twice()).tool(twice()));
    let expected = [
        "a time-to-live is",
        "tool quote asks for a state of the type main::macros::given::Calls",
        "tool quote asks for a state of the type main::macros::given::Prices",
        "tool shared asks for a state of the type alloc::sync::Arc<main::macros::given::Calls>",
        "two tools are named twice",
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
}

fn twice() -> artana::ClosureTool<u64, u64> {
    tool("twice").handler(|n: u64, _| async move { Ok(n * 2) })
}

#[test]
fn the_state_of_another_type_is_not_taken_for_it() {
    let found = problems(builder().state(Arc::new(Prices { cents: 1 })).state(Calls::default()).tool(quote));
    assert_eq!(
        found,
        ["tool quote asks for a state of the type main::macros::given::Prices: give the builder one with `state`"]
    );
}

#[test]
fn two_states_of_one_type_are_a_problem_even_if_nobody_asks() {
    let found = problems(builder().state(1_u8).state(2_u16).state(3_u8).state(4_u8));
    assert_eq!(found, vec!["there are two states of the type u8: a tool finds one by its type"; 2]);
}

#[test]
fn a_registered_tool_of_the_same_name_is_a_problem() {
    let by_hand = tool("quote").handler(|n: u64, _| async move { Ok(n) });
    let builder = builder().state(Prices { cents: 1 }).state(Calls::default());
    assert_eq!(problems(builder.tool(quote).tool(by_hand)), ["two tools are named quote"]);
}

#[tokio::test]
async fn a_test_gives_a_body_its_states_itself() {
    let calls = State::from(Calls::default());
    let prices = State::from(Arc::new(Prices { cents: 5 }));
    assert_eq!(quote::call(calls.clone(), context(), prices, ORDER).await, Ok(1206));
    assert_eq!(calls.0.load(Ordering::Relaxed), 1, "a clone is the same state");
}

#[test]
fn states_are_looked_up_and_never_shown() {
    let states = States::new().with("canary".to_owned()).with(7_u8);
    assert_eq!((&**states.get::<String>().unwrap(), *states.get::<u8>().unwrap()), ("canary", 7));
    assert!(states.get::<u16>().is_none());
    let shown = format!("{states:?} {:?} {:?}", states.get::<String>(), builder().state("canary".to_owned()));
    assert!(shown.contains("String") && !shown.contains("canary"), "{shown}");
}
