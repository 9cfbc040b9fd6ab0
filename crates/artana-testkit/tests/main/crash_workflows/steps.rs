//! Workflows of closures, tools and models, and of what is drawn.

use std::time::Duration;

use artana_kernel::{Error, Failure, Retry};
use artana_testkit::{
    crash_twice_everywhere,
    provider::{Keys, Manner},
};
use serde_json::json;

use super::{Code, Program, call, compute, holds, of_once, once};
use crate::crash::sound;

const CHAIN: Code = |cx, out| {
    Box::pin(async move {
        let mut sum = 0;
        for n in 1..=4 {
            sum += compute(&cx, &out, &format!("step {n}"), n).await?;
        }
        Ok(json!(sum))
    })
};

const ONCE: Code = |cx, out| {
    Box::pin(async move {
        let first = once(&cx, &out, "first").await?;
        let between = compute(&cx, &out, "between", 7).await?;
        Ok(json!([first, between, once(&cx, &out, "second").await?]))
    })
};

#[test]
fn a_chain_of_closures() {
    let report = holds(&Program::new(CHAIN), 14);
    let appends = report.points.iter().filter(|point| point.name == "append.before").count();
    assert_eq!(appends, 6, "the start, one for each step, and the end");
}

#[test]
fn a_closure_that_must_not_be_repeated() {
    holds(&Program::new(ONCE), 20);
}

#[test]
fn a_tool_that_reads() {
    holds(&Program::new(|cx, _| Box::pin(async move { Ok(json!(call(&cx, "a", "look").await?)) })), 10);
}

#[test]
fn an_idempotent_tool_called_again_with_its_key() {
    let code: Code = |cx, _| Box::pin(async move { Ok(json!(call(&cx, "a", "pay").await?)) });
    holds(&Program { keys: Keys::Honoured, ..Program::new(code) }, 14);
}

#[test]
fn side_effects_with_a_probe() {
    let code: Code =
        |cx, _| Box::pin(async move { Ok(json!([call(&cx, "a", "send").await?, call(&cx, "b", "send").await?])) });
    holds(&Program::new(code), 20);
    holds(&Program { manners: &[Manner::Refuse, Manner::LoseReply], ..Program::new(code) }, 24);
}

#[test]
fn models_between_closures_and_tools() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let asked = compute(&cx, &out, "question", 4).await?;
            let plan = cx.step("plan").model("demo/one").prompt(format!("what of {asked}?")).await?.into_output();
            let paid = call(&cx, "pay", "send").await?;
            let words = cx.step("words").model("demo/one").prompt(format!("{plan}: {paid}")).await?.into_output();
            Ok(json!([plan, paid, words]))
        })
    };
    holds(&Program::new(code), 34);
}

#[test]
fn many_things_at_once() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let left = cx.join(compute(&cx, &out, "a", 1), call(&cx, "paid", "send"));
            let right = cx.join(compute(&cx, &out, "b", 2), once(&cx, &out, "c"));
            let ((a, paid), (b, once)) = cx.join(left, right).await;
            // Which of the two charged first is not said.
            Ok(json!([a?, paid?["charge"].is_string(), b?, once?["charge"].is_string()]))
        })
    };
    holds(&Program::new(code), 18);
}

#[test]
fn steps_in_scopes() {
    let code: Code = |cx, _| {
        Box::pin(async move {
            let mut seen = Vec::new();
            for page in 1..=3 {
                let scope = cx.scope("collect").scope(format!("page {page}"));
                seen.push(scope.step("text").compute(move || async move { Ok(page) }).await?);
            }
            Ok(json!(seen))
        })
    };
    holds(&Program::new(code), 12);
}

#[test]
fn attempts_with_waits_between_them() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let retry = Retry::attempts(4).backoff(Duration::from_secs(2), Duration::from_secs(20));
            let run = cx.run();
            let tried = cx.step("tried").retry(retry).compute(move || {
                out.closures.ran(&run, "tried");
                let early = out.closures.times() <= 2;
                async move { if early { Err(Failure::new("not yet")) } else { Ok(3) } }
            });
            Ok(json!(tried.await?))
        })
    };
    holds(&Program::new(code), 12);
}

#[test]
fn attempts_at_what_must_not_be_repeated() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let retry = Retry::attempts(9).backoff(Duration::from_secs(1), Duration::from_secs(4));
            let mut key = "pay".to_owned();
            loop {
                let (run, out, name) = (cx.run(), out.clone(), key.clone());
                let tried = cx.step(&key).retry(retry).once(move || {
                    out.closures.ran(&run, &name);
                    let charged = out.provider.charge(&of_once(&run, &name), &json!(name));
                    let charged = charged.map(|receipt| json!({ "charge": receipt.effect_id }));
                    async move { charged.map_err(Failure::transient) }
                });
                match tried.await {
                    Err(Error::StepFailed { .. }) => key.push('+'),
                    told => return Ok(told?),
                }
            }
        })
    };
    holds(&Program { manners: &[Manner::Refuse, Manner::Refuse], ..Program::new(code) }, 20);
}

#[test]
fn values_that_are_drawn() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let drawn = (cx.now().await?.as_micros(), cx.random().await?, cx.uuid().await?);
            let (at, (number, id)) = cx.join(cx.now(), cx.join(cx.random(), cx.uuid())).await;
            let kept = serde_json::to_string(&(drawn, at?.as_micros(), number?, id?))?;
            let (run, noted) = (cx.run(), kept.clone());
            let same = cx.step("note").compute(move || async move {
                out.closures.ran(&run, "note");
                Ok(noted)
            });
            // What was drawn differs between worlds; that it is the same in every life is what counts.
            let same = same.await? == kept;
            cx.sleep("nap", Duration::from_secs(5)).await?;
            Ok(json!(same))
        })
    };
    holds(&Program { returns: Some(json!(true)), ..Program::new(code) }, 16);
}

#[test]
fn two_crashes_in_a_row() {
    let short: Code = |cx, out| {
        Box::pin(async move {
            let first = once(&cx, &out, "first").await?;
            Ok(json!([first, compute(&cx, &out, "after", 7).await?]))
        })
    };
    let report = sound(crash_twice_everywhere(&Program::new(short)), 14);
    assert!(report.worlds > 200, "only {} worlds", report.worlds);
}

#[test]
fn two_crashes_of_a_tool_in_a_row() {
    let code: Code = |cx, _| Box::pin(async move { Ok(json!(call(&cx, "a", "send").await?)) });
    let report = sound(crash_twice_everywhere(&Program::new(code)), 12);
    assert!(report.worlds > 100, "only {} worlds", report.worlds);
}
