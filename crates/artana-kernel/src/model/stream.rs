//! A model call as a stream: pieces that are not durable, then the answer that is.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use artana_ports::{Delta, Deltas};
use futures_core::Stream;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{call::ModelCall, output::ModelOutput, reply::ModelReply};
use crate::Error;

type Answer<T> = Pin<Box<dyn Future<Output = Result<ModelReply<T>, Error>> + Send>>;

/// What a stream gives.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a piece, or the whole")]
pub enum Streamed<T> {
    /// A piece of the answer. It is not durable, and void if the model has to be asked again.
    Delta(Delta),
    /// The recorded answer, whole. It is the last item.
    Reply(ModelReply<T>),
}

/// A model call as a stream. It ends with the recorded answer, or with an error.
///
/// # Cancellation
///
/// Dropping it detaches: a call that has begun runs to its end, which is recorded.
pub struct ModelStream<O: ModelOutput> {
    answer: Option<Answer<O::Value>>,
    deltas: UnboundedReceiver<Delta>,
    streamed: bool,
    reply: Option<Result<ModelReply<O::Value>, Error>>,
}

impl<O: ModelOutput> std::fmt::Debug for ModelStream<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelStream").field("streamed", &self.streamed).finish_non_exhaustive()
    }
}

impl<O: ModelOutput> ModelStream<O> {
    pub(crate) fn new(call: ModelCall<O>) -> Self {
        let (sender, deltas) = Deltas::channel();
        Self { answer: Some(Box::pin(call.make(sender))), deltas, streamed: false, reply: None }
    }

    /// Returns the next item; `None` after the last one.
    ///
    /// # Errors
    ///
    /// As for the call itself.
    pub async fn try_next(&mut self) -> Result<Option<Streamed<O::Value>>, Error> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }

    /// An answer that nothing was streamed of, such as a replayed one, gives its text at once.
    fn whole_text(&mut self) -> Option<Delta> {
        let Some(Ok(reply)) = &self.reply else { return None };
        let text = reply.text();
        (!std::mem::replace(&mut self.streamed, true) && !text.is_empty()).then_some(Delta::Text(text))
    }
}

impl<O: ModelOutput> Unpin for ModelStream<O> {}

impl<O: ModelOutput> Stream for ModelStream<O> {
    type Item = Result<Streamed<O::Value>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(answer) = &mut self.answer
            && let Poll::Ready(reply) = answer.as_mut().poll(cx)
        {
            self.answer = None;
            self.reply = Some(reply);
        }
        if let Poll::Ready(Some(delta)) = self.deltas.poll_recv(cx) {
            self.streamed = true;
            return Poll::Ready(Some(Ok(Streamed::Delta(delta))));
        }
        if self.answer.is_some() {
            return Poll::Pending;
        }
        if let Some(delta) = self.whole_text() {
            return Poll::Ready(Some(Ok(Streamed::Delta(delta))));
        }
        Poll::Ready(self.reply.take().map(|reply| reply.map(Streamed::Reply)))
    }
}
