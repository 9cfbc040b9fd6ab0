//! Event bodies with as few words as a test needs. All content is of the run key of the support module.

use artana_core::{
    Actor, ContentRef, ContentType, Digest, EventId, IncarnationId, RunKey, ToolName, ToolVersion,
    event::{
        CancelRequested, Cause, Closing, Doubt, Effect, FailureCategory, Late, LateOutcome, Outcome, ReconcileAction,
        Resolution, Resolver, RunFinished, RunOutcome, Success, ToolAttemptFailed, ToolCompleted, ToolFailure,
        ToolReconcileRequested, ToolRequested, ToolResolved, ToolSignature,
    },
};

use super::RUN_KEY;

pub(crate) const OWNER: IncarnationId = IncarnationId::from_bytes([0xaa; 16]);
pub(crate) const RECONCILER: IncarnationId = IncarnationId::from_bytes([0xbb; 16]);

pub(crate) const ARGS: &str = r#"{"amount":1}"#;
pub(crate) const RESULT: &str = r#"{"charged":true}"#;
pub(crate) const ERROR: &str = "card declined";
/// Every text that the bodies here refer to.
pub(crate) const TEXTS: [&str; 3] = [ARGS, RESULT, ERROR];

pub(crate) fn content(text: &str) -> ContentRef {
    let digest = RunKey::from_bytes(RUN_KEY).digest(text.as_bytes());
    ContentRef { digest, len: text.len() as u64, kind: ContentType::Json }
}

pub(crate) fn tool(name: &str, version: &str) -> ToolSignature {
    ToolSignature {
        name: ToolName::parse(name).expect("fit"),
        schema_hash: Digest::of_schema(b"{}"),
        schema_version: 1,
        version: ToolVersion::parse(version).expect("fit"),
    }
}

pub(crate) fn requested(attempt: u32, effect: Effect) -> ToolRequested {
    ToolRequested {
        args: content(ARGS),
        attempt,
        effect,
        incarnation: OWNER,
        ordinal: None,
        own_effect: false,
        settle_us: 5_000_000,
        timeout_us: 30_000_000,
        tool: tool("charge", "1"),
    }
}

pub(crate) fn attempt_failed(request: EventId) -> ToolAttemptFailed {
    ToolAttemptFailed { error: content(ERROR), request: request.into() }
}

pub(crate) fn succeeded() -> Outcome {
    Outcome::Succeeded(Success { effect_id: None, rejected: None, result: content(RESULT) })
}

pub(crate) fn failed() -> Outcome {
    Outcome::Failed(ToolFailure { category: FailureCategory::Permanent, error: content(ERROR) })
}

pub(crate) fn unknown() -> Outcome {
    Outcome::Unknown(Doubt { cause: Cause::Timeout, error: None })
}

pub(crate) fn completed(request: EventId, outcome: Outcome) -> ToolCompleted {
    ToolCompleted { elapsed_us: 1200, outcome, request: request.into() }
}

pub(crate) fn late(request: EventId, outcome: Outcome) -> LateOutcome {
    LateOutcome { elapsed_us: 9, request: request.into(), what: Late::Tool(outcome) }
}

pub(crate) fn reconcile(request: EventId) -> ToolReconcileRequested {
    let action = ReconcileAction::Probe;
    ToolReconcileRequested { action, incarnation: RECONCILER, request: request.into(), tool: tool("charge", "1") }
}

pub(crate) fn found(request: EventId, reconcile: EventId, outcome: Resolution) -> ToolResolved {
    let by = Resolver::Probe;
    ToolResolved { by, evidence: None, outcome, reconcile: Some(reconcile), request: request.into() }
}

pub(crate) fn decided(request: EventId, outcome: Resolution) -> ToolResolved {
    let by = Resolver::Operator(Actor::parse("ops@example").expect("fit"));
    ToolResolved { by, evidence: Some(content(ERROR)), outcome, reconcile: None, request: request.into() }
}

pub(crate) fn closing(closing: Closing) -> CancelRequested {
    CancelRequested { closing, by: None, reason: None }
}

pub(crate) fn finished(outcome: RunOutcome) -> RunFinished {
    RunFinished { outcome, output: None }
}
