//! Canaries: what is said to models and by them stands in the vault, and in no error text, no log and no row.

use artana_core::{Seq, conversation::Role, decide::ReplayPolicy, event::ModelCategory};
use artana_kernel::{Error, ModelCall, Run};
use artana_ports::{EventStore, Media, Message, ModelAnswer, ModelError, Part, Sampling, Source, ToolUse};
use artana_testkit::{Ears, ScriptedModel};
use serde_json::{Value, json};

use crate::{
    asking::{ONE, asked},
    world::{FIVE, World, world},
};

const CANARY: &str = "kanarienvogel";

fn said(what: &str) -> String {
    format!("{CANARY} {what}")
}

/// Says the canary whatever it does; the step says what that is.
fn parrot() -> ScriptedModel {
    ScriptedModel::function(|_, cx| {
        let parts = vec![Part::Reasoning(said("thought")), Part::Text(said("answer"))];
        let well =
            ModelAnswer { parts, response_id: Some(said("id")), items: Some(b"[]".to_vec()), ..ModelAnswer::default() };
        let failing =
            |category| ModelError { request_id: Some(said("request")), ..ModelError::new(category, said("error")) };
        match cx.step.as_str() {
            "refuse" => Err(failing(ModelCategory::Provider4xx)),
            "pass" => Err(failing(ModelCategory::RateLimited)),
            "panic" => panic!("{}", said("panic")),
            "duplicate" => Ok(ModelAnswer::text(format!(r#"{{"{CANARY}":1,"{CANARY}":2}}"#))),
            "typed" => Ok(ModelAnswer::text(json!({ "message": 5, CANARY: CANARY }).to_string())),
            "call" => {
                let call = ToolUse { call_id: said("call"), name: said("tool"), args: said("args") };
                Ok(ModelAnswer { parts: vec![Part::ToolCall(call)], ..ModelAnswer::default() })
            }
            "late" => Ok(ModelAnswer { parts: vec![Part::Text("x".into()); 200], ..well }),
            _ => Ok(well),
        }
    })
}

/// An ask that holds the canary wherever words go.
fn full(run: &Run, step: &str, words: &str) -> ModelCall {
    let media = Media { media_type: format!("image/{CANARY}"), source: Source::Url(said("url")) };
    let sampling = Sampling { stop: vec![said(words)], ..Sampling::default() };
    let parts = [Part::Text(said(words)), Part::File { name: Some(said("file")), media }];
    let call = run.step(step).model(ONE).system(said("system")).message(Message::new(Role::User, parts));
    let call = call.message(Message::tool_result(said("call"), said("result")));
    call.input_items([json!({ "text": said(words), said("key"): said(words) })])
        .previous_response_id(said(words))
        .sampling(sampling)
}

/// Collects what errors say, to people and to logs.
#[derive(Default)]
struct Refusals(String, usize);

impl Refusals {
    fn add<T>(&mut self, answer: Result<T, Error>) {
        let Err(error) = answer else { return };
        self.1 += 1;
        self.0.push_str(&format!("{error}\n{error:?}\n"));
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            self.0.push_str(&format!("{cause}\n"));
            source = cause.source();
        }
    }
}

async fn everything(world: &World, refusals: &mut Refusals) -> Vec<Run> {
    let process = world.asking(&parrot());
    let run = process.run("r").await;
    let schema =
        || json!({ "type": "object", "required": ["message"], "properties": { "message": { "const": CANARY } } });
    for step in ["well", "refuse", "pass", "panic", "call", "late"] {
        for _ in 0..2 {
            refusals.add(world.pass_time(full(&run, step, "first").retries(1).transient_retries(1)).await);
        }
        refusals.add(full(&run, step, "first").all_tools().await);
    }
    for step in ["typed", "duplicate", "text"] {
        refusals.add(full(&run, step, "first").output_schema(schema()).await);
        refusals.add(full(&run, step, "first").output::<Vec<u8>>().await);
    }
    let mut runs = vec![run.clone()];
    for policy in [ReplayPolicy::Strict, ReplayPolicy::AllowPromptDrift, ReplayPolicy::ForkOnDrift] {
        let drifted = full(&run, "well", "second").replay(policy).await;
        runs.extend(drifted.as_ref().ok().map(|reply| reply.run().clone()));
        refusals.add(drifted);
    }
    refusals.add(full(&run, "well", "first").prompt(said("more")).previous_response_id(said("other")).await);
    refusals.add(asked(&run, "deep", &said("x")).input_items([deep()]).await);
    refusals.add(asked(&run, "large", &CANARY.repeat(2_000_000)).await);
    refusals.add(asked(&run, "schema", "x").output_schema(json!({ "type": CANARY })).await);
    for child in &runs[1..] {
        refusals.add(child.step("first").tool_json("mail", FIVE).await);
    }
    kept(&run, refusals).await;
    refusals.add(run.cancel("ann", CANARY).await);
    refusals.add(full(&run, "after", "first").await);
    process.kernel.close().await.unwrap();
    runs
}

async fn kept(run: &Run, refusals: &mut Refusals) {
    run.set_artifact("a", &said("artifact"), 1).await.unwrap();
    run.summary("a", &json!({ CANARY: CANARY })).await.unwrap();
    run.checkpoint("a", &said("checkpoint")).await.unwrap();
    run.note("a", &said("note")).await.unwrap();
    refusals.add(run.artifact::<u8>("a").await);
    refusals.add(run.latest_summary::<Vec<u8>>("a").await);
    refusals.add(run.set_artifact("a", &deep(), 1).await);
}

fn deep() -> Value {
    (0..70).fold(json!(CANARY), |inner, _| json!([inner]))
}

#[tokio::test]
async fn what_is_said_to_models_and_by_them_stands_in_the_vault_and_nowhere_else() {
    let (ears, world) = (Ears::default(), world());
    let _listening = tracing::subscriber::set_default(ears.clone());
    let mut refusals = Refusals::default();
    let runs = everything(&world, &mut refusals).await;
    let mut kept = String::new();
    for run in &runs {
        for row in world.store.read(run.name(), Seq::ZERO, 1024).await.unwrap() {
            kept.push_str(&format!("{:?} {:?} {}\n", row.kind, row.step, String::from_utf8_lossy(&row.payload)));
        }
        kept.push_str(&format!("{:?}\n", world.store.view(run.name()).await.unwrap()));
    }
    let heard = ears.heard();
    assert!(refusals.1 >= 20, "{} refusals", refusals.1);
    assert!(heard.contains("artana.") || heard.contains("demo/one"), "something was logged");
    assert!(kept.contains("model_terminal") && kept.contains("drift_replayed") && kept.contains("run_forked"));
    for (place, words) in [("a refusal", &refusals.0), ("a log", &heard), ("a row", &kept)] {
        let line = words.lines().find(|line| line.contains(CANARY));
        assert_eq!(line, None, "{place} holds what was said");
    }
}
