//! How far a run's work has come, now and as it goes on. It reads, and decides nothing.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use artana_core::{Name, Seq, Session, Stage, Task, progress::Progress};
use futures_core::Stream;

use crate::{Error, Run};

type Next = Pin<Box<dyn Future<Output = Result<(Progress, Seq), Error>> + Send>>;

/// A run's progress, each time it has changed. It ends when the run has.
pub struct ProgressWatch {
    run: Run,
    seen: Option<(Progress, Seq)>,
    next: Option<Next>,
    done: bool,
}

impl std::fmt::Debug for ProgressWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProgressWatch").field("run", &self.run).field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Run {
    /// Returns how far the run's work has come.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn progress(&self) -> Result<Progress, Error> {
        let now = self.journal.shared.clock.now();
        self.latest(|state| Progress::of(state, now)).await
    }

    /// Follows the run's progress: as it is now, and each time it has changed by whatever process.
    #[must_use]
    pub fn watch_progress(&self) -> ProgressWatch {
        ProgressWatch { run: self.clone(), seen: None, next: None, done: false }
    }

    /// Lists the run's tasks in the order in which they are done.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn tasks(&self) -> Result<Vec<(Name, Task)>, Error> {
        self.latest(|state| state.work().tasks().map(|(id, task)| (id.clone(), task.clone())).collect()).await
    }

    /// Returns the stage that the work has come to, and how far the run's sessions have.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn stage(&self) -> Result<(Option<Stage>, Session), Error> {
        self.latest(|state| (state.work().stage().cloned(), state.session().clone())).await
    }
}

impl ProgressWatch {
    /// Returns the progress once it has changed; `None` after the run has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`], [`Error::Closed`].
    pub async fn next(&mut self) -> Result<Option<Progress>, Error> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }
}

async fn changed(run: Run, seen: Option<(Progress, Seq)>) -> Result<(Progress, Seq), Error> {
    let mut seen = seen;
    loop {
        if let Some((_, head)) = &seen {
            run.wait_past(*head).await?;
        }
        let now = run.journal.shared.clock.now();
        let (progress, head) = run.latest(|state| (Progress::of(state, now), state.head().seq)).await?;
        match &mut seen {
            Some((last, at)) if same(last, &progress) => *at = head,
            _ => return Ok((progress, head)),
        }
    }
}

/// That time goes by alone is no progress.
fn same(last: &Progress, now: &Progress) -> bool {
    let timeless = |progress: &Progress| {
        let mut progress = progress.clone();
        progress.eta = None;
        progress
    };
    timeless(last) == timeless(now)
}

impl Stream for ProgressWatch {
    type Item = Result<Progress, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        let mut next = match self.next.take() {
            Some(next) => next,
            None => Box::pin(changed(self.run.clone(), self.seen.clone())),
        };
        match next.as_mut().poll(cx) {
            Poll::Pending => {
                self.next = Some(next);
                Poll::Pending
            }
            Poll::Ready(Ok((progress, head))) => {
                self.done = progress.status.is_finished();
                self.seen = Some((progress.clone(), head));
                Poll::Ready(Some(Ok(progress)))
            }
            Poll::Ready(Err(error)) => {
                self.done = true;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}
