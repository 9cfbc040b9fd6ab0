//! Waiting for many things at once. Answers come one at a time, in the order of the ledger, so the first one is the
//! first one ever after.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{machine::Machine, woken::Woken};

/// One of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one of two")]
pub enum Either<A, B> {
    /// The first.
    Left(A),
    /// The second.
    Right(B),
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn boxed<'a, I>(all: I) -> Vec<Boxed<'a, <I::Item as IntoFuture>::Output>>
where
    I: IntoIterator,
    I::Item: IntoFuture,
    <I::Item as IntoFuture>::IntoFuture: Send + 'a,
{
    all.into_iter().map(|one| Box::pin(one.into_future()) as Boxed<'a, _>).collect()
}

/// Waits for all of several things.
#[must_use = "nothing is asked until it is awaited"]
pub struct Join<'a, T> {
    waiting: Woken<'a, T>,
    answers: Vec<Option<T>>,
}

impl<T> std::fmt::Debug for Join<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Join").field("of", &self.answers.len()).finish_non_exhaustive()
    }
}

impl<'a, T> Join<'a, T> {
    pub(crate) fn new<I>(all: I) -> Self
    where
        I: IntoIterator,
        I::Item: IntoFuture<Output = T>,
        <I::Item as IntoFuture>::IntoFuture: Send + 'a,
    {
        let all = boxed(all);
        let answers = all.iter().map(|_| None).collect();
        Self { waiting: Woken::new(all), answers }
    }
}

impl<T> Unpin for Join<'_, T> {}

impl<T> Future for Join<'_, T> {
    type Output = Vec<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<T>> {
        let this = &mut *self;
        for (at, answer) in this.waiting.poll(cx) {
            this.answers[at] = Some(answer);
        }
        if this.waiting.left() > 0 {
            return Poll::Pending;
        }
        Poll::Ready(this.answers.drain(..).flatten().collect())
    }
}

/// Waits for the first of several things.
#[must_use = "nothing is asked until it is awaited"]
pub struct Race<'a, T> {
    machine: Arc<Machine>,
    waiting: Woken<'a, T>,
}

impl<T> std::fmt::Debug for Race<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Race").field("of", &self.waiting.left()).finish_non_exhaustive()
    }
}

impl<'a, T> Race<'a, T> {
    pub(crate) fn new<I>(machine: Arc<Machine>, all: I) -> Self
    where
        I: IntoIterator,
        I::Item: IntoFuture<Output = T>,
        <I::Item as IntoFuture>::IntoFuture: Send + 'a,
    {
        let waiting = Woken::new(boxed(all));
        assert!(waiting.left() > 0, "a race needs somebody to win it");
        Self { machine, waiting }
    }
}

impl<T> Future for Race<'_, T> {
    type Output = (usize, T);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(usize, T)> {
        // All of them are asked before the first answer counts.
        let Some(won) = self.waiting.poll(cx).into_iter().next() else { return Poll::Pending };
        let losers = std::mem::replace(&mut self.waiting, Woken::new(Vec::new()));
        self.machine.racing(|| drop(losers));
        Poll::Ready(won)
    }
}
