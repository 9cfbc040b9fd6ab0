//! Looking at runs while they go and after: following, observing, kept values, costs.

use std::sync::{Arc, Mutex, PoisonError};

use artana::{
    CostQuery, Error, Event, ModelId, Observer, Price, PriceTable, RunRef, Seq, TimeRange, Timestamp, prelude::*,
};
use artana_testkit::{MemoryStore, ScriptedModel};

/// Looks something up.
#[tool]
async fn look(n: u32) -> ToolResult<u32> {
    Ok(n)
}

fn tenant() -> Tenant {
    Tenant::new("t")
}

async fn ask(run: &Run, step: &str, prompt: &str) -> Result<Run, Error> {
    let reply = run.step(step).model("demo/one").prompt(prompt).replay(ReplayPolicy::ForkOnDrift).await?;
    Ok(reply.run().clone())
}

fn kernel(store: &MemoryStore) -> Kernel {
    let price = Price::per_million(Usd::dollars(1), Usd::dollars(2));
    let builder = Kernel::builder(store.clone()).model(ScriptedModel::text("yes").usage(10, 5)).tool(look);
    let model = ModelId::parse("demo/one").expect("a model's name");
    builder.prices(PriceTable::new([(model, price)])).build().expect("a sound kernel")
}

#[tokio::test]
async fn a_run_is_followed_from_any_event_on_to_those_that_come() {
    let store = MemoryStore::new();
    let run = kernel(&store).run(&tenant(), "r").await.unwrap();
    ask(&run, "a", "hi").await.unwrap();
    let (mut all, mut late) = (run.follow(Seq::ZERO), run.follow(Seq::new(2)));
    let mut seqs = Vec::new();
    for _ in 0..3 {
        seqs.push(all.next().await.unwrap().unwrap().seq().get());
    }
    let elsewhere = kernel(&store).open_run(&tenant(), "r").await.unwrap();
    let (next, added) = tokio::join!(all.next(), async {
        tokio::task::yield_now().await;
        elsewhere.step("look").tool(look, &1).await
    });
    added.unwrap();
    seqs.push(next.unwrap().unwrap().seq().get());
    assert_eq!(seqs, [1, 2, 3, 4], "the fourth was appended by another kernel while it was waited for");
    assert_eq!(late.next().await.unwrap().unwrap().seq().get(), 3);
}

/// Notes what it sees, and panics each time.
#[derive(Debug, Default, Clone)]
struct Witness(Arc<Mutex<Vec<(u64, String)>>>);

impl Observer for Witness {
    fn committed(&self, run: &RunRef, events: &[Event]) {
        assert_eq!(run.run.as_str(), "r");
        let seen = events.iter().map(|event| (event.seq().get(), event.kind().to_owned()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(seen);
        panic!("an observer may");
    }
}

#[tokio::test]
async fn observers_see_each_append_once_in_order_and_cannot_break_it() {
    let witness = Witness::default();
    let builder = Kernel::builder(MemoryStore::new()).model(ScriptedModel::text("yes")).observer(witness.clone());
    let run = builder.build().unwrap().run(&tenant(), "r").await.unwrap();
    ask(&run, "a", "hi").await.unwrap();
    ask(&run, "a", "hi").await.unwrap();
    run.finish().await.unwrap();
    let mut expected = Vec::new();
    let mut events = run.events();
    while let Some(event) = events.try_next().await.unwrap() {
        expected.push((event.seq().get(), event.kind().to_owned()));
    }
    assert_eq!(*witness.0.lock().unwrap(), expected);
    assert_eq!(expected.len(), 4);
}

#[tokio::test]
async fn kept_values_have_types_and_a_history_and_go_into_forks() {
    let run = kernel(&MemoryStore::new()).run(&tenant(), "r").await.unwrap();
    for value in [1, 2, 2] {
        run.set_artifact("report", &value, 1).await.unwrap();
        run.summary("progress", &value).await.unwrap();
        run.checkpoint("here", &value).await.unwrap();
    }
    assert_eq!(run.view().await.unwrap().head.seq.get(), 7, "the same again writes nothing");
    let kept = &run.artifacts().await.unwrap()[&artana::core::Name::parse("report").unwrap()];
    assert_eq!((kept.versions, kept.schema_version), (2, 1));
    assert_eq!(run.run_at(Seq::new(2)).await.unwrap().kept().summaries().len(), 0);

    ask(&run, "a", "hi").await.unwrap();
    let fork = ask(&run, "a", "ho").await.unwrap();
    fork.set_artifact("report", &3, 1).await.unwrap();
    for (run, report) in [(&run, 2), (&fork, 3)] {
        assert_eq!(run.artifact::<u32>("report").await.unwrap(), Some(report));
        assert_eq!(run.latest_summary::<u32>("progress").await.unwrap(), Some(2));
        assert_eq!(run.latest_checkpoint::<u32>("here").await.unwrap(), Some(2));
        assert_eq!(run.artifact::<u32>("other").await.unwrap(), None);
    }
    assert_eq!(run.artifact::<String>("report").await.map_err(|e| e.code()), Err("artana::kept_value"));

    run.finish().await.unwrap();
    assert_eq!(run.set_artifact("report", &9, 1).await.map_err(|e| e.code()), Err("artana::ended"));
    run.note("review", &"seen").await.unwrap();
}

#[tokio::test]
async fn costs_are_summed_by_run_tree_model_tool_and_time() {
    let kernel = kernel(&MemoryStore::new());
    let run = kernel.run(&tenant(), "r").await.unwrap();
    run.step("look").tool(look, &1).await.unwrap();
    ask(&run, "a", "hi").await.unwrap();
    ask(&run, "a", "ho").await.unwrap();
    run.step("b").model("demo/two").prompt("hi").await.unwrap();
    ask(&kernel.run(&tenant(), "other").await.unwrap(), "a", "hi").await.unwrap();

    let sum = async |query: CostQuery| {
        let costs = kernel.cost(&query).await.unwrap().costs;
        let (models, tools) = (costs.total(), costs.tools.values().map(|tool| tool.calls).sum::<u64>());
        (models.calls, models.unpriced, tools, models.cost)
    };
    // Ten tokens at one dollar a million and five at two: twenty millionths of a dollar.
    let calls = |priced: u64| Usd::nanos(priced * 20_000);
    assert_eq!(sum(CostQuery::run(&tenant(), "r")).await, (2, 1, 1, calls(1)));
    assert_eq!(sum(CostQuery::tree(&tenant(), "r")).await, (3, 1, 1, calls(2)));
    assert_eq!(sum(CostQuery::tenant(&tenant())).await, (4, 1, 1, calls(3)));
    assert_eq!(sum(CostQuery::tenant(&tenant()).model("demo/two")).await, (1, 1, 0, calls(0)));
    assert_eq!(sum(CostQuery::tenant(&tenant()).tool("look")).await, (0, 0, 1, calls(0)));
    let never = TimeRange { until: Some(Timestamp::from_micros(0)), ..TimeRange::default() };
    assert_eq!(sum(CostQuery::tenant(&tenant()).within(never)).await, (0, 0, 0, calls(0)));
    assert_eq!(sum(CostQuery::tenant(&Tenant::new("u"))).await, (0, 0, 0, calls(0)));
    let missing = kernel.cost(&CostQuery::run(&tenant(), "none")).await;
    assert_eq!(missing.map_err(|error| error.code()).err(), Some("artana::run_not_found"));
}
