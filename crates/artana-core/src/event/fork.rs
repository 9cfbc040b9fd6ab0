//! The payload by which a parent records its forks. The fork records its parent in its genesis.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Actor, Digest, RunId, Seq, ask::Field};

/// Another run shares this one's events up to a cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunForked {
    /// Why.
    pub because: ForkCause,
    /// The last event that is shared.
    pub cut: Seq,
    /// The other run, of the same tenant.
    pub fork: RunId,
}

/// Why a run was forked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ForkCause {
    /// A step was asked otherwise than recorded, by a caller who wanted it executed.
    Drift {
        /// The fingerprint of the ask that differed.
        asked: Digest,
        /// What differed.
        fields: BTreeSet<Field>,
    },
    /// Somebody wanted to go another way from the step on.
    Wanted {
        /// Who.
        by: Actor,
    },
}
