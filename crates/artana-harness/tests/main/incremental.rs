//! One task in each session; errors put back, crashes are gone on with, doubts stop and are named.

use std::sync::atomic::Ordering;

use artana_core::{Name, Status, TaskState, event::Body};
use artana_harness::{
    Failure, HarnessContext, IncrementalTaskHarness, IncrementalTasks, LastSession, Result, TaskUnit, WhenFenced,
};
use artana_kernel::{Error as KernelError, Resolve};

use crate::world::{Migration, bodies, failing, kinds, life, tenant, three, world};

fn name(name: &str) -> Name {
    Name::parse(name).expect("fit")
}

#[tokio::test]
async fn each_session_does_one_task_and_the_last_one_completes_the_run() {
    let (world, work) = (world(), Migration::default());
    let kernel = world.process();
    let harness = IncrementalTaskHarness::new(&kernel, &work);
    let mut percents = Vec::new();
    for _ in 0..4 {
        percents.push(harness.run(&tenant(), "m").await.unwrap().percent());
    }
    assert_eq!(percents, [Some(33), Some(66), Some(100), Some(100)]);
    assert_eq!(work.worked(), ["backup", "migrate", "verify"]);
    let run = kernel.open_run(&tenant(), "m").await.unwrap();
    let session = ["harness_woke", "task_moved", "step_requested", "step_completed", "task_moved", "harness_slept"];
    let mut expected = [&["run_started"][..], &session, &session, &session, &["run_finished"]].concat();
    expected.insert(2, "tasks_defined");
    assert_eq!(kinds(&run).await, expected);
    assert_eq!(run.status().await.unwrap(), Status::Completed);
    assert!(run.verify().await.unwrap().is_ok());
}

#[tokio::test]
async fn between_sessions_the_run_sleeps_and_anybody_may_go_on() {
    let (world, work) = (world(), Migration::default());
    let (one, other) = (world.process(), world.process());
    IncrementalTaskHarness::new(&one, &work).run(&tenant(), "m").await.unwrap();
    let run = other.open_run(&tenant(), "m").await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::Sleeping);
    IncrementalTaskHarness::new(&other, &work).run(&tenant(), "m").await.unwrap();
    assert_eq!(work.worked(), ["backup", "migrate"]);
}

#[tokio::test]
async fn a_drained_list_is_done_in_one_session() {
    let (world, work) = (world(), Migration::default());
    let kernel = world.process();
    let progress = IncrementalTaskHarness::new(&kernel, &work).drain().run(&tenant(), "m").await.unwrap();
    assert_eq!((progress.percent(), progress.status), (Some(100), Status::Completed));
    assert_eq!(work.worked(), ["backup", "migrate", "verify"]);
}

#[tokio::test]
async fn an_error_puts_the_task_back_and_its_finished_steps_answer_from_the_ledger() {
    let world = world();
    let work = Migration::default().fate("backup", |time| if time == 1 { failing(time) } else { Ok(()) });
    let kernel = world.process();
    let harness = IncrementalTaskHarness::new(&kernel, &work);
    let failed = harness.run(&tenant(), "m").await.unwrap_err();
    assert_eq!(failed.code(), "artana::harness_failed");
    assert_eq!(failed.failure().unwrap().message(), "the disk is full");
    assert!(failed.to_string().starts_with("task backup of run"), "{failed}");
    assert!(!failed.to_string().contains("disk"), "what the code said has no place in a log: {failed}");
    let run = kernel.open_run(&tenant(), "m").await.unwrap();
    let tasks = run.tasks().await.unwrap();
    assert!(matches!(tasks[0].1.state, TaskState::Pending { error: Some(_) }), "{tasks:?}");
    assert_eq!(kinds(&run).await.last(), Some(&"harness_failed"));
    harness.run(&tenant(), "m").await.unwrap();
    assert_eq!(work.worked(), ["backup", "backup"]);
    assert_eq!(work.effects.load(Ordering::SeqCst), 1, "the step that succeeded was not done again");
}

/// Fails in its step on the first attempt.
struct Flaky;

impl IncrementalTasks for Flaky {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(vec![TaskUnit::new("only", "The only one")])
    }

    async fn work_on(&self, cx: &HarnessContext, _: &TaskUnit) -> Result<()> {
        let attempt = cx.attempt();
        let copied = cx.step("copy").compute(move || async move {
            if attempt == 1 { Err(Failure::permanent("refused")) } else { Ok(attempt) }
        });
        copied.await.map(drop).map_err(Failure::from)
    }
}

#[tokio::test]
async fn a_step_that_failed_is_tried_under_a_new_key_by_the_next_attempt() {
    let world = world();
    let kernel = world.process();
    let harness = IncrementalTaskHarness::new(&kernel, Flaky);
    let failed = harness.run(&tenant(), "m").await.unwrap_err();
    assert_eq!(failed.code(), "artana::step_failed", "{failed}");
    harness.run(&tenant(), "m").await.unwrap();
    let run = kernel.open_run(&tenant(), "m").await.unwrap();
    let steps = run.latest(|state| state.steps().map(|(key, _)| key.to_string()).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(steps, ["task/only/copy", "task/only/copy~2"]);
}

#[test]
fn a_crash_inside_a_task_is_gone_on_with() {
    let world = world();
    let work = Migration::default();
    let hung = work.same_world();
    life(async {
        let kernel = world.process();
        IncrementalTaskHarness::new(&kernel, &work).run(&tenant(), "m").await.unwrap();
        // The process dies after the task's step, and before it is done.
        let (harness, acme) = (IncrementalTaskHarness::new(&kernel, Hangs(&hung)), tenant());
        tokio::select! {
            biased;
            _ = harness.run(&acme, "m") => panic!("it hangs"),
            () = async { for _ in 0..200 { tokio::task::yield_now().await } } => {}
        }
        std::mem::forget(kernel);
        assert_eq!(hung.worked(), ["migrate"]);
    });
    world.bury();
    life(async {
        let kernel = world.process();
        let run = kernel.open_run(&tenant(), "m").await.unwrap();
        assert_eq!(run.progress().await.unwrap().current, Some(name("migrate")));
        IncrementalTaskHarness::new(&kernel, &work).run(&tenant(), "m").await.unwrap();
        IncrementalTaskHarness::new(&kernel, &work).run(&tenant(), "m").await.unwrap();
        assert_eq!(work.worked(), ["backup", "migrate", "verify"]);
        assert_eq!(work.effects.load(Ordering::SeqCst), 3, "the step of the crashed session answered from the ledger");
        let woke = bodies(&run).await.into_iter().filter_map(|body| match body {
            Body::HarnessWoke(woke) => Some((woke.session, woke.done, woke.pending, woke.in_progress)),
            _ => None,
        });
        let migrate = Some(name("migrate"));
        assert_eq!(woke.collect::<Vec<_>>(), [(1, 0, 0, None), (2, 1, 2, None), (3, 1, 1, migrate), (4, 2, 1, None)]);
        assert_eq!(run.status().await.unwrap(), Status::Completed);
    });
}

/// Never comes back from a task, after its step.
struct Hangs<'a>(&'a Migration);

impl IncrementalTasks for Hangs<'_> {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(three())
    }

    async fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        self.0.work_on(cx, task).await?;
        std::future::pending().await
    }
}

#[test]
fn a_living_process_is_not_interfered_with() {
    let world = world();
    let work = Migration::default();
    life(async {
        let (one, other) = (world.process(), world.process());
        let (harness, acme) = (IncrementalTaskHarness::new(&one, Hangs(&work)), tenant());
        tokio::select! {
            biased;
            _ = harness.run(&acme, "m") => panic!("it hangs"),
            fenced = async {
                for _ in 0..200 { tokio::task::yield_now().await }
                let impatient = IncrementalTaskHarness::new(&other, &work).when_fenced(WhenFenced::Refuse);
                impatient.run(&tenant(), "m").await
            } => assert_eq!(fenced.unwrap_err().code(), "artana::fenced"),
        }
    });
}

/// Its only step may or may not have happened.
struct Doubtful;

impl IncrementalTasks for Doubtful {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(vec![TaskUnit::new("pay", "Pay the bill")])
    }

    async fn work_on(&self, cx: &HarnessContext, _: &TaskUnit) -> Result<()> {
        cx.step("charge").once(|| async { Err::<(), _>(Failure::unknown("the line went dead")) }).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_doubt_stops_the_harness_which_names_it_until_somebody_clears_it() {
    let world = world();
    let kernel = world.process();
    let harness = IncrementalTaskHarness::new(&kernel, Doubtful);
    for _ in 0..2 {
        let stopped = harness.run(&tenant(), "m").await.unwrap_err();
        assert!(stopped.needs_reconciliation());
        let Some(KernelError::ReconciliationRequired { step, .. }) = stopped.kernel() else { panic!("{stopped}") };
        assert_eq!(step.as_str(), "task/pay/charge");
    }
    let run = kernel.open_run(&tenant(), "m").await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::NeedsReconciliation);
    run.resolve("task/pay/charge", Resolve::succeeded("ann", "null", "seen at the bank")).await.unwrap();
    assert_eq!(harness.run(&tenant(), "m").await.unwrap().percent(), Some(100));
}

#[tokio::test]
async fn a_doubt_resolved_as_not_happened_is_tried_again() {
    let world = world();
    let kernel = world.process();
    let harness = IncrementalTaskHarness::new(&kernel, Doubtful);
    harness.run(&tenant(), "m").await.unwrap_err();
    let run = kernel.open_run(&tenant(), "m").await.unwrap();
    run.resolve("task/pay/charge", Resolve::failed("ann", "the bank has not seen it")).await.unwrap();
    let again = harness.run(&tenant(), "m").await.unwrap_err();
    let Some(KernelError::ReconciliationRequired { step, .. }) = again.kernel() else { panic!("{again}") };
    assert_eq!(step.as_str(), "task/pay/charge~2", "another effect, under another key");
}

/// Is paused by a person while it is at its task, the first time.
struct Paused(std::sync::atomic::AtomicBool);

impl IncrementalTasks for Paused {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(three())
    }

    async fn work_on(&self, cx: &HarnessContext, _: &TaskUnit) -> Result<()> {
        let one = cx.step("one").compute(|| async { Ok(1) }).await?;
        if !self.0.swap(true, Ordering::SeqCst) {
            cx.run().pause("ann", "look at this first").await?;
        }
        cx.step("two").compute(move || async move { Ok(one + 1) }).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_run_paused_at_work_keeps_its_task_in_progress_and_goes_on_when_it_is_resumed() {
    let world = world();
    let kernel = world.process();
    let harness = IncrementalTaskHarness::new(&kernel, Paused(false.into()));
    assert_eq!(harness.run(&tenant(), "m").await.unwrap_err().code(), "artana::not_running");
    let run = kernel.open_run(&tenant(), "m").await.unwrap();
    assert_eq!(kinds(&run).await.last(), Some(&"harness_failed"));
    let (id, task) = run.tasks().await.unwrap().swap_remove(0);
    assert!(matches!(task.state, TaskState::InProgress { session: 1, .. }), "{id}: {task:?}");
    assert_eq!(harness.run(&tenant(), "m").await.unwrap_err().code(), "artana::not_running");
    run.resume("ann").await.unwrap();
    assert_eq!(harness.run(&tenant(), "m").await.unwrap().percent(), Some(33));
}

/// What a wake hook heard: of the last session, of what is done and waits, and of the last note.
type Heard = std::sync::Mutex<Vec<(LastSession, usize, usize, Option<serde_json::Value>)>>;

struct Listening<'a>(&'a Heard);

impl IncrementalTasks for Listening<'_> {
    async fn define_tasks(&self, _: &HarnessContext) -> Result<Vec<TaskUnit>> {
        Ok(three())
    }

    async fn work_on(&self, cx: &HarnessContext, task: &TaskUnit) -> Result<()> {
        cx.run().note("hand-over", &format!("{} ({})", task.id(), task.title())).await?;
        Ok(())
    }

    async fn wake(&self, _: &HarnessContext, found: &artana_harness::Reorientation) -> Result<()> {
        let note = found.note.clone().map(|(_, value)| value);
        self.0.lock().expect("nobody panicked").push((found.last, found.done.len(), found.pending.len(), note));
        Ok(())
    }
}

#[tokio::test]
async fn waking_says_what_was_done_what_is_open_and_the_last_note() {
    let (world, heard) = (world(), std::sync::Mutex::default());
    let kernel = world.process();
    let harness = IncrementalTaskHarness::new(&kernel, Listening(&heard));
    for _ in 0..3 {
        harness.run(&tenant(), "m").await.unwrap();
    }
    let note = |note: &str| Some(serde_json::json!(note));
    assert_eq!(
        *heard.lock().unwrap(),
        [
            (LastSession::None, 0, 0, None),
            (LastSession::Slept, 1, 2, note("backup (Backup DB)")),
            (LastSession::Slept, 2, 1, note("migrate (Run migrations)")),
        ]
    );
}
