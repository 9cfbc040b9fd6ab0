//! A run's events as a stream, read in pages and checked against their chain on the way.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use artana_core::{Event, Seq, limits::MAX_PAGE_EVENTS};
use futures_core::Stream;

use crate::{Error, journal::Journal};

type Page = Pin<Box<dyn Future<Output = Result<Vec<Event>, Error>> + Send>>;

/// A run's events in order. It ends where the run ended when it was read.
pub struct Events {
    journal: Arc<Journal>,
    after: Seq,
    page: VecDeque<Event>,
    reading: Option<Page>,
    done: bool,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("run", &self.journal.run).field("after", &self.after).finish_non_exhaustive()
    }
}

pub(crate) fn events(journal: &Arc<Journal>, after: Seq) -> Events {
    Events { journal: Arc::clone(journal), after, page: VecDeque::new(), reading: None, done: false }
}

impl Events {
    /// Returns the next event; `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; [`Error::Damaged`] when a row cannot be read.
    pub async fn try_next(&mut self) -> Result<Option<Event>, Error> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }
}

impl Stream for Events {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.page.pop_front() {
                self.after = event.seq();
                return Poll::Ready(Some(Ok(event)));
            }
            if self.done {
                return Poll::Ready(None);
            }
            let (journal, after) = (Arc::clone(&self.journal), self.after);
            let reading = self.reading.get_or_insert_with(|| Box::pin(read(journal, after)));
            let Poll::Ready(page) = reading.as_mut().poll(cx) else { return Poll::Pending };
            self.reading = None;
            match page {
                Ok(page) => {
                    self.done = page.len() < MAX_PAGE_EVENTS as usize;
                    self.page = page.into();
                }
                Err(error) => {
                    self.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

async fn read(journal: Arc<Journal>, after: Seq) -> Result<Vec<Event>, Error> {
    journal.shared.open()?;
    let rows = journal.shared.store.read(&journal.run, after, MAX_PAGE_EVENTS).await?;
    rows.into_iter().map(|row| crate::load::decode(&journal.run, row)).collect()
}
