//! A session wakes, works and sleeps; what goes wrong in each part, and what is left behind.

use std::sync::{Arc, Mutex};

use artana_core::{
    Status,
    decide::ReplayPolicy,
    event::{Body, Phase},
};
use artana_harness::{Failure, Harness, HarnessContext, HarnessRunner, LastSession, Reorientation, Result, Worked};
use artana_kernel::{Error as KernelError, Run};
use artana_testkit::ScriptedModel;

use crate::world::{bodies, kinds, tenant, world};

/// What a part of a session does.
type Part = Arc<dyn Fn(&HarnessContext) -> Result<()> + Send + Sync>;

/// A harness that notes each part of its life, and does in it what it was told.
#[derive(Default, Clone)]
struct Told {
    heard: Arc<Mutex<Vec<String>>>,
    initialise: Option<Part>,
    wake: Option<Part>,
    check: Option<Part>,
    work: Option<Part>,
    sleep: Option<Part>,
    /// Leaves a step in doubt behind.
    doubt: bool,
}

impl Told {
    fn does(&self, part: &str, what: Option<&Part>, cx: &HarnessContext) -> Result<()> {
        self.heard.lock().expect("nobody panicked").push(part.into());
        what.map_or(Ok(()), |what| what(cx))
    }

    fn heard(&self) -> String {
        self.heard.lock().expect("nobody panicked").drain(..).collect::<Vec<_>>().join(" ")
    }
}

fn fails(why: &'static str) -> Option<Part> {
    Some(Arc::new(move |_| Err(Failure::new(why))))
}

impl Harness for Told {
    async fn initialise(&self, cx: &HarnessContext) -> Result<()> {
        self.does("initialise", self.initialise.as_ref(), cx)
    }

    async fn wake(&self, cx: &HarnessContext, _: &Reorientation) -> Result<()> {
        self.does("wake", self.wake.as_ref(), cx)
    }

    async fn check(&self, cx: &HarnessContext) -> Result<()> {
        self.does("check", self.check.as_ref(), cx)
    }

    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        self.does("work", self.work.as_ref(), cx)?;
        if self.doubt {
            // The code goes on as if nothing were amiss; the ledger knows better.
            let doubt = cx.step("charge").once(|| async { Err::<(), _>(Failure::unknown("no answer")) }).await;
            assert!(doubt.is_err_and(|error| error.needs_reconciliation()));
        }
        Ok(Worked::More)
    }

    async fn sleep(&self, cx: &HarnessContext) -> Result<()> {
        self.does("sleep", self.sleep.as_ref(), cx)
    }
}

async fn failed_in(run: &Run) -> Vec<(Phase, String)> {
    let mut failed = Vec::new();
    for body in bodies(run).await {
        if let Body::HarnessFailed(what) = body {
            let said = run.content(&what.error).await.expect("sound").expect("sound");
            failed.push((what.phase, String::from_utf8(said).expect("sound")));
        }
    }
    failed
}

#[tokio::test]
async fn a_session_wakes_works_and_sleeps_and_initialises_once() {
    let (world, told) = (world(), Told::default());
    let kernel = world.process();
    let harness = HarnessRunner::new(&kernel, told.clone());
    harness.run(&tenant(), "r").await.unwrap();
    assert_eq!(told.heard(), "initialise wake check work sleep");
    harness.run(&tenant(), "r").await.unwrap();
    assert_eq!(told.heard(), "wake check work sleep");
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    let session = ["harness_woke", "harness_slept"];
    assert_eq!(kinds(&run).await, [&["run_started"][..], &session, &session].concat());
}

#[tokio::test]
async fn each_part_that_fails_ends_the_session_and_says_so() {
    type Break = fn(&mut Told);
    let parts: [(Phase, &str, Break); 5] = [
        (Phase::Initialise, "initialise sleep", |told| told.initialise = fails("no")),
        (Phase::Wake, "initialise wake sleep", |told| told.wake = fails("no")),
        (Phase::Check, "initialise wake check sleep", |told| told.check = fails("no")),
        (Phase::Work, "initialise wake check work sleep", |told| told.work = fails("no")),
        (Phase::Sleep, "initialise wake check work sleep", |told| told.sleep = fails("no")),
    ];
    for (phase, heard, fail) in parts {
        let (world, mut told) = (world(), Told::default());
        fail(&mut told);
        let kernel = world.process();
        let failed = HarnessRunner::new(&kernel, told.clone()).run(&tenant(), "r").await.unwrap_err();
        assert_eq!((told.heard().as_str(), failed.code()), (heard, "artana::harness_failed"), "{phase:?}");
        let run = kernel.open_run(&tenant(), "r").await.unwrap();
        assert_eq!(failed_in(&run).await, [(phase, "no".to_owned())]);
        assert_eq!(run.status().await.unwrap(), Status::Sleeping, "nobody is at it any more");
        // Another process goes on at once: the lease was given back.
        HarnessRunner::new(&world.process(), Told::default()).run(&tenant(), "r").await.unwrap();
    }
}

#[tokio::test]
async fn if_work_and_sleep_both_fail_the_works_error_is_returned() {
    let world = world();
    let told = Told { work: fails("the work"), sleep: fails("the sleep"), ..Told::default() };
    let kernel = world.process();
    let failed = HarnessRunner::new(&kernel, told).run(&tenant(), "r").await.unwrap_err();
    assert_eq!(failed.failure().map(Failure::message), Some("the work"));
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    assert_eq!(failed_in(&run).await, [(Phase::Work, "the work".to_owned())]);
}

#[tokio::test]
async fn sleep_is_refused_while_a_step_is_in_doubt_and_names_it() {
    let world = world();
    let kernel = world.process();
    let told = Told { doubt: true, ..Told::default() };
    let unclean = HarnessRunner::new(&kernel, told).run(&tenant(), "r").await.unwrap_err();
    let Some(KernelError::Unclean { steps, task, .. }) = unclean.kernel() else { panic!("{unclean}") };
    assert_eq!((steps.len(), steps[0].as_str(), task), (1, "session-1/charge", &None));
    assert!(unclean.to_string().contains("session-1/charge"), "{unclean}");
    assert_eq!(unclean.code(), "artana::unclean");
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    assert_eq!(run.status().await.unwrap(), Status::NeedsReconciliation);
    assert_eq!(kinds(&run).await.last(), Some(&"harness_failed"), "it did not sleep");
}

#[tokio::test]
async fn a_paused_run_is_not_woken() {
    let world = world();
    let kernel = world.process();
    let harness = HarnessRunner::new(&kernel, Told::default());
    harness.run(&tenant(), "r").await.unwrap();
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    run.pause("ann", "look at this first").await.unwrap();
    let paused = harness.run(&tenant(), "r").await.unwrap_err();
    assert_eq!(paused.code(), "artana::not_running");
    run.resume("ann").await.unwrap();
    harness.run(&tenant(), "r").await.unwrap();
}

#[tokio::test]
async fn a_cancelled_run_is_not_gone_on_with() {
    let world = world();
    let kernel = world.process();
    let harness = HarnessRunner::new(&kernel, Told::default());
    harness.run(&tenant(), "r").await.unwrap();
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    assert_eq!(run.cancel("ann", "enough").await.unwrap(), Status::Cancelled);
    assert_eq!(harness.run(&tenant(), "r").await.unwrap_err().code(), "artana::ended");
}

#[tokio::test]
async fn a_run_that_sleeps_is_ended_by_hand() {
    let world = world();
    let kernel = world.process();
    let harness = HarnessRunner::new(&kernel, Told::default());
    harness.run(&tenant(), "r").await.unwrap();
    kernel.open_run(&tenant(), "r").await.unwrap().finish().await.unwrap();
    assert_eq!(harness.run(&tenant(), "r").await.unwrap().status, Status::Completed);
}

/// Panics at its work, once.
struct Panics;

impl Harness for Panics {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        assert_eq!(cx.found().last, LastSession::Died, "the first session");
        Worked::finished(&"done")
    }
}

#[tokio::test]
async fn a_panic_gives_the_lease_back_and_the_next_session_knows() {
    let world = world();
    let (kernel, other) = (world.process(), world.process());
    let task = tokio::spawn(async move { HarnessRunner::new(&kernel, Panics).run(&tenant(), "r").await });
    assert!(task.await.unwrap_err().is_panic());
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    let progress = HarnessRunner::new(&other, Panics).run(&tenant(), "r").await.unwrap();
    assert_eq!(progress.status, Status::Completed);
}

#[tokio::test]
async fn a_workflow_is_not_driven_by_sessions() {
    let world = world();
    let kernel = world.process();
    kernel.workflow(&tenant(), "w", |cx| async move { Ok(cx.now().await?.as_micros() > 0) }).await.unwrap();
    let refused = HarnessRunner::new(&kernel, Told::default()).run(&tenant(), "w").await.unwrap_err();
    assert_eq!(refused.code(), "artana::not_that_workflow");
}

/// Asks in another way than before, in a fork.
struct Forks(&'static str);

impl Harness for Forks {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let asked = cx.run().step("summary").model("demo/one").prompt(self.0).replay(ReplayPolicy::ForkOnDrift).await?;
        cx.run().set_artifact("asked in", &asked.run().id(), 1).await?;
        Ok(Worked::More)
    }
}

#[tokio::test]
async fn a_drift_in_a_session_forks_the_run_and_the_session_goes_on_in_its_own() {
    let world = world();
    let kernel = world.builder().model(ScriptedModel::text("It rained.")).build().unwrap();
    HarnessRunner::new(&kernel, Forks("Three sentences")).run(&tenant(), "r").await.unwrap();
    HarnessRunner::new(&kernel, Forks("Five sentences")).run(&tenant(), "r").await.unwrap();
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    let (fork, _) = run.forks().await.unwrap().swap_remove(0);
    let asked_in: String = run.artifact("asked in").await.unwrap().unwrap();
    assert_eq!(asked_in, fork.as_str());
    assert_eq!(run.status().await.unwrap(), Status::Sleeping);
    // Nobody drives the fork.
    let fork = world.process().open_run(&tenant(), fork.as_str()).await.unwrap();
    fork.step("more").compute(|| async { Ok(1) }).await.unwrap();
}
