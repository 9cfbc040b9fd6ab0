//! Tools as a program declares them: closures and functions with typed arguments and a typed result,
//! and the way from a declaration to a port. Nothing here calls a tool.

mod builder;
mod check;
mod closure;
#[doc(hidden)]
pub mod generated;
mod register;
mod state;
mod typed;

pub use builder::{ToolBuilder, tool};
pub(crate) use check::problems;
pub use closure::ClosureTool;
pub(crate) use register::Pending;
pub use register::{IntoTool, ToolBundle};
pub use state::{State, States};
pub use typed::{NoArgs, ToolRef, TypedTool};
