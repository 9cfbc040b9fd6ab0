//! Decides what a run holds for its family of forks: an effect belongs to the run that begins it first.
//! What a kernel claims and what a verification looks for is this one answer.

use crate::{
    Digest, Frame, RunId, RunState, StepKey, ToolName,
    event::{Body, Effect},
    tag,
};

/// Returns the unique key that an event has to hold, given its run as it was before.
///
/// In a run that is a fork or has forks, the first attempt of an effect holds one, unless it says that the fork
/// wants the effect for itself. A run without forks holds none, and neither does what it began before it had
/// any: a fork finds that in its ancestor's events.
#[must_use]
pub fn held_key(before: &RunState, step: Option<&StepKey>, body: &Body) -> Option<String> {
    let (Some(step), Body::ToolRequested(asked)) = (step, body) else { return None };
    let alone = before.genesis().parent.is_none() && before.forks().is_empty();
    let repeatable = asked.effect == Effect::Read || asked.own_effect;
    if alone || repeatable || before.tool_step(step).is_some() {
        return None;
    }
    Some(effect_claim(&before.genesis().root, step, &asked.tool.name))
}

/// Returns the key under which one run of a fork family holds an effect: 64 hex digits.
#[must_use]
pub fn effect_claim(root: &RunId, step: &StepKey, tool: &ToolName) -> String {
    let frame = Frame::new("artana/1 family effect")
        .field(tag::STEP, step.as_str().as_bytes())
        .field(tag::ROOT_RUN, root.as_str().as_bytes())
        .field(tag::TOOL, tool.as_str().as_bytes());
    Digest::from_bytes(frame.hash()).to_string()
}
