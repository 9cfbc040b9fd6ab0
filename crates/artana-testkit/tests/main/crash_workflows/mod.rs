//! Every single crash of workflows, with whatever they wait for, and workflows that must be caught.

mod caught;
mod children;
mod moved;
mod steps;
mod undoing;
mod waits;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use artana_core::{Step, Tenant, event::Body};
use artana_kernel::{Error, Failure, Kernel, Resolve, Run, WorkflowContext, WorkflowOutcome, tool};
use artana_ports::{Clock, ModelAnswer, ModelPort, ToolContext, ToolPort};
use artana_testkit::{
    ScriptedModel,
    crash::{Closures, CrashReport, CrashWorld, Scenario},
    crash_everywhere,
    provider::{Keys, Manner, Provider},
};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::crash::{booked, charge, sound};

const ARGS: &str = r#"{"cents":5}"#;
const DAY: Duration = Duration::from_secs(86_400);

/// What the closures of a workflow act on, which outlives every crash.
#[derive(Clone)]
struct Outside {
    provider: Provider,
    closures: Closures,
}

impl Outside {
    /// What a closure that may be repeated does: nothing but to note itself.
    fn compute(&self, run: &Run, step: &str, value: u64) -> Result<u64, Failure> {
        self.closures.ran(run, step);
        Ok(value)
    }

    /// What a closure that must not be repeated does: an effect under a key of the run and the step.
    fn once(&self, run: &Run, step: &str) -> Result<Value, Failure> {
        self.closures.ran(run, step);
        let charged = self.provider.charge(&of_once(run, step), &json!(step));
        match charged {
            Ok(receipt) => Ok(json!({ "charge": receipt.effect_id })),
            Err(refused) => Err(Failure::unknown(refused)),
        }
    }
}

fn of_once(run: &Run, step: &str) -> String {
    format!("{}/{step}", run.name())
}

type Coded = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;
type Code = fn(WorkflowContext, Outside) -> Coded;

/// A workflow, and what is done whenever it is left.
struct Program {
    code: Code,
    /// The code before a change, which runs until the first signal is sent.
    before: Option<Code>,
    /// What is sent when it waits for a signal: all of it at once.
    signals: &'static [(&'static str, u64)],
    /// Whether it is cancelled when it is left for the first time.
    cancels: bool,
    /// What it returns, where that is the same in every world.
    returns: Option<Value>,
    keys: Keys,
    manners: &'static [Manner],
}

impl Program {
    fn new(code: Code) -> Self {
        Self { code, before: None, signals: &[], cancels: false, returns: None, keys: Keys::Ignored, manners: &[] }
    }

    async fn drive(
        &self,
        kernel: &Kernel,
        world: &CrashWorld,
        sent: bool,
    ) -> Result<Result<WorkflowOutcome<Value>, Value>, Error> {
        let outside = Outside { provider: world.provider.clone(), closures: world.closures.clone() };
        let code = self.before.filter(|_| !sent).unwrap_or(self.code);
        match kernel.workflow(&tenant(), "r", |cx| code(cx, outside)).await {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(Error::WorkflowFailed { message, .. }) => Ok(Err(json!({ "failed": message }))),
            Err(Error::Ended { status, .. }) => Ok(Err(json!({ "ended": status.as_str() }))),
            Err(error) => Err(error),
        }
    }

    /// Sends the signals, unless somebody did.
    async fn send(&self, run: &Run) -> Result<(), Error> {
        let sent = sent(run).await?;
        for (name, value) in &self.signals[sent.min(self.signals.len())..] {
            run.signal(name, "ann", value).await?;
        }
        Ok(())
    }
}

async fn sent(run: &Run) -> Result<usize, Error> {
    let (mut events, mut sent) = (run.events(), 0);
    while let Some(event) = events.try_next().await? {
        sent += usize::from(matches!(event.body(), Body::SignalReceived(_)));
    }
    Ok(sent)
}

fn tenant() -> Tenant {
    Tenant::new("acme")
}

#[async_trait]
impl Scenario for Program {
    fn prepare(&self, world: &CrashWorld) {
        drop(world.provider.clone().keys(self.keys));
        world.provider.next_calls(self.manners.iter().copied());
        self.returns.iter().for_each(|returns| world.told("end", returns));
    }

    fn tools(&self, world: &CrashWorld) -> Vec<Arc<dyn ToolPort>> {
        let probed = |name: &str| {
            let (calls, probes) = (world.provider.clone(), world.provider.clone());
            let tool = tool(name).side_effect().attempts(5, Duration::from_millis(100));
            let tool = tool.handler(move |args: Value, cx: ToolContext| {
                let answer = charge(&calls, &args, &cx);
                async move { answer }
            });
            tool.probe(move |_, cx: ToolContext| {
                let found = booked(&probes, cx.idempotency_key());
                async move { Ok(found) }
            })
        };
        let provider = world.provider.clone();
        let pay = tool("pay").idempotent(DAY).handler(move |args: Value, cx: ToolContext| {
            let answer = charge(&provider, &args, &cx);
            async move { answer }
        });
        let look = tool("look").handler(|args: Value, _| async move { Ok(json!({ "saw": args })) });
        vec![Arc::new(look), Arc::new(pay), Arc::new(probed("send")), Arc::new(probed("refund"))]
    }

    fn model(&self, _: &CrashWorld) -> Option<Arc<dyn ModelPort>> {
        let said = |cycle| Ok(ModelAnswer::text(format!("said in cycle {cycle}")).usage(3, 2));
        Some(Arc::new(ScriptedModel::function(move |request, _| said(request.messages.len()))))
    }

    fn runs(&self) -> Vec<(Tenant, String)> {
        vec![(tenant(), "r".into())]
    }

    async fn run(&self, kernel: &Kernel, world: &CrashWorld) -> Result<Value, Error> {
        loop {
            let sent = match kernel.open_run(&tenant(), "r").await {
                Ok(run) => sent(&run).await? > 0,
                Err(_) => false,
            };
            let left = match self.drive(kernel, world, sent).await? {
                Ok(left) => left,
                Err(ended) => return Ok(ended),
            };
            let run = kernel.open_run(&tenant(), "r").await?;
            if self.cancels && !matches!(left, WorkflowOutcome::Completed(_)) {
                run.cancel("ann", "enough").await?;
                continue;
            }
            match left {
                WorkflowOutcome::Completed(value) => {
                    world.told("end", &value);
                    return Ok(value);
                }
                WorkflowOutcome::Sleeping(until) => world.clock.sleep(until.since(world.clock.now())).await,
                WorkflowOutcome::Waiting(_) => self.send(&run).await?,
                WorkflowOutcome::Paused(ticket) => run.resume_with(ticket.id, "ann", &"yes").await?,
            }
        }
    }

    async fn reconcile(&self, kernel: &Kernel, world: &CrashWorld, doubt: Error) -> Result<(), Error> {
        let (run, step) = match &doubt {
            Error::ReconciliationRequired { run, step, .. } | Error::NeedsOperator { run, step, .. } => (run, step),
            _ => return Err(doubt),
        };
        let run = kernel.open_run(&tenant(), run.run.as_str()).await?;
        let tool = run.latest(|state| match state.step(step) {
            Some(Step::Tool(tool)) => Some(tool.tool.name.to_string()),
            _ => None,
        });
        match tool.await? {
            Some(tool) => run.step(step.as_str()).reconcile_json(&tool, ARGS).await.map(drop),
            None => {
                let resolve = match booked(&world.provider, &of_once(&run, step.as_str())) {
                    Some(receipt) => Resolve::succeeded("ann", receipt.to_string(), "seen at the provider"),
                    None => Resolve::failed("ann", "the provider has not seen it"),
                };
                run.resolve(step.as_str(), resolve).await
            }
        }
    }
}

/// Runs a closure once, under another key where somebody found that nothing had happened.
async fn once(cx: &WorkflowContext, out: &Outside, step: &str) -> Result<Value, Error> {
    let mut key = step.to_owned();
    loop {
        let (run, out, name) = (cx.run(), out.clone(), key.clone());
        match cx.step(&key).once(move || async move { out.once(&run, &name) }).await {
            Err(Error::StepFailed { .. }) => key.push('+'),
            other => return other,
        }
    }
}

async fn compute(cx: &WorkflowContext, out: &Outside, step: &str, value: u64) -> Result<u64, Error> {
    let (run, out, name) = (cx.run(), out.clone(), step.to_owned());
    cx.step(step).compute(move || async move { out.compute(&run, &name, value) }).await
}

/// Calls a tool, and finds out what became of the call where that is not known.
async fn call(cx: &WorkflowContext, step: &str, tool: &str) -> Result<Value, Error> {
    Ok(cx.step(step).reconcile_json(tool, ARGS).await?.into_output())
}

fn holds(program: &Program, floor: usize) -> CrashReport {
    let report = sound(crash_everywhere(program), floor);
    assert_eq!((report.worlds, report.unknown), (report.points.len(), 0));
    report
}
