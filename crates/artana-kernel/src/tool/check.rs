//! What is wrong with a tool's declaration, whoever wrote it. Judges the declaration alone.

use std::time::Duration;

use artana_core::{
    event::Effect,
    limits::{MAX_ATTEMPTS, MAX_CONTENT_BYTES, MAX_TOOL_DAYS},
};
use artana_ports::ToolSpec;

/// Lists what is wrong with a tool's declaration.
pub(crate) fn problems(spec: &ToolSpec) -> Vec<String> {
    let name = &spec.signature.name;
    let longest = Duration::from_secs(MAX_TOOL_DAYS * 24 * 60 * 60);
    let mut problems = Vec::new();
    let mut demand = |fine: bool, what: String| {
        if !fine {
            problems.push(format!("tool {name}: {what}"));
        }
    };
    demand(!spec.timeout.is_zero() && spec.timeout <= longest, "a timeout is between 1 µs and ten years".into());
    demand(spec.settle <= longest, "a settling time is at most ten years".into());
    let attempts = spec.retry.attempts;
    demand((1..=MAX_ATTEMPTS).contains(&attempts), format!("there are 1 to {MAX_ATTEMPTS} attempts"));
    let bound = MAX_CONTENT_BYTES;
    demand((1..=bound).contains(&spec.max_result), format!("a result has at most {bound} bytes"));
    if let Effect::Idempotent { retention_us } = spec.effect {
        let retention = Duration::from_micros(retention_us);
        demand(!retention.is_zero() && retention <= longest, "a retention is between 1 µs and ten years".into());
    }
    problems
}
