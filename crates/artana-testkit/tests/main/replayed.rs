//! A recorded run answers a new run of the same program, and says what another program asks differently.

use artana_core::{
    Tenant,
    ask::{ApiMode, ReasoningEffort, Verbosity},
    decide::ReplayPolicy,
    event::{FinishReason, ModelCategory, Usage},
};
use artana_kernel::{Ask, Error, Kernel, RecordedCall, Run, Turn, tool};
use artana_ports::{
    Media, Message, ModelAnswer, ModelError, ModelPort, ModelRequest, Part, Role, Source, ToolContext, ToolDefinition,
    ToolError,
};
use artana_testkit::{MemoryStore, ReplayModel, ScriptedModel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sampled::{context, request};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Hello {
    message: String,
}

fn tenant() -> Tenant {
    Tenant::new("t")
}

fn kernel(model: impl ModelPort) -> Kernel {
    let look = tool("look").handler(|n: u32, _: ToolContext| async move { Ok::<_, ToolError>(n + 1) });
    Kernel::builder(MemoryStore::new()).model(model).tool(look).build().expect("a sound kernel")
}

/// A bit of everything: a failure tried again, a correction, two equal asks at once, a tool, a conversation.
async fn program(kernel: &Kernel) -> Result<(Run, Value), Error> {
    let run = kernel.run(&tenant(), "r").await?;
    let first = || run.step("first").model("demo/one").prompt("Hello?");
    let first = match first().await {
        Err(Error::ModelFailed(failed)) => format!("{} {}", failed.message, first().retry_failed().await?.output()),
        other => other?.into_output(),
    };
    let typed = run.step("typed").model("demo/two").prompt("Typed").output::<Hello>().await?;
    let equal = |step: &str| run.step(step).ask(Ask::new("demo/one").prompt("again").temperature(0.5));
    let (left, right) = tokio::join!(equal("left").stream_text(), equal("right").stream_text());
    let mut messages = vec![Message::system("Use tools"), Message::user("What is next to 4?")];
    let turn =
        |messages: &[Message], step: &str| run.step(step).model("demo/one").messages(messages.to_vec()).all_tools();
    let asks = turn(&messages, "turn_1").await?;
    let Turn::Calls { calls, .. } = asks.output() else { panic!("it asks for a tool") };
    let looked = run.step("turn_1/look").tool_json(&calls[0].name, calls[0].args.as_bytes()).await?;
    messages.extend([asks.message(), Message::tool_result(&calls[0].call_id, looked.output().to_string())]);
    let Turn::Output(last) = turn(&messages, "turn_2").await?.into_output() else { panic!("it answers") };
    let told = json!([first, typed.cycles(), typed.output().message, left?, right?, last]);
    Ok((run, told))
}

/// The text of a call that is streamed.
trait StreamText {
    async fn stream_text(self) -> Result<String, Error>;
}

impl StreamText for artana_kernel::ModelCall {
    async fn stream_text(self) -> Result<String, Error> {
        let (mut stream, mut text) = (self.stream(), String::new());
        while let Some(item) = stream.try_next().await? {
            if let artana_kernel::Streamed::Delta(artana_ports::Delta::Text(piece)) = item {
                text.push_str(&piece);
            }
        }
        Ok(text)
    }
}

fn provider() -> ScriptedModel {
    let details = ModelAnswer {
        usage: Usage { cached: 1, input: 9, output: 8, reasoning: 2 },
        response_id: Some("resp_1".into()),
        finish: FinishReason::Length,
        mode: ApiMode::Responses,
        items: Some(br#"[ {"kept": "as it is"} ]"#.to_vec()),
        ..ModelAnswer::text("Hi")
    };
    ScriptedModel::sequence([
        ScriptedModel::failing(ModelError {
            request_id: Some("req_1".into()),
            ..ModelError::http(429, "later").retry_after(std::time::Duration::from_secs(2))
        }),
        ScriptedModel::function(move |_, _| Ok(details.clone())),
        ScriptedModel::text("no json"),
        ScriptedModel::json(json!({"message": "typed"})).usage(3, 4),
        ScriptedModel::text("one of two").streaming(2),
        ScriptedModel::text("two of two").streaming(3),
        ScriptedModel::tool_call("look", json!(4)),
        ScriptedModel::text("5 is next to 4"),
    ])
}

/// What is recorded of each call, but for the ids of the requests.
fn recorded(calls: Vec<RecordedCall>) -> Vec<impl PartialEq + std::fmt::Debug> {
    calls.into_iter().map(|call| (call.step, call.cycle, call.asked, call.outcome)).collect()
}

async fn message(model: &ReplayModel, request: &ModelRequest, step: &str) -> String {
    let error = model.ask(request, &context(step)).await.expect_err("it is not recorded");
    assert_eq!((error.category, error.status), (ModelCategory::Internal, None));
    error.message
}

#[tokio::test]
async fn a_new_run_gets_the_same_answers_without_a_provider() {
    let provider = provider();
    let first = kernel(provider.clone());
    let (run, told) = program(&first).await.unwrap();
    assert_eq!(told[0], "later Hi");
    run.finish().await.unwrap();
    let asked = provider.calls();
    assert_eq!(asked, 8);

    let replay = ReplayModel::from_run(&run).await.unwrap();
    let second = kernel(replay.clone());
    let (again, told_again) = program(&second).await.unwrap();
    assert_eq!((told_again, provider.calls()), (told.clone(), asked));
    let (was, is) = (run.model_calls().await.unwrap(), again.model_calls().await.unwrap());
    assert_eq!(recorded(is), recorded(was));
    assert!(again.verify().await.unwrap().is_ok());

    // Each new run has the recording to itself.
    assert_eq!(program(&kernel(replay)).await.unwrap().1, told);
}

#[tokio::test]
async fn a_changed_prompt_is_named_by_step_field_and_place() {
    let first = kernel(ScriptedModel::text("fine"));
    let run = first.run(&tenant(), "r").await.unwrap();
    run.step("a").model("demo/one").system("Be brief").prompt("the canary sings").await.unwrap();
    run.step("b").model("demo/one").prompt("another").await.unwrap();
    let replay = ReplayModel::from_run(&run).await.unwrap();

    let second = kernel(replay.clone());
    let run = second.run(&tenant(), "new").await.unwrap();
    let changed = run.step("a").model("demo/one").system("Be brief").prompt("the canary is silent").temperature(0.1);
    let Err(Error::ModelFailed(failed)) = changed.await else { panic!("it is not recorded") };
    assert_eq!(failed.category, ModelCategory::Internal);
    let expected = "step a asks what is not recorded: it differs from cycle 1 of step a in messages at \
                    /1/parts/0/text, sampling";
    assert_eq!(failed.message, expected);

    // A step of another name is compared with the ask that differs least.
    let other = ModelRequest { messages: vec![Message::user("another!")], ..request(None) };
    assert!(message(&replay, &other, "c").await.ends_with("cycle 1 of step b in messages at /0/parts/0/text"));
    assert!(message(&ReplayModel::new([]), &other, "c").await.contains("no answer of one is recorded"));
    assert_eq!(format!("{replay:?}"), "ReplayModel { recorded: 2, .. }");
}

fn picture(bytes: &[u8]) -> Message {
    let media = Media { media_type: "image/png".into(), source: Source::Bytes(bytes.to_vec()) };
    Message::new(Role::User, [Part::Image(media)])
}

fn tools(names: &[&str]) -> Vec<ToolDefinition> {
    let tool = |name: &&str| ToolDefinition {
        name: (*name).into(),
        description: "canary".into(),
        args_schema: json!({ "canary": name }),
    };
    names.iter().map(tool).collect()
}

#[tokio::test]
async fn every_field_counts_and_no_word_is_told() {
    let asked = ModelRequest {
        messages: vec![Message::user("canary"), picture(b"canary")],
        input_items: vec![json!({"b": "canary", "a": 1})],
        tools: tools(&["x", "y"]),
        ..request(Some(json!({"type": "object", "title": "canary"})))
    };
    let call = |asked: &ModelRequest, outcome| RecordedCall {
        step: context("s").step,
        request: context("s").request,
        cycle: 1,
        asked: asked.clone(),
        outcome,
    };
    let model = ReplayModel::new([call(&asked, Some(Ok(ModelAnswer::text("yes")))), call(&request(None), None)]);
    let with = |change: &dyn Fn(&mut ModelRequest)| {
        let mut changed = asked.clone();
        change(&mut changed);
        changed
    };
    let other = |change: &dyn Fn(&mut ModelRequest)| {
        let (changed, model) = (with(change), model.clone());
        async move { message(&model, &changed, "s").await.split_once(" in ").expect("a place").1.to_owned() }
    };
    let places = [
        other(&|r| r.model = artana_core::ModelId::parse("demo/two").unwrap()).await,
        other(&|r| r.messages[0] = Message::system("canary")).await,
        other(&|r| r.messages[1] = picture(b"a canary")).await,
        other(&|r| r.input_items[0]["b"] = json!("bird")).await,
        other(&|r| r.options.api_mode = ApiMode::Chat).await,
        other(&|r| r.options.reasoning_effort = Some(ReasoningEffort::High)).await,
        other(&|r| r.options.verbosity = Some(Verbosity::Low)).await,
        other(&|r| r.options.previous_response_id = Some("canary".into())).await,
        other(&|r| r.options.sampling.seed = Some(7)).await,
        other(&|r| r.tools = tools(&["x", "z"])).await,
        other(&|r| r.output_schema = Some(json!({"type": "array", "title": "canary"}))).await,
    ];
    assert_eq!(
        places,
        [
            "model",
            "messages at /0/role",
            "messages at /1/parts/0/source/digest, messages at /1/parts/0/source/len",
            "input_items at /0/*",
            "api_mode",
            "reasoning_effort",
            "verbosity",
            "previous_response_id",
            "sampling",
            "tools at /1",
            "output_schema at /type",
        ]
    );
    // What a ledger does not keep of a tool makes no difference, and neither do the order of keys and what a
    // schema says of itself.
    let same = with(&|r| {
        r.output_schema = Some(json!({"title": "another", "type": "object"}));
        r.tools.reverse();
        r.tools[0].description = String::new();
        r.input_items[0] = json!({"a": 1, "b": "canary"});
    });
    assert!(model.ask(&same, &context("s")).await.is_ok());
    assert!(message(&model, &request(None), "s").await.contains("input_items"), "nobody learnt that answer");
}

#[tokio::test]
async fn equal_asks_are_answered_in_order_and_not_more_often() {
    let answers = ["1", "2", "3"].map(ScriptedModel::text);
    let first = kernel(ScriptedModel::sequence(answers));
    let run = first.run(&tenant(), "r").await.unwrap();
    let ask = |run: &Run, step: &str| {
        let call = run.step(step).model("demo/one").prompt("same");
        async move { call.await.map(artana_kernel::ModelReply::into_output) }
    };
    for (step, expected) in [("a", "1"), ("b", "2"), ("c", "3")] {
        assert_eq!(ask(&run, step).await.unwrap(), expected);
    }
    let second = kernel(ReplayModel::from_run(&run).await.unwrap());
    let run = second.run(&tenant(), "r").await.unwrap();
    // Its own step's answer first; under a new name what is left, in order.
    for (step, expected) in [("b", "2"), ("x", "1"), ("y", "3")] {
        assert_eq!(ask(&run, step).await.unwrap(), expected);
    }
    let Err(Error::ModelFailed(failed)) = ask(&run, "a").await else { panic!("all were given") };
    assert_eq!(failed.message, "step a asks once more what is recorded 3 time(s)");
}

#[tokio::test]
async fn a_fork_brings_what_its_ancestors_had_asked_before_it() {
    let first = kernel(ScriptedModel::function(|request, _| {
        let Part::Text(text) = &request.messages[0].parts[0] else { panic!("a text") };
        Ok(ModelAnswer::text(text.to_uppercase()))
    }));
    let ask = |run: &Run, step: &str, prompt: &str| {
        let call = run.step(step).model("demo/one").prompt(prompt).replay(ReplayPolicy::ForkOnDrift);
        async move { call.await.unwrap() }
    };
    let run = first.run(&tenant(), "r").await.unwrap();
    ask(&run, "before", "one").await;
    ask(&run, "middle", "two").await;
    ask(&run, "after", "three").await;
    let fork = ask(&run, "middle", "two, but otherwise").await.run().clone();
    ask(&fork, "after", "three").await;
    let deeper = ask(&fork, "after", "four").await.run().clone();
    assert_eq!((fork.model_calls().await.unwrap().len(), deeper.model_calls().await.unwrap().len()), (2, 1));
    let steps = |calls: Vec<RecordedCall>| -> Vec<String> {
        calls.iter().map(|call| format!("{}: {:?}", call.step, call.asked.messages[0].parts[0])).collect()
    };
    let history = steps(deeper.model_history().await.unwrap());
    assert_eq!(history, [r#"before: Text("one")"#, r#"middle: Text("two, but otherwise")"#, r#"after: Text("four")"#]);

    let second = kernel(ReplayModel::from_run(&deeper).await.unwrap());
    let run = second.run(&tenant(), "again").await.unwrap();
    for (step, prompt) in [("before", "one"), ("middle", "two, but otherwise"), ("after", "four")] {
        assert_eq!(*ask(&run, step, prompt).await.output(), prompt.to_uppercase());
    }
    assert_eq!(steps(run.model_calls().await.unwrap()), history);
    let refused = run.step("x").model("demo/one").prompt("two").await;
    assert!(matches!(refused, Err(Error::ModelFailed(_))), "the parent's own way is not the fork's");
}

#[tokio::test]
async fn what_another_process_added_is_read_with_what_it_goes_on_from() {
    let store = MemoryStore::new();
    let kernel = || Kernel::builder(store.clone()).model(ScriptedModel::text("fine")).build().unwrap();
    let (here, there) = (kernel(), kernel());
    let run = here.run(&tenant(), "r").await.unwrap();
    let elsewhere = there.run(&tenant(), "r").await.unwrap();
    let ask = |messages: &[&str]| Ask::new("demo/one").messages(messages.iter().map(|text| Message::user(*text)));
    elsewhere.step("a").ask(ask(&["one"])).await.unwrap();
    elsewhere.step("b").ask(ask(&["one", "two"])).await.unwrap();
    let calls = run.model_calls().await.unwrap();
    assert_eq!(calls[1].asked.messages, [Message::user("one"), Message::user("two")]);
}
