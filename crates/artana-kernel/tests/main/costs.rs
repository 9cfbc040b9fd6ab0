//! What calls used and cost: by tenant, run, family, model, tool and time, and what is missing is said.

use std::time::Duration;

use artana_core::{
    ModelId, RunRef, Tenant, Usd,
    cost::{Price, PriceTable},
};
use artana_kernel::{CostQuery, CostReport, Kernel, Run};
use artana_ports::{Clock, ModelError, TimeRange};
use artana_testkit::ScriptedModel;

use crate::{
    asking::{ask, asked, echo},
    forks::{fork, forking, parent},
    store_faults::append_past,
    world::{Process, World, call, code, tenant, world},
};

fn prices() -> PriceTable {
    let price = |input, output| Price::per_million(Usd::dollars(input), Usd::dollars(output));
    let named = |name: &str| ModelId::parse(name).unwrap();
    PriceTable::new([(named("demo/one"), price(1, 3)), (named("demo/two"), price(5, 15))])
}

/// A process whose models use ten tokens in and five out.
fn priced(world: &World) -> Process {
    world.asking_with(&echo().usage(10, 5), |builder| builder.prices(prices()))
}

/// What one call of [`priced`]'s first model costs: 10 × 1 + 5 × 3 millionths.
const ONE_CALL: u64 = 25_000;

async fn report(kernel: &Kernel, query: CostQuery) -> CostReport {
    kernel.cost(&query).await.unwrap()
}

/// Calls of models and what they cost, and calls of tools.
fn sums(report: &CostReport) -> (u64, u64, u64) {
    let total = report.costs.total();
    (total.calls, total.cost.as_nanos(), report.costs.tools.values().map(|tool| tool.calls).sum())
}

#[tokio::test]
async fn costs_are_summed_by_tenant_run_and_family() {
    let world = world();
    let process = priced(&world);
    let run = parent(&process).await;
    let child = fork(&run, "draft", "write better").await;
    ask(&child, "next", "go on").await.unwrap();
    let grandchild = fork(&child, "next", "go on well").await;
    call(&grandchild, "own", "mail").await.unwrap();
    let other = process.run("other").await;
    ask(&other, "a", "hi").await.unwrap();
    let stranger = Tenant::new("strangers");
    ask(&process.kernel.run(&stranger, "r").await.unwrap(), "a", "hi").await.unwrap();
    for process in [&process, &world.asking(&echo())] {
        let of = async |query: CostQuery| {
            let report = report(&process.kernel, query).await;
            (report.runs, sums(&report))
        };
        let t = tenant();
        assert_eq!(of(CostQuery::run(&t, "r")).await, (1, (2, 2 * ONE_CALL, 3)));
        assert_eq!(of(CostQuery::run(&t, child.id())).await, (1, (2, 2 * ONE_CALL, 0)), "what is shared counts once");
        assert_eq!(of(CostQuery::run(&t, grandchild.id())).await, (1, (1, ONE_CALL, 1)));
        assert_eq!(of(CostQuery::tree(&t, "r")).await, (3, (5, 5 * ONE_CALL, 4)));
        assert_eq!(of(CostQuery::tree(&t, child.id())).await, (2, (3, 3 * ONE_CALL, 1)));
        assert_eq!(of(CostQuery::tree(&t, "other")).await, (1, (1, ONE_CALL, 0)));
        assert_eq!(of(CostQuery::tenant(&t)).await, (4, (6, 6 * ONE_CALL, 4)));
        assert_eq!(of(CostQuery::tenant(&stranger)).await, (1, (1, ONE_CALL, 0)));
        assert_eq!(of(CostQuery::tenant(&Tenant::new("nobody"))).await, (0, (0, 0, 0)));
    }
    for query in [CostQuery::run(&stranger, "other"), CostQuery::tree(&stranger, child.id())] {
        assert_eq!(code(process.kernel.cost(&query).await), "artana::run_not_found");
    }
    assert_eq!(code(process.kernel.cost(&CostQuery::run(&tenant(), "")).await), "artana::invalid_id");
    assert_eq!(code(process.kernel.cost(&CostQuery::tenant(&Tenant::new(""))).await), "artana::invalid_id");
}

#[tokio::test]
async fn costs_are_summed_by_model_and_tool() {
    let world = world();
    let process = priced(&world);
    let run = parent(&process).await;
    run.step("two").model("demo/two").prompt("hi").await.unwrap();
    run.step("free").model("demo/unpriced").prompt("hi").await.unwrap();
    let of = async |query: CostQuery| sums(&report(&process.kernel, query).await);
    let all = || CostQuery::run(&tenant(), "r");
    assert_eq!(of(all()).await, (4, 2 * ONE_CALL + 125_000, 3));
    assert_eq!(of(all().model("demo/one")).await, (2, 2 * ONE_CALL, 0));
    assert_eq!(of(all().model("demo/two")).await, (1, 125_000, 0));
    assert_eq!(of(all().tool("mail")).await, (0, 0, 2));
    assert_eq!(of(all().tool("look").model("demo/two")).await, (1, 125_000, 1));
    assert_eq!(of(all().model("nothing")).await, (0, 0, 0));
    let unpriced = report(&process.kernel, all().model("demo/unpriced")).await.costs.total();
    assert_eq!((unpriced.calls, unpriced.unpriced, unpriced.cost, unpriced.usage.input), (1, 1, Usd::ZERO, 10));
    let [one, two, _] = &report(&process.kernel, all()).await.costs.models.into_values().collect::<Vec<_>>()[..] else {
        panic!("three models")
    };
    assert_eq!((one.unpriced, two.cost), (0, Usd::nanos(125_000)));
}

#[tokio::test]
async fn costs_are_summed_by_time_requests_when_made_and_money_when_known() {
    let world = world();
    let model = echo().usage(10, 5).slow_by(std::sync::Arc::new(world.clock.clone()), Duration::from_secs(7));
    let process = world.asking_with(&model, |builder| builder.prices(prices()));
    let run = process.run("r").await;
    let start = world.clock.now();
    world.pass_time(ask(&run, "a", "hi")).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    let second = world.clock.now();
    world.pass_time(ask(&run, "b", "hi")).await.unwrap();
    let of = async |from: Option<artana_core::Timestamp>, until| {
        sums(&report(&process.kernel, CostQuery::tenant(&tenant()).within(TimeRange { from, until })).await)
    };
    assert_eq!(of(None, None).await, (2, 2 * ONE_CALL, 0));
    assert_eq!(of(Some(second), None).await, (1, ONE_CALL, 0));
    assert_eq!(of(None, Some(second)).await, (1, ONE_CALL, 0));
    assert_eq!(of(None, Some(start.after(Duration::from_secs(3)))).await, (1, 0, 0), "asked, and not yet answered");
    assert_eq!(of(Some(start.after(Duration::from_secs(3))), Some(second)).await, (0, ONE_CALL, 0));
    assert_eq!(of(Some(world.clock.now().after(Duration::from_secs(1))), None).await, (0, 0, 0));
    let total = report(&process.kernel, CostQuery::tenant(&tenant())).await.costs.total();
    assert_eq!(total.elapsed_us, 14_000_000);
}

#[tokio::test]
async fn replays_drifts_and_refusals_cost_nothing() {
    let world = world();
    let process = priced(&world);
    let run = parent(&process).await;
    let before = report(&process.kernel, CostQuery::tenant(&tenant())).await;
    for _ in 0..5 {
        parent(&process).await;
        asked(&run, "draft", "x").replay(artana_core::decide::ReplayPolicy::AllowPromptDrift).await.unwrap();
        assert!(ask(&run, "draft", "y").await.is_err());
    }
    assert_eq!(report(&process.kernel, CostQuery::tenant(&tenant())).await, before);
    forking(&run, "draft", "write better").await.unwrap();
    let after = report(&process.kernel, CostQuery::tree(&tenant(), "r")).await;
    assert_eq!(sums(&after).1, 3 * ONE_CALL);
}

#[tokio::test]
async fn failures_of_tools_and_models_are_counted() {
    let world = world();
    let model = ScriptedModel::failing(ModelError::http(400, "no"));
    let process = world.asking_with(&model, |builder| builder.prices(prices()));
    let run = process.run("r").await;
    ask(&run, "a", "hi").await.unwrap_err();
    world.provider.next_calls([artana_testkit::provider::Manner::Refuse]);
    world.pass_time(call(&run, "b", "mail")).await.unwrap();
    world.provider.next_calls([artana_testkit::provider::Manner::LoseReply]);
    call(&run, "c", "mail").await.unwrap_err();
    let costs = report(&process.kernel, CostQuery::run(&tenant(), "r")).await.costs;
    let (total, mail) = (costs.total(), costs.tools.values().next().unwrap());
    assert_eq!((total.calls, total.failed, total.cost, total.unpriced), (1, 1, Usd::ZERO, 0));
    assert_eq!((mail.calls, mail.failed, mail.unknown), (3, 1, 1));
}

/// Writes a row that no run of events may have.
async fn break_run(world: &World, run: &Run) {
    append_past(world, run, "vandal", |row| row.event_id = artana_core::EventId::from_bytes([9; 16])).await;
}

#[tokio::test]
async fn a_broken_run_hides_none_of_the_others() {
    let world = world();
    let process = priced(&world);
    let run = parent(&process).await;
    let child = fork(&run, "draft", "write better").await;
    for id in ["a-first", "z-last"] {
        ask(&process.run(id).await, "a", "hi").await.unwrap();
    }
    break_run(&world, &child).await;
    let fresh = world.asking(&echo());
    let broken: Vec<RunRef> = vec![child.name().clone()];
    let all = report(&fresh.kernel, CostQuery::tenant(&tenant())).await;
    assert_eq!((sums(&all), &all.broken, all.runs), ((4, 4 * ONE_CALL, 3), &broken, 3));
    let tree = report(&fresh.kernel, CostQuery::tree(&tenant(), "r")).await;
    assert_eq!((sums(&tree), &tree.broken, tree.runs), ((2, 2 * ONE_CALL, 3), &broken, 1));
    assert_eq!(code(fresh.kernel.cost(&CostQuery::run(&tenant(), child.id())).await), "artana::damaged");
}
