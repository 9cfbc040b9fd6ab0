//! A run's events as a stream that goes on as the run does. It reads, and never decides that a run is over.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use artana_core::{Event, Seq};
use futures_core::Stream;

use crate::{
    Error, Run,
    events::{self, Events},
    journal::Journal,
};

type Waiting = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A run's events in order, those to come included. It ends only with an error.
pub struct Follow {
    journal: Arc<Journal>,
    after: Seq,
    events: Events,
    waiting: Option<Waiting>,
    failed: bool,
}

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follow").field("run", &self.journal.run).field("after", &self.after).finish_non_exhaustive()
    }
}

impl Run {
    /// Follows the run's events after a position, as they are appended by whatever process. The sequence of
    /// the last event that was seen is the cursor to go on from later.
    #[must_use]
    pub fn follow(&self, after: Seq) -> Follow {
        let journal = Arc::clone(&self.journal);
        Follow { events: events::events(&journal, after), journal, after, waiting: None, failed: false }
    }
}

impl Follow {
    /// Returns the next event, and waits for it if need be.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; [`Error::Damaged`] when a row cannot be read; [`Error::Closed`].
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }
}

async fn wait(journal: Arc<Journal>, after: Seq) -> Result<(), Error> {
    journal.shared.open()?;
    Ok(journal.shared.store.follow(&journal.run, after).await.map(drop)?)
}

impl Stream for Follow {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.failed {
                return Poll::Ready(None);
            }
            if let Some(waiting) = &mut self.waiting {
                let Poll::Ready(waited) = waiting.as_mut().poll(cx) else { return Poll::Pending };
                self.waiting = None;
                if let Err(error) = waited {
                    self.failed = true;
                    return Poll::Ready(Some(Err(error)));
                }
                self.events = events::events(&self.journal, self.after);
            }
            match Pin::new(&mut self.events).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(event))) => {
                    self.after = event.seq();
                    return Poll::Ready(Some(Ok(event)));
                }
                Poll::Ready(Some(Err(error))) => {
                    self.failed = true;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => {
                    let (journal, after) = (Arc::clone(&self.journal), self.after);
                    self.waiting = Some(Box::pin(wait(journal, after)));
                }
            }
        }
    }
}
