//! Marked functions as tools of steps: refused, retried, bounded, reconciled.

use std::sync::atomic::{AtomicU64, Ordering};

use artana::{Error, Kernel, KernelBuilder, State, Tenant, ToolAnswer, ToolContext, ToolError, ToolResult, tool};
use artana_testkit::{
    MemoryStore, SimClock,
    provider::{Manner, Provider, ProviderFault},
};
use serde_json::json;

use super::{ORDER, Order, Receipt, run, shop};

/// Charges, and is tried up to three times.
#[tool(effect = "side_effect", capability = "pay", retries = 2, backoff = "0s", settle = "10s", timeout = "20s", probe = ask)]
async fn pay(order: Order, cx: ToolContext, provider: State<Provider>, asked: State<Asked>) -> ToolResult<Receipt> {
    assert_eq!(asked.0.load(Ordering::Relaxed) % 2, 0);
    let done = provider.charge(cx.idempotency_key(), &json!(order)).map_err(|fault| match fault {
        ProviderFault::Refused => ToolError::transient(fault),
        ProviderFault::ReplyLost => ToolError::unknown(fault),
    })?;
    Ok(Receipt { charge: done.effect_id })
}

/// How often the probe was asked, in steps of two.
#[derive(Default)]
struct Asked(AtomicU64);

async fn ask(
    order: Order,
    cx: ToolContext,
    provider: State<Provider>,
    asked: State<Asked>,
) -> ToolResult<Option<Receipt>> {
    assert_eq!(order, ORDER);
    asked.0.fetch_add(2, Ordering::Relaxed);
    Ok(provider.lookup(cx.idempotency_key()).map(|found| Receipt { charge: found.effect_id }))
}

fn paying(store: &MemoryStore, provider: &Provider) -> KernelBuilder {
    Kernel::builder(store.clone()).state(provider.clone()).state(Asked::default()).tool(pay)
}

async fn payer(kernel: &Kernel) -> artana::Run {
    kernel.run(&shop().capability("pay"), "r").await.expect("the run opens")
}

fn code<T>(answer: Result<ToolAnswer<T>, Error>) -> &'static str {
    answer.map(drop).expect_err("an error was expected").code()
}

#[tokio::test]
async fn a_step_runs_once_and_its_output_has_a_type() {
    let (store, provider) = (MemoryStore::new(), Provider::new());
    let kernel = paying(&store, &provider).build().unwrap();
    let run = payer(&kernel).await;
    let receipt: Receipt = run.step("a").tool(pay, &ORDER).await.unwrap().into_output();
    let again = run.step("a").tool(&pay, &ORDER).await.unwrap();
    assert!(again.is_replayed() && *again.output() == receipt);
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn a_tenant_without_the_capability_is_refused() {
    let (store, provider) = (MemoryStore::new(), Provider::new());
    let kernel = paying(&store, &provider).build().unwrap();
    assert_eq!(code(run(&kernel).await.step("a").tool(pay, &ORDER).await), "artana::capability_missing");
    assert_eq!(provider.calls(), 0);
}

#[tokio::test]
async fn retries_are_attempts_after_the_first() {
    let (store, provider) = (MemoryStore::new(), Provider::new());
    let kernel = paying(&store, &provider).build().unwrap();
    let run = payer(&kernel).await;
    provider.next_calls([Manner::Refuse, Manner::Refuse]);
    assert_eq!(run.step("a").tool(pay, &ORDER).await.unwrap().attempts(), 3);
    provider.next_calls([Manner::Refuse, Manner::Refuse, Manner::Refuse]);
    assert_eq!(code(run.step("b").tool(pay, &ORDER).await), "artana::tool_failed");
    assert_eq!(provider.calls(), 6);
}

#[tokio::test]
async fn a_probe_is_given_what_its_tool_is_and_finds_what_landed() {
    let (store, provider) = (MemoryStore::new(), Provider::new());
    let kernel = paying(&store, &provider).build().unwrap();
    let run = payer(&kernel).await;
    provider.next_calls([Manner::LoseReply]);
    assert_eq!(code(run.step("a").tool(pay, &ORDER).await), "artana::reconciliation_required");
    let found = run.step("a").reconcile(pay, &ORDER).await.unwrap();
    assert_eq!(found.output().charge, provider.book()[0].effect_id);
    assert_eq!((provider.calls(), provider.book().len()), (1, 1));
}

#[tokio::test]
async fn a_probe_that_finds_nothing_lets_the_tool_run_again_once_it_can_no_longer_land() {
    let clock = SimClock::new();
    let (store, provider) = (MemoryStore::with_clock(std::sync::Arc::new(clock.clone())), Provider::new());
    let kernel = paying(&store, &provider).clock(std::sync::Arc::new(clock.clone())).build().unwrap();
    let run = payer(&kernel).await;
    provider.next_calls([Manner::LoseReply]);
    assert_eq!(code(run.step("a").tool(pay, &ORDER).await), "artana::reconciliation_required");
    provider.forget_keys();
    assert_eq!(code(run.step("a").reconcile(pay, &ORDER).await), "artana::reconciliation_required");
    clock.advance(std::time::Duration::from_secs(20 + 10));
    assert_eq!(run.step("a").reconcile(pay, &ORDER).await.unwrap().attempts(), 2);
}

#[tool(max_result = 8)]
async fn echo(text: String) -> ToolResult<String> {
    Ok(text)
}

#[tokio::test]
async fn a_result_larger_than_declared_is_recorded_and_rejected() {
    let kernel = Kernel::builder(MemoryStore::new()).tool(echo).build().unwrap();
    let run = run(&kernel).await;
    assert_eq!(run.step("a").tool(echo, &"123456".to_owned()).await.unwrap().output(), "123456");
    assert_eq!(code(run.step("b").tool(echo, &"1234567".to_owned()).await), "artana::result_rejected");
}

#[tokio::test]
async fn arguments_of_a_model_are_read_strictly() {
    let (store, provider) = (MemoryStore::new(), Provider::new());
    let kernel = paying(&store, &provider).build().unwrap();
    let run = payer(&kernel).await;
    for args in [r#"{"cents":"1"}"#, r#"{"cents":1,"more":2}"#, "[1]", "{}"] {
        assert_eq!(code(run.step("a").tool_json("pay", args).await), "artana::invalid_arguments", "{args}");
    }
    assert!(run.step("a").tool_json("pay", r#"{"cents":1200}"#).await.is_ok());
    assert!(run.step("a").tool(pay, &ORDER).await.unwrap().is_replayed(), "the same call");
}

mod first {
    //! A tool as it was.

    use super::*;

    #[tool(name = "send", effect = "idempotent", retention = "1h")]
    pub(super) async fn send(_: Order, _: ToolContext) -> ToolResult<u64> {
        Err(ToolError::unknown("lost"))
    }
}

mod second {
    //! A tool as it became, which knows the first version.

    use super::*;

    #[tool(effect = "idempotent", retention = "1h", version = "2", reconciles = ["1"])]
    pub(super) async fn send(order: Order, _: ToolContext) -> ToolResult<u64> {
        Ok(order.cents)
    }
}

mod third {
    //! A tool as it became, which knows no other version.

    use super::*;

    #[tool(effect = "idempotent", retention = "1h", version = "3")]
    pub(super) async fn send(order: Order, _: ToolContext) -> ToolResult<u64> {
        Ok(order.cents)
    }
}

#[tokio::test]
async fn only_a_version_that_is_named_is_reconciled() {
    let store = MemoryStore::new();
    let builder = || Kernel::builder(store.clone());
    let tenant = Tenant::new("t");
    let kernel = builder().tool(first::send).build().unwrap();
    let run = kernel.run(&tenant, "r").await.unwrap();
    assert_eq!(code(run.step("a").tool(first::send, &ORDER).await), "artana::reconciliation_required");
    let kernel = builder().tool(third::send).build().unwrap();
    let run = kernel.run(&tenant, "r").await.unwrap();
    assert_eq!(code(run.step("a").reconcile(third::send, &ORDER).await), "artana::tool_changed");
    let kernel = builder().tool(second::send).build().unwrap();
    let run = kernel.run(&tenant, "r").await.unwrap();
    assert_eq!(run.step("a").reconcile(second::send, &ORDER).await.unwrap().output(), &1200);
}
