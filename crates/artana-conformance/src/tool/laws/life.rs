//! Laws of a tool's life: many calls at once, and what it shows of itself.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    Law,
    law::{Kept, ensure, ensure_eq, laws},
    tool::{
        ToolTrial,
        trial::{Key, json_of, unexpected},
    },
};

pub(super) const LAWS: &[Law<ToolTrial>] = laws! {
    "life/calls_do_not_mix": "Calls that are under way at once get each its own result." => mix;
    "life/debug_shows_no_words": "What a tool shows of itself holds nothing it was called with." => debug;
};

async fn mix(t: &ToolTrial) -> Kept {
    let args = t.bench.args();
    let calls: Vec<(Key, Value)> = (1..=12).map(Key::new).zip(args.into_iter().cycle()).collect();
    let call = |(key, args): &(Key, Value)| {
        let (tool, args, cx) = (Arc::clone(&t.tool), args.clone(), key.context(1));
        tokio::spawn(async move { tool.call(args, cx).await })
    };
    let at_once: Vec<_> = calls.iter().map(call).collect();
    for (at_once, (key, args)) in at_once.into_iter().zip(calls) {
        let got = at_once.await?.map_err(|error| unexpected(&error))?;
        // Asked again alone, the outside answers with what it has under the key.
        let alone = t.tool.call(args, key.context(2)).await.map_err(|error| unexpected(&error))?;
        ensure_eq!(json_of(&got)?, json_of(&alone)?, "the result of a call among twelve");
    }
    Ok(())
}

async fn debug(t: &ToolTrial) -> Kept {
    let args = with_canary(t.args());
    let _ = t.tool.call(args, Key::new(1).context(1)).await;
    let shown = format!("{:?} {:#?}", t.tool, t.tool);
    ensure!(!shown.contains("a canary"), "the tool's Debug output holds an argument");
    Ok(())
}

/// Puts a canary in place of every text.
fn with_canary(args: Value) -> Value {
    match args {
        Value::String(_) => json!("a canary"),
        Value::Array(items) => items.into_iter().map(with_canary).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, with_canary(value))).collect(),
        other => other,
    }
}
