//! The workflows that workers drive while they are killed: one with every kind of step, one that is all computing,
//! and one that kills whoever drives it. Workers and the tests that judge them share it.

use std::{path::PathBuf, time::Duration};

use artana_kernel::{Error, Failure, Kernel, Retry, Rollback, WorkflowContext};

use crate::{diary::Diary, work::Tools};

/// The workflow with every kind of step. It is given a number; every fourth one fails and is undone.
pub const ORDER: &str = "order";
/// The workflow that only computes.
pub const SUM: &str = "sum";
/// The workflow whose process dies in it until a file is there.
pub const POISON: &str = "poison";
/// The workflow that stays in one step until a file is there.
pub const HELD: &str = "held";

/// Steps of an order with an effect outside, each with its tool; the last one lies in the child.
pub const EFFECTS: [(&str, &str); 2] = [("pay", "charge"), ("note", "register")];
/// The child of an order.
pub const CHILD: &str = "parcel";
/// What an order's child has done outside.
pub const SHIPPED: (&str, &str) = ("ship", "charge");
/// What undoes an order that failed.
pub const REFUND: (&str, &str) = ("unpay/refund", "charge");
/// The places at which an order and its child have something done once.
pub const ONCE: [&str; 2] = ["greet", "stamp"];

/// Returns whether the order of this number fails.
#[must_use]
pub fn is_spoiled(n: u64) -> bool {
    n % 4 == 3
}

/// Returns what the order of this number returns.
#[must_use]
pub fn total(n: u64) -> u64 {
    n + (0..4).sum::<u64>()
}

/// Returns how many steps that compute a run has under way at once: an order has its parts.
#[must_use]
pub fn at_once(run: &str) -> usize {
    let is_order = run.starts_with(ORDER) && !run.contains('/');
    if is_order { PARTS } else { 1 }
}

/// How many parts an order has.
const PARTS: usize = 4;

/// How many values the other workflow adds up.
pub const ADDENDS: u64 = 12;

/// The workflows, with what they act on.
#[derive(Debug, Clone)]
pub struct Flows {
    /// The tools they call.
    pub tools: Tools,
    /// Where their closures say that they run.
    pub diary: Diary,
    /// The file that cures what waits for it.
    pub cure: PathBuf,
}

impl Flows {
    /// Registers all of them.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn register(&self, kernel: &Kernel) -> Result<(), Error> {
        let flows = self.clone();
        kernel.register(ORDER, move |cx, n| flows.clone().order(cx, n))?;
        let flows = self.clone();
        kernel.register(SUM, move |cx, _: u64| flows.clone().sum(cx))?;
        let flows = self.clone();
        kernel.register(POISON, move |cx, _: u64| flows.clone().poison(cx))?;
        let flows = self.clone();
        kernel.register(HELD, move |cx, _: u64| flows.clone().held(cx))
    }

    async fn order(self, cx: WorkflowContext, n: u64) -> Result<u64, Failure> {
        let price = self.compute(&cx, "price".into(), n).await?;
        let flows = self.clone();
        cx.on_rollback("unpay", move |undo| flows.refund(undo, n)).await?;
        cx.step("pay").reconcile(self.tools.named("charge"), &n).await?;
        cx.sleep("rest", Duration::from_millis(5)).await?;
        let parts = cx.join_all((0..4).map(|part| self.compute(&cx, format!("part-{part}"), part))).await;
        let (slow, run) = (self.clone(), cx.run().id().to_owned());
        let slow = cx.step("slow").compute(move || async move { slow.slowly(&run).await });
        cx.race(slow, cx.sleep("impatience", Duration::from_millis(6))).await;
        cx.step("note").reconcile(self.tools.named("register"), &n).await?;
        self.once(&cx, "greet").await?;
        let flows = self.clone();
        cx.child(CHILD, move |cx| flows.parcel(cx, n)).await?;
        if is_spoiled(n) {
            return Err(Failure::new("spoiled"));
        }
        parts.into_iter().try_fold(price, |sum, part| Ok(sum + part?))
    }

    async fn parcel(self, cx: WorkflowContext, n: u64) -> Result<u64, Failure> {
        self.compute(&cx, "weigh".into(), n).await?;
        cx.step(SHIPPED.0).reconcile(self.tools.named(SHIPPED.1), &n).await?;
        self.once(&cx, "stamp").await?;
        Ok(n)
    }

    async fn refund(self, undo: Rollback, n: u64) -> Result<(), Failure> {
        let charge = self.tools.named("charge");
        match undo.step("refund").tool(charge, &n).await {
            Err(error) if error.needs_reconciliation() => undo.step("refund").reconcile(charge, &n).await?,
            answer => answer?,
        };
        Ok(())
    }

    async fn sum(self, cx: WorkflowContext) -> Result<u64, Failure> {
        let mut sum = 0;
        for n in 0..ADDENDS {
            sum += self.compute(&cx, format!("add-{n}"), n).await?;
        }
        Ok(sum)
    }

    async fn poison(self, cx: WorkflowContext) -> Result<u64, Failure> {
        let harmless = self.compute(&cx, "before".into(), 1).await?;
        let (cure, diary, run) = (self.cure, self.diary, cx.run().id().to_owned());
        let deadly = move || async move {
            diary.note("compute", &run, "deadly")?;
            if cure.exists() { Ok(harmless) } else { std::process::abort() }
        };
        Ok(cx.step("deadly").compute(deadly).await?)
    }

    async fn held(self, cx: WorkflowContext) -> Result<u64, Failure> {
        let (cure, diary, run) = (self.cure, self.diary, cx.run().id().to_owned());
        let held = move || async move {
            diary.note("compute", &run, "held")?;
            while !cure.exists() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(0_u64)
        };
        Ok(cx.step("held").compute(held).await?)
    }

    /// A step that may run again until it is recorded.
    async fn compute(&self, cx: &WorkflowContext, step: String, n: u64) -> Result<u64, Failure> {
        let (diary, run, key) = (self.diary.clone(), cx.run().id().to_owned(), step.clone());
        let body = move || async move {
            diary.note("compute", &run, &key)?;
            Ok(n)
        };
        Ok(cx.step(step).compute(body).await?)
    }

    async fn slowly(&self, run: &str) -> Result<(), Failure> {
        self.diary.note("compute", run, "slow")?;
        tokio::time::sleep(Duration::from_millis(6)).await;
        Ok(())
    }

    /// Has something done once. When a person says that it was not done, the next key has its turn.
    async fn once(&self, cx: &WorkflowContext, place: &str) -> Result<(), Failure> {
        for turn in 0_u32.. {
            let (diary, run, key) = (self.diary.clone(), cx.run().id().to_owned(), format!("{place}/{turn}"));
            let step =
                cx.step(&key).retry(Retry::attempts(3).backoff(Duration::from_millis(1), Duration::from_millis(1)));
            let body = move || {
                let (diary, run, key) = (diary.clone(), run.clone(), key.clone());
                async move { Ok(diary.note("once", &run, &key)?) }
            };
            if step.once(body).await.is_ok() {
                return Ok(());
            }
        }
        unreachable!("nobody says so for ever")
    }
}
