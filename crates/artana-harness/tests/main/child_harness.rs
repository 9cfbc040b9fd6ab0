//! A harness in a child run: it lives whole sessions there, and its parent answers ever after what it returned.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use artana_core::{Status, event::ChildOutcome};
use artana_harness::{
    DraftReviewVerify, DraftReviewVerifySupervisor, Failure, Harness, HarnessContext, HarnessRunner,
    IncrementalTaskHarness, LastSession, Reorientation, Result, Reviewed, SupervisorHarness, Worked,
};
use artana_kernel::{Error as KernelError, Kernel};
use serde_json::Value;

use crate::world::{Migration, failing, kinds, tenant, world};

/// Has another harness do all the work in a child.
struct Above<H>(H);

impl<H: Harness> Harness for Above<H> {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let returned: Value = cx.run_child_harness("part", &self.0).await?;
        Worked::finished(&returned)
    }
}

const CHILD: &str = "r/session-1/part";

#[tokio::test]
async fn a_list_of_tasks_is_done_in_a_child_session_by_session() {
    let (world, work) = (world(), Migration::default());
    let kernel = world.process();
    let supervisor = SupervisorHarness::new(&kernel, Above(IncrementalTaskHarness::new(&kernel, &work)));
    let progress = supervisor.run(&tenant(), "r").await.unwrap();
    assert_eq!((progress.status, work.worked().len()), (Status::Completed, 3));
    let child = kernel.open_run(&tenant(), CHILD).await.unwrap();
    let lineage = child.latest(|state| state.started().lineage.clone()).await.unwrap().unwrap();
    assert_eq!((lineage.run.as_str(), lineage.step.as_str()), ("r", "session-1/part"));
    let task = ["task_moved", "step_requested", "step_completed", "task_moved", "harness_slept"];
    let first = [&["run_started", "harness_woke", "tasks_defined"][..], &task].concat();
    let next = [&["harness_woke"][..], &task].concat();
    assert_eq!(kinds(&child).await, [first, next.clone(), next, vec!["run_finished"]].concat());
    let [(_, child_step)] = &supervisor.children(&tenant(), "r").await.unwrap()[..] else { panic!("one child") };
    assert!(matches!(child_step.ended, Some((_, ChildOutcome::Completed(_)))));
    assert!(child.verify().await.unwrap().is_ok());
    let parent = kernel.open_run(&tenant(), "r").await.unwrap();
    let session = ["harness_woke", "child_started", "child_finished", "harness_slept", "run_finished"];
    assert_eq!(kinds(&parent).await, [&["run_started"][..], &session].concat());
    assert!(parent.verify().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_task_that_fails_in_a_child_is_put_back_there_and_the_next_session_goes_on_with_the_same_child() {
    let world = world();
    let work = Migration::default().fate("migrate", |times| if times == 1 { failing(times) } else { Ok(()) });
    let kernel = world.process();
    let supervisor = SupervisorHarness::new(&kernel, Above(IncrementalTaskHarness::new(&kernel, &work)));
    let failed = supervisor.run(&tenant(), "r").await.unwrap_err();
    assert_eq!(failed.code(), "artana::harness_failed");
    let said = failed.failure().unwrap().message();
    assert!(said.contains("task migrate") && said.contains(CHILD), "{said}");
    let child = kernel.open_run(&tenant(), CHILD).await.unwrap();
    assert_eq!(child.status().await.unwrap(), Status::Sleeping);
    let done = supervisor.run(&tenant(), "r").await.unwrap();
    assert_eq!(done.status, Status::Completed);
    assert_eq!(work.worked(), ["backup", "migrate", "migrate", "verify"]);
    assert_eq!(work.effects.load(Ordering::SeqCst), 3, "its step answered from the ledger");
    assert_eq!(supervisor.children(&tenant(), "r").await.unwrap().len(), 1);
}

/// Notes each part of its life with what it found, and needs two sessions.
#[derive(Clone, Default)]
struct Noted {
    heard: Arc<Mutex<Vec<String>>>,
    checks: Arc<AtomicU64>,
    /// The first check finds the world unfit.
    unfit: bool,
    /// Leaves a step in doubt behind.
    doubt: bool,
    /// Panics at its work.
    panics: bool,
}

impl Noted {
    fn note(&self, what: impl Into<String>) {
        self.heard.lock().expect("nobody panicked").push(what.into());
    }

    fn heard(&self) -> String {
        self.heard.lock().expect("nobody panicked").drain(..).collect::<Vec<_>>().join(" ")
    }
}

impl Harness for Noted {
    fn label(&self) -> &str {
        "noted"
    }

    async fn initialise(&self, _: &HarnessContext) -> Result<()> {
        self.note("initialise");
        Ok(())
    }

    async fn wake(&self, _: &HarnessContext, found: &Reorientation) -> Result<()> {
        self.note(format!("wake-{}-{:?}", found.session, found.last));
        Ok(())
    }

    async fn check(&self, _: &HarnessContext) -> Result<()> {
        self.note("check");
        match self.checks.fetch_add(1, Ordering::SeqCst) {
            0 if self.unfit => Err(Failure::new("the disk is full")),
            _ => Ok(()),
        }
    }

    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        self.note("work");
        assert!(!self.panics, "it panics");
        if self.doubt {
            let doubt = cx.step("charge").once(|| async { Err::<(), _>(Failure::unknown("no answer")) }).await;
            assert!(doubt.is_err_and(|error| error.needs_reconciliation()));
        }
        match cx.found().last {
            LastSession::Slept => Worked::finished(&cx.run().id()),
            _ => Ok(Worked::More),
        }
    }

    async fn sleep(&self, _: &HarnessContext) -> Result<()> {
        self.note("sleep");
        Ok(())
    }
}

fn above(kernel: &Kernel, noted: &Noted) -> SupervisorHarness<Above<Noted>> {
    SupervisorHarness::new(kernel, Above(noted.clone()))
}

#[tokio::test]
async fn a_child_goes_through_its_hooks_hears_where_it_stands_and_answers_from_its_parent() {
    let (world, noted) = (world(), Noted::default());
    let kernel = world.process();
    above(&kernel, &noted).run(&tenant(), "r").await.unwrap();
    assert_eq!(noted.heard(), "initialise wake-1-None check work sleep wake-2-Slept check work sleep");
    let run = kernel.open_run(&tenant(), "r").await.unwrap();
    let output = run.latest(|state| state.output().copied()).await.unwrap().unwrap();
    let output: String = serde_json::from_slice(&run.content(&output).await.unwrap().unwrap()).unwrap();
    assert_eq!(output, CHILD);
    above(&world.process(), &noted).run(&tenant(), "r").await.unwrap();
    assert_eq!(noted.heard(), "", "the ledger answers");
}

#[tokio::test]
async fn a_check_that_fails_ends_the_session_of_the_child_before_it_works() {
    let (world, noted) = (world(), Noted { unfit: true, ..Noted::default() });
    let kernel = world.process();
    let failed = above(&kernel, &noted).run(&tenant(), "r").await.unwrap_err();
    assert!(failed.failure().unwrap().message().contains("`check`"), "{failed}");
    assert_eq!(noted.heard(), "initialise wake-1-None check sleep");
    above(&kernel, &noted).run(&tenant(), "r").await.unwrap();
    let heard = noted.heard();
    assert!(heard.starts_with("initialise wake-2-Failed check work sleep wake-3-Slept"), "{heard}");
}

#[tokio::test]
async fn a_child_that_leaves_a_doubt_does_not_sleep_and_its_parent_names_the_step() {
    let (world, noted) = (world(), Noted { doubt: true, ..Noted::default() });
    let kernel = world.process();
    let unclean = above(&kernel, &noted).run(&tenant(), "r").await.unwrap_err();
    let Some(KernelError::Unclean { run, steps, .. }) = unclean.kernel() else { panic!("{unclean}") };
    assert_eq!((run.run.as_str(), steps[0].as_str()), (CHILD, "session-1/charge"));
    let child = kernel.open_run(&tenant(), CHILD).await.unwrap();
    assert_eq!(child.status().await.unwrap(), Status::NeedsReconciliation);
}

/// Runs three harnesses in children, two at once, of which the second panics.
struct Three(Noted);

impl Harness for Three {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let part = |n| (format!("part-{n}"), Noted { panics: n == 2 && self.0.panics, ..self.0.clone() });
        let results = cx.run_child_harnesses::<String, _>(2, [1, 2, 3].map(part)).await;
        let names: Result<Vec<String>> = results.into_iter().map(|(_, result)| result).collect();
        Worked::finished(&names?)
    }
}

#[tokio::test]
async fn harnesses_in_children_leave_each_other_alone() {
    let world = world();
    let kernel = world.process();
    let panics = Three(Noted { panics: true, ..Noted::default() });
    let failed = SupervisorHarness::new(&kernel, panics).run(&tenant(), "r").await.unwrap_err();
    assert!(failed.failure().unwrap().message().contains("panicked"), "{failed}");
    let status = async |n: u64| {
        let child = kernel.open_run(&tenant(), &format!("r/session-1/part-{n}")).await.unwrap();
        child.status().await.unwrap()
    };
    assert_eq!((status(1).await, status(3).await), (Status::Completed, Status::Completed));
    assert!(!status(2).await.is_finished());
    let sound = Three(Noted::default());
    let heard = Arc::clone(&sound.0.heard);
    SupervisorHarness::new(&kernel, sound).run(&tenant(), "r").await.unwrap();
    assert!(heard.lock().unwrap()[0].starts_with("initialise"), "one child alone went on");
    assert_eq!(status(2).await, Status::Completed);
    assert_eq!(heard.lock().unwrap().iter().filter(|heard| heard.starts_with("wake")).count(), 2);
}

#[tokio::test]
async fn a_child_is_called_what_its_runner_is_called() {
    let (world, noted) = (world(), Noted::default());
    let kernel = world.process();
    let woke = async |id: &str| {
        let run = kernel.open_run(&tenant(), &format!("{id}/session-1/part")).await.unwrap();
        let bodies = crate::world::bodies(&run).await;
        bodies.iter().find_map(|body| match body {
            artana_core::event::Body::HarnessWoke(woke) => Some(woke.harness.to_string()),
            _ => None,
        })
    };
    above(&kernel, &noted).run(&tenant(), "a").await.unwrap();
    assert_eq!(woke("a").await.as_deref(), Some("noted"));
    let named = HarnessRunner::new(&kernel, noted.clone()).name("collector");
    SupervisorHarness::new(&kernel, Above(named)).run(&tenant(), "b").await.unwrap();
    assert_eq!(woke("b").await.as_deref(), Some("collector"));
}

/// Drafts a letter.
struct Letter;

impl DraftReviewVerify for Letter {
    type Draft = String;
    type Review = String;
    type Verified = bool;

    async fn draft(&self, _: &HarnessContext, _: Option<&(String, String)>) -> Result<String> {
        Ok("Dear all".into())
    }

    async fn review(&self, _: &HarnessContext, _: &String) -> Result<String> {
        Ok("fine".into())
    }

    async fn verify(&self, _: &HarnessContext, _: &String, _: &String) -> Result<bool> {
        Ok(true)
    }

    fn approves(&self, _: &String, verified: &bool) -> bool {
        *verified
    }
}

/// Has a draft reviewed and verified by children of a child.
struct Post(DraftReviewVerifySupervisor<Letter>);

impl Harness for Post {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let written: Reviewed<String, String, bool> = cx.run_child_harness("letter", &self.0).await?;
        Worked::finished(&written.draft)
    }
}

#[tokio::test]
async fn a_supervisor_has_a_supervisor_as_a_child() {
    let world = world();
    let kernel = world.process();
    let post = Post(DraftReviewVerifySupervisor::new(&kernel, Letter));
    SupervisorHarness::new(&kernel, post).run(&tenant(), "r").await.unwrap();
    let draft = kernel.open_run(&tenant(), "r/session-1/letter/session-1/round-1/draft").await.unwrap();
    assert_eq!(draft.status().await.unwrap(), Status::Completed);
}
