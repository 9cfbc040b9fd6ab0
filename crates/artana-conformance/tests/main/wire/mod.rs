//! A model adapter with a wire: requests and replies are bytes, and its provider is a task at the other end.
//! It keeps all laws of models, and is small enough to be read as an example.

mod adapter;
mod fake;
mod form;

use std::sync::Arc;

use artana_conformance::model::{ModelFactory, Scripted};
use artana_ports::ModelPort;
use async_trait::async_trait;
use tokio::sync::mpsc;

/// One request on its way, and where the reply goes. A reply ends when its sender is dropped.
pub(crate) struct Exchange {
    body: Vec<u8>,
    reply: mpsc::UnboundedSender<Frame>,
}

/// A part of a reply.
pub(crate) enum Frame {
    Head(Head),
    Bytes(Vec<u8>),
}

/// How a reply begins.
#[derive(Default)]
pub(crate) struct Head {
    status: u16,
    /// How many bytes follow, where that is known.
    length: Option<usize>,
    request_id: Option<String>,
    retry_after: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Wire;

#[async_trait]
impl ModelFactory for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    async fn model(&self, script: Scripted) -> Arc<dyn ModelPort> {
        let (to_provider, requests) = mpsc::unbounded_channel();
        let credential = script.credential().to_owned();
        tokio::spawn(fake::serve(script, requests));
        Arc::new(adapter::WireModel { to_provider, credential })
    }
}
