//! Tools that take what does not fit, refuse what does, or say or do too much about it.

use std::{
    pin::pin,
    task::{Context, Waker},
};

use artana_core::{Digest, EventId, RequestId, RunId, RunRef, StepKey, TenantId};
use artana_ports::{ArgsError, ToolContext};
use async_trait::async_trait;
use serde_json::Value;

use super::{
    super::laws::UNKNOWN_KEY,
    Sabotage,
    mischief::{Mischief, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "args/good_ones_are_taken": "Takes the first arguments alone." => TakesOne;
    "args/unknown_keys_are_refused": "Passes over unknown keys outside." => PassesOverOutside;
    "args/unknown_keys_inside_are_refused": "Passes over unknown keys inside." => PassesOverInside;
    "args/missing_keys_are_refused": "Makes up what is missing." => MakesUpTheMissing;
    "args/nothing_is_coerced": "Takes a number's text for the number." => ReadsNumbers;
    "args/lists_are_no_objects": "Takes a list of as many values for the arguments." => TakesLists;
    "args/something_else_is_refused": "Takes nothing for the arguments." => TakesNothing;
    "args/refusals_quote_nothing": "Quotes what it refuses." => Quotes;
    "args/checking_does_nothing": "Tries arguments out." => TriesOut;
};

type Checked = Result<(), ArgsError>;

/// Makes saboteurs that check in another way each.
macro_rules! checking {
    ($($name:ident: |$at:ident, $args:ident| $body:expr;)+) => {
        $(
            #[derive(Debug, Default)]
            struct $name;

            #[async_trait]
            impl Mischief for $name {
                fn checks(&self, $at: Scene<'_>, $args: &Value) -> Checked {
                    $body
                }
            }
        )+
    };
}

checking! {
    TakesOne: |at, args| {
        at.tool.check_args(args)?;
        if at.bench.args().first() == Some(args) { Ok(()) } else { refuse("they are other arguments") }
    };
    PassesOverOutside: |at, args| at.tool.check_args(&without_unknown_outside(args));
    PassesOverInside: |at, args| {
        at.tool.check_args(args).or_else(|_| {
            let known = without_unknown_inside(args);
            at.tool.check_args(&known)
        })
    };
    MakesUpTheMissing: |at, args| {
        let (Value::Object(given), Some(Value::Object(mut whole))) = (args, at.bench.args().into_iter().next()) else {
            return at.tool.check_args(args);
        };
        whole.extend(given.clone());
        at.tool.check_args(&Value::Object(whole))
    };
    ReadsNumbers: |at, args| {
        at.tool.check_args(args).or_else(|refused| match read_numbers(args) {
            read if read != *args => at.tool.check_args(&read),
            _ => Err(refused),
        })
    };
    TakesLists: |at, args| {
        let values = at.bench.args().first().and_then(Value::as_object).map_or(0, |fields| fields.len());
        if args.as_array().is_some_and(|list| list.len() == values) { Ok(()) } else { at.tool.check_args(args) }
    };
    TakesNothing: |at, args| if args.is_null() { Ok(()) } else { at.tool.check_args(args) };
    Quotes: |at, args| {
        at.tool.check_args(args).map_err(|refused| ArgsError { problem: format!("{}: {args}", refused.problem) })
    };
    TriesOut: |at, args| {
        let mut call = pin!(at.tool.call(args.clone(), some_context()));
        // One look is enough for a tool that does not wait before it acts.
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        at.tool.check_args(args)
    };
}

fn refuse(why: &str) -> Checked {
    Err(ArgsError { problem: why.to_owned() })
}

fn without_unknown_outside(args: &Value) -> Value {
    let mut args = args.clone();
    if let Some(fields) = args.as_object_mut() {
        fields.remove(UNKNOWN_KEY);
    }
    args
}

fn without_unknown_inside(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let inside = |value: &Value| without_unknown_inside(&without_unknown_outside(value));
            fields.iter().map(|(key, value)| (key.clone(), inside(value))).collect()
        }
        Value::Array(items) => {
            items.iter().map(|item| without_unknown_inside(&without_unknown_outside(item))).collect()
        }
        other => other.clone(),
    }
}

/// Reads texts that are numbers as such.
fn read_numbers(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), read_numbers(value))).collect(),
        Value::Array(items) => items.iter().map(read_numbers).collect(),
        Value::String(text) => text.parse::<i64>().map_or_else(|_| value.clone(), Value::from),
        other => other.clone(),
    }
}

fn some_context() -> ToolContext {
    let tenant = TenantId::parse("saboteur").expect("a fit name");
    let run = RunRef::new(tenant, RunId::parse("run").expect("a fit name"));
    let request = RequestId::from(EventId::v7(1, [9; 10]));
    ToolContext::new(run, StepKey::parse("step").expect("a fit key"), request, Digest::of_schema(b"tried out"))
}
