//! Code that no ledger could answer: what is refused, with which advice, and what is not.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use artana_kernel::{Error, Failure, WorkflowContext, WorkflowOutcome};
use tokio::sync::oneshot;

use super::{
    Ran,
    asks::Ask::{Compute, Signal},
    done,
};
use crate::world::{FIVE, Process, code, world};

type Body = fn(WorkflowContext) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Waits for something that no step is.
const FOREIGN: &[(&str, Body)] = &[
    ("a task that gives way", |_| {
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(())
        })
    }),
    ("a task", |_| Box::pin(async { Ok(tokio::spawn(async { tokio::task::yield_now().await }).await?) })),
    ("nothing at all", |_| {
        Box::pin(async {
            std::future::pending::<()>().await;
            Ok(())
        })
    }),
    ("a channel beside a step", |cx| {
        Box::pin(async move {
            let (tell, told) = oneshot::channel();
            let step = cx.step("tells").compute(move || async move {
                let _ = tell.send(());
                // The channel wakes the code before the step has ended.
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                Ok(())
            });
            let (step, told) = cx.join(step, told).await;
            step?;
            Ok(told?)
        })
    }),
    ("what another context asks for in a task", |cx| {
        Box::pin(async move {
            let asked = tokio::spawn(async move { cx.step("there").compute(|| async { Ok(()) }).await });
            Ok(asked.await??)
        })
    }),
];

#[tokio::test]
async fn waiting_for_what_is_no_step_is_refused_with_advice() {
    for (what, body) in FOREIGN {
        let world = world();
        let process = world.process();
        let refused = process.workflow(*body).await;
        let Err(Error::ForeignWait { .. }) = &refused else { panic!("{what}: {refused:?}") };
        assert!(refused.unwrap_err().to_string().contains("cx.sleep"));
        // Nothing is held: another process is refused for the same reason and for no other.
        assert_eq!(code(world.process().workflow(*body).await), "artana::foreign_wait", "{what}");
        world.verify(&process.run("r").await).await;
    }
}

#[tokio::test]
async fn inside_a_closure_anything_may_be_waited_for() {
    let world = world();
    let clock = world.clock.clone();
    let process = world.process();
    let told = process.workflow(|cx| async move {
        let waits = cx.step("waits").compute(move || async move {
            tokio::task::yield_now().await;
            let (tell, told) = oneshot::channel();
            tokio::spawn(async move { tell.send(1) });
            artana_ports::Clock::sleep(&clock, super::seconds(5)).await;
            Ok(told.await? + tokio::spawn(async { 2 }).await?)
        });
        let waited = waits.await?;
        let blocked = cx.step("blocks").compute_blocking(|| {
            std::thread::yield_now();
            Ok(10)
        });
        Ok(waited + blocked.await?)
    });
    assert_eq!(done(world.pass_time(told).await), 13);
}

#[tokio::test]
async fn code_may_wake_itself() {
    let world = world();
    let told = world
        .process()
        .workflow(|cx| async move {
            for n in 0..3 {
                let mut times = 100;
                poll_fn(|cx| {
                    times -= 1;
                    cx.waker().wake_by_ref();
                    if times == 0 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                cx.step(format!("{n}")).compute(move || async move { Ok(n) }).await?;
            }
            Ok(())
        })
        .await;
    done(told);
}

#[tokio::test]
async fn code_that_wakes_itself_for_ever_is_refused() {
    let forever: Body = |_| {
        Box::pin(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        }))
    };
    assert_eq!(code(world().process().workflow(forever).await), "artana::foreign_wait");
}

/// Polls only those of its futures that were woken, as combinators of many futures do, and gives their outputs in the
/// order in which they come.
struct Unordered<'a, T>(Vec<Woken<'a, T>>);

struct Woken<'a, T> {
    future: Option<Pin<Box<dyn Future<Output = T> + Send + 'a>>>,
    flag: Arc<Flag>,
}

#[derive(Default)]
struct Flag {
    polled: AtomicBool,
    parent: Mutex<Option<Waker>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.polled.store(false, Ordering::SeqCst);
        if let Some(parent) = self.parent.lock().unwrap().take() {
            parent.wake();
        }
    }
}

impl<'a, T> Unordered<'a, T> {
    fn new<F: Future<Output = T> + Send + 'a>(futures: impl IntoIterator<Item = F>) -> Self {
        let woken = |future: F| Woken { future: Some(Box::pin(future)), flag: Arc::default() };
        Self(futures.into_iter().map(woken).collect())
    }

    /// Returns the next output, in the order in which they come; `None` after the last.
    async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<T>> {
        for Woken { future, flag } in &mut self.0 {
            let Some(polled) = future else { continue };
            *flag.parent.lock().unwrap() = Some(cx.waker().clone());
            if flag.polled.swap(true, Ordering::SeqCst) {
                continue;
            }
            let waker = Waker::from(Arc::clone(flag));
            if let Poll::Ready(out) = polled.as_mut().poll(&mut Context::from_waker(&waker)) {
                *future = None;
                return Poll::Ready(Some(out));
            }
        }
        if self.0.iter().all(|woken| woken.future.is_none()) { Poll::Ready(None) } else { Poll::Pending }
    }
}

#[tokio::test]
async fn combinators_that_poll_what_was_woken_see_the_same_order_in_every_life() {
    let (world, ran) = (world(), Ran::default());
    let ordered = |process: Process| {
        let (ran, clock) = (ran.clone(), world.clock.clone());
        async move {
            process
                .workflow(|cx| async move {
                    let mut all = Unordered::new([30, 10, 20].map(|after| {
                        let (cx, ran, clock) = (cx.clone(), ran.clone(), clock.clone());
                        async move {
                            let first = cx.step(format!("first of {after}")).compute(move || async move {
                                artana_ports::Clock::sleep(&clock, super::seconds(after)).await;
                                Ok(ran.once())
                            });
                            first.await?;
                            cx.step(format!("second of {after}")).compute(move || async move { Ok(after) }).await
                        }
                    }));
                    let mut order = Vec::new();
                    while let Some(told) = all.next().await {
                        order.push(told?);
                    }
                    cx.signal::<()>("end").await?;
                    Ok(order)
                })
                .await
        }
    };
    assert!(matches!(world.pass_time(ordered(world.process())).await, Ok(WorkflowOutcome::Waiting(_))));
    world.process().run("r").await.signal("end", "ann", &()).await.unwrap();
    assert_eq!(done(ordered(world.process()).await), [10, 20, 30]);
    assert_eq!(ran.times(), 3);
}

#[tokio::test]
async fn a_key_used_twice_is_refused() {
    for within in [false, true] {
        let (world, ran) = (world(), Ran::default());
        let counted = ran.clone();
        let refused = world.process().workflow(|cx| async move {
            let twice = if within { cx.scope("a").step("b") } else { cx.step("a/b") };
            cx.step("a/b").compute(|| async { Ok(()) }).await?;
            Ok(twice.once(move || async move { Ok(counted.once()) }).await?)
        });
        let refused = refused.await;
        let Err(Error::StepKeyReused { step, .. }) = &refused else { panic!("{refused:?}") };
        assert_eq!((step.as_str(), ran.times()), ("a/b", 0));
    }
}

#[tokio::test]
async fn what_is_dropped_unanswered_is_refused() {
    let (world, ran) = (world(), Ran::default());
    let counted = ran.clone();
    let refused = world.process().workflow::<(), _, _>(|cx| async move {
        let mut dropped = cx.step("dropped").compute(move || async move { Ok(counted.once()) }).into_future();
        poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx).is_ready())).await;
        drop(dropped);
        Ok(cx.step("after").compute(|| async { Ok(()) }).await?)
    });
    let refused = refused.await;
    let Err(Error::AskDropped { asked, .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!((asked.as_str(), ran.times()), ("compute dropped", 0));
}

#[tokio::test]
async fn what_was_never_awaited_was_not_asked() {
    let world = world();
    let told = world.process().workflow(|cx| async move {
        drop(cx.step("never").compute(|| async { Ok(()) }));
        drop(cx.sleep("never either", super::seconds(5)));
        cx.step("a").compute(|| async { Ok(()) }).await?;
        Ok(())
    });
    done(told.await);
}

#[tokio::test]
async fn unfit_keys_are_refused_before_anything_is_asked() {
    let world = world();
    for refused in ["", "a\nb"] {
        let outcome = world
            .process()
            .workflow::<(), _, _>(move |cx| async move { Ok(cx.step(refused).compute(|| async { Ok(()) }).await?) });
        assert_eq!(code(outcome.await), "artana::invalid_id");
        let outcome = world.process().workflow::<(), _, _>(move |cx| async move { Ok(cx.signal(refused).await?) });
        assert_eq!(code(outcome.await), "artana::invalid_id");
        let outcome = world.process().workflow::<(), _, _>(move |cx| async move {
            cx.patched(refused).await?;
            Ok(())
        });
        assert_eq!(code(outcome.await), "artana::invalid_id");
    }
}

#[tokio::test]
async fn a_panic_between_steps_records_nothing_and_the_corrected_code_goes_on() {
    let (world, ran) = (world(), Ran::default());
    let panics = |process: Process, panics: bool| {
        let ran = ran.clone();
        async move {
            process
                .workflow(move |cx| async move {
                    cx.step("pay").tool_json("mail", FIVE).await?;
                    Compute("a").of(&cx, &ran).await?;
                    assert!(!panics, "on purpose");
                    Compute("b").of(&cx, &ran).await?;
                    Ok(())
                })
                .await
        }
    };
    for _ in 0..2 {
        assert_eq!(code(panics(world.process(), true).await), "artana::workflow_panicked");
    }
    let run = world.process().run("r").await;
    assert_eq!(world.kinds(&run).await, ["tool_requested", "tool_completed", "step_completed"]);
    done(panics(world.process(), false).await);
    assert_eq!((world.effects(), ran.times()), (1, 2));
}

#[tokio::test]
async fn whoever_was_refused_holds_nothing() {
    let (world, ran) = (world(), Ran::default());
    let first = world.process();
    let refused = first.workflow::<(), _, _>(|cx| async move {
        Compute("a").of(&cx, &Ran::default()).await?;
        std::future::pending::<()>().await;
        Ok(())
    });
    assert_eq!(code(refused.await), "artana::foreign_wait");
    // Another process goes on at once, though the first one lives.
    let second = world.process();
    assert!(matches!(second.asks(&[Compute("a"), Signal("end")], &ran).await, Ok(WorkflowOutcome::Waiting(_))));
    assert_eq!(ran.times(), 0);
}
