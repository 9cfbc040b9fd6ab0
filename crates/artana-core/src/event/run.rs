//! Payloads of the events that start, widen and end a run. Structure only, never words.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    Actor, Capability, ContentRef, Genesis, KeyId, LabelKey, Limits, Name, ParentLink, RunId, RunRef, StepKey,
};

/// The behaviour flag of a fork that undoes only what it registered itself. What was registered before its cut is left
/// to the run it was forked from.
pub const OWN_UNDO: &str = "own_undo";

/// Sequence 1 of every run: what the run is and what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// What the tenant may do in this run.
    #[serde(default)]
    pub capabilities: BTreeSet<Capability>,
    /// Behaviour flags; a build that does not know one may read the run but not drive it.
    #[serde(default)]
    pub flags: BTreeSet<String>,
    /// The fields from which, with the row's tenant and run, the genesis is recomputed.
    pub genesis: GenesisFields,
    /// Labels for finding the run.
    #[serde(default)]
    pub labels: BTreeMap<LabelKey, String>,
    /// What the tenant may use up in this run.
    #[serde(default)]
    pub limits: Limits,
    /// Whose child the run is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// The id of the tenant's key.
    pub tenant_key_id: KeyId,
    /// What the run's code was given, where the run is a workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowStarted>,
}

/// Whose child a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The run that started it, of the same tenant.
    pub run: RunId,
    /// The step of that run.
    pub step: StepKey,
}

/// What a workflow was given when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowStarted {
    /// Its input, in canonical JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<ContentRef>,
    /// The name under which its code is registered, if a worker may drive it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
}

/// The part of a genesis that stands in the first payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenesisFields {
    /// The id of the fork family's run key.
    pub key_id: KeyId,
    /// Where a fork leaves its parent; absent in root runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentLink>,
    /// The root of the fork family.
    pub root: RunId,
}

impl GenesisFields {
    /// Completes the genesis with the names of the row it was read from.
    #[must_use]
    pub fn of(&self, run: &RunRef) -> Genesis {
        Genesis { run: run.clone(), root: self.root.clone(), parent: self.parent.clone(), key_id: self.key_id }
    }
}

impl From<&Genesis> for GenesisFields {
    fn from(genesis: &Genesis) -> Self {
        Self { key_id: genesis.key_id, parent: genesis.parent.clone(), root: genesis.root.clone() }
    }
}

/// The application gave a run more than it was started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantGiven {
    /// Who gave it.
    pub by: Actor,
    /// All capabilities the run has from now on.
    pub capabilities: BTreeSet<Capability>,
    /// All limits the run has from now on.
    pub limits: Limits,
}

/// What a closing run is closing as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "a run ends by itself, by failure or by cancellation; there is no fourth way"
)]
pub enum Closing {
    /// It failed.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

/// The run starts nothing new and ends when what was begun has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequested {
    /// How the run will end.
    #[serde(rename = "as")]
    pub closing: Closing,
    /// Who asked, if it was not the run's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ContentRef>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "a run ends by itself, by failure or by cancellation; there is no fourth way"
)]
pub enum RunOutcome {
    /// Its code said it was done.
    Completed,
    /// Its code gave it up.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl From<Closing> for RunOutcome {
    fn from(closing: Closing) -> Self {
        match closing {
            Closing::Failed => Self::Failed,
            Closing::Cancelled => Self::Cancelled,
        }
    }
}

/// The run's last word, except for outcomes of what was begun before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFinished {
    /// How it ended.
    pub outcome: RunOutcome,
    /// What its code returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ContentRef>,
}
