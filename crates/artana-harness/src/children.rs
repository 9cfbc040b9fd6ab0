//! Runs that do part of a session's work: each has a ledger of its own and a place in its parent's. The parent answers
//! what a child returned ever after.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use artana_core::{Name, event::Phase};
use artana_kernel::{Child, Driving, Failure};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Harness, HarnessContext, Result, context::Session, lifecycle};

/// What came of one of several children, by its key.
pub type ChildResult<T> = (String, Result<T>);

type Running<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl HarnessContext {
    /// Runs a child: starts it, goes on with it from its ledger, or answers what it returned.
    ///
    /// A child whose code fails has failed, and so says its parent's ledger; another attempt at the unit of work
    /// starts another one. What is in doubt in a child, or what the kernel could not do, ends neither: the next
    /// session goes on with the same child.
    ///
    /// # Errors
    ///
    /// The kernel's [`ChildFailed`](artana_kernel::Error::ChildFailed);
    /// [`BudgetSpent`](artana_kernel::Error::BudgetSpent) once the run and its children have spent the run's budget, before
    /// the child is started; or why it cannot go on for now.
    pub async fn run_child<T, F, Fut>(&self, key: &str, f: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send + Sync,
        F: FnOnce(HarnessContext) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
    {
        let (key, child) = self.driving().child::<T>(&self.scoped(key), self.since()).await?;
        let driving = match child {
            Child::Ended(returned) => return Ok(returned),
            Child::Open(driving) => *driving,
        };
        let child = driving.run().clone();
        self.live(driving, f).await?;
        // The parent may have been ended meanwhile, and so is what it began.
        if child.latest(|state| state.finished().is_none()).await? {
            self.driving().cancel_child(&child).await?;
        }
        self.driving().record_child(&key).await?;
        Ok(self.driving().returned(&key).await?)
    }

    /// Runs several children, at most `limit` of them at once, and says what came of each. One that fails, or whose
    /// code panics, leaves the others alone. All share one budget: once it is spent, none is started.
    ///
    /// # Errors
    ///
    /// None of its own: each child has its result.
    pub async fn run_children<T, F, Fut>(
        &self,
        limit: usize,
        children: impl IntoIterator<Item = (String, F)> + Send,
    ) -> Vec<ChildResult<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync,
        F: FnOnce(HarnessContext) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
    {
        at_most(
            limit,
            children.into_iter().map(|(key, f)| async move {
                let result = self.run_child(&key, f).await;
                (key, result)
            }),
        )
        .await
    }

    /// Runs a harness in a child: session after session, until one of them has finished, and answers what that
    /// returned.
    ///
    /// Each session lives the whole life: it hears where the work stands, goes through the hooks and the check, and
    /// ends in a clean state. One that fails, or whose code panics, leaves the child as it is, and is this call's error:
    /// the next attempt at the unit of work goes on with the same child, in another session of it. A harness such as
    /// [`IncrementalTaskHarness`](crate::IncrementalTaskHarness) is one too; it is traced as its parent is.
    ///
    /// # Errors
    ///
    /// That a session of the child failed, as [`Error::Failed`](crate::Error::Failed) says it, which names the child; the
    /// kernel's [`ChildFailed`](artana_kernel::Error::ChildFailed) when somebody ended it.
    pub async fn run_child_harness<T, H>(&self, key: &str, harness: &H) -> Result<T>
    where
        T: DeserializeOwned + Send,
        H: Harness,
    {
        loop {
            let (_, child) = self.driving().child::<T>(&self.scoped(key), self.since()).await?;
            let driving = match child {
                Child::Ended(returned) => return Ok(returned),
                Child::Open(driving) => *driving,
            };
            let (tenant, level) = (self.tenant().clone(), self.session.level);
            let session = async {
                let begun = lifecycle::begin(harness, driving, tenant, level).await?;
                Ok(lifecycle::live(harness, begun).await?)
            };
            caught(Box::pin(session)).await?;
        }
    }

    /// Runs a harness in each of several children, at most `limit` of them at once, and says what came of each, as
    /// [`HarnessContext::run_child_harness`] does of one.
    ///
    /// # Errors
    ///
    /// None of its own: each child has its result. One that did not finish keeps this session from a clean end.
    pub async fn run_child_harnesses<T, H>(
        &self,
        limit: usize,
        children: impl IntoIterator<Item = (String, H)> + Send,
    ) -> Vec<ChildResult<T>>
    where
        T: DeserializeOwned + Send,
        H: Harness,
    {
        at_most(
            limit,
            children.into_iter().map(|(key, harness)| async move {
                let result = self.run_child_harness(&key, &harness).await;
                (key, result)
            }),
        )
        .await
    }

    /// Lives a session of a child. A failure of its code ends the child; anything else leaves it as it is.
    async fn live<T, F, Fut>(&self, driving: Driving, f: F) -> Result<()>
    where
        T: Serialize + Sync,
        F: FnOnce(HarnessContext) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
    {
        let found = driving.begin_session(&Name::parse("child")?).await?;
        let (tenant, level) = (self.tenant().clone(), self.session.level);
        let session = Arc::new(Session::new(driving, tenant, level, found));
        let cx = HarnessContext::of_session(Arc::clone(&session)).await?;
        let of_child = HarnessContext::of_session(Arc::clone(&session)).await?;
        let ended = match caught(async move { f(of_child).await }).await {
            Ok(value) => session.driving.finish(&value).await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        let lived = match ended {
            Ok(()) => Ok(()),
            Err(failure) => {
                lifecycle::failed(&cx, Phase::Work, failure.message()).await;
                match is_end(&failure) {
                    true => session.driving.give_up(failure.message()).await.map_err(Failure::from),
                    false => Err(failure),
                }
            }
        };
        let left = session.driving.leave().await;
        lived.and_then(|()| Ok(left?))
    }
}

/// A child's own failure ends it, and so does one that its ledger answers ever after.
fn is_end(failure: &Failure) -> bool {
    failure.cause().is_none_or(artana_kernel::Error::is_answer)
}

/// Runs a child's code. A panic is its failure.
async fn caught<T>(living: impl Future<Output = Result<T>>) -> Result<T> {
    let mut living = pin!(living);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| living.as_mut().poll(cx))) {
        Ok(polled) => polled,
        Err(_) => Poll::Ready(Err(Failure::new("the child's code panicked"))),
    })
    .await
}

/// Runs what there is, so much of it at once, and returns what came of each in its place.
async fn at_most<'a, R: Send + 'a>(
    limit: usize,
    all: impl IntoIterator<Item = impl Future<Output = R> + Send + 'a>,
) -> Vec<R> {
    let mut waiting: VecDeque<_> = all.into_iter().enumerate().collect();
    let mut results: Vec<Option<R>> = Vec::new();
    results.resize_with(waiting.len(), || None);
    let mut running: Vec<Running<'a, (usize, R)>> = Vec::new();
    loop {
        while running.len() < limit.max(1)
            && let Some((at, next)) = waiting.pop_front()
        {
            running.push(Box::pin(async move { (at, next.await) }));
        }
        if running.is_empty() {
            return results.into_iter().flatten().collect();
        }
        let (at, result) = next_ended(&mut running).await;
        if let Some(place) = results.get_mut(at) {
            *place = Some(result);
        }
    }
}

async fn next_ended<T>(running: &mut Vec<Running<'_, T>>) -> T {
    std::future::poll_fn(|cx| {
        for at in 0..running.len() {
            if let Poll::Ready(ended) = running[at].as_mut().poll(cx) {
                drop(running.swap_remove(at));
                return Poll::Ready(ended);
            }
        }
        Poll::Pending
    })
    .await
}
