//! The application layer of Artana: load the tail, fold, decide, perform the one effect the decision
//! names, seal and append. All judgement is in `artana-core`; all IO is behind `artana-ports`.

mod ahead;
mod assembly;
mod attention;
mod audit;
mod builder;
mod call;
mod capacity;
mod code;
mod control;
mod cost;
mod drive;
mod error;
mod events;
mod explain;
mod export;
mod family;
mod fence;
mod flight;
mod follow;
mod invoke;
mod journal;
mod kept;
mod kernel;
mod leases;
mod lifeline;
mod lineage;
mod load;
mod model;
mod perform;
mod progress;
mod reconcile;
mod run;
mod send;
mod session;
mod shared;
mod start;
mod tool;
mod touched;
mod verdict;
mod worker;
mod workflow;

pub use audit::{Level, VerifyReport, Views};
pub use builder::{BuildError, DEFAULT_TIME_TO_LIVE, KernelBuilder};
pub use call::{ReconcileCall, ToolAnswer, ToolCall};
pub use code::{CodeCall, Failure, FailureKind, Json, Retry, RetryStep, StepCodec};
pub use control::Resolve;
pub use cost::{CostQuery, CostReport};
pub use error::Error;
pub use events::Events;
pub use explain::Explained;
pub use export::{Export, ExportOptions};
pub use follow::Follow;
pub use kernel::Kernel;
pub use model::{
    Ask, Dynamic, ModelCall, ModelFailed, ModelOutput, ModelReply, ModelStream, RecordedCall, SingleStepModelClient,
    StepWords, Streamed, Text, Turn, Turns, Typed,
};
pub use progress::ProgressWatch;
pub use run::{Run, Scope, StepHandle};
pub use session::{BudgetSpent, Child, Driving, LastSession, LeaseWait, Reorientation, StageLeft};
pub use tool::{ClosureTool, IntoTool, NoArgs, State, States, ToolBuilder, ToolBundle, ToolRef, TypedTool, tool};

pub use worker::{Enqueue, Worker, WorkerStats, terminated};
pub use workflow::{Awaited, Either, Join, Race, Rollback, Ticket, WorkflowContext, WorkflowOutcome};

#[doc(hidden)]
pub use tool::generated as __private;
