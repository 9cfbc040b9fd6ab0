//! What an answer has to be, and what happens when it is something else: it is recorded, paid for, and asked for again.

use artana_core::{
    ModelId, Usd,
    cost::{Price, PriceTable},
    event::{FinishReason, ModelCategory, ModelOutcome, Usage},
};
use artana_kernel::{CostQuery, Error, ModelFailed, ModelReply, Run, Turn};
use artana_ports::{Media, Message, ModelAnswer, ModelRequest, Part, Role, Source, ToolUse};
use artana_testkit::{ScriptedModel, fault::Action};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    arguments::Grumpy,
    asking::{ONE, ask, asked, last_text},
    world::{World, code, tenant, world},
};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Hello {
    message: String,
    #[serde(default)]
    count: Option<u8>,
}

fn prices() -> PriceTable {
    let price = Price { cached: Usd::dollars(1), input: Usd::dollars(2), output: Usd::dollars(10) };
    PriceTable::new([(ModelId::parse(ONE).unwrap(), price)])
}

/// A model that gives these answers, one a call.
fn answers(answers: impl IntoIterator<Item = ModelAnswer>) -> ScriptedModel {
    ScriptedModel::sequence(answers.into_iter().map(|answer| ScriptedModel::function(move |_, _| Ok(answer.clone()))))
}

fn said(text: &str) -> ModelAnswer {
    ModelAnswer { usage: Usage { input: 100, output: 10, cached: 40, reasoning: 3 }, ..ModelAnswer::text(text) }
}

fn failed<T: std::fmt::Debug>(answer: Result<ModelReply<T>, Error>) -> Box<ModelFailed> {
    match answer {
        Err(Error::ModelFailed(failed)) => failed,
        Err(other) => panic!("{other}"),
        Ok(reply) => panic!("{:?}", reply.output()),
    }
}

#[tokio::test]
async fn two_invalid_outputs_and_a_valid_one_are_recorded_and_charged_each() {
    let world = world();
    let model = answers([said("no json"), said(r#"{"message":5}"#), said(r#"{"message":"ok"}"#)]);
    let process = world.asking_with(&model, |builder| builder.prices(prices()));
    let run = process.run("r").await;
    let reply = asked(&run, "a", "hi").output::<Hello>().retries(2).await.unwrap();
    assert_eq!((reply.cycles(), reply.output().message.as_str()), (3, "ok"));
    // 60 × 2 + 40 × 1 + 10 × 10 millionths of a dollar a call.
    let once = Usd::nanos(260_000);
    assert_eq!((reply.cost().unwrap().nanos, reply.usage()), (once, said("").usage));
    let ends = world.terminals(&run).await;
    for (end, again) in ends.iter().zip([true, true]) {
        let ModelOutcome::Failed(failure) = end else { panic!("{end:?}") };
        let answer = failure.answer.as_ref().unwrap();
        assert_eq!((failure.category, failure.again), (ModelCategory::InvalidOutput, again));
        assert_eq!((answer.cost.unwrap().nanos, answer.usage.output), (once, 10));
    }
    for query in [CostQuery::tenant(&tenant()), CostQuery::run(&tenant(), "r"), CostQuery::tree(&tenant(), "r")] {
        let total = process.kernel.cost(&query).await.unwrap().costs.total();
        assert_eq!((total.calls, total.failed, total.unpriced), (3, 2, 0));
        assert_eq!(
            (total.cost, total.usage),
            (Usd::nanos(780_000), Usage { input: 300, output: 30, cached: 120, reasoning: 9 })
        );
    }
    let again = asked(&run, "a", "hi").output::<Hello>().await.unwrap();
    assert_eq!((again.cycles(), again.cost(), again.is_replayed()), (3, reply.cost(), true));
    world.verify(&run).await;
}

#[tokio::test]
async fn a_model_is_shown_its_invalid_answer_and_what_is_wrong_with_it() {
    let world = world();
    let model =
        answers([said(r#"{"massage":"x"}"#), said(r#"{"message":"x","count":256}"#), said(r#"{"message":"ok"}"#)]);
    let process = world.asking(&model);
    let run = process.run("r").await;
    asked(&run, "a", "hi").output::<Hello>().retries(2).await.unwrap();
    let requests = model.asked();
    assert_eq!(requests.iter().map(|asked| asked.messages.len()).collect::<Vec<_>>(), [1, 3, 3]);
    assert_eq!(requests[1].messages[1], Message::assistant(r#"{"massage":"x"}"#));
    assert_eq!(requests[2].messages[1], Message::assistant(r#"{"message":"x","count":256}"#));
    assert!(last_text(&requests[1]).contains("message") && last_text(&requests[2]).contains("/count"));
    let recorded: Vec<_> = run.model_calls().await.unwrap().into_iter().map(|call| call.asked).collect();
    let demanded = requests.iter().cloned().map(|asked| ModelRequest {
        output_schema: asked.output_schema.as_ref().map(artana_core::schema::demands),
        ..asked
    });
    assert_eq!(recorded, demanded.collect::<Vec<_>>());
    ask(&run, "b", "hi").await.unwrap_err();
    assert_eq!(model.asked()[3].messages.len(), 1, "another step has nothing to correct");
}

/// The process dies between two cycles, and the next one goes on with the correction.
#[tokio::test]
async fn a_correction_outlives_the_process() {
    for point in ["append.before", "append.after", "model.ask.before"] {
        let world = world();
        let model = answers([said("no json"), said(r#"{"message":"ok"}"#)]);
        let process = world.asking(&model);
        let run = process.run("r").await;
        // Request and end of the first cycle, then the request of the second one.
        let nth = if point.starts_with("append") { 3 } else { 2 };
        crate::store_faults::nth(&process.faults, point, nth, Action::Crash);
        tokio::spawn(asked(&run, "a", "hi").output::<Hello>().into_future());
        process.faults.crashed().await;
        world.mourn();
        let run = world.asking(&model).run("r").await;
        let reply = asked(&run, "a", "hi").output::<Hello>().await.unwrap();
        assert_eq!((reply.output().message.as_str(), model.calls()), ("ok", 2), "{point}");
        assert_eq!(model.asked()[1].messages.len(), 3);
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn an_output_that_stays_invalid_is_a_failure_with_what_was_paid() {
    for (further, cycles) in [(0, 1), (1, 2), (4, 5)] {
        let world = world();
        let model = ScriptedModel::text("no json").usage(4, 2);
        let process = world.asking_with(&model, |builder| builder.prices(prices()));
        let run = process.run("r").await;
        let failure = failed(asked(&run, "a", "hi").output::<Hello>().retries(further).await);
        assert_eq!((failure.category, failure.cycles), (ModelCategory::InvalidOutput, cycles));
        let Err(again) = asked(&run, "a", "hi").output::<Hello>().retries(9).await else { panic!("it failed") };
        assert_eq!(format!("{again:?}"), format!("{:?}", Error::ModelFailed(failure)));
        let total = process.kernel.cost(&CostQuery::tenant(&tenant())).await.unwrap().costs.total();
        assert_eq!(
            (total.calls, total.failed, total.usage.output),
            (u64::from(cycles), u64::from(cycles), 2 * u64::from(cycles))
        );
    }
}

#[tokio::test]
async fn each_kind_of_answer_is_judged_by_what_was_asked_for() {
    let cases: [(&str, Vec<Part>, bool, bool); 7] = [
        ("text", vec![Part::Text("hi".into())], true, false),
        ("an empty text", vec![Part::Text(String::new())], true, false),
        ("nothing", vec![], false, false),
        ("reasoning alone", vec![Part::Reasoning("hm".into())], false, false),
        ("a call", vec![look()], false, false),
        ("JSON", vec![Part::Reasoning("hm".into()), Part::Text(r#"{"message":"a"}"#.into())], true, true),
        ("JSON in pieces", vec![Part::Text(r#"{"mess"#.into()), Part::Text(r#"age":"a"}"#.into())], true, true),
    ];
    for (what, parts, is_text, is_hello) in cases {
        let world = world();
        let model =
            ScriptedModel::function(move |_, _| Ok(ModelAnswer { parts: parts.clone(), ..ModelAnswer::default() }));
        let process = world.asking(&model);
        let run = process.run("r").await;
        assert_eq!(asked(&run, "text", "hi").retries(0).await.is_ok(), is_text, "{what}");
        assert_eq!(asked(&run, "typed", "hi").output::<Hello>().retries(0).await.is_ok(), is_hello, "{what}");
        let dynamic = asked(&run, "dynamic", "hi").output_schema(json!({ "required": ["message"], "type": "object" }));
        assert_eq!(dynamic.retries(0).await.is_ok(), is_hello, "{what}");
    }
}

fn look() -> Part {
    Part::ToolCall(ToolUse { call_id: "c1".into(), name: "look".into(), args: r#"{"cents": 5}"#.into() })
}

#[tokio::test]
async fn a_call_of_a_tool_needs_no_output_where_tools_were_shown() {
    for text in [None, Some("let me see")] {
        let world = world();
        let parts: Vec<Part> = text.map(|text| Part::Text(text.into())).into_iter().chain([look()]).collect();
        let model = ScriptedModel::function(move |_, _| {
            Ok(ModelAnswer { parts: parts.clone(), finish: FinishReason::ToolCalls, ..ModelAnswer::default() })
        });
        let process = world.asking(&model);
        let run = process.run("r").await;
        for replayed in [false, true] {
            let reply = asked(&run, "a", "hi").all_tools().output::<Hello>().await.unwrap();
            let Turn::Calls { text: besides, calls } = reply.output() else { panic!("it asks for a tool") };
            assert_eq!(
                (besides.as_deref(), &calls[..], reply.is_replayed()),
                (text, &reply.tool_calls()[..], replayed)
            );
            assert_eq!((calls[0].call_id.as_str(), calls[0].args.as_str()), ("c1", r#"{"cents": 5}"#));
            assert_eq!(reply.finish_reason(), FinishReason::ToolCalls);
        }
    }
}

/// Nothing was shown: neither by the ask, nor because there is nothing the tenant may see.
#[tokio::test]
async fn a_call_of_a_tool_is_an_invalid_output_where_none_was_shown() {
    let world = world();
    let model = ScriptedModel::tool_call("look", json!({ "cents": 5 })).usage(4, 2);
    let process = world.process_of([]);
    drop(process);
    let bare = artana_kernel::Kernel::builder(world.store.clone()).model(model.clone()).build().unwrap();
    let run = bare.run(&tenant(), "r").await.unwrap();
    assert_eq!(failed(ask(&run, "a", "hi").await).category, ModelCategory::InvalidOutput);
    assert_eq!(failed(asked(&run, "b", "hi").output::<Hello>().await).category, ModelCategory::InvalidOutput);
    let failure = failed(asked(&run, "c", "hi").all_tools().await);
    assert_eq!((failure.category, failure.cycles), (ModelCategory::InvalidOutput, 2));
    assert_eq!(run.latest(|state| state.costs().total().usage.output).await.unwrap(), 12);
}

#[tokio::test]
async fn an_answer_too_large_to_record_whole_is_a_failure_with_its_usage() {
    let big = |bytes: usize| Part::Text("x".repeat(bytes));
    let named = |bytes: usize| Part::File {
        name: Some("n".repeat(bytes)),
        media: Media { media_type: "text/plain".into(), source: Source::Url("u".into()) },
    };
    let typed = |bytes: usize| Part::Image(Media { media_type: "m".repeat(bytes), source: Source::Bytes(vec![1]) });
    let calls = vec![look(); 129];
    let megabytes = 1024 * 1024;
    for parts in [
        vec![big(16 * megabytes)],
        vec![big(8 * megabytes), big(8 * megabytes)],
        vec![Part::Text("a".into()), named(17 * megabytes)],
        vec![Part::Text("a".into()), typed(17 * megabytes)],
        calls,
        vec![big(1); 129],
    ] {
        let world = world();
        let huge = ModelAnswer { parts, ..said("") };
        let model = answers([huge, said("short")]);
        let process = world.asking_with(&model, |builder| builder.prices(prices()));
        let run = process.run("r").await;
        let failure = failed(asked(&run, "a", "hi").all_tools().retries(0).await);
        assert_eq!((failure.category, failure.cycles), (ModelCategory::InvalidOutput, 1), "{}", failure.message);
        let total = run.latest(|state| state.costs().total()).await.unwrap();
        assert_eq!((total.failed, total.usage.output, total.cost), (1, 10, Usd::nanos(260_000)));
        let reply = asked(&run, "a", "hi").all_tools().retry_failed().await.unwrap();
        assert_eq!((reply.output(), reply.cycles()), (&Turn::Output("short".into()), 2));
        world.verify(&run).await;
    }
}

/// The largest answer and the one of most parts come back as they were.
#[tokio::test]
async fn an_answer_at_the_bounds_is_recorded_whole() {
    let large = vec![Part::Text("x".repeat(15 * 1024 * 1024))];
    for parts in [large, vec![look(); 128]] {
        let world = world();
        let answer = ModelAnswer { parts: parts.clone(), ..said("") };
        let process = world.asking(&answers([answer]));
        let run = process.run("r").await;
        for _ in 0..2 {
            let reply = asked(&run, "a", "hi").all_tools().await.unwrap();
            assert!(reply.message() == Message::new(Role::Assistant, parts.clone()));
        }
        world.verify(&run).await;
    }
}

fn odd_parts() -> Vec<Part> {
    let media = |source| Media { media_type: "image/png".into(), source };
    let file = |name: Option<&str>, source| Part::File { name: name.map(str::to_owned), media: media(source) };
    vec![
        Part::Text("ünï\u{0}\u{1F980}\r\n".into()),
        Part::Reasoning("first".into()),
        Part::Reasoning(String::new()),
        Part::Image(media(Source::Bytes(vec![0, 255, 10]))),
        Part::Image(media(Source::Bytes(vec![]))),
        Part::Image(media(Source::Url("https://example.org/a.png".into()))),
        file(None, Source::Bytes(b"text".to_vec())),
        file(Some(""), Source::Url(String::new())),
        file(Some("two\nlines"), Source::Bytes(vec![13])),
        Part::ToolCall(ToolUse { call_id: String::new(), name: String::new(), args: "not json {".into() }),
        Part::ToolCall(ToolUse { call_id: "ü".into(), name: "look".into(), args: "{\"a\": 1,\"a\":2}".into() }),
        Part::ToolResult { call_id: "c".into(), content: " {\"b\":1.50} ".into() },
    ]
}

#[tokio::test]
async fn an_answer_and_a_question_of_odd_parts_come_back_as_they_were() {
    let world = world();
    let answer =
        ModelAnswer {
            parts: odd_parts(), items: Some(b" [ 1 ] ".to_vec()), response_id: Some("ü".into()), ..said("")
        };
    let model = answers([answer.clone()]);
    let process = world.asking(&model);
    let run = process.run("r").await;
    let question = Message::new(Role::User, odd_parts());
    let call = || run.step("a").model(ONE).message(question.clone()).all_tools();
    let expected = Message::new(Role::Assistant, odd_parts());
    assert_eq!(call().await.unwrap().message(), expected);
    for process in [&process, &world.asking(&model)] {
        let run = process.run("r").await;
        let reply = run.step("a").model(ONE).message(question.clone()).all_tools().await.unwrap();
        assert_eq!((reply.message(), reply.response_id()), (expected.clone(), Some("ü")));
        let [recorded] = run.model_calls().await.unwrap().try_into().unwrap();
        assert_eq!(recorded.asked.messages, std::slice::from_ref(&question));
        assert_eq!(recorded.outcome, Some(Ok(answer.clone())));
    }
}

/// What an adapter answers is kept as it is, a media type of two lines included.
#[tokio::test]
async fn a_media_type_of_two_lines_is_refused_in_a_question_and_kept_in_an_answer() {
    let world = world();
    let odd = Media { media_type: "a\nb".into(), source: Source::Url("u".into()) };
    let parts = vec![Part::Text("t".into()), Part::File { name: None, media: odd.clone() }, Part::Image(odd.clone())];
    let process = world.asking(&answers([ModelAnswer { parts: parts.clone(), ..said("") }]));
    let run = process.run("r").await;
    let question = run.step("q").model(ONE).message(Message::new(Role::User, [Part::Image(odd)]));
    assert_eq!(code(question.await), "artana::invalid_ask");
    let first = ask(&run, "a", "hi").await.unwrap().message();
    assert_eq!(ask(&run, "a", "hi").await.unwrap().message(), first);
}

#[tokio::test]
async fn a_type_that_panics_makes_the_output_invalid() {
    let world = world();
    let process = world.asking(&answers([said("13"), said("12")]));
    let run = process.run("r").await;
    let reply = asked(&run, "a", "hi").output::<Grumpy>().await.unwrap();
    assert_eq!((reply.output().0, reply.cycles()), (12, 2));
}

/// The words that tell a model what is wrong stay short, however large its answer.
#[tokio::test]
async fn what_is_wrong_with_a_large_answer_is_said_in_few_words() {
    let world = world();
    let large = format!("[{}]", vec![format!("\"{}\"", "x".repeat(1000)); 1000].join(","));
    let process = world.asking(&answers([said(&large)]));
    let run: Run = process.run("r").await;
    let schema = json!({ "type": "object", "items": { "type": "integer" }, "maxItems": 1 });
    let failure = failed(asked(&run, "a", "hi").output_schema(schema).retries(0).await);
    assert!(failure.message.len() < 64 * 1024, "{} bytes", failure.message.len());
    assert!(failure.message.contains("/0"));
}

#[tokio::test]
async fn a_schema_that_is_none_is_refused_without_its_words() {
    let world: World = world();
    let process = world.asking(&answers([]));
    let run = process.run("r").await;
    for schema in [json!({ "type": "kanarienvogel" }), json!({ "minimum": "kanarienvogel" }), json!("kanarienvogel")] {
        let refused = asked(&run, "a", "hi").output_schema(schema).await.map(|_| ()).unwrap_err();
        assert_eq!(refused.code(), "artana::invalid_ask");
        assert!(!format!("{refused} {refused:?}").contains("kanarienvogel"), "{refused}");
    }
    assert!(world.kinds(&run).await.is_empty());
}
