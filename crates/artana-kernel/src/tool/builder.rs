//! A tool being declared: every setting in one chain, which ends with the tool's body.

use std::{future::Future, time::Duration};

use artana_core::{
    Capability, Digest, IdError, ToolName, ToolVersion,
    event::{Effect, ToolSignature},
    json,
};
use artana_ports::{RetryPolicy, Risk, ToolContext, ToolError, ToolSpec};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::ClosureTool;

/// Begins a tool that only reads. [`ToolBuilder::idempotent`] and [`ToolBuilder::side_effect`] say otherwise.
///
/// # Example
///
/// ```
/// use artana_kernel::tool;
/// use artana_ports::{ToolContext, ToolError};
///
/// let double = tool("double").handler(|n: u32, _cx: ToolContext| async move { Ok::<_, ToolError>(n * 2) });
/// ```
#[must_use]
pub fn tool(name: impl Into<String>) -> ToolBuilder {
    ToolBuilder {
        name: name.into(),
        version: "1".into(),
        schema_version: 1,
        description: String::new(),
        effect: Effect::Read,
        capability: None,
        risk: Risk::Low,
        timeout: Duration::from_secs(30),
        settle: Duration::from_secs(60),
        retry: RetryPolicy::default(),
        accepts: Vec::new(),
        max_result: 1024 * 1024,
    }
}

/// A tool being declared.
#[derive(Debug, Clone)]
pub struct ToolBuilder {
    pub(super) name: String,
    version: String,
    schema_version: u32,
    description: String,
    effect: Effect,
    capability: Option<String>,
    risk: Risk,
    timeout: Duration,
    settle: Duration,
    retry: RetryPolicy,
    accepts: Vec<String>,
    max_result: usize,
}

impl ToolBuilder {
    /// Declares that calling again with the same idempotency key changes nothing more, for as long
    /// as the provider remembers the key.
    #[must_use]
    pub fn idempotent(mut self, retention: Duration) -> Self {
        self.effect = Effect::Idempotent { retention_us: u64::try_from(retention.as_micros()).unwrap_or(u64::MAX) };
        self
    }

    /// Declares that every call changes the world.
    #[must_use]
    pub fn side_effect(mut self) -> Self {
        self.effect = Effect::SideEffect;
        self
    }

    /// Says what the tool does, for models and people.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Sets the version of the tool's behaviour; `1` unless told.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Sets the number of the argument schema; 1 unless told.
    #[must_use]
    pub fn schema_version(mut self, version: u32) -> Self {
        self.schema_version = version;
        self
    }

    /// Names the capability a tenant needs.
    #[must_use]
    pub fn capability(mut self, capability: impl Into<String>) -> Self {
        self.capability = Some(capability.into());
        self
    }

    /// Says how much harm a wrong call does.
    #[must_use]
    pub fn risk(mut self, risk: Risk) -> Self {
        self.risk = risk;
        self
    }

    /// Sets how long one attempt may take; 30 seconds unless told.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long after the timeout an effect may still land; 60 seconds unless told.
    #[must_use]
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// Sets how many attempts are made in all when failures are transient, and the first wait.
    #[must_use]
    pub fn attempts(mut self, attempts: u32, backoff: Duration) -> Self {
        self.retry = RetryPolicy { attempts, backoff };
        self
    }

    /// Declares recorded versions of this tool whose unfinished steps it can continue.
    #[must_use]
    pub fn accepts(mut self, versions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.accepts = versions.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the largest result, in bytes; 1 MiB unless told.
    #[must_use]
    pub fn max_result(mut self, bytes: usize) -> Self {
        self.max_result = bytes;
        self
    }

    /// Gives the tool its body and ends the declaration.
    ///
    /// # Panics
    ///
    /// When a name, a version or the capability is not fit; see [`ToolBuilder::try_handler`].
    pub fn handler<A, O, F, Fut>(self, body: F) -> ClosureTool<A, O>
    where
        A: Serialize + DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + DeserializeOwned + JsonSchema + Send + 'static,
        F: Fn(A, ToolContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, ToolError>> + Send + 'static,
    {
        self.try_handler(body).expect("a tool is declared with fit names")
    }

    /// Gives the tool its body and ends the declaration.
    ///
    /// # Errors
    ///
    /// [`IdError`] when a name, a version or the capability is not fit.
    pub fn try_handler<A, O, F, Fut>(self, body: F) -> Result<ClosureTool<A, O>, IdError>
    where
        A: Serialize + DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + DeserializeOwned + JsonSchema + Send + 'static,
        F: Fn(A, ToolContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, ToolError>> + Send + 'static,
    {
        Ok(ClosureTool::new(self.spec::<A, O>()?, body))
    }

    fn spec<A: JsonSchema, O: JsonSchema>(self) -> Result<ToolSpec, IdError> {
        let args_schema = schemars::schema_for!(A).to_value();
        let demands = artana_core::schema::demands(&args_schema);
        let canonical = json::to_canonical(&demands).expect("a schema made by a derive is shallow");
        let signature = ToolSignature {
            name: ToolName::parse(self.name)?,
            schema_hash: Digest::of_schema(&canonical),
            schema_version: self.schema_version,
            version: ToolVersion::parse(self.version)?,
        };
        Ok(ToolSpec {
            signature,
            description: self.description,
            args_schema,
            result_schema: schemars::schema_for!(O).to_value(),
            effect: self.effect,
            capability: self.capability.map(Capability::parse).transpose()?,
            risk: self.risk,
            timeout: self.timeout,
            settle: self.settle,
            retry: self.retry,
            accepts: self.accepts.into_iter().map(ToolVersion::parse).collect::<Result<_, _>>()?,
            max_result: self.max_result,
            probe: false,
        })
    }
}
