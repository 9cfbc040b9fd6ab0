//! Payloads of the tool cycle: requested, attempted, completed, reconciled. Structure only, never words.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::ModelOutcome;
use crate::{Actor, ContentRef, Digest, EventId, IncarnationId, Ordinal, RequestId, Timestamp, ToolName, ToolVersion};

/// What makes two tools the same tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolSignature {
    /// The tool's name, unique in a kernel.
    pub name: ToolName,
    /// The digest of the canonical argument schema.
    pub schema_hash: Digest,
    /// The number the tool's author gives its schema.
    pub schema_version: u32,
    /// The version the tool's author gives its behaviour.
    pub version: ToolVersion,
}

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "every decision on a tool has to consider each of the three")]
pub enum Effect {
    /// Nothing: it may run again at will.
    Read,
    /// Something, once for each idempotency key, as long as the provider remembers the key.
    Idempotent {
        /// How long the provider remembers a key, in microseconds.
        retention_us: u64,
    },
    /// Something, each time it is called.
    SideEffect,
}

/// One attempt is about to be made. Every attempt of a step has the same idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRequested {
    /// The arguments, in canonical JSON.
    pub args: ContentRef,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// What the tool declared it does.
    pub effect: Effect,
    /// Whose heartbeat says whether the attempt is still being made.
    pub incarnation: IncarnationId,
    /// At which place of a workflow it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<Ordinal>,
    /// Whether the caller wants this effect for the fork itself, whatever its family did under the key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_effect: bool,
    /// How long after the timeout the effect may still land, in microseconds.
    pub settle_us: u64,
    /// How long the attempt may take, in microseconds.
    pub timeout_us: u64,
    /// The tool.
    pub tool: ToolSignature,
}

impl ToolRequested {
    /// Returns when an effect of this attempt, made at `at`, can no longer land.
    #[must_use]
    pub fn settled_at(&self, at: Timestamp) -> Timestamp {
        at.after(Duration::from_micros(self.timeout_us)).after(Duration::from_micros(self.settle_us))
    }
}

/// An attempt is known not to have happened, and another may be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolAttemptFailed {
    /// What the tool said.
    pub error: ContentRef,
    /// The attempt.
    pub request: RequestId,
}

/// An attempt's cycle is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCompleted {
    /// How long the call took, in microseconds; 0 where nobody saw it.
    pub elapsed_us: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// The attempt.
    pub request: RequestId,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "nobody may forget one of the three ways a tool call can end")]
pub enum Outcome {
    /// The effect happened.
    Succeeded(Success),
    /// The effect did not happen and will not.
    Failed(ToolFailure),
    /// The effect may or may not have happened.
    Unknown(Doubt),
}

/// A tool's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    /// The provider's own id of the effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_id: Option<ContentRef>,
    /// Set where the effect happened but the answer cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejected>,
    /// The answer's bytes as returned, cut where they were too large.
    pub result: ContentRef,
}

/// Why a tool's answer cannot be used, although its effect happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The answer's full length in bytes.
    pub len: u64,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a tool's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Longer than the tool's or the kernel's bound.
    TooLarge,
    /// JSON nested too deep.
    TooDeep,
    /// Not JSON.
    NotJson,
    /// JSON, but not what the result schema says.
    Schema,
}

/// A tool's refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolFailure {
    /// What kind of failure it was.
    pub category: FailureCategory,
    /// What the tool said.
    pub error: ContentRef,
}

/// What kind of failure a tool reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureCategory {
    /// Trying again would fail again.
    Permanent,
    /// The last of the allowed attempts failed in a way that might pass.
    Transient,
    /// An operator established that the effect did not happen.
    Resolved,
}

/// Why nobody can say whether an effect happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// What happened instead of an answer.
    pub cause: Cause,
    /// What the tool said, if it said something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ContentRef>,
}

/// What happened instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The deadline passed.
    Timeout,
    /// The tool panicked.
    Panic,
    /// The process that made the call is gone.
    OwnerLost,
    /// The tool itself said it does not know.
    Reported,
}

/// Somebody is about to find out what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolReconcileRequested {
    /// What they are about to do.
    pub action: ReconcileAction,
    /// Whose heartbeat says whether they still are.
    pub incarnation: IncarnationId,
    /// The attempt in doubt.
    pub request: RequestId,
    /// The tool that does it, which accepts the recorded version.
    pub tool: ToolSignature,
}

/// A way of finding out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReconcileAction {
    /// Ask the outside world by the idempotency key.
    Probe,
    /// Call again with the same idempotency key.
    Retry,
}

/// What was found out about an attempt in doubt, by whom and on what evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResolved {
    /// Who found out.
    pub by: Resolver,
    /// An operator's reason, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<ContentRef>,
    /// What was found out.
    pub outcome: Resolution,
    /// The reconciliation it answers; absent where an operator resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconcile: Option<EventId>,
    /// The attempt that was in doubt.
    pub request: RequestId,
}

/// Who resolved a doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resolver {
    /// The tool's probe.
    Probe,
    /// A call with the same idempotency key.
    Retry,
    /// A person.
    Operator(Actor),
}

/// What became of a doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the tool cycle has to consider each of them")]
pub enum Resolution {
    /// The effect happened.
    Succeeded(Success),
    /// The effect did not happen and will not.
    Failed(ToolFailure),
    /// The effect did not happen; it may be attempted again.
    NotLanded,
    /// Still in doubt.
    Unknown(Doubt),
}

/// An outcome that arrived after its cycle was closed. It settles a doubt; otherwise it is evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LateWire", into = "LateWire")]
pub struct LateOutcome {
    /// How long the call took, in microseconds.
    pub elapsed_us: u64,
    /// The request.
    pub request: RequestId,
    /// What came of it.
    pub what: Late,
}

/// What came of a call whose cycle was closed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a call is a tool's or a model's")]
pub enum Late {
    /// Of a tool call.
    Tool(Outcome),
    /// Of a model call.
    Model(Box<ModelOutcome>),
}

/// The payload of a late outcome: exactly one of `model` and `outcome` stands in it.
#[derive(Serialize, Deserialize)]
struct LateWire {
    /// How long the call took, in microseconds.
    elapsed_us: u64,
    /// What came of a model call.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    model: Option<Box<ModelOutcome>>,
    /// What came of a tool call.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    /// The request.
    request: RequestId,
}

impl From<LateOutcome> for LateWire {
    fn from(late: LateOutcome) -> Self {
        let (model, outcome) = match late.what {
            Late::Tool(outcome) => (None, Some(outcome)),
            Late::Model(outcome) => (Some(outcome), None),
        };
        Self { elapsed_us: late.elapsed_us, model, outcome, request: late.request }
    }
}

impl TryFrom<LateWire> for LateOutcome {
    type Error = &'static str;

    fn try_from(wire: LateWire) -> Result<Self, Self::Error> {
        let what = match (wire.outcome, wire.model) {
            (Some(outcome), None) => Late::Tool(outcome),
            (None, Some(outcome)) => Late::Model(outcome),
            (Some(_), Some(_)) | (None, None) => return Err("a late outcome is a tool's or a model's"),
        };
        Ok(Self { elapsed_us: wire.elapsed_us, request: wire.request, what })
    }
}

/// A key that may be absent, but whose value is never null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
