//! The application layer of Artana: load the tail, fold, decide, perform the one effect the decision
//! names, seal and append. All judgement is in `artana-core`; all IO is behind `artana-ports`.

mod assembly;
mod audit;
mod builder;
mod call;
mod control;
mod cost;
mod error;
mod events;
mod explain;
mod export;
mod flight;
mod follow;
mod invoke;
mod journal;
mod kept;
mod lifeline;
mod lineage;
mod load;
mod model;
mod perform;
mod reconcile;
mod run;
mod send;
mod tool;

pub use audit::{Level, VerifyReport, Views};
pub use builder::{BuildError, Kernel, KernelBuilder};
pub use call::{ReconcileCall, ToolAnswer, ToolCall};
pub use control::Resolve;
pub use cost::{CostQuery, CostReport};
pub use error::{Error, ModelFailed};
pub use events::Events;
pub use explain::Explained;
pub use export::{Export, ExportOptions};
pub use follow::Follow;
pub use model::{
    Ask, Dynamic, ModelCall, ModelOutput, ModelReply, ModelStream, RecordedCall, SingleStepModelClient, Streamed, Text,
    Turn, Turns, Typed,
};
pub use run::{Run, Scope, StepHandle};
pub use tool::{ClosureTool, ToolBuilder, TypedTool, tool};
