//! A tool made of closures, and how strictly it reads its arguments.

use std::{any::type_name, fmt, future::Future, marker::PhantomData, pin::Pin, sync::Arc};

use artana_ports::{ArgsError, Probed, ToolContext, ToolError, ToolOutput, ToolPort, ToolSpec};
use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::TypedTool;

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
    pub(super) fn new<F, Fut>(spec: ToolSpec, body: F) -> Self
    where
        F: Fn(A, ToolContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, ToolError>> + Send + 'static,
    {
        let run = move |args: Value, cx: ToolContext| -> Answer<ToolOutput> {
            let args = serde_json::from_value(args).map_err(ToolError::permanent);
            // The last look before the tool's own code, whatever was waited for on the way here.
            match args.and_then(|args| Ok((args, cx.begin()?))) {
                Ok((args, cx)) => {
                    let done = body(args, cx);
                    Box::pin(async move { Ok(ToolOutput::new(encode(&done.await?)?)) })
                }
                Err(error) => Box::pin(async move { Err(error) }),
            }
        };
        Self(Arc::new(Closure { spec, run: Box::new(run), probe: None, types: PhantomData }))
    }

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
