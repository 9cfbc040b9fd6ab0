//! The application layer of Artana: load the tail, fold, decide, perform the one effect the decision
//! names, seal and append. All judgement is in `artana-core`; all IO is behind `artana-ports`.

mod assembly;
mod audit;
mod builder;
mod call;
mod control;
mod error;
mod events;
mod export;
mod flight;
mod invoke;
mod journal;
mod lifeline;
mod load;
mod perform;
mod reconcile;
mod run;
mod send;
mod tool;

pub use audit::{Level, VerifyReport, Views};
pub use builder::{BuildError, Kernel, KernelBuilder};
pub use call::{ReconcileCall, ToolAnswer, ToolCall};
pub use control::Resolve;
pub use error::Error;
pub use events::Events;
pub use export::{Export, ExportOptions};
pub use run::{Run, Scope, StepHandle};
pub use tool::{ClosureTool, IntoTool, NoArgs, State, States, ToolBuilder, ToolBundle, ToolRef, TypedTool, tool};

#[doc(hidden)]
pub use tool::generated as __private;
