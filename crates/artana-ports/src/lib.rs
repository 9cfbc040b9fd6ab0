//! The traits through which Artana meets the world: stores, models, tools, guards, observers,
//! clocks and randomness. Traits and their values; and, for whoever writes a store, the rules that every store judges
//! by, as functions of values that it looks up. Nothing here decides what a run does.

mod append;
mod claims;
mod due;
mod effect;
mod environment;
mod heartbeat;
mod holdings;
mod hooks;
mod lease;
mod listing;
mod message;
mod model;
mod store;
mod tool;

pub use append::{Append, AppendError, Appended, Malformed, TooLarge};
pub use claims::{Account, Claim, ClaimDenied, Rate, Release, Reserve, Window};
pub use due::{DueQuery, Leased};
pub use effect::{EffectToken, Gate, KeptBack};
pub use environment::{Clock, Entropy, OsEntropy, SystemClock};
pub use heartbeat::{BeatError, Heartbeat};
pub use holdings::Holdings;
pub use hooks::{Guard, GuardFacts, Observer, Stage, Transform, Verdict};
pub use lease::{Authority, Epoch, Lease, Owner};
pub use listing::{Drifted, Listed, Page, Pages, RunQuery, TimeRange};
pub use message::{Media, Message, Part, Role, Source, ToolUse};
pub use model::{
    Delta, Deltas, ModelAnswer, ModelContext, ModelError, ModelOptions, ModelPort, ModelRequest, Sampling,
    ToolDefinition,
};
pub use store::{EventStore, Finding, Severity, StoreError, StoreInfo};
pub use tool::{
    ArgsError, Cancel, Cancellation, Probed, RetryPolicy, Risk, ToolContext, ToolError, ToolErrorKind, ToolOutput,
    ToolPort, ToolResult, ToolSpec,
};
