//! Workflows part of whose work is done by other runs.

use std::time::Duration;

use artana_kernel::{Either, Error, Failure};
use serde_json::{Value, json};

use super::{Code, Program, call, compute, holds, once};

#[test]
fn a_child_that_returns() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let inner = out.clone();
            let told = cx.child("part", |cx| async move {
                let paid = call(&cx, "pay", "send").await?;
                Ok(json!([paid, compute(&cx, &inner, "note", 2).await?]))
            });
            let told: Value = told.await?;
            Ok(json!([told, once(&cx, &out, "after").await?]))
        })
    };
    holds(&Program::new(code), 36);
}

#[test]
fn a_child_that_sleeps_and_waits() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let inner = out.clone();
            let told = cx.child("part", |cx| async move {
                compute(&cx, &inner, "before", 2).await?;
                cx.sleep("nap", Duration::from_secs(30)).await?;
                Ok(compute(&cx, &inner, "after", 3).await?)
            });
            Ok(json!([told.await?, compute(&cx, &out, "end", 4).await?]))
        })
    };
    holds(&Program::new(code), 30);
}

#[test]
fn a_child_of_a_child() {
    let code: Code = |cx, _| {
        Box::pin(async move {
            let told = cx.child("part", |cx| async move {
                let told = cx.child("part of it", |cx| async move { Ok(call(&cx, "pay", "send").await?) });
                Ok(told.await?)
            });
            Ok(told.await?)
        })
    };
    holds(&Program::new(code), 40);
}

#[test]
fn a_child_that_fails_and_undoes() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let told = cx.child::<(), _, _>("part", |cx| async move {
                cx.on_rollback("undo", |cx| async move {
                    cx.step("back").reconcile_json("refund", super::ARGS).await?;
                    Ok(())
                })
                .await?;
                call(&cx, "pay", "send").await?;
                Err(Failure::new("no luck"))
            });
            let Err(Error::ChildFailed { message, .. }) = told.await else { return Ok(json!("it came back")) };
            Ok(json!([message, compute(&cx, &out, "after", 1).await?]))
        })
    };
    holds(&Program::new(code), 40);
}

#[test]
fn two_children_at_once() {
    let code: Code = |cx, _| {
        Box::pin(async move {
            let part = |key: &'static str, wait| {
                cx.child(key, move |cx| async move {
                    cx.sleep("nap", Duration::from_secs(wait)).await?;
                    Ok(call(&cx, "pay", "send").await?["charge"].is_string())
                })
            };
            let (a, b) = cx.join(part("a", 10), part("b", 20)).await;
            Ok(json!([a?, b?]))
        })
    };
    holds(&Program::new(code), 50);
}

#[test]
fn a_child_that_its_ending_parent_cancels() {
    let code: Code = |cx, _| {
        Box::pin(async move {
            cx.on_rollback("undo", |_| async { Ok(()) }).await?;
            let told = cx.child::<(), _, _>("part", |cx| async move {
                call(&cx, "pay", "send").await?;
                cx.on_rollback("undo", |cx| async move {
                    cx.step("back").reconcile_json("refund", super::ARGS).await?;
                    Ok(())
                })
                .await?;
                Ok(cx.sleep("nap", Duration::from_secs(3000)).await?)
            });
            Ok(json!(told.await?))
        })
    };
    holds(&Program { cancels: true, ..Program::new(code) }, 44);
}

#[test]
fn a_child_that_lost_a_race() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let slow = cx.child::<(), _, _>("part", |cx| async move {
                cx.on_rollback("undo", |cx| async move {
                    cx.step("back").reconcile_json("refund", super::ARGS).await?;
                    Ok(())
                })
                .await?;
                call(&cx, "pay", "send").await?;
                Ok(cx.sleep("nap", Duration::from_secs(3000)).await?)
            });
            match cx.race(slow, cx.sleep("limit", Duration::from_secs(1000))).await {
                Either::Left(_) => Ok(json!("too fast")),
                Either::Right(late) => Ok(json!([late?, compute(&cx, &out, "after", 1).await?])),
            }
        })
    };
    holds(&Program::new(code), 44);
}
