//! One budget for a run and all that it begins in runs of their own: it is looked at before each child and each session,
//! and raising it is enough to go on.

use artana_core::{
    Actor, ModelId, Tenant, Usd,
    cost::{Price, PriceTable},
};
use artana_harness::{
    DraftReviewVerify, DraftReviewVerifySupervisor, Failure, Harness, HarnessContext, IncrementalTaskHarness,
    IncrementalTasks, Result, SupervisorHarness, TaskUnit, Worked,
};
use artana_kernel::{BudgetSpent, Error as KernelError, Kernel};
use artana_testkit::ScriptedModel;
use serde_json::Value;

use crate::world::{World, kinds, tenant, world};

/// A process whose model answers for a dollar, and that model.
fn paid(world: &World) -> (Kernel, ScriptedModel) {
    let dollar = Price::per_million(Usd::dollars(1_000_000), Usd::ZERO);
    let prices = PriceTable::new([(ModelId::parse("demo/one").expect("fit"), dollar)]);
    let model = ScriptedModel::text("Something.").usage(1, 0);
    let kernel = world.builder().model(model.clone()).prices(prices).build().expect("a sound kernel");
    (kernel, model)
}

fn with(dollars: u64) -> Tenant {
    tenant().budget(Usd::dollars(dollars))
}

async fn raise(kernel: &Kernel, dollars: u64) {
    kernel.grant(&with(dollars), "r", Actor::parse("ann").expect("fit")).await.expect("it has not ended");
}

async fn ask(cx: HarnessContext) -> Result<String> {
    Ok(cx.step("ask").model("demo/one").prompt("Say something").await?.into_output())
}

/// Says what was spent of what, if that is why it was refused.
fn spent(error: &artana_harness::Error) -> (String, Usd, Usd) {
    let Some(KernelError::BudgetSpent(refused)) = error.kernel() else { panic!("{error:?}") };
    let BudgetSpent { run, spent, budget, .. } = &**refused;
    assert_eq!(error.code(), "artana::budget_spent");
    for amount in [spent, budget] {
        assert!(error.to_string().contains(&amount.to_string()), "{error}");
    }
    (run.run.to_string(), *spent, *budget)
}

fn dollars(spent: u64, budget: u64) -> (String, Usd, Usd) {
    ("r".into(), Usd::dollars(spent), Usd::dollars(budget))
}

/// Runs four children one by one.
struct OneByOne;

impl Harness for OneByOne {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        for n in 1..=4 {
            cx.run_child(&format!("child-{n}"), ask).await?;
        }
        Worked::finished(&())
    }
}

#[tokio::test]
async fn children_one_by_one_share_one_budget_and_go_on_once_it_is_raised() {
    let world = world();
    let (kernel, model) = paid(&world);
    let supervisor = SupervisorHarness::new(&kernel, OneByOne);
    let refused = supervisor.run(&with(2), "r").await.unwrap_err();
    assert_eq!((spent(&refused), model.calls()), (dollars(2, 2), 2));
    assert_eq!(supervisor.children(&with(2), "r").await.unwrap().len(), 2, "the third was not started");
    raise(&kernel, 3).await;
    // Whoever asks as before is bound to what was granted too.
    let refused = supervisor.run(&with(2), "r").await.unwrap_err();
    assert_eq!((spent(&refused), model.calls()), (dollars(3, 3), 3));
    raise(&kernel, 9).await;
    assert!(supervisor.run(&with(9), "r").await.unwrap().status.is_finished());
    assert_eq!(model.calls(), 4, "what was paid for is not asked again");
}

/// Asks in each part of each round, and is never content.
struct Dear;

impl DraftReviewVerify for Dear {
    type Draft = String;
    type Review = String;
    type Verified = String;

    async fn draft(&self, cx: &HarnessContext, _: Option<&(String, String)>) -> Result<String> {
        Ok(cx.step("ask").model("demo/one").prompt("Draft it").await?.into_output())
    }

    async fn review(&self, cx: &HarnessContext, _: &String) -> Result<String> {
        Ok(cx.step("ask").model("demo/one").prompt("Review it").await?.into_output())
    }

    async fn verify(&self, cx: &HarnessContext, _: &String, _: &String) -> Result<String> {
        Ok(cx.step("ask").model("demo/one").prompt("Verify it").await?.into_output())
    }

    fn approves(&self, _: &String, _: &String) -> bool {
        false
    }
}

#[tokio::test]
async fn the_rounds_of_a_review_end_with_the_budget() {
    let world = world();
    let (kernel, model) = paid(&world);
    let supervisor = DraftReviewVerifySupervisor::new(&kernel, Dear).rounds(3);
    let refused = supervisor.run(&with(4), "r").await.unwrap_err();
    assert_eq!((spent(&refused), model.calls()), (dollars(4, 4), 4));
    raise(&kernel, 100).await;
    assert_eq!(supervisor.run(&with(100), "r").await.unwrap().rounds, 3);
    assert_eq!(model.calls(), 9);
}

/// Three tasks, each of which asks for a dollar.
struct Asking;

impl IncrementalTasks for Asking {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(["a", "b", "c"].map(|id| TaskUnit::new(id, id)).into())
    }

    async fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        cx.step("ask").model("demo/one").prompt("Say something").await?;
        match task.id() {
            "b" if cx.attempt() == 1 => Err(Failure::new("not this time")),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn no_session_begins_once_the_budget_is_spent() {
    let world = world();
    let (kernel, model) = paid(&world);
    let harness = IncrementalTaskHarness::new(&kernel, Asking);
    harness.run(&with(2), "r").await.unwrap();
    harness.run(&with(2), "r").await.unwrap_err();
    let run = kernel.open_run(&with(2), "r").await.unwrap();
    let before = kinds(&run).await;
    let refused = harness.run(&with(2), "r").await.unwrap_err();
    assert_eq!((spent(&refused), kinds(&run).await), (dollars(2, 2), before));
    raise(&kernel, 3).await;
    for _ in 0..2 {
        harness.run(&with(3), "r").await.unwrap();
    }
    // It is completed, and answers however much was spent.
    assert!(harness.run(&with(3), "r").await.unwrap().status.is_finished());
    assert_eq!(model.calls(), 3);
}

/// Has the tasks done in a child.
struct Above(IncrementalTaskHarness<Asking>);

impl Harness for Above {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let returned: Value = cx.run_child_harness("tasks", &self.0).await?;
        Worked::finished(&returned)
    }
}

#[tokio::test]
async fn a_child_under_way_is_granted_what_its_parent_was() {
    let world = world();
    let (kernel, model) = paid(&world);
    let supervisor = SupervisorHarness::new(&kernel, Above(IncrementalTaskHarness::new(&kernel, Asking)));
    let failed = supervisor.run(&with(2), "r").await.unwrap_err();
    assert_eq!(failed.code(), "artana::harness_failed");
    let refused = supervisor.run(&with(2), "r").await.unwrap_err();
    assert_eq!((spent(&refused), model.calls()), (dollars(2, 2), 2));
    raise(&kernel, 3).await;
    assert!(supervisor.run(&with(3), "r").await.unwrap().status.is_finished());
    assert_eq!((supervisor.children(&with(3), "r").await.unwrap().len(), model.calls()), (1, 3));
}

/// Its child asks, and then has a child of its own ask.
struct Nested;

impl Harness for Nested {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let child = cx.run_child("child", |cx| async move {
            cx.step("ask").model("demo/one").prompt("Say something").await?;
            cx.run_child("grandchild", ask).await
        });
        Worked::finished(&child.await?)
    }
}

#[tokio::test]
async fn a_child_of_a_child_spends_of_the_budget_at_the_top() {
    let world = world();
    let (kernel, model) = paid(&world);
    let supervisor = SupervisorHarness::new(&kernel, Nested);
    let refused = supervisor.run(&with(1), "r").await.unwrap_err();
    assert_eq!((spent(&refused), model.calls()), (dollars(1, 1), 1));
    raise(&kernel, 2).await;
    assert!(supervisor.run(&with(1), "r").await.unwrap().status.is_finished());
    assert_eq!(model.calls(), 2);
}
