//! Arguments that are not what a tool takes are refused with nothing written, and the step stays free.

use artana_kernel::tool;
use artana_ports::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::world::{FIVE, call, code, world};

fn bad() -> Vec<(&'static str, Vec<u8>)> {
    let huge = format!(r#"{{"cents":5,"note":"{}"}}"#, "x".repeat(50 * 1024 * 1024));
    vec![
        ("a wrong type", br#"{"cents":"5"}"#.to_vec()),
        ("a fraction", br#"{"cents":5.5}"#.to_vec()),
        ("a negative number", br#"{"cents":-5}"#.to_vec()),
        ("a missing key", b"{}".to_vec()),
        ("an extra key", br#"{"cents":5,"more":1}"#.to_vec()),
        ("a duplicate key", br#"{"cents":5,"cents":5}"#.to_vec()),
        ("an escaped duplicate", br#"{"cents":5,"\u0063ents":5}"#.to_vec()),
        ("another shape", b"[5]".to_vec()),
        ("nothing", b"".to_vec()),
        ("no JSON", b"cents=5".to_vec()),
        ("trailing bytes", br#"{"cents":5} x"#.to_vec()),
        ("a depth bomb", [vec![b'['; 100_000], vec![b']'; 100_000]].concat()),
        ("an open depth bomb", br#"{"cents":"#.repeat(100_000)),
        ("50 MB", huge.into_bytes()),
        ("a control byte", b"{\"cents\":5,\"note\":\"a\nb\"}".to_vec()),
        ("a lone surrogate", br#"{"cents":5,"note":"\ud800"}"#.to_vec()),
        ("bytes that are no text", b"{\"cents\":5,\"note\":\"\xff\"}".to_vec()),
    ]
}

#[tokio::test]
async fn bad_arguments_are_refused_and_a_corrected_call_works() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    for tool in ["look", "mail"] {
        for (what, args) in bad() {
            let before = world.counts();
            let refused = run.step(tool).tool_json(tool, args).await.map_err(|error| error.code());
            assert_eq!(refused.err(), Some("artana::invalid_arguments"), "{what}");
            assert_eq!(world.counts(), before, "{what}: nothing is written or read");
        }
        assert!(!call(&run, tool, tool).await.unwrap().is_replayed());
    }
    assert_eq!((world.effects(), world.looks()), (1, 1));
    world.verify(&run).await;
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Basket {
    items: Vec<Item>,
    pair: (u8, u8),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Item {
    name: String,
}

#[tokio::test]
async fn a_list_is_no_object_and_stays_a_list_where_one_belongs() {
    let world = world();
    let basket = tool("basket").handler(|basket: Basket, _| async move { Ok::<_, ToolError>(basket.items.len()) });
    let process = world.process_with(|builder, _| builder.tool(basket));
    let run = process.run("r").await;
    let ask = async |args: &str| run.step("a").tool_json("basket", args).await;
    for args in [r#"[[{"name":"a"}],[1,2]]"#, r#"{"items":[["a"]],"pair":[1,2]}"#, r#"{"items":[],"pair":[1,2,3]}"#] {
        assert_eq!(code(ask(args).await), "artana::invalid_arguments", "{args}");
    }
    assert!(ask(r#"{"items":[{"name":"a"}],"pair":[1,2]}"#).await.is_ok());
}

#[tokio::test]
async fn a_refusal_names_no_value() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    for args in [r#"{"cents":"canary"}"#, r#"{"cents":5,"note":"canary"}"#, r#"{"cents":canary}"#, "canary"] {
        let refused = run.step("a").tool_json("mail", args).await.unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("canary"), "{refused}");
    }
}

#[tokio::test]
async fn bad_arguments_of_a_recorded_step_are_drift_or_refused_but_never_run() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    call(&run, "a", "mail").await.unwrap();
    for (what, args) in bad() {
        let refused = code(run.step("a").tool_json("mail", args).await);
        assert!(["artana::drift", "artana::invalid_arguments"].contains(&refused), "{what}: {refused}");
    }
    assert_eq!(world.effects(), 1);
}

/// A number that panics where it is read from 13.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Grumpy(pub(crate) u64);

impl<'de> Deserialize<'de> for Grumpy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let n = u64::deserialize(deserializer)?;
        assert_ne!(n, 13, "on purpose");
        Ok(Self(n))
    }
}

#[tokio::test]
async fn a_check_that_panics_is_a_refusal() {
    let world = world();
    let grumpy = tool("grumpy").handler(|n: Grumpy, _| async move { Ok::<_, ToolError>(n) });
    let process = world.process_with(|builder, _| builder.tool(grumpy));
    let run = process.run("r").await;
    assert_eq!(code(run.step("a").tool_json("grumpy", "13").await), "artana::invalid_arguments");
    assert_eq!(run.step("a").tool_json("grumpy", "12").await.unwrap().output(), &json!(12));
}

#[tokio::test]
async fn equal_arguments_written_differently_are_the_same_call() {
    let world = world();
    let process = world.process();
    let run = process.run("r").await;
    call(&run, "a", "mail").await.unwrap();
    let again = run.step("a").tool_json("mail", " { \"\\u0063ents\" : 5 } ").await.unwrap();
    assert!(again.is_replayed());
    assert_eq!(world.effects(), 1);
    assert_eq!(FIVE, r#"{"cents":5}"#);
}
