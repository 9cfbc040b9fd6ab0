//! The adapter: writes a request, reads the reply, and takes nothing for granted.

use std::{fmt, time::Duration};

use artana_core::event::ModelCategory;
use artana_ports::{Delta, ModelAnswer, ModelContext, ModelError, ModelPort, ModelRequest, Part};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Exchange, Frame, Head, form};

pub(crate) struct WireModel {
    pub(crate) to_provider: mpsc::UnboundedSender<Exchange>,
    pub(crate) credential: String,
}

impl fmt::Debug for WireModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireModel").finish_non_exhaustive()
    }
}

fn network() -> ModelError {
    ModelError::new(ModelCategory::Network, "the connection was lost")
}

fn nonsense() -> ModelError {
    ModelError::new(ModelCategory::Internal, "the reply is not of the protocol")
}

#[async_trait]
impl ModelPort for WireModel {
    async fn ask(&self, request: &ModelRequest, cx: &ModelContext) -> Result<ModelAnswer, ModelError> {
        let stream = cx.deltas.are_wanted();
        let body = json!({ "request": form::request(request), "stream": stream, "credential": self.credential });
        let (reply, mut frames) = mpsc::unbounded_channel();
        let sent = self.to_provider.send(Exchange { body: body.to_string().into_bytes(), reply });
        sent.map_err(|_| network())?;
        let Some(Frame::Head(head)) = frames.recv().await else { return Err(network()) };
        if head.status != 200 {
            return Err(self.failure(&head, &rest(&mut frames).await));
        }
        if stream {
            return streamed(&mut frames, cx).await;
        }
        let bytes = rest(&mut frames).await;
        if head.length != Some(bytes.len()) {
            return Err(network());
        }
        let answer: Value = serde_json::from_slice(&bytes).map_err(|_| nonsense())?;
        form::read_answer(&answer).ok_or_else(nonsense)
    }
}

impl WireModel {
    fn failure(&self, head: &Head, body: &[u8]) -> ModelError {
        let said: Value = serde_json::from_slice(body).unwrap_or_default();
        let message = said["error"].as_str().unwrap_or_default().replace(&self.credential, "(the credential)");
        ModelError {
            request_id: head.request_id.clone(),
            retry_after: head.retry_after.map(Duration::from_secs),
            ..ModelError::http(head.status, message)
        }
    }
}

async fn rest(frames: &mut mpsc::UnboundedReceiver<Frame>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(frame) = frames.recv().await {
        if let Frame::Bytes(more) = frame {
            bytes.extend(more);
        }
    }
    bytes
}

/// Reads lines of JSON as they come; the last one holds all but the texts.
async fn streamed(frames: &mut mpsc::UnboundedReceiver<Frame>, cx: &ModelContext) -> Result<ModelAnswer, ModelError> {
    let (mut bytes, mut texts): (Vec<u8>, Vec<Part>) = (Vec::new(), Vec::new());
    while let Some(frame) = frames.recv().await {
        let Frame::Bytes(more) = frame else { return Err(nonsense()) };
        bytes.extend(more);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = bytes.drain(..=end).collect();
            let line: Value = serde_json::from_slice(&line).map_err(|_| nonsense())?;
            if let Some(last) = line.get("last") {
                let mut answer = form::read_answer(last).ok_or_else(nonsense)?;
                texts.append(&mut answer.parts);
                return Ok(ModelAnswer { parts: texts, ..answer });
            }
            let piece = form::read_piece(&line).ok_or_else(nonsense)?;
            add(&mut texts, &piece);
            cx.deltas.send(piece);
        }
    }
    Err(network())
}

fn add(texts: &mut Vec<Part>, piece: &Delta) {
    match (texts.last_mut(), piece) {
        (Some(Part::Text(text)), Delta::Text(more)) | (Some(Part::Reasoning(text)), Delta::Reasoning(more)) => {
            text.push_str(more);
        }
        (_, Delta::Text(text)) => texts.push(Part::Text(text.clone())),
        (_, Delta::Reasoning(text)) => texts.push(Part::Reasoning(text.clone())),
    }
}
