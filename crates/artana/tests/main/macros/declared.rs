//! What an attribute declares is what the same words declare by hand.

use std::{sync::Arc, time::Duration};

use artana::{
    NoArgs, Risk, States, ToolBuilder, ToolBundle, ToolContext, ToolResult, TypedTool, core::event::Effect, tool, tools,
};
use schemars::schema_for;

use super::{Order, Receipt, port, spec};

#[tool]
async fn plain(order: Order) -> ToolResult<u64> {
    Ok(order.cents)
}

/// Charges a card.
///
/// The provider charges once for a key.
#[tool(
    name = "charge card",
    effect = "idempotent",
    retention = "24h",
    capability = "payments:charge",
    risk = "high",
    timeout = "1500ms",
    settle = "5m",
    version = "3",
    schema_version = 2,
    retries = 2,
    backoff = "20us",
    max_result = "64KiB",
    reconciles = ["1", "2"],
    probe = look_up
)]
async fn charge(order: Order, cx: ToolContext) -> ToolResult<Receipt> {
    Ok(Receipt { charge: format!("{} under {}", order.cents, cx.idempotency_key()) })
}

async fn look_up(_: Order, _: ToolContext) -> ToolResult<Option<Receipt>> {
    Ok(None)
}

/// The declaration that a closure without settings has.
fn by_hand(builder: ToolBuilder) -> String {
    format!("{:?}", spec(builder.handler(|order: Order, _| async move { Ok(order.cents) })))
}

#[test]
fn what_is_left_out_is_left_to_the_kernel() {
    assert_eq!(format!("{:?}", spec(plain)), by_hand(tool("plain")));
}

#[test]
fn every_option_is_declared() {
    let hand = tool("charge card")
        .description("Charges a card.\n\nThe provider charges once for a key.")
        .idempotent(Duration::from_secs(24 * 60 * 60))
        .capability("payments:charge")
        .risk(Risk::High)
        .timeout(Duration::from_millis(1500))
        .settle(Duration::from_secs(5 * 60))
        .version("3")
        .schema_version(2)
        .attempts(3, Duration::from_micros(20))
        .max_result(64 * 1024)
        .accepts(["1", "2"])
        .handler(charge::call)
        .probe(look_up);
    assert_eq!(format!("{:?}", spec(charge)), format!("{:?}", spec(hand)));
    assert_eq!(spec(charge).args_schema, schema_for!(Order).to_value());
    assert_eq!(spec(charge).result_schema, schema_for!(Receipt).to_value());
}

#[tool(effect = "side_effect", risk = "low", max_result = 5, retries = 1, settle = "0s")]
async fn send(order: Order, _cx: ToolContext) -> ToolResult<u64> {
    Ok(order.cents)
}

#[tool(effect = "read", risk = "critical", max_result = "16MiB", retries = 99, timeout = "3650d")]
async fn widest(order: Order) -> ToolResult<u64> {
    Ok(order.cents)
}

#[tool(risk = "medium", max_result = "1B", timeout = "1us")]
async fn narrowest(order: Order) -> ToolResult<u64> {
    Ok(order.cents)
}

#[test]
fn words_and_numbers_mean_what_they_say() {
    let sent = tool("send").side_effect().max_result(5).attempts(2, Duration::from_millis(100)).settle(Duration::ZERO);
    assert_eq!(format!("{:?}", spec(send)), by_hand(sent));
    assert_eq!((spec(widest).effect, spec(widest).risk), (Effect::Read, Risk::Critical));
    assert_eq!((spec(widest).max_result, spec(widest).retry.attempts), (16 * 1024 * 1024, 100));
    assert_eq!(spec(widest).timeout, Duration::from_secs(3650 * 24 * 60 * 60));
    assert_eq!((spec(narrowest).risk, spec(narrowest).max_result), (Risk::Medium, 1));
    assert_eq!(spec(narrowest).timeout, Duration::from_micros(1));
}

/// First.
///   Second, further in.
#[doc = concat!("Thi", "rd.")]
///
#[tool]
async fn told(order: Order) -> ToolResult<u64> {
    Ok(order.cents)
}

#[test]
fn a_description_is_the_text_of_the_doc_comments() {
    assert_eq!(spec(told).description, "First.\n  Second, further in.\nThird.\n");
    assert_eq!(spec(plain).description, "");
}

#[tool]
async fn r#match(order: Order) -> ToolResult<u64> {
    Ok(order.cents)
}

#[test]
fn a_raw_name_is_registered_without_its_mark() {
    assert_eq!((r#match.name(), spec(r#match).signature.name.as_str()), ("match", "match"));
    assert_eq!((charge.name(), spec(charge).signature.name.as_str()), ("charge card", "charge card"));
}

#[tool]
async fn hour() -> ToolResult<u32> {
    Ok(7)
}

#[test]
fn a_tool_without_arguments_takes_an_object_without_keys() {
    let tool = port(hour);
    assert_eq!(tool.spec().args_schema["type"], "object");
    assert_eq!(tool.spec().args_schema["additionalProperties"], false);
    assert_eq!(serde_json::to_value(NoArgs).unwrap(), serde_json::json!({}));
    let fits = |args: &str| tool.check_args(&serde_json::from_str(args).unwrap()).is_ok();
    assert_eq!(["{}", "null", "[]", "0", r#"{"at":1}"#].map(fits), [true, false, false, false, false]);
}

#[tool]
async fn aliased(order: Order) -> Result<u64, artana::ToolError> {
    Ok(order.cents)
}

#[tool]
async fn pathed(order: Order) -> artana::ports::ToolResult<(u64, ())> {
    Ok((order.cents, ()))
}

#[test]
fn a_result_may_be_spelt_out() {
    assert_eq!(spec(aliased).result_schema, schema_for!(u64).to_value());
    assert_eq!(spec(pathed).result_schema, schema_for!((u64, ())).to_value());
}

mod elsewhere {
    //! Stands for Artana under another path: its tools have a version of their own.

    pub(super) mod __private {
        pub(crate) use artana::__private::*;

        pub(crate) fn tool(name: &str) -> artana::ToolBuilder {
            artana::tool(name).version("elsewhere")
        }
    }
}

#[tool(crate = elsewhere)]
async fn moved(order: Order) -> ToolResult<u64> {
    Ok(order.cents)
}

#[tool(crate = ::artana_kernel)]
async fn without_the_facade() -> ToolResult<u64> {
    Ok(1)
}

struct Bundle;

#[tools(crate = elsewhere)]
impl Bundle {
    #[tool]
    async fn moved(&self) -> ToolResult<u64> {
        Ok(1)
    }
}

#[test]
fn generated_code_finds_artana_where_it_is_told() {
    assert_eq!(spec(moved).signature.version.as_str(), "elsewhere");
    let bundled = Arc::new(Bundle).into_tools(&States::new()).unwrap();
    assert_eq!(bundled[0].spec().signature.version.as_str(), "elsewhere");
    assert_eq!(spec(without_the_facade).signature.version.as_str(), "1");
    assert_eq!(spec(plain).signature.version.as_str(), "1");
}

macro_rules! counter {
    ($name:ident, $args:ty, $context:ty, $returned:ty) => {
        #[tool]
        async fn $name(value: $args, cx: $context) -> $returned {
            Ok(value + u64::from(cx.attempt))
        }
    };
}

counter!(count, u64, ToolContext, ToolResult<u64>);

#[test]
fn a_tool_may_be_written_by_another_macro() {
    assert_eq!(spec(count).args_schema, schema_for!(u64).to_value());
}

mod inner {
    use super::*;

    #[tool]
    pub(in super::super) async fn shared(order: Order) -> ToolResult<u64> {
        Ok(order.cents)
    }

    #[tool]
    #[cfg(any())]
    async fn absent(order: Missing) -> ToolResult<u64> {
        Ok(order.cents)
    }
}

#[test]
fn a_tool_is_as_visible_as_its_function_was() {
    let copied = inner::shared;
    assert_eq!(format!("{:?} {:?}", inner::shared, Clone::clone(&copied)), "shared shared");
}

#[tokio::test]
async fn the_body_stays_callable() {
    assert_eq!(plain::call(super::ORDER).await, Ok(1200));
    let receipt = charge::call(super::ORDER, super::context()).await.unwrap();
    assert_eq!(receipt.charge, format!("1200 under {}", super::context().idempotency_key()));
    assert_eq!(inner::shared::call(super::ORDER).await, Ok(1200));
}
