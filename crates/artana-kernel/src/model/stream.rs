//! A model call as a stream: pieces that are not durable, then the answer that is.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use artana_ports::{Delta, Deltas};
use futures_core::Stream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::{call::ModelCall, output::ModelOutput, reply::ModelReply};
use crate::Error;

type Answer<T> = Pin<Box<dyn Future<Output = Result<ModelReply<T>, Error>> + Send>>;

/// Where the pieces of each cycle of a step go, if anybody listens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listener(Option<UnboundedSender<UnboundedReceiver<Delta>>>);

impl Listener {
    /// Returns where the pieces of the next cycle go: to an end of their own, so that what an earlier cycle
    /// still sends is lost.
    pub(crate) fn next_cycle(&self) -> Deltas {
        let Some(listener) = self.0.as_ref().filter(|listener| !listener.is_closed()) else { return Deltas::none() };
        let (deltas, pieces) = Deltas::channel();
        // Whoever listened may go at any time; the answer is recorded all the same.
        let _ = listener.send(pieces);
        deltas
    }
}

/// What a stream gives.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a piece, a new beginning, or the whole")]
pub enum Streamed<T> {
    /// A piece of the answer. It is not durable.
    Delta(Delta),
    /// The model is asked again: the pieces so far are void.
    Restarted,
    /// The recorded answer, whole. It is the last item.
    Reply(Box<ModelReply<T>>),
}

/// A model call as a stream. It ends with the recorded answer, or with an error.
///
/// # Cancellation
///
/// Dropping it detaches: a call that has begun runs to its end, which is recorded.
pub struct ModelStream<O: ModelOutput> {
    answer: Option<Answer<O::Value>>,
    cycles: UnboundedReceiver<UnboundedReceiver<Delta>>,
    pieces: Option<UnboundedReceiver<Delta>>,
    /// Whether pieces of the cycle that is under way were given.
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
        let (sender, cycles) = mpsc::unbounded_channel();
        let answer = Some(Box::pin(call.make(Listener(Some(sender)))) as Answer<O::Value>);
        Self { answer, cycles, pieces: None, streamed: false, reply: None }
    }

    /// Returns the next item; `None` after the last one.
    ///
    /// # Errors
    ///
    /// As for the call itself.
    pub async fn try_next(&mut self) -> Result<Option<Streamed<O::Value>>, Error> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }

    /// Gives the pieces of the cycle that is under way, and says where a new one begins.
    fn poll_pieces(&mut self, cx: &mut Context<'_>) -> Option<Streamed<O::Value>> {
        loop {
            if let Some(pieces) = &mut self.pieces
                && let Poll::Ready(Some(delta)) = pieces.poll_recv(cx)
            {
                self.streamed = true;
                return Some(Streamed::Delta(delta));
            }
            let Poll::Ready(Some(pieces)) = self.cycles.poll_recv(cx) else { return None };
            self.pieces = Some(pieces);
            if std::mem::take(&mut self.streamed) {
                return Some(Streamed::Restarted);
            }
        }
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
        if let Some(piece) = self.poll_pieces(cx) {
            return Poll::Ready(Some(Ok(piece)));
        }
        if self.answer.is_some() {
            return Poll::Pending;
        }
        if let Some(delta) = self.whole_text() {
            return Poll::Ready(Some(Ok(Streamed::Delta(delta))));
        }
        Poll::Ready(self.reply.take().map(|reply| reply.map(|reply| Streamed::Reply(Box::new(reply)))))
    }
}
