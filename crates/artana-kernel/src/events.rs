//! A run's events as a stream, read in pages and checked against their chain on the way.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use artana_core::{Event, Head, Seq, limits::MAX_PAGE_EVENTS, verify::Chain};
use futures_core::Stream;

use crate::{Error, journal::Journal};

type Page = Pin<Box<dyn Future<Output = Result<(Chain, Vec<Event>), Error>> + Send>>;

/// A run's events in order. It ends where the run ended when it was read.
pub struct Events {
    journal: Arc<Journal>,
    after: Seq,
    chain: Option<Chain>,
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
    Events { journal: Arc::clone(journal), after, chain: None, page: VecDeque::new(), reading: None, done: false }
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
            let mut reading = match self.reading.take() {
                Some(reading) => reading,
                None => Box::pin(read(Arc::clone(&self.journal), self.chain.take(), self.after)),
            };
            let Poll::Ready(page) = reading.as_mut().poll(cx) else {
                self.reading = Some(reading);
                return Poll::Pending;
            };
            match page {
                Ok((chain, page)) => {
                    self.chain = Some(chain);
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

/// Reads a page. What comes before the first row is known only from the run's beginning on.
async fn read(journal: Arc<Journal>, chain: Option<Chain>, after: Seq) -> Result<(Chain, Vec<Event>), Error> {
    journal.shared.open()?;
    let run = &journal.run;
    let rows = journal.shared.store.read(run, after, MAX_PAGE_EVENTS).await?;
    let mut chain = chain.unwrap_or_else(|| match rows.first() {
        Some(first) if after != Seq::ZERO => Chain::resume(run.clone(), Head { seq: after, hash: first.prev_hash }),
        _ => Chain::new(&journal.genesis),
    });
    let mut page = Vec::with_capacity(rows.len());
    for row in rows {
        chain.push(&row).map_err(|found| Error::damaged(run, found))?;
        page.push(crate::load::decode(run, row)?);
    }
    Ok((chain, page))
}
