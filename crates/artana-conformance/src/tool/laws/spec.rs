//! Laws of declarations: what a tool says of itself.

use std::time::Duration;

use artana_core::{
    Digest,
    event::Effect,
    json,
    limits::{MAX_ATTEMPTS, MAX_CONTENT_BYTES, MAX_TOOL_DAYS},
};

use crate::{
    Law,
    law::{Kept, ensure, ensure_eq, laws},
    tool::{ToolTrial, trial::Key},
};

pub(super) const LAWS: &[Law<ToolTrial>] = laws! {
    "spec/digest_is_of_the_schema": "The digest in a tool's signature is that of what its argument schema demands, in canonical form." => digest;
    "spec/stays_the_same": "A tool declares the same before and after its calls, and each time it is made." => stays;
    "spec/bounds_hold": "Times, attempts and sizes are within the bounds of the format." => bounds;
    "spec/schemas_are_objects": "The schemas of arguments and of the result are JSON objects." => schemas;
};

async fn digest(t: &ToolTrial) -> Kept {
    let spec = t.tool.spec();
    let canonical = json::to_canonical(&artana_core::schema::demands(&spec.args_schema))?;
    ensure_eq!(spec.signature.schema_hash, Digest::of_schema(&canonical), "the digest of the argument schema");
    Ok(())
}

async fn stays(t: &ToolTrial) -> Kept {
    let before = format!("{:?}", t.tool.spec());
    ensure_eq!(format!("{:?}", t.twin.spec()), before, "what the tool declares when it is made again");
    let _ = t.call(&Key::new(1)).await;
    ensure_eq!(format!("{:?}", t.tool.spec()), before, "what the tool declares after a call");
    Ok(())
}

async fn bounds(t: &ToolTrial) -> Kept {
    let spec = t.tool.spec();
    let longest = Duration::from_secs(MAX_TOOL_DAYS * 24 * 60 * 60);
    ensure!(!spec.timeout.is_zero() && spec.timeout <= longest, "a timeout of {:?}", spec.timeout);
    ensure!(spec.settle <= longest, "a settling time of {:?}", spec.settle);
    ensure!((1..=MAX_ATTEMPTS).contains(&spec.retry.attempts), "{} attempts", spec.retry.attempts);
    ensure!((1..=MAX_CONTENT_BYTES).contains(&spec.max_result), "results of {} bytes", spec.max_result);
    if let Effect::Idempotent { retention_us } = spec.effect {
        let retention = Duration::from_micros(retention_us);
        ensure!(!retention.is_zero() && retention <= longest, "a retention of {retention:?}");
    }
    Ok(())
}

async fn schemas(t: &ToolTrial) -> Kept {
    let spec = t.tool.spec();
    ensure!(spec.args_schema.is_object(), "the schema of the arguments is {}", spec.args_schema);
    ensure!(spec.result_schema.is_object(), "the schema of the result is {}", spec.result_schema);
    Ok(())
}
