//! What stands around a step: transforms at the model's door, guards before an effect, observers after a commit.

use std::{borrow::Cow, fmt::Debug};

use artana_core::{Capability, Digest, Event, Limits, RunRef, StepKey, Timestamp, event::ToolSignature};
use async_trait::async_trait;
use serde_json::Value;

use crate::Claim;

/// Changes what leaves for a provider and what comes back. Pure: the same text gives the same text.
pub trait Transform: Debug + Send + Sync + 'static {
    /// Names the transform and its version; recorded where it changed something.
    fn version(&self) -> &str;

    /// Changes text on its way to a provider. `key` is derived from the run's key.
    fn outbound<'a>(&self, text: &'a str, key: &Digest) -> Cow<'a, str>;

    /// Undoes [`Self::outbound`] on text that comes back.
    fn inbound<'a>(&self, text: &'a str, key: &Digest) -> Cow<'a, str>;
}

/// Where a guard stands; guards run in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the order of the four stages is part of what a policy means")]
pub enum Stage {
    /// Removes what must not leave.
    Redact,
    /// Decides what may be seen.
    Visibility,
    /// Holds money and counts.
    Budget,
    /// Judges the call itself.
    Safety,
}

/// What a guard judges: the real, final arguments of a call that nothing has recorded yet.
#[derive(Debug)]
pub struct GuardFacts<'a> {
    /// The run.
    pub run: &'a RunRef,
    /// The step.
    pub step: &'a StepKey,
    /// The tool.
    pub tool: &'a ToolSignature,
    /// The capability the tool needs.
    pub capability: Option<&'a Capability>,
    /// The arguments.
    pub args: &'a Value,
    /// The run's limits.
    pub limits: Limits,
    /// The kernel's clock.
    pub now: Timestamp,
}

/// Judges a step that is about to be executed. It gathers facts and writes nothing itself.
#[async_trait]
pub trait Guard: Debug + Send + Sync + 'static {
    /// Says where the guard stands.
    fn stage(&self) -> Stage;

    /// Judges.
    async fn judge(&self, facts: &GuardFacts<'_>) -> Verdict;
}

/// A guard's judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a call is allowed, denied, or waits for a person")]
pub enum Verdict {
    /// Allowed, if these claims hold in the append that records the request.
    Allow(Vec<Claim>),
    /// Denied.
    Deny {
        /// The rule.
        rule: String,
        /// Why, and what would lift it.
        reason: String,
    },
    /// A person has to approve it first.
    NeedsApproval {
        /// The rule.
        rule: String,
    },
}

/// Sees events after their commit. It can neither fail nor repeat it, and must return at once: the run's next
/// append waits for it. What takes longer belongs into a task of its own, behind a queue.
pub trait Observer: Debug + Send + Sync + 'static {
    /// Called once for every committed append of this process, in the order of each run's sequence.
    fn committed(&self, run: &RunRef, events: &[Event]);
}
