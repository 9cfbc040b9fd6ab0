//! Every single crash of programs that ask models, and programs that must be caught.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use artana_core::{Tenant, decide::ReplayPolicy};
use artana_kernel::{Error, Kernel, ModelCall, Run, Streamed, Turn, tool};
use artana_ports::{Delta, Message, ModelAnswer, ModelError, ModelPort, ModelRequest, Part, ToolContext, ToolPort};
use artana_testkit::{
    ScriptedModel,
    crash::{CrashWorld, Scenario},
    crash_everywhere, crash_twice_everywhere,
};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::crash::{booked, charge, sound};

type Told<'a> = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send + 'a>>;

type Body = for<'a> fn(&'a Run, &'a CrashWorld) -> Told<'a>;

/// A program that asks models, and who answers.
struct Program {
    model: fn(&CrashWorld) -> ScriptedModel,
    body: Body,
}

fn tenant() -> Tenant {
    Tenant::new("acme")
}

#[async_trait]
impl Scenario for Program {
    fn tools(&self, world: &CrashWorld) -> Vec<Arc<dyn ToolPort>> {
        let (calls, probes) = (world.provider.clone(), world.provider.clone());
        let pay = tool("pay").side_effect().handler(move |args: Value, cx: ToolContext| {
            let answer = charge(&calls, &args, &cx);
            async move { answer }
        });
        let pay = pay.probe(move |_, cx: ToolContext| {
            let found = booked(&probes, cx.idempotency_key());
            async move { Ok(found) }
        });
        vec![Arc::new(pay)]
    }

    fn model(&self, world: &CrashWorld) -> Option<Arc<dyn ModelPort>> {
        Some(Arc::new((self.model)(world)))
    }

    fn runs(&self) -> Vec<(Tenant, String)> {
        vec![(tenant(), "r".into())]
    }

    async fn run(&self, kernel: &Kernel, world: &CrashWorld) -> Result<Value, Error> {
        (self.body)(&kernel.run(&tenant(), "r").await?, world).await
    }

    async fn reconcile(&self, kernel: &Kernel, _: &CrashWorld, doubt: Error) -> Result<(), Error> {
        let Error::ReconciliationRequired { step, .. } = &doubt else { return Err(doubt) };
        let run = kernel.run(&tenant(), "r").await?;
        run.step(step.as_str()).reconcile_json("pay", r#"{"cents":5}"#).await.map(drop)
    }
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Plan {
    steps: u8,
}

fn last_text(request: &ModelRequest) -> String {
    match request.messages.last().and_then(|message| message.parts.last()) {
        Some(Part::Text(text) | Part::ToolResult { content: text, .. }) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}

/// Answers each question with its own last words.
fn echo(_: &CrashWorld) -> ScriptedModel {
    ScriptedModel::function(|request, _| {
        let said = format!("{} to {}", last_text(request), request.messages.len());
        Ok(ModelAnswer::text(said).usage(3, 2))
    })
}

/// Fails in the first cycle of each step, and then answers like an echo.
fn failing_first(error: fn() -> ModelError) -> ScriptedModel {
    ScriptedModel::function(move |request, cx| match cx.cycle {
        1 => Err(error()),
        _ => Ok(ModelAnswer::text(last_text(request))),
    })
}

fn call(run: &Run, step: &str, prompt: &str) -> ModelCall {
    run.step(step).model("demo/one").prompt(prompt)
}

/// Asks one question, and notes what the program is told.
async fn ask(run: &Run, world: &CrashWorld, step: &str, prompt: &str) -> Result<Value, Error> {
    let told = json!(call(run, step, prompt).await?.into_output());
    world.told(step, &told);
    Ok(told)
}

fn holds(program: &Program, floor: usize) {
    let report = sound(crash_everywhere(program), floor);
    assert_eq!((report.worlds, report.unknown), (report.points.len(), 0));
    let asked = |name: &str| report.points.iter().filter(|point| point.name == name).count();
    assert!(asked("model.ask.before") > 0 && asked("model.ask.before") == asked("model.ask.after"));
}

#[test]
fn a_question() {
    holds(&Program { model: echo, body: |run, world| Box::pin(ask(run, world, "a", "hello")) }, 12);
}

#[test]
fn a_question_of_a_run_that_finishes() {
    let body: Body = |run, world| {
        Box::pin(async move {
            let told = ask(run, world, "a", "hello").await?;
            run.finish().await?;
            Ok(told)
        })
    };
    holds(&Program { model: echo, body }, 16);
}

#[test]
fn a_typed_answer() {
    let model = |_: &CrashWorld| ScriptedModel::schema().usage(7, 3);
    let body: Body = |run, world| {
        Box::pin(async move {
            let plan = call(run, "a", "plan").output::<Plan>().await?;
            world.told("a", &json!(plan.output()));
            world.told("its cost", &json!(plan.usage()));
            Ok(json!(plan.output().steps))
        })
    };
    holds(&Program { model, body }, 12);
}

#[test]
fn two_questions_at_once() {
    let body: Body = |run, world| {
        Box::pin(async move {
            let (left, right) = tokio::join!(ask(run, world, "a", "left"), ask(run, world, "b", "right"));
            Ok(json!([left?, right?]))
        })
    };
    holds(&Program { model: echo, body }, 14);
}

#[test]
fn an_invalid_answer_and_a_corrected_one() {
    let model = |_: &CrashWorld| {
        ScriptedModel::function(|request, _| match request.messages.len() {
            1 => Ok(ModelAnswer::text("three steps").usage(2, 2)),
            _ => Ok(ModelAnswer::text(r#"{"steps":3}"#).usage(9, 4)),
        })
    };
    let body: Body = |run, world| {
        Box::pin(async move {
            let plan = call(run, "a", "plan").output::<Plan>().await?.into_output();
            world.told("a", &json!(plan));
            Ok(json!(plan))
        })
    };
    holds(&Program { model, body }, 16);
}

#[test]
fn a_failure_that_passes() {
    let model = |_: &CrashWorld| failing_first(|| ModelError::http(503, "busy").retry_after(Duration::from_secs(4)));
    let body: Body = |run, world| {
        Box::pin(async move {
            let told = json!(call(run, "a", "hello").transient_retries(2).await?.into_output());
            world.told("a", &told);
            Ok(told)
        })
    };
    holds(&Program { model, body }, 16);
}

#[test]
fn a_deadline_that_passes_twice() {
    let model: fn(&CrashWorld) -> ScriptedModel =
        |world| echo(world).slow_by(Arc::new(world.clock.clone()), Duration::from_secs(90));
    let body: Body = |run, _| {
        Box::pin(async move {
            let late = call(run, "a", "hello").timeout(Duration::from_secs(20)).transient_retries(1).await;
            let Err(Error::ModelFailed(failed)) = late else { panic!("nobody waits for so long") };
            Ok(json!(failed.category.as_str()))
        })
    };
    sound(crash_everywhere(&Program { model, body }), 16);
}

#[test]
fn a_conversation_of_several_turns() {
    let body: Body = |run, world| {
        Box::pin(async move {
            let mut messages = vec![Message::system("Be brief")];
            for turn in ["one", "two", "three"] {
                messages.push(Message::user(turn));
                let reply = run.step(turn).model("demo/one").messages(messages.clone()).await?;
                world.told(turn, &json!(reply.output()));
                messages.push(reply.message());
            }
            Ok(json!(messages.len()))
        })
    };
    holds(&Program { model: echo, body }, 20);
}

#[test]
fn a_turn_with_a_tool() {
    let model = |_: &CrashWorld| {
        ScriptedModel::function(|request, cx| match request.messages.len() {
            1 => {
                let call_id = format!("call of {}", cx.step);
                let call = artana_ports::ToolUse { call_id, name: "pay".into(), args: r#"{"cents":5}"#.into() };
                Ok(ModelAnswer { parts: vec![Part::ToolCall(call)], ..ModelAnswer::default() })
            }
            _ => Ok(ModelAnswer::text(format!("paid: {}", last_text(request)))),
        })
    };
    let body: Body = |run, world| {
        Box::pin(async move {
            let mut messages = vec![Message::user("Pay five cents")];
            let turn = |step: &str, messages: &[Message]| {
                run.step(step).model("demo/one").messages(messages.to_vec()).tools(["pay"])
            };
            let reply = turn("turn_1", &messages).await?;
            let Turn::Calls { calls, .. } = reply.output() else { panic!("it asks for the tool") };
            let paid = run.step("turn_1/pay").tool_json(&calls[0].name, calls[0].args.as_bytes()).await?;
            world.told("paid", paid.output());
            messages.extend([reply.message(), Message::tool_result(&calls[0].call_id, paid.output().to_string())]);
            let Turn::Output(said) = turn("turn_2", &messages).await?.into_output() else { panic!("it answers") };
            world.told("said", &json!(said));
            Ok(json!(said))
        })
    };
    holds(&Program { model, body }, 30);
}

#[test]
fn a_changed_prompt_that_is_allowed() {
    let body: Body = |run, world| {
        Box::pin(async move {
            let first = ask(run, world, "a", "hello").await?;
            let kept = call(run, "a", "good day").replay(ReplayPolicy::AllowPromptDrift).await?;
            assert!(kept.drift().is_some(), "the prompt differs");
            world.told("kept", &json!(kept.output()));
            assert_eq!(run.view().await?.drifts, 1);
            Ok(json!([first, kept.output()]))
        })
    };
    holds(&Program { model: echo, body }, 16);
}

#[test]
fn a_fork_with_steps_before_and_after() {
    let body: Body = |run, world| {
        Box::pin(async move {
            let before = ask(run, world, "before", "one").await?;
            let here = ask(run, world, "middle", "two").await?;
            let after = ask(run, world, "after", "three").await?;
            let forked = call(run, "middle", "otherwise").replay(ReplayPolicy::ForkOnDrift).await?;
            world.told("forked", &json!(forked.output()));
            let fork = forked.run();
            assert!(call(fork, "before", "one").await?.is_replayed(), "what came before is shared");
            let there = call(fork, "after", "four").await?.into_output();
            world.told("after, in the fork", &json!(there));
            Ok(json!([before, here, after, forked.output(), there]))
        })
    };
    holds(&Program { model: echo, body }, 36);
}

#[test]
fn a_stream() {
    let model = |world: &CrashWorld| echo(world).streaming(2);
    let body: Body = |run, world| {
        Box::pin(async move {
            let (mut stream, mut pieces) = (call(run, "a", "streamed").stream(), String::new());
            while let Some(item) = stream.try_next().await? {
                match item {
                    Streamed::Delta(Delta::Text(piece)) => pieces.push_str(&piece),
                    Streamed::Delta(_) => {}
                    Streamed::Restarted => pieces.clear(),
                    Streamed::Reply(reply) => world.told("a", &json!(reply.output())),
                }
            }
            world.told("the pieces", &json!(pieces));
            Ok(json!(pieces))
        })
    };
    holds(&Program { model, body }, 12);
}

#[test]
fn a_failed_step_tried_again() {
    let model = |_: &CrashWorld| failing_first(|| ModelError::http(400, "no"));
    let body: Body = |run, world| {
        Box::pin(async move {
            let told = match call(run, "a", "hello").await {
                Err(Error::ModelFailed(_)) => call(run, "a", "hello").retry_failed().await?,
                other => other?,
            };
            world.told("a", &json!(told.output()));
            Ok(json!(told.output()))
        })
    };
    holds(&Program { model, body }, 16);
}

#[test]
fn a_failure_that_stays() {
    let model = |_: &CrashWorld| ScriptedModel::failing(ModelError::http(400, "no"));
    holds(&Program { model, body: |run, world| Box::pin(ask(run, world, "a", "hello")) }, 12);
}

#[test]
fn two_crashes_in_a_row() {
    let correcting = |_: &CrashWorld| {
        ScriptedModel::function(|request, _| match request.messages.len() {
            1 => Ok(ModelAnswer::text("three steps")),
            _ => Ok(ModelAnswer::text(r#"{"steps":3}"#)),
        })
    };
    let body: for<'a> fn(&'a Run, &'a CrashWorld) -> Told<'a> =
        |run, _| Box::pin(async move { Ok(json!(call(run, "a", "plan").output::<Plan>().await?.output().steps)) });
    let report = sound(crash_twice_everywhere(&Program { model: correcting, body }), 16);
    assert!(report.worlds > 250, "only {} worlds", report.worlds);
}

fn caught(program: &Program, what: &str) {
    let report = crash_everywhere(program);
    assert!(report.violations.iter().any(|violation| violation.what.contains(what)), "{:?}", report.violations);
}

#[test]
fn a_program_that_asks_under_another_key_each_life_is_caught() {
    static LIVES: AtomicU64 = AtomicU64::new(0);
    let body: Body = |run, _| {
        Box::pin(async move {
            let step = format!("step of life {}", LIVES.fetch_add(1, Ordering::SeqCst));
            Ok(json!(call(run, &step, "hello").await?.output()))
        })
    };
    caught(&Program { model: echo, body }, "what step");
    caught(&Program { model: echo, body }, "repeated, it wrote, called, asked or ran something");
}

#[test]
fn a_model_that_answers_otherwise_each_life_is_caught() {
    static LIVES: AtomicU64 = AtomicU64::new(0);
    let model = |_: &CrashWorld| ScriptedModel::text(LIVES.fetch_add(1, Ordering::SeqCst).to_string());
    caught(&Program { model, body: |run, world| Box::pin(ask(run, world, "a", "hello")) }, "it ended as");
}
