//! What a model adapter brings to be judged: itself, with a fake provider behind it.

use std::{fmt::Debug, sync::Arc};

use artana_core::ModelId;
use artana_ports::ModelPort;
use async_trait::async_trait;

use super::Scripted;
use crate::Need;

/// Makes adapters whose provider does what a script says.
#[async_trait]
pub trait ModelFactory: Debug + Send + Sync {
    /// Names the adapter in reports.
    fn name(&self) -> &str;

    /// Makes an adapter, and behind it a fake provider that follows the script for as long as the adapter lives.
    async fn model(&self, script: Scripted) -> Arc<dyn ModelPort>;

    /// Names two models that the adapter can be asked for.
    fn models(&self) -> [ModelId; 2] {
        ["fake/one", "fake/two"].map(|id| ModelId::parse(id).expect("a fit name"))
    }

    /// Says why something is not offered, if it is not. Laws that need it are then skipped.
    fn lacks(&self, need: Need) -> Option<&str> {
        let _ = need;
        None
    }
}
