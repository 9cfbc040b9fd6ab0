//! A closure's step as the caller sees it: the chain that asks, and how often it is tried.

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    time::Duration,
};

use artana_core::{AskKind, IdError, StepKey, backoff::Backoff, event::CodeKind};

use super::{
    Failure, Json, StepCodec,
    perform::{Attempts, Code, Tries, run},
};
use crate::{Error, Run};

/// How often a closure is tried, and how long is waited between two tries.
///
/// A wait lies between half of what is due and all of it, depending on the run and the step, and is the same for
/// whoever goes on with the step after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    pub(crate) attempts: u32,
    pub(crate) backoff: Backoff,
    pub(crate) within: Option<Duration>,
}

impl Retry {
    /// One attempt, and none after it.
    pub const NONE: Self =
        Self { attempts: 1, backoff: Backoff { first: Duration::ZERO, longest: Duration::ZERO }, within: None };

    /// Makes so many attempts at most, with waits from half a second to a minute between them.
    #[must_use]
    pub const fn attempts(attempts: u32) -> Self {
        let backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(60) };
        Self { attempts, backoff, within: None }
    }

    /// Sets the wait after the first attempt, which doubles with each further one, and the longest wait.
    #[must_use]
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Backoff { first, longest };
        self
    }

    /// Makes no attempt that would begin later than this after the first one ended.
    #[must_use]
    pub const fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }
}

/// A step that may be tried more than once, named but not yet asked for.
#[derive(Debug, Clone)]
pub struct RetryStep {
    pub(crate) run: Run,
    pub(crate) key: Result<StepKey, IdError>,
    pub(crate) retry: Retry,
}

impl RetryStep {
    /// Runs a closure that may run again, and records its result.
    pub fn compute<T, F, Fut>(&self, f: F) -> CodeCall<T>
    where
        T: Send + 'static,
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
        Json: StepCodec<T>,
    {
        CodeCall::new(self, CodeKind::Compute, Json, repeated(f))
    }

    /// Runs a closure that must not run again once it may have done something. Only a failure that it calls
    /// [transient](Failure::transient) leads to another attempt.
    pub fn once<T, F, Fut>(&self, f: F) -> CodeCall<T>
    where
        T: Send + 'static,
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
        Json: StepCodec<T>,
    {
        CodeCall::new(self, CodeKind::Once, Json, repeated(f))
    }
}

type Made<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;
type Make<T> = Box<dyn FnMut() -> Option<Made<T>> + Send>;

fn repeated<T, F, Fut>(mut f: F) -> Make<T>
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, Failure>> + Send + 'static,
{
    Box::new(move || Some(Box::pin(f())))
}

/// A closure that can be called once only.
pub(crate) fn single<T, F, Fut>(f: F) -> Make<T>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let mut f = Some(f);
    Box::new(move || f.take().map(|f| Box::pin(f()) as Made<T>))
}

/// A closure's step, not yet run. Await it.
///
/// # Cancellation
///
/// Dropping the future detaches: a closure that has begun runs to its end, which is recorded.
#[must_use = "a step does nothing until it is awaited"]
pub struct CodeCall<T, C = Json> {
    run: Run,
    key: Result<StepKey, IdError>,
    kind: CodeKind,
    retry: Retry,
    codec: C,
    make: Make<T>,
    output: PhantomData<fn() -> T>,
}

impl<T, C> fmt::Debug for CodeCall<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeCall").field("key", &self.key).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<T, C> CodeCall<T, C> {
    pub(crate) fn new(step: &RetryStep, kind: CodeKind, codec: C, make: Make<T>) -> Self {
        let RetryStep { run, key, retry } = step.clone();
        Self { run, key, kind, retry, codec, make, output: PhantomData }
    }

    /// Keeps the result in another form than JSON.
    pub fn codec<D: StepCodec<T>>(self, codec: D) -> CodeCall<T, D> {
        let Self { run, key, kind, retry, make, .. } = self;
        CodeCall { run, key, kind, retry, codec, make, output: PhantomData }
    }
}

impl<T: Send + 'static, C: StepCodec<T>> IntoFuture for CodeCall<T, C> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { run: handle, key, kind, retry, codec, make, .. } = self;
        let attempts = encoded(make, codec.clone());
        let key = match key {
            Ok(key) => key,
            Err(unfit) => return handle.refused(unfit.into()),
        };
        let asked = if kind == CodeKind::Compute { AskKind::Compute } else { AskKind::Once };
        handle.clone().asked(asked, key.clone(), move |handle| {
            let code =
                Code { run: handle, step: key.clone(), kind, content: C::CONTENT, retry, attempts: attempts.clone() };
            let codec = codec.clone();
            async move {
                let bytes = run(&code).await?;
                codec.decode(&bytes).map_err(|problem| Error::Output {
                    run: code.run.name().clone(),
                    step: code.step.clone(),
                    problem,
                })
            }
        })
    }
}

/// Writes what the closure returns. A result that cannot be written is a failure like any other.
fn encoded<T: Send + 'static, C: StepCodec<T>>(mut make: Make<T>, codec: C) -> Attempts {
    Tries::new(move || {
        let made = make()?;
        let codec = codec.clone();
        let written = async move {
            let value = made.await?;
            codec.encode(&value).map_err(|problem| Failure::new(format!("its result cannot be kept: {problem}")))
        };
        Some(Box::pin(written) as Pin<Box<dyn Future<Output = super::perform::Ran> + Send>>)
    })
}
