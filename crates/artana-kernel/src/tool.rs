//! Tools made of closures: typed arguments in, a typed result out, everything declared in one chain.

use std::{any::type_name, fmt, future::Future, marker::PhantomData, pin::Pin, sync::Arc, time::Duration};

use artana_core::{
    Capability, Digest, IdError, ToolName, ToolVersion,
    event::{Effect, ToolSignature},
    json,
    limits::{MAX_ATTEMPTS, MAX_CONTENT_BYTES, MAX_TOOL_DAYS},
};
use artana_ports::{ArgsError, Probed, RetryPolicy, Risk, ToolContext, ToolError, ToolOutput, ToolPort, ToolSpec};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A tool whose arguments and result have Rust types.
pub trait TypedTool {
    /// The arguments.
    type Args: Serialize;
    /// The result.
    type Output: DeserializeOwned;

    /// Borrows the name under which the tool is registered.
    fn name(&self) -> &str;
}

impl<T: TypedTool> TypedTool for &T {
    type Args = T::Args;
    type Output = T::Output;

    fn name(&self) -> &str {
        (**self).name()
    }
}

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
    name: String,
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
        let spec = self.spec::<A, O>()?;
        let run = move |args: Value, cx: ToolContext| -> Answer<ToolOutput> {
            let args = serde_json::from_value(args);
            match args {
                Ok(args) => {
                    let done = body(args, cx);
                    Box::pin(async move { Ok(ToolOutput::new(encode(&done.await?)?)) })
                }
                Err(error) => Box::pin(async move { Err(ToolError::permanent(error)) }),
            }
        };
        Ok(ClosureTool(Arc::new(Closure { spec, run: Box::new(run), probe: None, types: PhantomData })))
    }

    fn spec<A: JsonSchema, O: JsonSchema>(self) -> Result<ToolSpec, IdError> {
        let args_schema = schemars::schema_for!(A).to_value();
        let canonical = json::to_canonical(&args_schema).expect("a schema made by a derive is shallow");
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

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, ToolError>> + Send>>;
type Body<T> = Box<dyn Fn(Value, ToolContext) -> Answer<T> + Send + Sync>;

/// A tool made of a closure. Cloning shares it.
pub struct ClosureTool<A, O>(Arc<Closure<A, O>>);

struct Closure<A, O> {
    spec: ToolSpec,
    run: Body<ToolOutput>,
    probe: Option<Body<Probed>>,
    types: PhantomData<fn(A) -> O>,
}

impl<A, O> Clone for ClosureTool<A, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A, O> fmt::Debug for ClosureTool<A, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClosureTool").field(&self.0.spec.signature.name).finish()
    }
}

impl<A, O> ClosureTool<A, O>
where
    A: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
{
    /// Adds a probe: it asks the outside world what became of the idempotency key, and answers with
    /// the result if the effect landed, `None` if it did not, and an error if nobody knows.
    ///
    /// # Panics
    ///
    /// When the tool has been cloned before.
    #[must_use]
    pub fn probe<F, Fut>(self, probe: F) -> Self
    where
        F: Fn(A, ToolContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<O>, ToolError>> + Send + 'static,
    {
        let ask = move |args: Value, cx: ToolContext| -> Answer<Probed> {
            let asked = serde_json::from_value(args).map(|args| probe(args, cx));
            Box::pin(async move {
                Ok(match asked.map_err(ToolError::permanent)?.await? {
                    Some(output) => Probed::Landed(ToolOutput::new(encode(&output)?)),
                    None => Probed::NotLanded,
                })
            })
        };
        let mut closure = Arc::into_inner(self.0).expect("a probe is added before the tool is shared");
        closure.spec.probe = true;
        closure.probe = Some(Box::new(ask));
        Self(Arc::new(closure))
    }
}

impl<A: Serialize, O: DeserializeOwned> TypedTool for ClosureTool<A, O> {
    type Args = A;
    type Output = O;

    fn name(&self) -> &str {
        self.0.spec.signature.name.as_str()
    }
}

#[async_trait]
impl<A, O> ToolPort for ClosureTool<A, O>
where
    A: Serialize + DeserializeOwned + Send + 'static,
    O: DeserializeOwned + Send + 'static,
{
    fn spec(&self) -> &ToolSpec {
        &self.0.spec
    }

    fn check_args(&self, args: &Value) -> Result<(), ArgsError> {
        let mut unknown = None;
        let parsed: Result<A, _> = serde_ignored::deserialize(args, |path| {
            unknown.get_or_insert_with(|| path.to_string());
        });
        match (parsed, unknown) {
            (Err(_), _) => Err(ArgsError { problem: format!("they are not a {}", short::<A>()) }),
            (Ok(_), Some(path)) => Err(ArgsError { problem: format!("{path} is not a field of {}", short::<A>()) }),
            (Ok(parsed), None) if holds_list(args) && coerced(args, &parsed) => {
                Err(ArgsError { problem: format!("a list stands for an object in a {}", short::<A>()) })
            }
            (Ok(_), None) => Ok(()),
        }
    }

    fn fits_result(&self, result: &Value) -> bool {
        O::deserialize(result).is_ok()
    }

    async fn call(&self, args: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        (self.0.run)(args, cx).await
    }

    async fn probe(&self, args: Value, cx: ToolContext) -> Result<Probed, ToolError> {
        match &self.0.probe {
            Some(probe) => probe(args, cx).await,
            None => Ok(Probed::Unknown),
        }
    }
}

fn holds_list(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(fields) => fields.values().any(holds_list),
        _ => false,
    }
}

/// Serde takes a list for the fields of a struct in their order, which is a coercion.
fn coerced(asked: &Value, parsed: &impl Serialize) -> bool {
    fn listed(asked: &Value, read: &Value) -> bool {
        match (asked, read) {
            (Value::Array(_), Value::Object(_)) => true,
            (Value::Array(asked), Value::Array(read)) => asked.iter().zip(read).any(|(a, r)| listed(a, r)),
            (Value::Object(asked), Value::Object(read)) => {
                asked.iter().any(|(key, asked)| read.get(key).is_some_and(|read| listed(asked, read)))
            }
            _ => false,
        }
    }
    serde_json::to_value(parsed).is_ok_and(|read| listed(asked, &read))
}

fn short<T>() -> &'static str {
    let name = type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

/// A result that cannot be written as JSON does not undo the effect, so the bytes may be anything.
fn encode(output: &impl Serialize) -> Result<Vec<u8>, ToolError> {
    serde_json::to_vec(output).or_else(|_| Ok(Vec::new()))
}

/// Lists what is wrong with a tool's declaration.
pub(crate) fn problems(spec: &ToolSpec) -> Vec<String> {
    let name = &spec.signature.name;
    let longest = Duration::from_secs(MAX_TOOL_DAYS * 24 * 60 * 60);
    let mut problems = Vec::new();
    let mut demand = |fine: bool, what: String| {
        if !fine {
            problems.push(format!("tool {name}: {what}"));
        }
    };
    demand(!spec.timeout.is_zero() && spec.timeout <= longest, "a timeout is between 1 µs and ten years".into());
    demand(spec.settle <= longest, "a settling time is at most ten years".into());
    let attempts = spec.retry.attempts;
    demand((1..=MAX_ATTEMPTS).contains(&attempts), format!("there are 1 to {MAX_ATTEMPTS} attempts"));
    let bound = MAX_CONTENT_BYTES;
    demand((1..=bound).contains(&spec.max_result), format!("a result has at most {bound} bytes"));
    if let Effect::Idempotent { retention_us } = spec.effect {
        let retention = Duration::from_micros(retention_us);
        demand(!retention.is_zero() && retention <= longest, "a retention is between 1 µs and ten years".into());
    }
    problems
}
