//! Workflows whose rest goes on in a fork, because a question has changed.

use std::time::Duration;

use artana_core::decide::ReplayPolicy;
use artana_kernel::{Error, WorkflowContext};
use serde_json::json;

use super::{ARGS, Code, Program, call, compute, holds};

/// The first life of a run, or each one until something was sent, asks in other words.
async fn asks(cx: &WorkflowContext, words: &str) -> Result<String, Error> {
    let asked = cx.step("ask").model("demo/one").prompt(words).replay(ReplayPolicy::ForkOnDrift);
    Ok(asked.await?.into_output())
}

const NAPS: Duration = Duration::from_secs(60);

#[test]
fn a_changed_question_before_a_sleep() {
    let before: Code = |cx, out| {
        Box::pin(async move {
            let sent = call(&cx, "first", "send").await?;
            let said = asks(&cx, "how much").await?;
            let go = cx.signal::<u64>("go").await?;
            compute(&cx, &out, "never", go).await?;
            Ok(json!([sent, said]))
        })
    };
    let after: Code = |cx, out| {
        Box::pin(async move {
            let sent = call(&cx, "first", "send").await?;
            let said = asks(&cx, "how many").await?;
            cx.sleep("nap", NAPS).await?;
            Ok(json!([sent, said, compute(&cx, &out, "after", 1).await?]))
        })
    };
    holds(&Program { before: Some(before), signals: &[("go", 1)], ..Program::new(after) }, 20);
}

#[test]
fn a_changed_question_in_a_run_that_has_something_to_undo() {
    let before: Code = |cx, _| {
        Box::pin(async move {
            call(&cx, "first", "send").await?;
            undoes(&cx).await?;
            let said = asks(&cx, "how much").await?;
            cx.signal::<u64>("go").await?;
            Ok(json!(said))
        })
    };
    let after: Code = |cx, out| {
        Box::pin(async move {
            call(&cx, "first", "send").await?;
            undoes(&cx).await?;
            asks(&cx, "how many").await?;
            cx.sleep("nap", NAPS).await?;
            compute(&cx, &out, "after", 1).await?;
            Err(artana_kernel::Failure::new("no luck"))
        })
    };
    holds(&Program { before: Some(before), signals: &[("go", 1)], ..Program::new(after) }, 30);
}

async fn undoes(cx: &WorkflowContext) -> Result<(), Error> {
    let undo = |cx: artana_kernel::Rollback| async move {
        cx.step("refund").reconcile_json("refund", ARGS).await?;
        Ok(())
    };
    cx.on_rollback("undo", undo).await
}
