//! Finding out what became of a call in doubt: what a probe, another call and a person may settle, and when.

use std::time::Duration;

use artana_core::{Status, Timestamp};
use artana_kernel::{Error, Resolve, tool};
use artana_ports::{Clock, Probed, ToolError, ToolOutput};
use artana_testkit::{
    fault::Action,
    provider::{Keys, Manner},
};
use serde_json::json;

use crate::world::{Amount, Process, Receipt, World, call, code, reconcile, world};

const DAY: Duration = Duration::from_secs(86_400);

fn believable(result: Result<artana_kernel::ToolAnswer<serde_json::Value>, Error>) -> Timestamp {
    match result {
        Err(Error::ReconciliationRequired { believable_at: Some(at), .. }) => at,
        other => panic!("a doubt with a date was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn not_landed_is_believed_of_a_side_effect_only_when_it_can_no_longer_land() {
    let world = world();
    let asked_at = world.clock.now();
    world.dies_at("tool.call.before", "r", "a", "send").await;
    let process = world.process();
    let run = process.run("r").await;
    let at = believable(reconcile(&run, "a", "send").await);
    assert_eq!(at, asked_at.after(Duration::from_secs(30 + 60)));
    assert_eq!((world.effects(), run.status().await.unwrap()), (0, Status::NeedsReconciliation));
    world
        .clock
        .advance(Duration::from_micros(u64::try_from(at.as_micros() - world.clock.now().as_micros() - 1).unwrap()));
    assert_eq!(believable(reconcile(&run, "a", "send").await), at);
    world.clock.advance(Duration::from_micros(1));
    let answer = reconcile(&run, "a", "send").await.unwrap();
    assert_eq!((answer.attempts(), world.effects()), (2, 1));
    assert!(call(&run, "a", "send").await.unwrap().is_replayed());
    world.verify(&run).await;
}

#[tokio::test]
async fn not_landed_too_early_is_followed_by_a_call_under_the_same_request_while_the_provider_holds_the_key() {
    let world = world();
    let probed = |world: &World| world.probed(tool("t").idempotent(DAY));
    let dying = world.process_with(|kernel, faults| kernel.tool(faulty(probed(&world), faults)));
    die_in_call(&world, &dying, "tool.call.before").await;
    let process = world.process_with(|kernel, _| kernel.tool(probed(&world)));
    let run = process.run("r").await;
    assert_eq!(reconcile(&run, "a", "t").await.unwrap().attempts(), 1);
    assert_eq!(world.effects(), 1);
    let announced = world.kinds(&run).await.iter().filter(|kind| *kind == "tool_reconcile_requested").count();
    assert_eq!(announced, 2, "the probe and the call that followed it");
    world.verify(&run).await;
}

fn faulty(
    tool: impl artana_ports::ToolPort,
    faults: &artana_testkit::fault::Faults,
) -> artana_testkit::fault::FaultTool {
    artana_testkit::fault::FaultTool::new(std::sync::Arc::new(tool), faults.clone())
}

async fn die_in_call(world: &World, process: &Process, point: &'static str) {
    let run = process.run("r").await;
    process.faults.plan(point, Action::Crash);
    tokio::spawn(async move { call(&run, "a", "t").await.map(drop) });
    process.faults.crashed().await;
    world.mourn();
}

#[tokio::test]
async fn an_idempotent_call_is_repeated_only_within_its_retention() {
    let world = world();
    world.dies_at("tool.call.after", "r", "a", "pay").await;
    let process = world.process();
    let run = process.run("r").await;
    world.clock.advance(DAY);
    assert_eq!(code(reconcile(&run, "a", "pay").await), "artana::needs_operator");
    assert_eq!(world.provider.calls(), 1);
    run.resolve("a", Resolve::succeeded("ann", r#"{"charge":"ch_1"}"#, "seen")).await.unwrap();
    assert!(reconcile(&run, "a", "pay").await.unwrap().is_replayed());
    world.verify(&run).await;
}

#[tokio::test]
async fn a_transient_failure_of_the_repeated_call_settles_nothing() {
    let world = world();
    world.dies_at("tool.call.after", "r", "a", "pay").await;
    let process = world.process();
    let run = process.run("r").await;
    world.provider.next_calls([Manner::Refuse]);
    assert_eq!(code(reconcile(&run, "a", "pay").await), "artana::reconciliation_required");
    assert_eq!(run.status().await.unwrap(), Status::NeedsReconciliation);
    assert_eq!(reconcile(&run, "a", "pay").await.unwrap().output(), &json!({ "charge": "ch_1" }));
    assert_eq!(world.effects(), 1);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_probe_that_cannot_tell_leaves_the_doubt() {
    type Probe = fn() -> Result<Probed, ToolError>;
    let probes: [Probe; 4] = [
        || Ok(Probed::Unknown),
        || Err(ToolError::transient("busy")),
        || Err(ToolError::permanent("gone")),
        || panic!("on purpose"),
    ];
    for probe in probes {
        let world = world();
        world.dies_at("tool.call.after", "r", "a", "send").await;
        let inner = world.probed(tool("send").side_effect());
        let process = world.process_of([std::sync::Arc::new(Probing { inner, probe }) as _]);
        let run = process.run("r").await;
        assert_eq!(code(reconcile(&run, "a", "send").await), "artana::reconciliation_required");
        assert_eq!(run.status().await.unwrap(), Status::NeedsReconciliation);
        let process = world.process();
        assert!(reconcile(&process.run("r").await, "a", "send").await.is_ok());
        assert_eq!(world.effects(), 1);
        world.verify(&run).await;
    }
}

/// A tool with another probe.
#[derive(Debug)]
struct Probing {
    inner: artana_kernel::ClosureTool<Amount, Receipt>,
    probe: fn() -> Result<Probed, ToolError>,
}

#[async_trait::async_trait]
impl artana_ports::ToolPort for Probing {
    fn spec(&self) -> &artana_ports::ToolSpec {
        self.inner.spec()
    }

    fn check_args(&self, args: &serde_json::Value) -> Result<(), artana_ports::ArgsError> {
        self.inner.check_args(args)
    }

    async fn call(&self, args: serde_json::Value, cx: artana_ports::ToolContext) -> Result<ToolOutput, ToolError> {
        self.inner.call(args, cx).await
    }

    async fn probe(&self, _: serde_json::Value, _: artana_ports::ToolContext) -> Result<Probed, ToolError> {
        (self.probe)()
    }
}

#[tokio::test]
async fn a_settled_step_is_reconciled_by_answering() {
    let world = world();
    let refusing =
        tool("t").side_effect().handler(|_: Amount, _| async { Err::<Receipt, _>(ToolError::permanent("no")) });
    let process = world.process_with(|kernel, _| kernel.tool(refusing));
    let run = process.run("r").await;
    let first = call(&run, "a", "mail").await.unwrap();
    let again = reconcile(&run, "a", "mail").await.unwrap();
    assert!(again.is_replayed() && again.raw() == first.raw());
    let failed = call(&run, "b", "t").await.unwrap_err();
    assert_eq!(format!("{:?}", reconcile(&run, "b", "t").await.unwrap_err()), format!("{failed:?}"));
    assert_eq!(code(reconcile(&run, "c", "mail").await), "artana::nothing_recorded");
    assert_eq!(world.provider.calls(), 1);
}

#[tokio::test]
async fn only_a_doubt_can_be_resolved_and_only_once() {
    let world = world();
    world.dies_at("tool.call.after", "r", "doubt", "mail").await;
    let process = world.process();
    let run = process.run("r").await;
    call(&run, "done", "mail").await.unwrap();
    let failed = || Resolve::failed("ann", "not seen");
    assert_eq!(code(run.resolve("done", failed()).await), "artana::not_in_doubt");
    assert_eq!(code(run.resolve("never", failed()).await), "artana::nothing_recorded");
    assert_eq!(code(run.resolve("doubt", Resolve::succeeded("ann", "no json", "x")).await), "artana::invalid_result");
    assert_eq!(code(run.resolve("doubt", Resolve::failed("a\nb", "x")).await), "artana::invalid_id");
    assert_eq!(code(run.resolve("", failed()).await), "artana::invalid_id");
    let events = world.events(&run).await.len();
    run.resolve("doubt", failed()).await.unwrap();
    assert_eq!(world.events(&run).await.len(), events + 2, "the doubt and its resolution");
    assert_eq!(code(run.resolve("doubt", failed()).await), "artana::not_in_doubt");
    assert_eq!(code(call(&run, "doubt", "mail").await), "artana::tool_failed");
    world.verify(&run).await;
}

#[tokio::test]
async fn a_provider_that_ignores_keys_is_charged_twice_only_by_the_tools_own_declaration() {
    let world = world();
    let provider = world.provider.clone().keys(Keys::Ignored);
    world.dies_at("tool.call.after", "r", "a", "mail").await;
    let process = world.process();
    let run = process.run("r").await;
    for _ in 0..5 {
        assert!(call(&run, "a", "mail").await.unwrap_err().needs_reconciliation());
        assert!(reconcile(&run, "a", "mail").await.unwrap_err().needs_human());
    }
    assert_eq!(provider.book().len(), 1);
}
