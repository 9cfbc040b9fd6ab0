//! A closure's step, and what an event makes of it. Knows no other step and no run.

use super::FoldError;
use crate::{
    Event, Seq, StepKey, Timestamp,
    cycle::{ToolCycle, ToolEvent},
    event::{Body, CodeKind},
};

/// A closure of a workflow: what kind it is and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeStep {
    /// Where its first event is recorded, in the run that holds it.
    pub first: Seq,
    /// When that was: a time limit counts from here.
    pub first_at: Timestamp,
    /// When its last event was made: a wait before another attempt counts from here.
    pub last_at: Timestamp,
    /// What kind of closure it is.
    pub kind: CodeKind,
    /// Where the cycle stands. It is the cycle of a tool: what may be repeated is recorded when it has happened,
    /// and what may not is requested first.
    pub cycle: ToolCycle,
}

pub(super) fn next_code(last: Option<&CodeStep>, key: &StepKey, event: &Event) -> Result<CodeStep, FoldError> {
    let kind = match event.body() {
        Body::StepRequested(_) => CodeKind::Once,
        Body::StepCompleted(done) => done.kind,
        _ => last.map_or(CodeKind::Once, |last| last.kind),
    };
    if last.is_some_and(|last| last.kind != kind) {
        return Err(FoldError::AnotherKind { step: key.clone(), kind: event.body().kind() });
    }
    let cycle = last.map_or(ToolCycle::Absent, |step| step.cycle.clone());
    let seen = ToolEvent { id: event.id(), seq: event.seq(), at: event.at(), body: event.body() };
    let cycle = cycle.next_code(seen).map_err(|source| FoldError::Step { step: key.clone(), source })?;
    let (first, first_at) = last.map_or((event.seq(), event.at()), |last| (last.first, last.first_at));
    Ok(CodeStep { first, first_at, last_at: event.at(), kind, cycle })
}
