//! The traits through which Artana meets the world: stores, models, tools, guards, observers,
//! clocks and randomness. Traits and their values only; nothing here decides anything.

mod append;
mod effect;
mod environment;
mod hooks;
mod listing;
mod message;
mod model;
mod store;
mod tool;

pub use append::{
    Append, AppendError, Appended, Authority, Claim, ClaimDenied, Epoch, Malformed, Owner, Release, Reserve, TooLarge,
};
pub use effect::{EffectToken, Gate, KeptBack};
pub use environment::{Clock, Entropy, OsEntropy, SystemClock};
pub use hooks::{Guard, GuardFacts, Observer, Stage, Transform, Verdict};
pub use listing::{Drifted, Listed, Page, RunQuery, TimeRange};
pub use message::{Media, Message, Part, Role, Source, ToolUse};
pub use model::{
    Delta, Deltas, ModelAnswer, ModelContext, ModelError, ModelOptions, ModelPort, ModelRequest, Sampling,
    ToolDefinition,
};
pub use store::{BeatError, DueQuery, EventStore, Finding, Heartbeat, Leased, Severity, StoreError, StoreInfo};
pub use tool::{
    ArgsError, Cancel, Cancellation, Probed, RetryPolicy, Risk, ToolContext, ToolError, ToolErrorKind, ToolOutput,
    ToolPort, ToolResult, ToolSpec,
};
