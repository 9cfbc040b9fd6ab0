//! Who may write for a leased run, and what may leave for the world outside: nothing of whoever was taken for dead.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicU64, Ordering},
    },
};

use artana_core::{Digest, Name, RunRef, Status, decide::ReplayPolicy, event::Phase, verify::Stored};
use artana_kernel::{Failure, Retry, Rollback, Worker, WorkflowContext, tool};
use artana_ports::{
    Append, AppendError, Appended, ArgsError, Authority, Epoch, Release, StoreError, ToolContext, ToolError,
    ToolOutput, ToolPort, ToolSpec,
};
use artana_testkit::{MemoryStore, ScriptedModel, fault::Action, provider::Manner};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    passing_store::passing_store,
    workers::work_until,
    workflow::{Ran, done, seconds},
    world::{Amount, FIVE, Process, Receipt, TTL, World, call, code, reconcile, tenant, world},
};

/// What whoever drives a run appends, and what that process appends without the lease.
const DRIVEN: [&str; 30] = [
    "artifact_set",
    "cancel_requested",
    "checkpoint",
    "child_finished",
    "child_started",
    "compensation_registered",
    "drift_replayed",
    "driver_changed",
    "harness_failed",
    "harness_slept",
    "harness_woke",
    "model_requested",
    "note",
    "nothing but the lease given back",
    "paused",
    "run_finished",
    "run_forked",
    "stage_entered",
    "step_completed",
    "step_requested",
    "summary_written",
    "task_moved",
    "tasks_defined",
    "timer_fired",
    "tool_completed",
    "tool_reconcile_requested",
    "tool_requested",
    "trace",
    "value_recorded",
    "wait_started",
];
const UNFENCED: [&str; 6] =
    ["model_terminal", "signal_received", "step_completed", "tool_attempt_failed", "tool_completed", "tool_resolved"];

/// A store that is sent every append of a driver under an older epoch first, and remembers what became of it.
#[derive(Debug, Clone)]
struct Stale {
    inner: Arc<MemoryStore>,
    seen: Arc<Mutex<Seen>>,
}

/// Under which authority each kind was appended while the run was leased.
#[derive(Debug, Default)]
struct Seen {
    leased: BTreeSet<RunRef>,
    /// Of whoever drove the run.
    driven: BTreeSet<String>,
    /// Of whoever has an outcome, or speaks from outside.
    unfenced: BTreeSet<String>,
    /// Of anybody else; there is no such append.
    others: Vec<String>,
}

passing_store! { Stale;
    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        let kinds: Vec<String> = match batch.events.is_empty() {
            true => vec!["nothing but the lease given back".into()],
            false => batch.events.iter().map(|event| String::from_utf8_lossy(event.kind.as_bytes()).into_owned()).collect(),
        };
        let stale = match batch.authority {
            Authority::Driver(epoch) => Some(Authority::Driver(Epoch::new(epoch.get() - 1))),
            _ => None,
        };
        let mut refused = true;
        if let Some(authority) = stale {
            let refusal = self.inner.append(Append { authority, ..batch.clone() }).await;
            assert!(refusal.is_err(), "{kinds:?} passed under an older epoch");
            refused = matches!(refusal, Err(AppendError::Fenced { by }) if Authority::Driver(by.epoch) == batch.authority);
        }
        let (run, authority, released) = (batch.run.clone(), batch.authority.clone(), batch.releases.clone());
        let appended = self.inner.append(batch).await?;
        assert!(refused, "{kinds:?} was refused for another reason than its epoch");
        self.seen.lock().unwrap().note(run, &authority, &released, kinds);
        Ok(appended)
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        self.inner.content(root, digests).await
    }
}

impl Seen {
    fn note(&mut self, run: RunRef, authority: &Authority, released: &[Release], kinds: Vec<String>) {
        let leased = self.leased.contains(&run);
        match authority {
            // A worker is granted its lease without an append.
            Authority::TakeLease(_) | Authority::Driver(_) => {
                self.driven.extend(kinds);
                self.leased.insert(run.clone());
            }
            Authority::Late(_) | Authority::Outside(_) if leased => self.unfenced.extend(kinds),
            Authority::Plain(_) if leased => self.others.extend(kinds),
            _ => {}
        }
        if released.contains(&Release::Lease) {
            self.leased.remove(&run);
        }
    }
}

/// Starts a process on the store that is sent everything twice.
fn process(world: &World, store: &Stale) -> Process {
    world.process_on(store.clone(), |builder| builder.model(ScriptedModel::text("so be it")))
}

/// A workflow with every kind of ask, which fails and undoes what it did.
async fn everything(cx: WorkflowContext, (): ()) -> Result<(), Failure> {
    let undo = |undo: Rollback| async move {
        undo.step("back").tool_json("pay", FIVE).await?;
        Ok(())
    };
    cx.on_rollback("undo", undo).await?;
    cx.step("look").tool_json("look", FIVE).await?;
    cx.step("pay").tool_json("pay", FIVE).await?;
    cx.step("send").reconcile_json("send", FIVE).await?;
    cx.step("sum").compute(|| async { Ok(1) }).await?;
    cx.step("once").once(|| async { Ok(1) }).await?;
    cx.step("say").model("demo/one").prompt("Well?").await?;
    let (_, _, _) = (cx.now().await?, cx.random().await?, cx.patched("new").await?);
    let slow = cx.step("slow").compute(|| async { Ok(1) });
    cx.race(slow, cx.sleep("impatience", seconds(1))).await;
    cx.sleep("rest", seconds(1)).await?;
    cx.signal::<u64>("go").await?;
    let child = |cx: WorkflowContext| async move {
        cx.step("look").tool_json("look", FIVE).await?;
        cx.sleep("rest", seconds(1)).await?;
        Ok(())
    };
    cx.child("kid", child).await?;
    cx.pause::<u64>("ask", "may it?").await?;
    Err(Failure::new("spoiled"))
}

/// Has a workflow driven by workers, of which the first one dies while it asks what became of a call.
async fn workflow(world: &World, killed: &Process, process: &Process) {
    for each in [killed, process] {
        each.kernel.register("everything", everything).unwrap();
    }
    let run = process.kernel.enqueue(&tenant(), "everything", &()).id("r").await.unwrap();
    world.provider.next_calls([Manner::Refuse, Manner::Well, Manner::LoseReply]);
    killed.faults.plan("tool.probe.before", Action::Crash);
    let dying = Worker::new(&killed.kernel);
    tokio::select! {
        _ = killed.faults.crashed() => {}
        worked = world.pass_time(dying.run_until(std::future::pending())) => worked.unwrap(),
    }
    world.mourn();
    let worker = Worker::new(&process.kernel);
    let kid = async || process.kernel.open_run(&tenant(), "r/kid").await;
    run.signal("go", "ann", &7_u64).await.unwrap();
    work_until(world, &worker, &run, Status::Paused).await;
    world.verify(&kid().await.unwrap()).await;
    run.resume_with(run.pauses().await.unwrap()[0].0.id, "ann", &7_u64).await.unwrap();
    work_until(world, &worker, &run, Status::Failed).await;
    world.verify(&run).await;
}

/// Has a session do a bit of everything.
async fn session(process: &Process) {
    let name = |text| Name::parse(text).unwrap();
    let driving = process.kernel.drive(&tenant(), "s").await.unwrap();
    driving.begin_session(&name("h")).await.unwrap();
    driving.define_tasks(&[(name("a"), "a".into()), (name("b"), "b".into())]).await.unwrap();
    driving.enter_stage(&name("first"), 1).await.unwrap();
    driving.take_up(&name("a")).await.unwrap();
    driving.run().step("pay").tool_json("pay", FIVE).await.unwrap();
    driving.complete(&name("a"), &true).await.unwrap();
    driving.trace_said(&name("t"), &1).await.unwrap();
    driving.run().set_artifact("art", &1, 1).await.unwrap();
    driving.run().summary("sum", &1).await.unwrap();
    driving.run().checkpoint("here", &1).await.unwrap();
    driving.run().note("n", &1).await.unwrap();
    for (prompt, policy) in
        [("a", ReplayPolicy::Strict), ("b", ReplayPolicy::AllowPromptDrift), ("c", ReplayPolicy::ForkOnDrift)]
    {
        driving.run().step("say").model("demo/one").prompt(prompt).replay(policy).await.unwrap();
    }
    driving.end_session().await.unwrap();
    driving.begin_session(&name("h")).await.unwrap();
    driving.fail_session(Phase::Work, "no").await.unwrap();
    driving.leave().await.unwrap();
}

/// What a workflow, its workers and a session append, each sent under an older epoch first. A kind that is not in the
/// list was not tried; a run that is parked is none of these.
#[tokio::test]
async fn whatever_a_driver_appends_is_refused_under_an_older_epoch() {
    let world = world();
    let store = Stale { inner: Arc::new(world.store.clone()), seen: Arc::default() };
    workflow(&world, &process(&world, &store), &process(&world, &store)).await;
    session(&process(&world, &store)).await;
    let seen = store.seen.lock().unwrap();
    assert_eq!(seen.others, [""; 0], "nobody writes beside a driver");
    let driven: Vec<&str> = seen.driven.iter().map(String::as_str).collect();
    assert_eq!(driven, DRIVEN);
    // What was begun is recorded whatever becomes of the lease, and people are heard.
    let unfenced: Vec<&str> = seen.unfenced.iter().map(String::as_str).collect();
    assert_eq!(unfenced, UNFENCED);
}

/// Everything here stands still while so much time passes.
fn frozen(world: &World) -> Action {
    let clock = world.clock.clone();
    Action::Hook(Arc::new(move |_| clock.advance(TTL * 2)))
}

#[tokio::test]
async fn a_call_that_was_frozen_on_its_way_to_the_tools_own_code_does_not_leave() {
    for name in ["pay", "send", "mail"] {
        let world = world();
        let process = world.process();
        let run = process.run("r").await;
        process.faults.plan("tool.call.before", frozen(&world));
        let answer = world.pass_time(async { call(&run, "a", name).await.unwrap() }).await;
        assert_eq!((answer.attempts(), world.provider.calls()), (2, 1));
        let kinds = world.kinds(&run).await;
        assert_eq!(kinds, ["tool_requested", "tool_attempt_failed", "tool_requested", "tool_completed"]);
        world.verify(&run).await;
    }
}

/// A tool written by hand, which never asks whether it may.
#[derive(Debug)]
struct Blunt {
    spec: ToolSpec,
    calls: AtomicU64,
}

#[async_trait]
impl ToolPort for Blunt {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn check_args(&self, _: &Value) -> Result<(), ArgsError> {
        Ok(())
    }

    async fn call(&self, _: Value, _: ToolContext) -> Result<ToolOutput, ToolError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(ToolOutput::new("1"))
    }
}

#[tokio::test]
async fn a_process_that_was_frozen_after_its_request_does_not_call_a_tool_that_never_asks() {
    let world = world();
    let spec = world.charger(tool("mail").side_effect()).spec().clone();
    let blunt = Arc::new(Blunt { spec, calls: AtomicU64::new(0) });
    let process = world.process_of([Arc::clone(&blunt) as Arc<dyn ToolPort>]);
    let run = process.run("r").await;
    process.faults.plan("append.after", frozen(&world));
    let answer = world.pass_time(async { call(&run, "a", "mail").await.unwrap() }).await;
    assert_eq!((answer.attempts(), blunt.calls.load(Ordering::SeqCst)), (2, 1));
}

#[tokio::test]
async fn a_process_that_was_frozen_after_its_request_does_not_begin_what_is_done_once() {
    let (world, ran) = (world(), Ran::default());
    let process = world.process();
    let flow = || {
        let ran = ran.clone();
        process.workflow(move |cx: WorkflowContext| async move {
            cx.signal::<()>("go").await?;
            let retry = Retry::attempts(3).backoff(seconds(1), seconds(1));
            let once = move || {
                let ran = ran.clone();
                async move { Ok(ran.once()) }
            };
            Ok(cx.step("once").retry(retry).once(once).await?)
        })
    };
    flow().await.unwrap();
    let run = process.kernel.open_run(&tenant(), "r").await.unwrap();
    run.signal("go", "ann", &()).await.unwrap();
    process.faults.plan("append.after", frozen(&world));
    assert_eq!(code(world.pass_time(flow()).await), "artana::lease_lost");
    assert_eq!(world.kinds(&run).await[2..], ["step_requested", "step_completed"]);
    assert_eq!(ran.times(), 0);
    assert_eq!(done(world.pass_time(flow()).await), 1);
    assert_eq!(ran.times(), 1);
}

#[tokio::test]
async fn a_second_call_that_was_frozen_on_its_way_does_not_leave() {
    let world = world();
    world.dies_at("tool.call.after", "r", "a", "pay").await;
    let process = world.process();
    let run = process.run("r").await;
    assert_eq!(code(call(&run, "a", "pay").await), "artana::reconciliation_required");
    process.faults.plan("tool.call.before", frozen(&world));
    assert!(world.pass_time(reconcile(&run, "a", "pay")).await.is_ok());
    assert_eq!((world.provider.calls(), world.effects()), (2, 1));
    let asked = world.kinds(&run).await.into_iter().filter(|kind| kind == "tool_reconcile_requested").count();
    assert_eq!(asked, 2, "nothing was learnt by the first one, so another one was made");
}

/// Makes a process with one tool that waits for something before it charges.
fn waiting(world: &World, waits: impl Fn(ToolContext) + Send + Sync + 'static) -> Process {
    let provider = world.provider.clone();
    let slow = tool("slow").side_effect().handler(move |amount: Amount, cx: ToolContext| {
        waits(cx.clone());
        let left = cx.leave();
        let provider = provider.clone();
        async move {
            left?;
            let receipt = provider.charge(cx.idempotency_key(), &json!(amount))?;
            Ok::<Receipt, ToolError>(serde_json::from_slice(&receipt.reply)?)
        }
    });
    world.process_of([Arc::new(slow) as Arc<dyn ToolPort>])
}

#[tokio::test]
async fn a_tool_that_waits_before_it_acts_asks_whether_it_may_and_an_attempt_that_did_not_leave_does_not_count() {
    let world = world();
    let (clock, first) = (world.clock.clone(), Once::new());
    let process = waiting(&world, move |_| first.call_once(|| clock.advance(TTL * 2)));
    let run = process.run("r").await;
    let answer = world.pass_time(async { call(&run, "a", "slow").await.unwrap() }).await;
    assert_eq!((answer.attempts(), world.provider.calls()), (2, 1), "one attempt is all that its policy allows");
    world.verify(&run).await;
}

#[tokio::test]
async fn the_effect_of_a_call_leaves_once() {
    let world = world();
    let process = waiting(&world, |cx| cx.leave().unwrap());
    let run = process.run("r").await;
    assert_eq!(
        code(call(&run, "a", "slow").await),
        "artana::reconciliation_required",
        "it left, and nobody knows more"
    );
    assert_eq!(world.provider.calls(), 0);
}

/// A layer around a tool which, against all rules, tries again by itself.
#[derive(Debug)]
struct Twice(Arc<dyn ToolPort>);

#[async_trait]
impl ToolPort for Twice {
    fn spec(&self) -> &ToolSpec {
        self.0.spec()
    }

    fn check_args(&self, args: &Value) -> Result<(), ArgsError> {
        self.0.check_args(args)
    }

    async fn call(&self, args: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        self.0.call(args.clone(), cx.clone()).await?;
        self.0.call(args, cx).await
    }
}

#[tokio::test]
async fn a_layer_that_calls_a_tool_twice_sends_its_effect_once() {
    let world = world();
    let charger = Arc::new(world.charger(tool("pay").side_effect()));
    let process = world.process_of([Arc::new(Twice(charger)) as Arc<dyn ToolPort>]);
    let run = process.run("r").await;
    assert_eq!(code(call(&run, "a", "pay").await), "artana::reconciliation_required");
    assert_eq!(world.provider.calls(), 1);
}

#[tokio::test]
async fn a_tool_is_told_the_epoch_of_the_lease_it_is_called_under() {
    let world = world();
    let told: Arc<Mutex<Vec<Option<u64>>>> = Arc::default();
    let note = Arc::clone(&told);
    let process = waiting(&world, move |cx| note.lock().unwrap().push(cx.epoch().map(Epoch::get)));
    let run = process.run("r").await;
    call(&run, "a", "slow").await.unwrap();
    let flow = |cx: WorkflowContext| async move {
        cx.step("a").tool_json("slow", FIVE).await?;
        cx.signal::<()>("go").await?;
        cx.step("b").tool_json("slow", FIVE).await?;
        Ok(())
    };
    process.kernel.workflow(&tenant(), "w", flow).await.unwrap();
    process.kernel.open_run(&tenant(), "w").await.unwrap().signal("go", "ann", &()).await.unwrap();
    process.kernel.workflow(&tenant(), "w", flow).await.unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told[0], None);
    assert!(told[1] < told[2], "{told:?}");
}

/// The store takes this process for dead, which its own clock does not notice: what it hears of its lease counts too.
#[tokio::test]
async fn an_effect_of_a_run_that_was_lost_stays_here_whatever_the_clock_says() {
    const HOUR: i64 = 3_600_000_000;
    let (world, opens) = (world(), Arc::new(Notify::new()));
    let process = world.process();
    process.faults.plan("tool.call.before", Action::Delay(Arc::new(world.clock.clone()), seconds(3)));
    let gate = Arc::clone(&opens);
    let drive = tokio::spawn(process.workflow(move |cx: WorkflowContext| async move {
        let passes = move || async move {
            gate.notified().await;
            Ok(())
        };
        let (mail, passed) = (cx.step("a").tool_json("mail", FIVE), cx.step("b").compute(passes));
        cx.race(mail, passed).await;
        Ok(())
    }));
    world.settle().await;
    world.clock.jump(HOUR);
    opens.notify_one();
    world.settle().await;
    assert_eq!(code(drive.await.unwrap()), "artana::lease_lost");
    world.clock.advance(seconds(3));
    world.settle().await;
    assert_eq!(world.provider.calls(), 0);
}
