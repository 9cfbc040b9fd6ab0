//! Workflows that fail or are cancelled, and what they undo.

use std::time::Duration;

use artana_kernel::{Failure, Rollback, WorkflowContext};
use artana_testkit::provider::Manner;
use serde_json::json;

use super::{ARGS, Code, Program, call, compute, holds};

async fn refunding(cx: &WorkflowContext, key: &str) -> Result<(), Failure> {
    let undo = |cx: Rollback| async move {
        cx.step("refund").reconcile_json("refund", ARGS).await?;
        Ok(())
    };
    Ok(cx.on_rollback(key, undo).await?)
}

const FAILING: Code = |cx, out| {
    Box::pin(async move {
        call(&cx, "first", "send").await?;
        refunding(&cx, "undo first").await?;
        call(&cx, "second", "send").await?;
        refunding(&cx, "undo second").await?;
        compute(&cx, &out, "note", 1).await?;
        Err(Failure::new("no luck"))
    })
};

#[test]
fn a_failure_with_two_things_to_undo() {
    holds(&Program::new(FAILING), 44);
}

#[test]
fn a_cancelled_sleep_with_something_to_undo() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            call(&cx, "first", "send").await?;
            refunding(&cx, "undo").await?;
            cx.sleep("nap", Duration::from_secs(3000)).await?;
            Ok(json!(compute(&cx, &out, "after", 1).await?))
        })
    };
    holds(&Program { cancels: true, ..Program::new(code) }, 28);
}

#[test]
fn a_cancelled_sleep_with_nothing_to_undo() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            call(&cx, "first", "send").await?;
            cx.sleep("nap", Duration::from_secs(3000)).await?;
            Ok(json!(compute(&cx, &out, "after", 1).await?))
        })
    };
    holds(&Program { cancels: true, ..Program::new(code) }, 18);
}

#[test]
fn something_to_undo_that_is_in_doubt() {
    let code: Code = |cx, _| {
        Box::pin(async move {
            call(&cx, "first", "send").await?;
            cx.on_rollback("undo", |cx| async move {
                cx.step("refund").tool_json("refund", ARGS).await?;
                Ok(())
            })
            .await?;
            Err(Failure::new("no luck"))
        })
    };
    holds(&Program { manners: &[Manner::Well, Manner::LoseReply], ..Program::new(code) }, 28);
}

#[test]
fn something_to_undo_that_fails() {
    let code: Code = |cx, _| {
        Box::pin(async move {
            refunding(&cx, "undo").await?;
            cx.on_rollback("fails", |cx| async move {
                cx.step("try").compute(|| async { Err::<u8, _>(Failure::permanent("it cannot be undone")) }).await?;
                Ok(())
            })
            .await?;
            Err(Failure::new("no luck"))
        })
    };
    holds(&Program::new(code), 24);
}
