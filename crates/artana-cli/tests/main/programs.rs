//! A ledger of workflows that wait, each for something else, and of some that have ended. Clock and randomness are
//! given, so that the same ledger comes out every time.

use std::{sync::Arc, time::Duration};

use artana::harness::{HarnessContext, IncrementalTaskHarness, IncrementalTasks, TaskUnit};
use artana_core::{
    ModelId, Tenant, Usd,
    cost::{Price, PriceTable},
};
use artana_kernel::{ClosureTool, Failure, Kernel, Retry, Rollback, WorkflowContext, tool};
use artana_ports::{ToolContext, ToolError};
use artana_store_sqlite::SqliteStore;
use artana_testkit::{SeededEntropy, SimClock};

use crate::{
    stories::answering,
    support::{SECRET, World, runtime},
};

/// The runs, and how `run explain` ends for each.
pub(crate) const PROGRAMS: [(&str, i32); 11] = [
    ("asks", 3),
    ("stopped", 3),
    ("sleeps", 0),
    ("waits", 0),
    ("parent", 0),
    ("waits-for-child", 0),
    ("cancelling", 0),
    ("undone", 1),
    ("raced", 0),
    ("queued", 0),
    ("migration", 0),
];

/// Three tasks, which take ten seconds each.
struct Migration(SimClock);

impl IncrementalTasks for Migration {
    async fn define_tasks(&self, _cx: &HarnessContext) -> artana::harness::Result<Vec<TaskUnit>> {
        Ok(["backup", "migrate", "check"].map(|id| TaskUnit::new(id, said(id))).into())
    }

    async fn work_on(&self, cx: &HarnessContext, _task: &TaskUnit) -> artana::harness::Result<()> {
        self.0.advance(Duration::from_secs(10));
        cx.step("work").compute(|| async { Ok(1) }).await?;
        Ok(())
    }
}

fn said(what: &str) -> String {
    format!("{what} {SECRET}")
}

fn tenant() -> Tenant {
    Tenant::new("default").capability("payments:charge")
}

struct Author {
    kernel: Kernel,
    clock: SimClock,
    charge: ClosureTool<String, String>,
}

impl World {
    /// A ledger with all programs in it.
    pub(crate) fn programmed() -> Self {
        let world = Self::empty();
        runtime().block_on(async {
            let author = Author::over(&world).await;
            author.waiting().await;
            author.ended().await;
            author.related().await;
            author.long().await;
            author.kernel.close().await.unwrap();
        });
        world
    }

    /// Runs the code of `asks` once more, in another process.
    pub(crate) async fn asks_again(&self) -> Option<u64> {
        let author = Author::over(self).await;
        let outcome = author.kernel.workflow(&tenant(), "asks", asks).await.unwrap();
        author.kernel.close().await.unwrap();
        outcome.completed()
    }
}

async fn asks(cx: WorkflowContext) -> Result<u64, Failure> {
    cx.scope("draft").step("letter").model("demo/one").prompt(said("write")).await?;
    Ok(cx.pause::<u64>("approve", said("send it?")).await?)
}

impl Author {
    async fn over(world: &World) -> Self {
        let clock = SimClock::new();
        let charge = charging(clock.clone());
        let price = Price { cached: Usd::cents(30), input: Usd::dollars(3), output: Usd::dollars(15) };
        let kernel = Kernel::builder(SqliteStore::open(world.ledger()).await.unwrap())
            .clock(Arc::new(clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(7)))
            .model(answering()(clock.clone()))
            .prices(PriceTable::new([(ModelId::parse("demo/one").unwrap(), price)]))
            .tool(charge.clone())
            .build()
            .unwrap();
        Self { kernel, clock, charge }
    }

    /// Drives a workflow as far as it comes.
    async fn write<F, Fut>(&self, id: &str, code: F)
    where
        F: FnOnce(WorkflowContext) -> Fut + Send,
        Fut: Future<Output = Result<u64, Failure>> + Send,
    {
        self.clock.advance(Duration::from_secs(60));
        // Whether it ends well is the story's matter.
        self.kernel.workflow(&tenant(), id, code).await.ok();
    }

    async fn waiting(&self) {
        self.write("asks", asks).await;
        let stopped = self.kernel.start_run(&tenant(), "stopped").await.unwrap();
        stopped.pause("ann", &said("hold on")).await.unwrap();
        stopped.block("audit", "bob", &said("under audit")).await.unwrap();
        self.write("sleeps", |cx| async move {
            let first = cx.step("first").compute(|| async { Ok(1) }).await?;
            cx.sleep("nap", Duration::from_secs(3600)).await?;
            Ok(first)
        })
        .await;
        self.write("waits", |cx| async move {
            let first = cx.signal::<u64>("go").await?;
            Ok(first + cx.signal::<u64>("go").await?)
        })
        .await;
        self.clock.advance(Duration::from_secs(5));
        self.kernel.signal(&tenant(), "waits", ("go", "ann"), &1).await.unwrap();
        self.write("waits", |cx| async move {
            let first = cx.signal::<u64>("go").await?;
            Ok(first + cx.signal::<u64>("go").await?)
        })
        .await;
        let enqueued = self.kernel.enqueue(&tenant(), "greet", &said("Ada")).id("queued").queue("mail");
        enqueued.priority(3).delay(Duration::from_secs(60)).await.unwrap();
    }

    async fn ended(&self) {
        let charge = self.charge.clone();
        self.write("cancelling", |cx| async move {
            cx.step("charge").tool(&charge, &said("card")).await?;
            cx.on_rollback("refund", give_back).await?;
            cx.step("book").compute(|| async { Ok(1_u64) }).await?;
            cx.on_rollback("unbook", give_back).await?;
            Ok(cx.signal::<u64>("go").await?)
        })
        .await;
        let run = self.kernel.open_run(&tenant(), "cancelling").await.unwrap();
        run.cancel("ann", &said("enough")).await.unwrap();
        let charge = self.charge.clone();
        self.write("undone", |cx| async move {
            cx.step("charge").tool(&charge, &said("card")).await?;
            cx.on_rollback("refund", give_back).await?;
            let twice = Retry::attempts(2).backoff(Duration::ZERO, Duration::ZERO);
            cx.step("letter").retry(twice).compute(no_ink).await?;
            Ok(1)
        })
        .await;
        self.write("raced", |cx| async move {
            let nap = cx.sleep("nap", Duration::from_secs(1));
            cx.race(nap, cx.signal::<u64>("never")).await;
            Ok(cx.step("after").once(|| async { Ok(2) }).await?)
        })
        .await;
        self.clock.advance(Duration::from_secs(2));
        self.write("raced", |cx| async move {
            let nap = cx.sleep("nap", Duration::from_secs(1));
            cx.race(nap, cx.signal::<u64>("never")).await;
            Ok(cx.step("after").once(|| async { Ok(2) }).await?)
        })
        .await;
    }

    /// One session of three.
    async fn long(&self) {
        let harness = IncrementalTaskHarness::new(&self.kernel, Migration(self.clock.clone()));
        harness.run(&tenant(), "migration").await.unwrap();
    }

    async fn related(&self) {
        self.write("parent", |cx| async move {
            let whole = cx.step("whole").compute(|| async { Ok(40_u64) }).await?;
            let part = cx.child("parts/one", |cx| async move {
                cx.step("ask").model("demo/one").prompt(said("and?")).await?;
                Ok(cx
                    .child("inner", |cx| async move { Ok(cx.step("two").once(|| async { Ok(2_u64) }).await?) })
                    .await?)
            });
            Ok(whole + part.await?)
        })
        .await;
        self.write("waits-for-child", |cx| async move {
            Ok(cx.child("part", |cx| async move { Ok(cx.signal::<u64>("go").await?) }).await?)
        })
        .await;
    }
}

async fn no_ink() -> Result<u64, Failure> {
    Err(Failure::transient(said("no ink")))
}

async fn give_back(cx: Rollback) -> Result<(), Failure> {
    cx.step("give").once(|| async { Ok(0_u64) }).await?;
    Ok(())
}

fn charging(clock: SimClock) -> ClosureTool<String, String> {
    let declared = tool("charge_credit_card").capability("payments:charge").idempotent(Duration::from_secs(86_400));
    declared.handler(move |_card: String, _cx: ToolContext| {
        clock.advance(Duration::from_millis(300));
        async { Ok::<_, ToolError>(said("receipt")) }
    })
}
