//! Workflows that break the rules, so that the matrix has to find them.

use std::sync::atomic::{AtomicU64, Ordering};

use artana_testkit::{crash::CrashReport, crash_everywhere};
use serde_json::json;

use super::{Code, Program, compute};

fn caught(report: &CrashReport, what: &str) {
    assert!(report.violations.iter().any(|violation| violation.what.contains(what)), "{:?}", report.violations);
}

#[test]
fn a_closure_that_runs_behind_the_ledgers_back() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            // Code between steps runs in every life, so an effect there happens again.
            out.closures.ran(&cx.run(), "a");
            compute(&cx, &out, "b", 1).await?;
            let (run, out) = (cx.run(), out.clone());
            Ok(json!(cx.step("a").compute(move || async move { out.compute(&run, "b", 1) }).await?))
        })
    };
    let report = crash_everywhere(&Program::new(code));
    caught(&report, "the closure of step a of run r ran again although its end is recorded");
    caught(&report, "the closure of step b of run r ran in vain");
}

#[test]
fn a_closure_that_runs_twice_for_one_request() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let (run, out) = (cx.run(), out.clone());
            let twice = cx.step("a").once(move || async move {
                out.closures.ran(&run, "a");
                out.once(&run, "a")
            });
            Ok(json!(twice.await?.is_object()))
        })
    };
    caught(&crash_everywhere(&Program::new(code)), "the closure of step a of run r ran 2 times for 1 requests");
}

#[test]
fn code_that_takes_another_path_in_each_life() {
    static LIVES: AtomicU64 = AtomicU64::new(0);
    let code: Code = |cx, out| {
        Box::pin(async move {
            let life = LIVES.fetch_add(1, Ordering::SeqCst);
            compute(&cx, &out, &format!("step of life {life}"), life).await?;
            Ok(json!(compute(&cx, &out, "end", 1).await?))
        })
    };
    caught(&crash_everywhere(&Program::new(code)), "it ended as Failed(\"artana::diverged\")");
}
