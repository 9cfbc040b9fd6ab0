//! From a declaration to a port: what a builder takes, and keeps until all states are known.

use std::{any::type_name, fmt, sync::Arc};

use artana_ports::ToolPort;

use super::States;
use crate::BuildError;

/// A tool that a kernel can be built with: every [`ToolPort`], and every function marked `#[tool]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    note = "mark a function with `#[artana::tool]`, end a declaration with `handler`, or implement `ToolPort`"
)]
pub trait IntoTool: Send + Sync + 'static {
    /// Gives the tool the states it asks for, and makes a port of it.
    ///
    /// # Errors
    ///
    /// [`BuildError`] naming every state that is missing.
    fn into_tool(self, states: &States) -> Result<Arc<dyn ToolPort>, BuildError>;
}

impl<T: ToolPort> IntoTool for T {
    fn into_tool(self, _: &States) -> Result<Arc<dyn ToolPort>, BuildError> {
        Ok(Arc::new(self))
    }
}

/// Several tools around one value, registered at once: `#[tools]` makes one of an `impl` block.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a bundle of tools",
    note = "mark an `impl` block with `#[artana::tools]`"
)]
pub trait ToolBundle: Send + Sync + 'static {
    /// Gives the tools the states they ask for, and makes ports of them that share the value.
    ///
    /// # Errors
    ///
    /// [`BuildError`] naming every state that is missing.
    fn into_tools(self: Arc<Self>, states: &States) -> Result<Vec<Arc<dyn ToolPort>>, BuildError>;
}

/// The program keeps the value as well.
impl<T: ToolBundle> ToolBundle for Arc<T> {
    fn into_tools(self: Arc<Self>, states: &States) -> Result<Vec<Arc<dyn ToolPort>>, BuildError> {
        T::into_tools(Self::clone(&self), states)
    }
}

type Make = Box<dyn FnOnce(&States) -> Result<Vec<Arc<dyn ToolPort>>, BuildError> + Send + Sync>;

/// Tools that wait for the states they ask for.
pub(crate) struct Pending {
    of: &'static str,
    make: Make,
}

impl Pending {
    pub(crate) fn tool<T: IntoTool>(tool: T) -> Self {
        Self { of: type_name::<T>(), make: Box::new(move |states| Ok(vec![tool.into_tool(states)?])) }
    }

    pub(crate) fn shared(tool: Arc<dyn ToolPort>) -> Self {
        Self { of: type_name::<dyn ToolPort>(), make: Box::new(move |_| Ok(vec![tool])) }
    }

    pub(crate) fn bundle<T: ToolBundle>(bundle: T) -> Self {
        Self { of: type_name::<T>(), make: Box::new(move |states| Arc::new(bundle).into_tools(states)) }
    }

    pub(crate) fn make(self, states: &States) -> Result<Vec<Arc<dyn ToolPort>>, BuildError> {
        (self.make)(states)
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pending").field(&self.of).finish()
    }
}
