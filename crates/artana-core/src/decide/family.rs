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
    let step = step?;
    let called = match body {
        Body::ToolRequested(asked) if asked.effect != Effect::Read && !asked.own_effect => asked.tool.name.as_str(),
        Body::StepRequested(_) => CLOSURE,
        _ => return None,
    };
    let alone = before.genesis().parent.is_none() && before.forks().is_empty();
    if alone || before.step(step).is_some() {
        return None;
    }
    Some(claim_of(&before.genesis().root, step, called))
}

/// What stands for the tool where the effect is a closure's. No tool has this name: it is not fit for one.
const CLOSURE: &str = "\n";

/// Returns the key under which one run of a fork family holds an effect: 64 hex digits.
#[must_use]
pub fn effect_claim(root: &RunId, step: &StepKey, tool: &ToolName) -> String {
    claim_of(root, step, tool.as_str())
}

fn claim_of(root: &RunId, step: &StepKey, called: &str) -> String {
    let frame = Frame::new("artana/1 family effect")
        .field(tag::STEP, step.as_str().as_bytes())
        .field(tag::ROOT_RUN, root.as_str().as_bytes())
        .field(tag::TOOL, called.as_bytes());
    Digest::from_bytes(frame.hash()).to_string()
}
