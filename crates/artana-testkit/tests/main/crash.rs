//! Every single crash of a dozen programs, and three programs that must be caught.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use artana_core::Tenant;
use artana_kernel::{ClosureTool, Error, Kernel, Resolve, Run, ToolBuilder, tool};
use artana_ports::{ToolContext, ToolError, ToolPort};
use artana_testkit::{
    crash::{CrashReport, CrashWorld, Scenario},
    crash_everywhere, crash_twice_everywhere,
    provider::{Keys, Manner, Provider, ProviderFault},
};
use async_trait::async_trait;
use serde_json::{Value, json};

const TOOL: &str = "charge";
const ARGS: &str = r#"{"cents":5}"#;

type Make = fn(&CrashWorld) -> ClosureTool<Value, Value>;

/// What a program does after its steps.
#[derive(Clone, Copy)]
enum Ending {
    Stay,
    Finish,
    Cancel,
}

/// Who clears a doubt.
#[derive(Clone, Copy, PartialEq)]
enum Doubts {
    ByTool,
    ByOperator,
    Stay,
}

struct Program {
    make: Make,
    steps: &'static [&'static str],
    manners: &'static [Manner],
    ending: Ending,
    doubts: Doubts,
    keys: Keys,
}

impl Program {
    /// A program with one step, at a provider to which every call is an effect.
    fn new(make: Make) -> Self {
        Self { make, steps: &["a"], manners: &[], ending: Ending::Stay, doubts: Doubts::ByTool, keys: Keys::Ignored }
    }

    /// The same at a provider that honours keys.
    fn honoured(make: Make) -> Self {
        Self { keys: Keys::Honoured, ..Self::new(make) }
    }

    async fn step(&self, run: &Run, world: &CrashWorld, step: &str) -> Result<Value, Error> {
        let mut key = step.to_owned();
        loop {
            match run.step(&key).tool_json(TOOL, ARGS).await {
                Ok(answer) => {
                    world.told(&key, answer.output());
                    return Ok(answer.into_output());
                }
                // The operator found that nothing had happened.
                Err(Error::ToolFailed { .. }) if self.doubts == Doubts::ByOperator => key.push('+'),
                Err(error) => return Err(error),
            }
        }
    }
}

fn tenant() -> Tenant {
    Tenant::new("acme")
}

#[async_trait]
impl Scenario for Program {
    fn prepare(&self, world: &CrashWorld) {
        drop(world.provider.clone().keys(self.keys));
        world.provider.next_calls(self.manners.iter().copied());
    }

    fn tools(&self, world: &CrashWorld) -> Vec<Arc<dyn ToolPort>> {
        vec![Arc::new((self.make)(world))]
    }

    fn runs(&self) -> Vec<(Tenant, String)> {
        vec![(tenant(), "r".into())]
    }

    async fn run(&self, kernel: &Kernel, world: &CrashWorld) -> Result<Value, Error> {
        let run = kernel.run(&tenant(), "r").await?;
        let mut outputs = Vec::new();
        for step in self.steps {
            outputs.push(self.step(&run, world, step).await?);
        }
        match self.ending {
            Ending::Stay => {}
            Ending::Finish => run.finish().await?,
            Ending::Cancel => drop(run.cancel("ann", "enough").await?),
        }
        outputs.push(json!(run.status().await?.as_str()));
        Ok(Value::from(outputs))
    }

    async fn reconcile(&self, kernel: &Kernel, world: &CrashWorld, doubt: Error) -> Result<(), Error> {
        let Error::ReconciliationRequired { step, .. } = &doubt else { return Err(doubt) };
        let step = step.as_str();
        let run = kernel.run(&tenant(), "r").await?;
        match run.step(step).reconcile_json(TOOL, ARGS).await {
            Err(Error::NeedsOperator { .. }) if self.doubts == Doubts::ByOperator => {}
            other => return other.map(drop),
        }
        let seen = booked(&world.provider, &run.step(step).idempotency_key(TOOL)?);
        let resolve = match seen {
            Some(receipt) => Resolve::succeeded("ann", receipt.to_string(), "seen at the provider"),
            None => Resolve::failed("ann", "the provider has not seen it"),
        };
        run.resolve(step, resolve).await
    }

    fn may_stay_unknown(&self) -> bool {
        self.doubts == Doubts::Stay
    }
}

pub(crate) fn charge(provider: &Provider, args: &Value, cx: &ToolContext) -> Result<Value, ToolError> {
    match provider.charge(cx.idempotency_key(), args) {
        Ok(receipt) => Ok(serde_json::from_slice(&receipt.reply)?),
        Err(ProviderFault::Refused) => Err(ToolError::transient("refused")),
        Err(ProviderFault::ReplyLost) => Err(ToolError::unknown("reply lost")),
    }
}

/// Looks an effect up in the provider's book, which remembers keys even where calls ignore them.
pub(crate) fn booked(provider: &Provider, key: &str) -> Option<Value> {
    let book = provider.book();
    book.into_iter().find(|entry| entry.key == key).map(|entry| json!({ "charge": entry.effect_id }))
}

fn charging(world: &CrashWorld, builder: ToolBuilder) -> ClosureTool<Value, Value> {
    let provider = world.provider.clone();
    builder.attempts(20, Duration::from_millis(100)).handler(move |args: Value, cx| {
        let answer = charge(&provider, &args, &cx);
        async move { answer }
    })
}

fn probing(world: &CrashWorld, tool: ClosureTool<Value, Value>) -> ClosureTool<Value, Value> {
    let provider = world.provider.clone();
    tool.probe(move |_, cx: ToolContext| {
        let found = booked(&provider, cx.idempotency_key());
        async move { Ok(found) }
    })
}

fn holds(program: &Program, floor: usize) -> CrashReport {
    let report = sound(crash_everywhere(program), floor);
    assert_eq!(report.worlds, report.points.len());
    report
}

pub(crate) fn sound(report: CrashReport, floor: usize) -> CrashReport {
    let violations: Vec<_> = report.violations.iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(report.points.len() >= floor, "only {} points", report.points.len());
    report
}

const DAY: Duration = Duration::from_secs(86_400);

fn side_effect_probed(world: &CrashWorld) -> ClosureTool<Value, Value> {
    probing(world, charging(world, tool(TOOL).side_effect()))
}

fn side_effect(world: &CrashWorld) -> ClosureTool<Value, Value> {
    charging(world, tool(TOOL).side_effect())
}

/// Charges, and on the provider's first call never says so.
fn faltering(world: &CrashWorld, falter: fn()) -> ClosureTool<Value, Value> {
    let provider = world.provider.clone();
    let body = tool(TOOL).side_effect().handler(move |args: Value, cx| {
        let answer = charge(&provider, &args, &cx);
        let first = provider.calls() == 1;
        async move {
            if first {
                falter();
                std::future::pending::<()>().await;
            }
            answer
        }
    });
    probing(world, body)
}

#[test]
fn a_read() {
    let looking: Make = |_| tool(TOOL).handler(|args: Value, _| async move { Ok(json!({ "saw": args })) });
    holds(&Program::new(looking), 16);
}

#[test]
fn an_idempotent_effect_with_a_probe() {
    let make: Make = |world| probing(world, charging(world, tool(TOOL).idempotent(DAY)));
    holds(&Program::honoured(make), 20);
}

#[test]
fn an_idempotent_effect_called_again_with_its_key() {
    holds(&Program::honoured(|world| charging(world, tool(TOOL).idempotent(DAY))), 20);
}

#[test]
fn a_side_effect_with_a_probe() {
    holds(&Program::new(side_effect_probed), 20);
}

#[test]
fn a_side_effect_resolved_by_an_operator() {
    holds(&Program { doubts: Doubts::ByOperator, ..Program::new(side_effect) }, 20);
}

#[test]
fn a_side_effect_nobody_resolves_is_an_explicit_doubt() {
    let report = holds(&Program { doubts: Doubts::Stay, ..Program::new(side_effect) }, 20);
    assert!(report.unknown > 0 && report.unknown < report.points.len());
}

#[test]
fn transient_failures() {
    holds(&Program { manners: &[Manner::Refuse, Manner::Refuse], ..Program::new(side_effect_probed) }, 28);
}

#[test]
fn a_lost_reply() {
    holds(&Program { manners: &[Manner::LoseReply], ..Program::new(side_effect_probed) }, 28);
}

#[test]
fn a_deadline() {
    holds(&Program::new(|world| faltering(world, || ())), 28);
}

#[test]
fn a_panic() {
    holds(&Program::new(|world| faltering(world, || panic!("on purpose"))), 28);
}

#[test]
fn a_cancelled_run() {
    holds(&Program { ending: Ending::Cancel, ..Program::new(side_effect_probed) }, 24);
}

#[test]
fn two_steps() {
    holds(&Program { steps: &["a", "b"], ..Program::new(side_effect_probed) }, 26);
}

#[test]
fn a_finished_run() {
    let program = Program { steps: &["a", "b"], ending: Ending::Finish, ..Program::new(side_effect_probed) };
    holds(&program, 28);
}

#[test]
fn two_crashes_in_a_row() {
    let programs = [
        Program { ending: Ending::Finish, ..Program::new(side_effect_probed) },
        Program::honoured(|world| charging(world, tool(TOOL).idempotent(DAY))),
        Program { doubts: Doubts::ByOperator, ..Program::new(side_effect) },
        Program { ending: Ending::Cancel, ..Program::new(|world| faltering(world, || ())) },
    ];
    for program in programs {
        let report = sound(crash_twice_everywhere(&program), 20);
        assert!(report.worlds > 400, "only {} worlds", report.worlds);
    }
}

fn caught(make: Make, what: &str) {
    let report = crash_everywhere(&Program::new(make));
    assert!(report.violations.iter().any(|violation| violation.what.contains(what)), "{:?}", report.violations);
}

#[test]
fn a_tool_that_says_it_reads_and_charges_is_caught() {
    let make: Make = |world| {
        let provider = world.provider.clone();
        tool(TOOL).handler(move |args: Value, _| {
            let key = format!("call {}", provider.calls());
            let charged = provider.charge(&key, &args).is_ok();
            async move { Ok(json!(charged)) }
        })
    };
    caught(make, "2 effects happened instead of 1");
}

#[test]
fn a_probe_that_lies_is_caught() {
    let make: Make = |world| side_effect(world).probe(|_, _| async { Ok(Some(json!("done"))) });
    caught(make, "0 effects happened instead of 1");
}

#[test]
fn a_tool_that_answers_differently_each_life_is_caught() {
    static LIVES: AtomicU64 = AtomicU64::new(0);
    let make: Make = |_| {
        let life = LIVES.fetch_add(1, Ordering::SeqCst);
        tool(TOOL).handler(move |_: Value, _| async move { Ok(json!(life)) })
    };
    caught(make, "it ended as");
}
