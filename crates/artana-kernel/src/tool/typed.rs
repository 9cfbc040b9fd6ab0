//! Tools by name and types: what a caller needs to ask for a call that type-checks. Holds no body.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A tool whose arguments and result have Rust types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool with types",
    note = "mark a function with `#[artana::tool]`, or call a tool by its name with `tool_json`"
)]
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

/// The name of a tool together with its types, without its body.
///
/// It calls what is registered under the name, whoever registered it: a method of a bundle, or a tool
/// of which this program knows nothing but its types. What does not fit is refused as it would be from
/// a model: unfit arguments before the call, an unfit result after it was recorded.
pub struct ToolRef<A, O> {
    name: &'static str,
    types: PhantomData<fn(A) -> O>,
}

impl<A, O> ToolRef<A, O> {
    /// Names a tool and says what it takes and returns. An unfit name is reported by the call.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }
}

impl<A, O> Clone for ToolRef<A, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, O> Copy for ToolRef<A, O> {}

impl<A, O> fmt::Debug for ToolRef<A, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ToolRef").field(&self.name).finish()
    }
}

impl<A: Serialize, O: DeserializeOwned> TypedTool for ToolRef<A, O> {
    type Args = A;
    type Output = O;

    fn name(&self) -> &str {
        self.name
    }
}

/// The arguments of a tool that takes none: the JSON object without keys, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Empty", into = "Empty")]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add to nothing")]
pub struct NoArgs;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename = "NoArgs", deny_unknown_fields)]
struct Empty {}

impl JsonSchema for NoArgs {
    fn schema_name() -> Cow<'static, str> {
        Empty::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Empty::json_schema(generator)
    }
}

impl From<Empty> for NoArgs {
    fn from(Empty {}: Empty) -> Self {
        Self
    }
}

impl From<NoArgs> for Empty {
    fn from(NoArgs: NoArgs) -> Self {
        Self {}
    }
}
