//! Every single crash of a harness: it recovers by itself, or stops at a doubt that it names.

use std::sync::Arc;

use artana_core::Tenant;
use artana_harness::{
    Harness, HarnessContext, IncrementalTaskHarness, IncrementalTasks, Progress, Result, SupervisorHarness, TaskUnit,
    TestDrivenContext, TestDrivenHarness, TestDrivenTasks, TraceLevel, Verdict, Worked,
};
use artana_kernel::{Error as KernelError, Kernel, ToolRef, tool};
use artana_ports::{ModelPort, ToolContext, ToolError, ToolPort};
use artana_testkit::{
    ScriptedModel,
    crash::{CrashReport, CrashWorld, Scenario},
    crash_everywhere, crash_twice_everywhere,
    provider::{Provider, ProviderFault},
};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::world::tenant;

const RUN: &str = "r";
const CHARGE: ToolRef<Value, Value> = ToolRef::new("charge");
const TEST: ToolRef<Value, Value> = ToolRef::new("test");

fn five() -> Value {
    json!({ "cents": 5 })
}

fn charge(provider: &Provider, args: &Value, cx: &ToolContext) -> std::result::Result<Value, ToolError> {
    match provider.charge(cx.idempotency_key(), args) {
        Ok(receipt) => Ok(serde_json::from_slice(&receipt.reply)?),
        Err(ProviderFault::Refused) => Err(ToolError::transient("refused")),
        Err(ProviderFault::ReplyLost) => Err(ToolError::unknown("reply lost")),
    }
}

/// A tool that charges, can be asked what became of it, and one that only looks.
fn tools(world: &CrashWorld, probed: bool) -> Vec<Arc<dyn ToolPort>> {
    let provider = world.provider.clone();
    let builder = tool("charge").side_effect();
    let charger = builder.handler(move |args: Value, cx: ToolContext| {
        let charged = charge(&provider, &args, &cx);
        async move { charged }
    });
    let test = tool("test").handler(|args: Value, _| async move { Ok(json!({ "passed": args })) });
    let provider = world.provider.clone();
    let probe = move |_, cx: ToolContext| {
        let found = provider.lookup(cx.idempotency_key());
        async move { found.map(|found| Ok(serde_json::from_slice(&found.reply)?)).transpose() }
    };
    let charger: Arc<dyn ToolPort> = if probed { Arc::new(charger.probe(probe)) } else { Arc::new(charger) };
    vec![charger, Arc::new(test)]
}

/// What a harness ends with, as the kernel's user sees it.
fn seen(error: artana_harness::Error) -> KernelError {
    error.kernel().cloned().unwrap_or_else(|| KernelError::Internal(error.to_string()))
}

fn shown(progress: &Progress) -> Value {
    json!({ "done": progress.done, "total": progress.total, "status": progress.status.as_str() })
}

/// Asks the charging tool's probe about a step in doubt.
async fn reconcile(kernel: &Kernel, doubt: KernelError) -> std::result::Result<(), KernelError> {
    let KernelError::ReconciliationRequired { run, step, .. } = &doubt else { return Err(doubt) };
    let run = kernel.open_run(&tenant(), run.run.as_str()).await?;
    run.step(step.as_str()).reconcile(CHARGE, &five()).await.map(drop)
}

struct Incremental {
    probed: bool,
}

struct Paying;

impl IncrementalTasks for Paying {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(vec![TaskUnit::new("a", "First"), TaskUnit::new("b", "Second")])
    }

    async fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        let text = cx.step("ask").model("demo/one").prompt(format!("What of {}?", task.id())).await?.into_output();
        cx.step("charge").tool(CHARGE, &five()).await?;
        cx.run().set_artifact(task.id(), &text, 1).await?;
        Ok(())
    }
}

#[async_trait]
impl Scenario for Incremental {
    fn tools(&self, world: &CrashWorld) -> Vec<Arc<dyn ToolPort>> {
        tools(world, self.probed)
    }

    fn model(&self, _: &CrashWorld) -> Option<Arc<dyn ModelPort>> {
        Some(Arc::new(ScriptedModel::text("this")))
    }

    fn runs(&self) -> Vec<(Tenant, String)> {
        vec![(tenant(), RUN.into())]
    }

    async fn run(&self, kernel: &Kernel, _: &CrashWorld) -> std::result::Result<Value, KernelError> {
        let harness = IncrementalTaskHarness::new(kernel, Paying).trace(TraceLevel::Verbose);
        loop {
            let progress = harness.run(&tenant(), RUN).await.map_err(seen)?;
            if progress.status.is_finished() {
                return Ok(shown(&progress));
            }
        }
    }

    async fn reconcile(
        &self,
        kernel: &Kernel,
        _: &CrashWorld,
        doubt: KernelError,
    ) -> std::result::Result<(), KernelError> {
        if self.probed { reconcile(kernel, doubt).await } else { Err(doubt) }
    }

    fn may_stay_unknown(&self) -> bool {
        !self.probed
    }
}

/// One task that looks at something, in one step.
struct Looking;

impl IncrementalTasks for Looking {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(vec![TaskUnit::new("look", "Look at it")])
    }

    async fn work_on(&self, cx: &HarnessContext, _: &TaskUnit) -> Result<()> {
        cx.step("look").tool(TEST, &five()).await?;
        Ok(())
    }
}

#[async_trait]
impl Scenario for Looking {
    fn tools(&self, world: &CrashWorld) -> Vec<Arc<dyn ToolPort>> {
        tools(world, true)
    }

    fn runs(&self) -> Vec<(Tenant, String)> {
        vec![(tenant(), RUN.into())]
    }

    async fn run(&self, kernel: &Kernel, _: &CrashWorld) -> std::result::Result<Value, KernelError> {
        let harness = IncrementalTaskHarness::new(kernel, Self);
        Ok(shown(&harness.run(&tenant(), RUN).await.map_err(seen)?))
    }
}

struct UnderTest;

struct Coding;

impl TestDrivenTasks for Coding {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(["parser", "printer"].map(|id| TaskUnit::new(id, format!("Write the {id}"))).into())
    }

    async fn work_on(&self, cx: &TestDrivenContext, task: &TaskUnit) -> Result<artana_harness::Committed> {
        let code = cx.next("draft").model("demo/one").prompt(format!("Write {}", task.id())).await?.into_output();
        cx.verify_and_commit(TEST, &json!(code), |seen| match seen["passed"].is_null() {
            true => Verdict::Refused("it did not run".into()),
            false => Verdict::Accepted,
        })
        .await
    }
}

#[async_trait]
impl Scenario for UnderTest {
    fn tools(&self, world: &CrashWorld) -> Vec<Arc<dyn ToolPort>> {
        tools(world, true)
    }

    fn model(&self, _: &CrashWorld) -> Option<Arc<dyn ModelPort>> {
        Some(Arc::new(ScriptedModel::text("fn main() {}")))
    }

    fn runs(&self) -> Vec<(Tenant, String)> {
        vec![(tenant(), RUN.into())]
    }

    async fn run(&self, kernel: &Kernel, _: &CrashWorld) -> std::result::Result<Value, KernelError> {
        let harness = TestDrivenHarness::new(kernel, Coding).drain();
        Ok(shown(&harness.run(&tenant(), RUN).await.map_err(seen)?))
    }
}

struct Supervised;

struct Shop;

impl Harness for Shop {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        cx.enter_stage("collect", 1).await?;
        let pay = |cx: HarnessContext| async move {
            let receipt = cx.step("charge").tool(CHARGE, &five()).await?;
            Ok(receipt.into_output()["charge"].clone())
        };
        let collected = cx.run_children(2, ["one", "two"].map(|key| (key.to_owned(), pay))).await;
        let mut charges = Vec::new();
        for (_, charge) in collected {
            charges.push(charge?);
        }
        cx.enter_stage("report", 1).await?;
        let asked = |cx: HarnessContext| async move {
            Ok(cx.step("ask").model("demo/one").prompt("How did it go?").await?.into_output())
        };
        let report: String = cx.run_child("report", asked).await?;
        Worked::finished(&(charges.len(), report))
    }
}

#[async_trait]
impl Scenario for Supervised {
    fn tools(&self, world: &CrashWorld) -> Vec<Arc<dyn ToolPort>> {
        tools(world, true)
    }

    fn model(&self, _: &CrashWorld) -> Option<Arc<dyn ModelPort>> {
        Some(Arc::new(ScriptedModel::text("Well.")))
    }

    fn runs(&self) -> Vec<(Tenant, String)> {
        let children = ["one", "two", "report"].map(|key| (tenant(), format!("{RUN}/session-1/{key}")));
        std::iter::once((tenant(), RUN.into())).chain(children).collect()
    }

    async fn run(&self, kernel: &Kernel, world: &CrashWorld) -> std::result::Result<Value, KernelError> {
        let harness = SupervisorHarness::new(kernel, Shop).trace(TraceLevel::Stage);
        let progress = harness.run(&tenant(), RUN).await.map_err(seen)?;
        let children = harness.children(&tenant(), RUN).await.map_err(seen)?;
        let ended = children.iter().filter(|(_, child)| child.ended.is_some()).count();
        world.told("children", &json!(ended));
        Ok(shown(&progress))
    }

    async fn reconcile(
        &self,
        kernel: &Kernel,
        _: &CrashWorld,
        doubt: KernelError,
    ) -> std::result::Result<(), KernelError> {
        reconcile(kernel, doubt).await
    }
}

struct ChildHarness;

/// Has the same tasks done in a child.
struct Office(IncrementalTaskHarness<Paying>);

impl Harness for Office {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let returned: Value = cx.run_child_harness("pay", &self.0).await?;
        Worked::finished(&returned)
    }
}

#[async_trait]
impl Scenario for ChildHarness {
    fn tools(&self, world: &CrashWorld) -> Vec<Arc<dyn ToolPort>> {
        tools(world, true)
    }

    fn model(&self, _: &CrashWorld) -> Option<Arc<dyn ModelPort>> {
        Some(Arc::new(ScriptedModel::text("this")))
    }

    fn runs(&self) -> Vec<(Tenant, String)> {
        vec![(tenant(), RUN.into()), (tenant(), format!("{RUN}/session-1/pay"))]
    }

    async fn run(&self, kernel: &Kernel, _: &CrashWorld) -> std::result::Result<Value, KernelError> {
        let office = Office(IncrementalTaskHarness::new(kernel, Paying));
        Ok(shown(&SupervisorHarness::new(kernel, office).run(&tenant(), RUN).await.map_err(seen)?))
    }

    async fn reconcile(
        &self,
        kernel: &Kernel,
        _: &CrashWorld,
        doubt: KernelError,
    ) -> std::result::Result<(), KernelError> {
        reconcile(kernel, doubt).await
    }
}

fn sound(report: &CrashReport, points: usize) {
    let violations: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    assert_eq!(violations, Vec::<String>::new());
    assert!(report.points.len() >= points, "{} points", report.points.len());
    assert!(report.worlds >= report.points.len());
}

#[test]
fn incremental_tasks_survive_every_crash() {
    sound(&crash_everywhere(&Incremental { probed: true }), 40);
}

#[test]
fn without_a_probe_they_stop_at_a_doubt_that_they_name() {
    let report = crash_everywhere(&Incremental { probed: false });
    sound(&report, 40);
    assert!(report.unknown > 0, "a charge was cut");
}

#[test]
fn tasks_under_test_survive_every_crash() {
    sound(&crash_everywhere(&UnderTest), 30);
}

#[test]
fn a_task_survives_two_crashes() {
    sound(&crash_twice_everywhere(&Looking), 15);
}

#[test]
fn a_supervisor_and_its_children_survive_every_crash() {
    sound(&crash_everywhere(&Supervised), 60);
}

#[test]
fn a_harness_in_a_child_survives_every_crash() {
    sound(&crash_everywhere(&ChildHarness), 60);
}
