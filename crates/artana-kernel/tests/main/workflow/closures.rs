//! Closures as steps: what they return, how they fail, how often they are tried, and how their results are kept.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use artana_core::{ContentType, StepKey, Timestamp, backoff::Backoff, event::Body};
use artana_kernel::{Error, Failure, Retry, StepCodec, WorkflowContext, WorkflowOutcome};
use artana_ports::Clock;

use super::{Ran, done, seconds};
use crate::world::{Process, World, code, world};

/// Keeps text backwards.
#[derive(Debug, Clone, Copy)]
struct Backwards;

impl StepCodec<String> for Backwards {
    const CONTENT: ContentType = ContentType::Text;

    fn encode(&self, value: &String) -> Result<Vec<u8>, String> {
        if value.is_empty() {
            return Err("there is nothing to keep".into());
        }
        Ok(value.bytes().rev().collect())
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, String> {
        String::from_utf8(bytes.iter().rev().copied().collect()).map_err(|_| "it is no text".into())
    }
}

#[tokio::test]
async fn a_result_is_kept_as_its_codec_says() {
    let (world, ran) = (world(), Ran::default());
    for _ in 0..2 {
        let counted = ran.clone();
        let said = world.process().workflow(|cx| async move {
            let said = cx.step("say").compute(move || async move {
                counted.once();
                Ok("abc".to_owned())
            });
            let said = said.codec(Backwards).await?;
            cx.signal::<()>("end").await?;
            Ok(said)
        });
        assert!(matches!(said.await, Ok(WorkflowOutcome::Waiting(_))));
    }
    assert_eq!(ran.times(), 1);
    let run = world.process().run("r").await;
    let events = world.events(&run).await;
    let kept = events.iter().find_map(|event| match event.body() {
        Body::StepCompleted(done) => match &done.outcome {
            artana_core::event::Outcome::Succeeded(success) => Some(success.result),
            _ => None,
        },
        _ => None,
    });
    let kept = kept.unwrap();
    assert_eq!((kept.kind, run.content(&kept).await.unwrap().unwrap()), (ContentType::Text, b"cba".to_vec()));
}

#[tokio::test]
async fn a_result_that_cannot_be_kept_is_a_failure() {
    let (world, ran) = (world(), Ran::default());
    for _ in 0..2 {
        let counted = ran.clone();
        let failed = world.process().workflow::<(), _, _>(|cx| async move {
            let said = cx.step("say").compute(move || async move {
                counted.once();
                Ok(String::new())
            });
            said.codec(Backwards).await?;
            Ok(())
        });
        let failed = failed.await;
        let Err(Error::WorkflowFailed { .. }) = &failed else { panic!("{failed:?}") };
    }
    assert_eq!(ran.times(), 1);
}

#[tokio::test]
async fn what_a_closure_that_must_not_be_repeated_returned_and_cannot_be_kept_leaves_a_doubt() {
    let (world, ran) = (world(), Ran::default());
    let counted = ran.clone();
    let doubt = world.process().workflow::<(), _, _>(|cx| async move {
        let said = cx.step("say").once(move || async move {
            counted.once();
            Ok(String::new())
        });
        said.codec(Backwards).await?;
        Ok(())
    });
    assert_eq!(code(doubt.await), "artana::reconciliation_required");
    assert_eq!(ran.times(), 1);
}

#[tokio::test]
async fn a_recorded_value_of_another_type_is_no_answer_and_the_code_does_not_see_it() {
    let world = world();
    let asks = world.process().workflow(|cx| async move {
        cx.step("n").compute(|| async { Ok("three".to_owned()) }).await?;
        Ok(cx.signal::<()>("end").await?)
    });
    assert!(matches!(asks.await, Ok(WorkflowOutcome::Waiting(_))));
    let run = world.process().run("r").await;
    let before = world.kinds(&run).await;
    let other = world.process().workflow(|cx| async move {
        // Code that swallows the error would go on.
        let _ = cx.step("n").compute(|| async { Ok(3_u32) }).await;
        Ok(cx.signal::<()>("end").await?)
    });
    assert_eq!(code(other.await), "artana::output");
    assert_eq!(world.kinds(&run).await, before);
}

#[tokio::test]
async fn a_closure_that_panics_has_failed_and_the_code_goes_on_with_that() {
    let (world, ran) = (world(), Ran::default());
    for _ in 0..2 {
        let counted = ran.clone();
        let told = world.process().workflow(|cx| async move {
            let mut failed = Vec::new();
            let polled = counted.clone();
            let panics = cx.step("polled").compute::<(), _, _>(move || async move {
                polled.once();
                panic!("on purpose")
            });
            failed.push(panics.await.unwrap_err().code());
            let blocks = counted.clone();
            let panics = cx.step("blocking").compute_blocking::<(), _>(move || {
                blocks.once();
                panic!("on purpose")
            });
            failed.push(panics.await.unwrap_err().code());
            let called = counted.clone();
            let panics = cx.step("called").compute::<(), _, std::future::Ready<Result<(), Failure>>>(move || {
                called.once();
                panic!("on purpose")
            });
            failed.push(panics.await.unwrap_err().code());
            Ok(failed.into_iter().map(str::to_owned).collect::<Vec<_>>())
        });
        assert_eq!(done(told.await), ["artana::step_failed"; 3]);
    }
    assert_eq!(ran.times(), 3);
}

#[tokio::test]
async fn what_is_not_known_not_to_have_happened_is_in_doubt_and_never_seen_by_the_code() {
    type Fails = fn() -> Result<(), Failure>;
    let fails: [Fails; 3] = [|| panic!("on purpose"), || Err(Failure::new("?")), || Err(Failure::unknown("?"))];
    for fail in fails {
        let (world, ran) = (world(), Ran::default());
        for _ in 0..2 {
            let counted = ran.clone();
            let doubt = world.process().workflow(|cx| async move {
                let once = cx.step("pay").once(move || async move {
                    counted.once();
                    fail()
                });
                let _ = once.await;
                Ok(())
            });
            assert_eq!(code(doubt.await), "artana::reconciliation_required");
        }
        assert_eq!(ran.times(), 1);
        let run = world.process().run("r").await;
        assert_eq!(run.status().await.unwrap(), artana_core::Status::NeedsReconciliation);
    }
}

#[tokio::test]
async fn a_doubt_that_a_person_cleared_is_an_answer() {
    for happened in [true, false] {
        let (world, ran) = (world(), Ran::default());
        let pays = |process: Process| {
            let ran = ran.clone();
            async move {
                process
                    .workflow(|cx| async move {
                        let once = cx.step("pay").once(move || async move {
                            ran.once();
                            Err::<u32, _>(Failure::unknown("?"))
                        });
                        Ok(once.await.map_err(|error| error.code().to_owned()))
                    })
                    .await
            }
        };
        assert_eq!(code(pays(world.process()).await), "artana::reconciliation_required");
        let run = world.process().run("r").await;
        let word = match happened {
            true => artana_kernel::Resolve::succeeded("ann", "5", "seen"),
            false => artana_kernel::Resolve::failed("ann", "not seen"),
        };
        run.resolve("pay", word).await.unwrap();
        let told = if happened { Ok(5) } else { Err("artana::step_failed".to_owned()) };
        for _ in 0..2 {
            assert_eq!(done(pays(world.process()).await), told);
        }
        assert_eq!(ran.times(), 1);
    }
}

const BACKOFF: Backoff = Backoff { first: Duration::from_secs(60), longest: Duration::from_secs(300) };

/// A closure that always fails, and when it was tried.
async fn tried(cx: WorkflowContext, retry: Retry, clock: Arc<dyn Clock>, at: Arc<Mutex<Vec<Timestamp>>>) -> u32 {
    let failing = cx.step("tried").retry(retry).compute(move || {
        at.lock().unwrap().push(clock.now());
        async { Err::<(), _>(Failure::new("not yet")) }
    });
    let Err(Error::StepFailed { attempts, .. }) = failing.await else { panic!("it always fails") };
    attempts
}

async fn tries(world: &World, process: Process, retry: Retry, at: &Arc<Mutex<Vec<Timestamp>>>) -> u32 {
    let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
    let at = Arc::clone(at);
    let told = process.workflow(move |cx| async move { Ok(tried(cx, retry, clock, at).await) });
    done(world.pass_time(told).await)
}

#[tokio::test]
async fn attempts_are_counted_and_their_waits_are_the_same_in_the_next_life() {
    let retry = Retry::attempts(4).backoff(BACKOFF.first, BACKOFF.longest);
    for crash in [false, true] {
        let (world, at) = (world(), Arc::default());
        if crash {
            // The first life ends while it waits for the second attempt.
            let (first, noted, clock) = (world.process(), Arc::clone(&at), Arc::new(world.clock.clone()));
            let driving = tokio::spawn(
                first.workflow(move |cx| async move { Ok(tried(cx, retry, clock as Arc<dyn Clock>, noted).await) }),
            );
            world.settle().await;
            driving.abort();
            world.mourn();
        }
        let process = world.process();
        assert_eq!(tries(&world, process, retry, &at).await, 4);
        let run = world.process().run("r").await;
        let ends: Vec<Timestamp> = world.events(&run).await.iter().filter_map(ended).collect();
        let times = at.lock().unwrap().clone();
        assert_eq!((ends.len(), times.last()), (4, ends.last()));
        let genesis = run.latest(|state| state.genesis().hash()).await.unwrap();
        let step = StepKey::parse("tried").unwrap();
        for (n, (end, next)) in ends.iter().zip(ends.iter().skip(1)).enumerate() {
            let due = end.after(BACKOFF.after(u32::try_from(n).unwrap() + 1, &genesis, &step));
            assert!(due <= *next && *next <= due.after(seconds(1)), "attempt {n}: {next:?} instead of {due:?}");
        }
    }
}

fn ended(event: &artana_core::Event) -> Option<Timestamp> {
    matches!(event.body(), Body::StepCompleted(_)).then_some(event.at())
}

#[tokio::test]
async fn no_attempt_begins_after_the_limit() {
    for (limit, most) in [(5, 1), (100, 3), (100_000, 9)] {
        let (world, at) = (world(), Arc::<Mutex<Vec<Timestamp>>>::default());
        let retry = Retry::attempts(9).backoff(BACKOFF.first, BACKOFF.longest).within(seconds(limit));
        let attempts = tries(&world, world.process(), retry, &at).await;
        let times = at.lock().unwrap().clone();
        assert_eq!(attempts as usize, times.len());
        assert!(attempts <= most, "{attempts} attempts within {limit} seconds");
        assert!(times[times.len() - 1].since(times[0]) <= seconds(limit + 1), "{times:?}");
    }
}

#[tokio::test]
async fn a_permanent_failure_is_not_tried_again() {
    let (world, ran) = (world(), Ran::default());
    let counted = ran.clone();
    let told = world.process().workflow(|cx| async move {
        let mut told = Vec::new();
        for (key, once) in [("compute", false), ("once", true)] {
            let (counted, retry) = (counted.clone(), Retry::attempts(5));
            let fails = move || {
                counted.once();
                async { Err::<(), _>(Failure::permanent("never")) }
            };
            let step = cx.step(key).retry(retry);
            let failed = if once { step.once(fails).await } else { step.compute(fails).await };
            let Err(Error::StepFailed { attempts, message, .. }) = failed else { panic!("it fails") };
            told.push((attempts, message));
        }
        Ok(told)
    });
    assert_eq!(done(told.await), [(1, "never".to_owned()), (1, "never".to_owned())]);
    assert_eq!(ran.times(), 2);
}

#[tokio::test]
async fn a_pause_between_two_attempts_keeps_the_next_one_until_the_run_goes_on() {
    let (world, at) = (world(), Arc::<Mutex<Vec<Timestamp>>>::default());
    let retry = Retry::attempts(3).backoff(BACKOFF.first, BACKOFF.longest);
    let process = world.process();
    let (clock, noted): (Arc<dyn Clock>, _) = (Arc::new(world.clock.clone()), Arc::clone(&at));
    let driving = tokio::spawn(process.workflow(move |cx| async move { Ok(tried(cx, retry, clock, noted).await) }));
    world.settle().await;
    let run = world.process().run("r").await;
    run.pause("ann", "let me see").await.unwrap();
    assert!(matches!(world.pass_time(driving).await.unwrap(), Ok(WorkflowOutcome::Paused(_))));
    assert_eq!(at.lock().unwrap().len(), 1);
    world.clock.advance(seconds(1000));
    run.resume("ann").await.unwrap();
    assert_eq!(tries(&world, world.process(), retry, &at).await, 3);
    assert_eq!(at.lock().unwrap().len(), 3);
}
