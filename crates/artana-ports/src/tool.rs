//! The tool port: what a tool declares, what it is called with, and what it may answer.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use artana_core::{
    Capability, Digest, Limits, RequestId, RunRef, StepKey, Timestamp, ToolVersion,
    event::{Effect, ToolSignature},
};
use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;

use crate::{EffectToken, Epoch, KeptBack};

/// Something that acts on the world, or looks at it.
#[async_trait]
pub trait ToolPort: fmt::Debug + Send + Sync + 'static {
    /// Borrows what the tool declares.
    fn spec(&self) -> &ToolSpec;

    /// Checks arguments strictly: no coercion, no unknown keys.
    ///
    /// # Errors
    ///
    /// [`ArgsError`] naming the first thing that is wrong.
    fn check_args(&self, args: &Value) -> Result<(), ArgsError>;

    /// Checks whether a result is what the tool says it returns.
    fn fits_result(&self, result: &Value) -> bool {
        let _ = result;
        true
    }

    /// Performs the effect.
    ///
    /// # Errors
    ///
    /// [`ToolError`]; its kind says what is known of the effect.
    async fn call(&self, args: Value, cx: ToolContext) -> Result<ToolOutput, ToolError>;

    /// Asks the outside world what became of the idempotency key. Called only where the spec says there is a probe.
    ///
    /// # Errors
    ///
    /// [`ToolError`]: the doubt stays.
    async fn probe(&self, args: Value, cx: ToolContext) -> Result<Probed, ToolError> {
        let _ = (args, cx);
        Ok(Probed::Unknown)
    }
}

/// What a tool declares.
#[derive(Debug, Clone)]
pub struct ToolSpec {
    /// Name, version, schema version and schema digest.
    pub signature: ToolSignature,
    /// What it does, for models and people.
    pub description: String,
    /// JSON Schema of the arguments.
    pub args_schema: Value,
    /// JSON Schema of the result.
    pub result_schema: Value,
    /// What it does to the world.
    pub effect: Effect,
    /// What a tenant needs to use it.
    pub capability: Option<Capability>,
    /// How much harm a wrong call does.
    pub risk: Risk,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long after the timeout the effect may still land.
    pub settle: Duration,
    /// What is done about transient failures.
    pub retry: RetryPolicy,
    /// Recorded versions of itself whose unfinished steps it can continue.
    pub accepts: Vec<ToolVersion>,
    /// The largest result it may return, in bytes.
    pub max_result: usize,
    /// Whether [`ToolPort::probe`] answers.
    pub probe: bool,
}

/// How much harm a wrong call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[expect(clippy::exhaustive_enums, reason = "policies compare against all four levels")]
pub enum Risk {
    /// None worth a policy.
    #[default]
    Low,
    /// Some, and it can be undone.
    Medium,
    /// Much, or it is hard to undo.
    High,
    /// It cannot be undone.
    Critical,
}

/// What is done about failures known to precede the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many attempts are made in all; 1 means no retry.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles with each further one.
    pub backoff: Duration,
}

impl Default for RetryPolicy {
    /// One attempt.
    fn default() -> Self {
        Self { attempts: 1, backoff: Duration::from_millis(100) }
    }
}

/// What a tool knows of the call it is in.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// The run.
    pub run: RunRef,
    /// The step.
    pub step: StepKey,
    /// The request this call carries out.
    pub request: RequestId,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// What the tenant may do.
    pub capabilities: Arc<BTreeSet<Capability>>,
    /// What the run is limited to.
    pub limits: Limits,
    /// When the attempt is given up.
    pub deadline: Timestamp,
    /// Tells when somebody cancelled the run.
    pub cancellation: Cancellation,
    key: Arc<str>,
    epoch: Option<Epoch>,
    /// Clones share it, so that one effect leaves whoever asks. `None` where nothing keeps an effect back.
    token: Option<Arc<Mutex<Option<EffectToken>>>>,
}

impl ToolContext {
    /// Makes a context for a call; `key` is the step's [`artana_core::effect_key`]. Nothing keeps its effect back, as
    /// befits a call that only reads, or a test of a tool.
    #[must_use]
    pub fn new(run: RunRef, step: StepKey, request: RequestId, key: Digest) -> Self {
        Self {
            run,
            step,
            request,
            attempt: 1,
            capabilities: Arc::default(),
            limits: Limits::default(),
            deadline: Timestamp::default(),
            cancellation: Cancellation::never(),
            key: key.to_string().into(),
            epoch: None,
            token: None,
        }
    }

    /// Makes a context for the call whose effect leaves with this token.
    #[must_use]
    pub fn fenced(run: RunRef, step: StepKey, token: EffectToken, key: Digest) -> Self {
        let (request, epoch) = (token.request(), token.epoch());
        Self { epoch, token: Some(Arc::new(Mutex::new(Some(token)))), ..Self::new(run, step, request, key) }
    }

    /// Borrows the idempotency key: equal on every retry and reconciliation of the step, 64 hex digits.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.key
    }

    /// Returns the epoch of the lease under which the request was recorded, if the run is leased. It grows with every
    /// grant: a provider that remembers the highest one of a run can refuse what an older one sends.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// Looks whether the effect may leave, without letting it: nobody else believes this process dead yet, and the
    /// effect has not left before. The kernel looks right before it calls a tool.
    #[must_use]
    pub fn may_leave(&self) -> bool {
        self.with_token(|token| token.as_ref().is_some_and(EffectToken::is_good)).unwrap_or(true)
    }

    /// Begins the tool's own code, once: what it is given may leave, and no other clone of this context may any more. A
    /// tool made of a closure begins so; a layer that calls the tool a second time in one attempt is refused.
    ///
    /// # Errors
    ///
    /// As [`leave`](Self::leave).
    pub fn begin(self) -> Result<Self, ToolError> {
        match self.with_token(Option::take) {
            None => Ok(self),
            Some(Some(token)) if token.is_good() => Ok(Self { token: Some(Arc::new(Mutex::new(Some(token)))), ..self }),
            Some(Some(_)) => Err(ToolError::transient(KeptBack)),
            Some(None) => Err(left_already()),
        }
    }

    /// Lets the effect leave, once. A tool that waits for something before it acts, such as a connection, asks as the
    /// last thing before it acts; one that does not wait need not ask.
    ///
    /// # Errors
    ///
    /// A transient [`ToolError`] when others may believe this process dead: the tool returns it, and has done nothing.
    /// An unknown one when the effect of this call has left already.
    pub fn leave(&self) -> Result<(), ToolError> {
        match self.with_token(Option::take) {
            None => Ok(()),
            Some(Some(token)) => token.spend().map_err(|kept: KeptBack| ToolError::transient(kept)),
            Some(None) => Err(left_already()),
        }
    }

    fn with_token<T>(&self, look: impl FnOnce(&mut Option<EffectToken>) -> T) -> Option<T> {
        let token = self.token.as_ref()?;
        Some(look(&mut token.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn left_already() -> ToolError {
    ToolError::unknown("the effect of this call has left already")
}

/// Tells a tool that its run is being cancelled. A tool may stop early, and must then say what it knows.
#[derive(Debug, Clone)]
pub struct Cancellation(Option<watch::Receiver<bool>>);

/// The other end of a [`Cancellation`].
#[derive(Debug)]
pub struct Cancel(watch::Sender<bool>);

impl Default for Cancel {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Cancel {
    /// Tells all calls that the run is being cancelled.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Returns an end for a call.
    #[must_use]
    pub fn subscribe(&self) -> Cancellation {
        Cancellation(Some(self.0.subscribe()))
    }
}

impl Cancellation {
    /// Returns one that never comes.
    #[must_use]
    pub fn never() -> Self {
        Self(None)
    }

    /// Returns whether it has come.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|receiver| *receiver.borrow())
    }

    /// Waits for it.
    pub async fn cancelled(&mut self) {
        if let Some(receiver) = &mut self.0
            && receiver.wait_for(|cancelled| *cancelled).await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}

/// What a tool returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutput {
    /// The result's bytes; recorded as they are, and expected to be JSON.
    pub result: Vec<u8>,
    /// The provider's own id of the effect.
    pub effect_id: Option<String>,
}

impl ToolOutput {
    /// Returns a result without a provider's id.
    #[must_use]
    pub fn new(result: impl Into<Vec<u8>>) -> Self {
        Self { result: result.into(), effect_id: None }
    }
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it landed, it did not, or nobody knows")]
pub enum Probed {
    /// The effect happened, with this result.
    Landed(ToolOutput),
    /// The outside world has not seen the key.
    NotLanded,
    /// Nobody knows.
    Unknown,
}

/// What is known of the effect of a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "each kind of failure has its own consequence")]
pub enum ToolErrorKind {
    /// It did not happen, and trying again may work.
    Transient,
    /// It did not happen, and trying again would not help.
    Permanent,
    /// It may have happened.
    Unknown,
}

/// A call that failed.
///
/// Any error becomes one by `?`, of kind [`ToolErrorKind::Unknown`]: what a tool does not classify
/// may have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolError {
    /// What is known of the effect.
    pub kind: ToolErrorKind,
    /// What went wrong, in words. It is kept in the vault, not in logs.
    pub message: String,
    /// How long the provider asked to wait before another attempt.
    pub retry_after: Option<Duration>,
}

/// What a tool's body returns.
pub type ToolResult<T> = Result<T, ToolError>;

impl ToolError {
    /// The effect is known not to have happened, and trying again may work.
    pub fn transient(why: impl fmt::Display) -> Self {
        Self { kind: ToolErrorKind::Transient, message: why.to_string(), retry_after: None }
    }

    /// The effect is known not to have happened, and trying again would not help.
    pub fn permanent(why: impl fmt::Display) -> Self {
        Self { kind: ToolErrorKind::Permanent, message: why.to_string(), retry_after: None }
    }

    /// The effect may have happened.
    pub fn unknown(why: impl fmt::Display) -> Self {
        Self { kind: ToolErrorKind::Unknown, message: why.to_string(), retry_after: None }
    }

    /// Adds how long the provider asked to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl<E: std::error::Error> From<E> for ToolError {
    fn from(error: E) -> Self {
        Self::unknown(error)
    }
}

/// Arguments that are not what a tool takes. The message names places and types, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ArgsError {
    /// What is wrong and where.
    pub problem: String,
}
