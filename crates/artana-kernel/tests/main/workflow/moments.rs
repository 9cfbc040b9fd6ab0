//! What is said at an awkward moment: while values wait to be drawn, while the run is being left, from inside a closure.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use artana_core::{Status, Timestamp};
use artana_kernel::{Error, Failure, Kernel, Run, WorkflowContext, WorkflowOutcome};
use artana_ports::Clock;
use artana_testkit::{SimClock, fault::Faults};
use async_trait::async_trait;

use super::{Ran, asks::Ask::Compute, done, seconds};
use crate::world::{Process, code, tenant, world};

/// Does something for some seconds, of which the outcome is recorded also in a run that is paused meanwhile.
async fn slow(cx: &WorkflowContext, key: &str, clock: &SimClock, takes: u64) -> Result<(), Error> {
    let clock = clock.clone();
    let done = cx.step(key).once(move || async move {
        clock.sleep(seconds(takes)).await;
        Ok(())
    });
    done.await
}

#[tokio::test]
async fn a_change_that_a_pause_kept_from_being_drawn_is_taken_when_the_run_goes_on() {
    for registers in [false, true] {
        let world = world();
        let drive = |process: Process| {
            let clock = world.clock.clone();
            process.workflow(move |cx| async move {
                let left = async {
                    slow(&cx, "a", &clock, 5).await?;
                    if cx.patched("a change").await? {
                        Compute("new").of(&cx, &Ran::default()).await?;
                    }
                    Ok::<_, Error>(())
                };
                let right = async {
                    slow(&cx, "b", &clock, 5).await?;
                    if registers {
                        cx.on_rollback("undo", |_| async { Ok(()) }).await?;
                    }
                    cx.signal::<()>("go").await
                };
                let (left, right) = cx.join(left, right).await;
                left?;
                Ok(right?)
            })
        };
        let driving = tokio::spawn(drive(world.process()));
        world.settle().await;
        let run = world.process().run("r").await;
        run.pause("ann", "let me see").await.unwrap();
        assert!(matches!(world.pass_time(driving).await.unwrap(), Ok(WorkflowOutcome::Paused(_))));
        run.resume("ann").await.unwrap();
        let left = drive(world.process()).await;
        assert!(matches!(left, Ok(WorkflowOutcome::Waiting(_))), "{left:?}");
        run.signal("go", "ann", &()).await.unwrap();
        done(drive(world.process()).await);
        let steps: Vec<String> =
            world.events(&run).await.iter().filter_map(|event| event.step().map(ToString::to_string)).collect();
        assert!(steps.contains(&"new".to_owned()), "{steps:?}");
        world.verify(&run).await;
    }
}

/// A clock at whose next look but so many something happens, on another thread.
struct Looked {
    inner: SimClock,
    left: AtomicI64,
    then: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Looked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Looked").finish_non_exhaustive()
    }
}

#[async_trait]
impl Clock for Looked {
    fn now(&self) -> Timestamp {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            (self.then)();
        }
        self.inner.now()
    }

    fn elapsed(&self) -> std::time::Duration {
        self.inner.elapsed()
    }

    async fn sleep(&self, duration: std::time::Duration) {
        self.inner.sleep(duration).await;
    }
}

/// Runs a future to its end on a thread and a runtime of its own.
fn elsewhere<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let thread = std::thread::spawn(|| {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be built").block_on(future)
    });
    thread.join().expect("the thread does its work")
}

#[tokio::test]
async fn a_signal_that_comes_while_the_run_is_being_left_is_not_overlooked() {
    // A workflow that has nothing to do looks at the clock when it has asked, and again before it leaves.
    for looks in 0..3 {
        let world = world();
        let kernel = Arc::new(std::sync::OnceLock::<Kernel>::new());
        let sender = Arc::clone(&kernel);
        let clock = Arc::new(Looked {
            inner: world.clock.clone(),
            left: AtomicI64::new(i64::MAX),
            then: Box::new(move || {
                let kernel = sender.get().expect("it is set").clone();
                elsewhere(async move { kernel.signal(&tenant(), "r", ("go", "ann"), &3).await.unwrap() });
            }),
        });
        let built = world.bare(&Faults::record()).clock(clock.clone()).build().unwrap();
        kernel.set(built.clone()).unwrap();
        let (armed, tenant) = (Arc::clone(&clock), tenant());
        let told = built.workflow(&tenant, "r", move |cx| async move {
            armed.left.store(looks, Ordering::SeqCst);
            Ok(cx.signal::<u32>("go").await?)
        });
        assert_eq!(told.await.unwrap(), WorkflowOutcome::Completed(3), "after {looks} looks");
        assert!(clock.left.load(Ordering::SeqCst) < 0, "the signal was sent");
    }
}

#[tokio::test]
async fn asking_from_inside_a_closure_is_refused_with_advice() {
    let (world, ran) = (world(), Ran::default());
    let process = world.process();
    let counted = ran.clone();
    let refused = process.workflow::<(), _, _>(|cx| async move {
        let inner = cx.clone();
        let outer = cx.step("outer").compute(move || async move {
            inner.step("inner").compute(move || async move { Ok(counted.once()) }).await?;
            Ok(())
        });
        Ok(outer.await?)
    });
    let refused = world.pass_time(refused).await;
    let Err(Error::AskedInside { asked, .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!((asked.as_str(), ran.times()), ("compute inner", 0));
    assert!(refused.unwrap_err().to_string().contains("between steps"));
}

#[tokio::test]
async fn a_compensation_that_swallows_a_doubt_has_not_undone_anything() {
    let (world, ran) = (world(), Ran::default());
    let drive = |process: &Process| {
        let ran = ran.clone();
        process.workflow::<(), _, _>(|cx| async move {
            cx.on_rollback("undo", move |cx| async move {
                ran.once();
                let _ = cx.step("refund").tool_json("mail", crate::world::FIVE).await;
                Ok(())
            })
            .await?;
            Err(Failure::new("no luck"))
        })
    };
    world.provider.next_calls([artana_testkit::provider::Manner::LoseReply]);
    let process = world.process();
    for _ in 0..2 {
        assert_eq!(code(drive(&process).await), "artana::reconciliation_required");
    }
    let run: Run = process.run("r").await;
    assert_eq!(run.status().await.unwrap(), Status::Cancelling);
    let word = artana_kernel::Resolve::succeeded("ann", r#"{"charge":"ch_1"}"#, "seen");
    run.resolve("undo/refund", word).await.unwrap();
    for _ in 0..2 {
        assert_eq!(code(drive(&process).await), "artana::workflow_failed");
    }
    assert_eq!((ran.times(), world.effects(), run.status().await.unwrap()), (3, 1, Status::Failed));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_compensation_that_clears_a_doubt_by_itself_has_undone_it() {
    for calls_first in [true, false] {
        let world = world();
        let drive = |process: &Process| {
            process.workflow::<(), _, _>(move |cx| async move {
                cx.on_rollback("undo", move |cx| async move {
                    let step = cx.step("refund");
                    if calls_first && step.tool_json("send", crate::world::FIVE).await.is_ok() {
                        return Ok(());
                    }
                    step.reconcile_json("send", crate::world::FIVE).await?;
                    Ok(())
                })
                .await?;
                Err(Failure::new("no luck"))
            })
        };
        world.provider.next_calls([artana_testkit::provider::Manner::LoseReply]);
        let process = world.process();
        assert_eq!(code(drive(&process).await), "artana::workflow_failed", "calls first: {calls_first}");
        let run: Run = process.run("r").await;
        assert_eq!((world.effects(), run.status().await.unwrap()), (1, Status::Failed));
        world.verify(&run).await;
    }
}
