//! What the code that `#[tool]` and `#[tools]` write calls. Not for people: it changes with the macros.

pub use std::{sync::Arc, time::Duration};

use std::future::Future;

use artana_ports::{RetryPolicy, ToolError};
pub use artana_ports::{Risk, ToolContext, ToolPort};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::{ClosureTool, state::Injected};
pub use super::{IntoTool, NoArgs, State, States, ToolBuilder, ToolBundle, ToolRef, TypedTool, tool};
pub use crate::BuildError;

/// A tool as a builder keeps it.
pub type Made = Result<Arc<dyn ToolPort>, BuildError>;
/// The tools of a bundle.
pub type AllMade = Result<Vec<Arc<dyn ToolPort>>, BuildError>;

/// What arguments and results are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the arguments or the result of a tool",
    note = "they implement `Serialize`, `DeserializeOwned` and `JsonSchema`, which derives do, `Send` and `'static`"
)]
pub trait Value: Serialize + DeserializeOwned + JsonSchema + Send + 'static {}

impl<T: Serialize + DeserializeOwned + JsonSchema + Send + 'static> Value for T {}

/// What a tool's function returns.
#[diagnostic::on_unimplemented(
    message = "a tool returns `ToolResult<{O}>`, not `{Self}`",
    note = "the error of a `ToolResult` says whether the effect may have happened; any error becomes one by `?`"
)]
pub trait Returned<O>: Send + 'static {
    /// Returns it as it is.
    ///
    /// # Errors
    ///
    /// As it is.
    fn result(self) -> Result<O, ToolError>;
}

impl<O: Send + 'static> Returned<O> for Result<O, ToolError> {
    fn result(self) -> Self {
        self
    }
}

/// Returns the wait before the second attempt of a tool that names none.
#[must_use]
pub fn backoff() -> Duration {
    RetryPolicy::default().backoff
}

/// Makes a tool whose body takes states.
pub fn made<A, O, S, R, F, Fut>(states: &States, declared: ToolBuilder, body: F) -> Made
where
    A: Value,
    O: Value,
    S: Injected,
    R: Returned<O>,
    F: Fn(A, ToolContext, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
{
    let given = given(states, &declared)?;
    Ok(Arc::new(bodied(declared, given, body)?))
}

/// Makes a tool whose body and probe take the same states.
pub fn made_with_probe<A, O, S, R, F, Fut, P, Asked>(states: &States, declared: ToolBuilder, body: F, probe: P) -> Made
where
    A: Value,
    O: Value,
    S: Injected,
    R: Returned<O>,
    F: Fn(A, ToolContext, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    P: Fn(A, ToolContext, S) -> Asked + Send + Sync + 'static,
    Asked: Future<Output = Result<Option<O>, ToolError>> + Send + 'static,
{
    let given: S = given(states, &declared)?;
    let tool = bodied(declared, given.clone(), body)?;
    Ok(Arc::new(tool.probe(move |args, cx| probe(args, cx, given.clone()))))
}

/// Collects the tools of a bundle, or all that is wrong with them.
pub fn all(made: impl IntoIterator<Item = Made>) -> AllMade {
    let (mut tools, mut problems) = (Vec::new(), Vec::new());
    for made in made {
        match made {
            Ok(tool) => tools.push(tool),
            Err(error) => problems.extend(error.problems),
        }
    }
    if problems.is_empty() { Ok(tools) } else { Err(BuildError { problems }) }
}

fn given<S: Injected>(states: &States, declared: &ToolBuilder) -> Result<S, BuildError> {
    let mut missing = Vec::new();
    S::find(states, &mut missing).ok_or_else(|| BuildError {
        problems: missing
            .into_iter()
            .map(|kind| {
                format!("tool {} asks for a state of the type {kind}: give the builder one with `state`", declared.name)
            })
            .collect(),
    })
}

fn bodied<A, O, S, R, F, Fut>(declared: ToolBuilder, given: S, body: F) -> Result<ClosureTool<A, O>, BuildError>
where
    A: Value,
    O: Value,
    S: Injected,
    R: Returned<O>,
    F: Fn(A, ToolContext, S) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
{
    let name = declared.name.clone();
    let unfit = |error| BuildError { problems: vec![format!("tool {name}: {error}")] };
    let body = move |args, cx| {
        let done = body(args, cx, given.clone());
        async move { done.await.result() }
    };
    declared.try_handler(body).map_err(unfit)
}
