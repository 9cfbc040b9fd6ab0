//! Children: lineage, answers from the parent's ledger, isolated failures, one shared budget.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use artana_core::{
    ModelId, Status, Usd,
    cost::{Price, PriceTable},
    event::ChildOutcome,
};
use artana_harness::{Failure, Harness, HarnessContext, Result, SupervisorHarness, Worked};
use artana_kernel::Error as KernelError;
use artana_testkit::ScriptedModel;

use crate::world::{kinds, tenant, world};

/// Runs one child, which returns what it counts.
struct One(Arc<AtomicUsize>);

impl Harness for One {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let count = Arc::clone(&self.0);
        let child = cx.run_child("count", |cx| async move {
            let counted = cx.step("count").compute(move || async move { Ok(count.fetch_add(1, Ordering::SeqCst) + 1) });
            Ok((cx.run().id().to_owned(), counted.await?))
        });
        let (child, counted): (String, usize) = child.await?;
        assert_eq!((child.as_str(), counted), ("r/session-1/count", 1));
        Worked::finished(&counted)
    }
}

#[tokio::test]
async fn a_child_has_a_ledger_of_its_own_and_a_place_in_its_parents() {
    let (world, counted) = (world(), Arc::default());
    let kernel = world.process();
    let supervisor = SupervisorHarness::new(&kernel, One(Arc::clone(&counted)));
    supervisor.run(&tenant(), "r").await.unwrap();
    let children = supervisor.children(&tenant(), "r").await.unwrap();
    let [(step, child)] = &children[..] else { panic!("{children:?}") };
    assert_eq!((step.as_str(), child.run.as_str()), ("session-1/count", "r/session-1/count"));
    assert!(matches!(child.ended, Some((_, ChildOutcome::Completed(_)))));
    let child = kernel.open_run(&tenant(), "r/session-1/count").await.unwrap();
    let lineage = child.latest(|state| state.started().lineage.clone()).await.unwrap().unwrap();
    assert_eq!((lineage.run.as_str(), lineage.step.as_str()), ("r", "session-1/count"));
    assert_eq!(kinds(&child).await, ["run_started", "harness_woke", "step_completed", "harness_slept", "run_finished"]);
    let parent = kernel.open_run(&tenant(), "r").await.unwrap();
    let session = ["harness_woke", "child_started", "child_finished", "harness_slept", "run_finished"];
    assert_eq!(kinds(&parent).await, [&["run_started"][..], &session].concat());
    assert!(parent.verify().await.unwrap().is_ok() && child.verify().await.unwrap().is_ok());
}

/// Runs children, some of which fail or panic, at most two at once.
struct Several {
    at_once: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    ran: Arc<AtomicUsize>,
    mended: bool,
}

impl Harness for Several {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let mended = self.mended;
        let children = (1..=5_u64).map(|n| {
            let (at_once, most, ran) = (Arc::clone(&self.at_once), Arc::clone(&self.most), Arc::clone(&self.ran));
            let code = move |cx: HarnessContext| async move {
                ran.fetch_add(1, Ordering::SeqCst);
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in 0..5 {
                    tokio::task::yield_now().await;
                }
                at_once.fetch_sub(1, Ordering::SeqCst);
                assert!(n != 4 || mended, "child four panics");
                if n == 2 && !mended {
                    return Err(Failure::new("child two fails"));
                }
                Ok(cx.step("n").compute(move || async move { Ok(n * 10) }).await?)
            };
            (format!("child-{n}"), code)
        });
        let results = cx.run_children(2, children).await;
        let shown: Vec<String> = results
            .into_iter()
            .map(|(key, result)| match result {
                Ok(value) => format!("{key} {value}"),
                Err(failure) => format!("{key} {}", failure.cause().map_or("failed", KernelError::code)),
            })
            .collect();
        if mended { Worked::finished(&shown) } else { Err(Failure::new(shown.join(", "))) }
    }
}

#[tokio::test]
async fn children_run_at_most_so_many_at_once_and_their_failures_are_isolated() {
    let world = world();
    let kernel = world.process();
    let several = |mended| Several { at_once: Arc::default(), most: Arc::default(), ran: Arc::default(), mended };
    let first = several(false);
    let (most, ran) = (Arc::clone(&first.most), Arc::clone(&first.ran));
    let failed = SupervisorHarness::new(&kernel, first).run(&tenant(), "r").await.unwrap_err();
    let said = failed.failure().unwrap().message().to_owned();
    let lost = "artana::child_failed";
    assert_eq!(said, format!("child-1 10, child-2 {lost}, child-3 30, child-4 {lost}, child-5 50"));
    assert_eq!((most.load(Ordering::SeqCst), ran.load(Ordering::SeqCst)), (2, 5));
    let child = kernel.open_run(&tenant(), "r/session-1/child-2").await.unwrap();
    assert_eq!(child.status().await.unwrap(), Status::Failed);

    // The next attempt starts those anew that failed, and no other.
    let second = several(true);
    let ran = Arc::clone(&second.ran);
    SupervisorHarness::new(&kernel, second).run(&tenant(), "r").await.unwrap();
    assert_eq!(ran.load(Ordering::SeqCst), 2);
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    let output = run.latest(|state| state.output().copied()).await.unwrap().unwrap();
    let output: Vec<String> = serde_json::from_slice(&run.content(&output).await.unwrap().unwrap()).unwrap();
    assert_eq!(output, ["child-1 10", "child-2 20", "child-3 30", "child-4 40", "child-5 50"]);
}

/// Asks a model in each child; each answer costs a dollar.
struct Spending;

impl Harness for Spending {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let ask = |cx: HarnessContext| async move {
            Ok(cx.step("ask").model("demo/one").prompt("Say something").await?.into_output())
        };
        let children = (1..=4).map(|n| (format!("child-{n}"), ask));
        let results: Vec<(String, Result<String>)> = cx.run_children(1, children).await;
        let answered = results.iter().filter(|(_, result)| result.is_ok()).count();
        let refused = results.iter().find_map(|(_, result)| result.as_ref().err()).map(ToString::to_string);
        Worked::finished(&(answered, refused))
    }
}

#[tokio::test]
async fn children_share_one_budget() {
    let world = world();
    let dollar = Price::per_million(Usd::dollars(1_000_000), Usd::ZERO);
    let prices = PriceTable::new([(ModelId::parse("demo/one").unwrap(), dollar)]);
    let model = ScriptedModel::text("Something.").usage(1, 0);
    let kernel = world.builder().model(model.clone()).prices(prices).build().unwrap();
    let tenant = tenant().budget(Usd::dollars(2));
    SupervisorHarness::new(&kernel, Spending).run(&tenant, "r").await.unwrap();
    let run = kernel.open_run(&tenant, "r").await.unwrap();
    let output = run.latest(|state| state.output().copied()).await.unwrap().unwrap();
    let (answered, refused): (usize, Option<String>) =
        serde_json::from_slice(&run.content(&output).await.unwrap().unwrap()).unwrap();
    assert_eq!((answered, model.calls()), (2, 2));
    assert!(refused.is_some_and(|why| why.contains("have spent $2.00 of a budget of $2.00")));
    assert_eq!(run.children().await.unwrap().len(), 2);
}

/// Its child leaves a doubt behind.
struct DoubtfulChild;

impl Harness for DoubtfulChild {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let paid = cx.run_child("pay", |cx| async move {
            cx.step("charge")
                .once(|| async { Err::<u64, _>(Failure::unknown("no answer")) })
                .await
                .map_err(Failure::from)
        });
        Worked::finished(&paid.await?)
    }
}

#[tokio::test]
async fn a_childs_doubt_ends_neither_and_names_the_childs_step() {
    let world = world();
    let kernel = world.process();
    let supervisor = SupervisorHarness::new(&kernel, DoubtfulChild);
    let stopped = supervisor.run(&tenant(), "r").await.unwrap_err();
    let Some(KernelError::ReconciliationRequired { run, step, .. }) = stopped.kernel() else { panic!("{stopped}") };
    assert_eq!((run.run.as_str(), step.as_str()), ("r/session-1/pay", "session-1/charge"));
    let child = kernel.open_run(&tenant(), "r/session-1/pay").await.unwrap();
    assert_eq!(child.status().await.unwrap(), Status::NeedsReconciliation);
    let resolved = artana_kernel::Resolve::succeeded("ann", "7", "seen at the bank");
    child.resolve("session-1/charge", resolved).await.unwrap();
    supervisor.run(&tenant(), "r").await.unwrap();
    assert_eq!(child.status().await.unwrap(), Status::Completed);
}

/// Runs one child, which waits to be cancelled with its parent.
struct Cancelled;

impl Harness for Cancelled {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let parent = cx.run().clone();
        let child = cx.run_child("kid", |cx| async move {
            parent.cancel("ann", "enough").await?;
            Ok(cx.step("more").compute(|| async { Ok(1) }).await?)
        });
        Worked::finished(&child.await?)
    }
}

#[tokio::test]
async fn a_run_that_is_cancelled_while_a_child_works_ends_with_it_and_says_so() {
    let world = world();
    let kernel = world.process();
    let supervisor = SupervisorHarness::new(&kernel, Cancelled);
    let worked = supervisor.run(&tenant(), "r").await;
    assert!(worked.is_err(), "{worked:?}");
    for id in ["r", "r/session-1/kid"] {
        let run = kernel.open_run(&tenant(), id).await.unwrap();
        assert_eq!(run.status().await.unwrap(), Status::Cancelled, "{id}");
        assert!(run.verify().await.unwrap().is_ok());
    }
    let again = supervisor.run(&tenant(), "r").await.unwrap_err();
    assert!(matches!(again.kernel(), Some(KernelError::Ended { status: Status::Cancelled, .. })), "{again:?}");
}
