//! The pure heart of Artana: what a ledger is, how it is folded, decided on and verified.
//!
//! Everything here is a function of its arguments. This crate never learns the time, a random
//! number, an environment variable or a byte of IO except as an argument, and it has no `async`.
//!
//! A reader who only wants to check an exported ledger needs nothing but [`export::verify`].

#![deny(clippy::float_arithmetic)]

pub mod ask;
pub mod backoff;
pub mod content;
pub mod conversation;
pub mod cost;
pub mod cycle;
pub mod decide;
mod digest;
pub mod divergence;
pub mod drift;
pub mod event;
pub mod explain;
pub mod export;
mod fold;
mod frame;
mod genesis;
mod id;
pub mod json;
pub mod limits;
pub mod model_cycle;
mod money;
mod ordinal;
pub mod progress;
mod record;
pub mod schema;
mod tenant;
mod time;
pub mod verify;
mod view;

pub use content::{Content, ContentRef, ContentType};
pub use digest::{ChainHash, Digest, Digester, HexError, KeyId, RunKey, TenantKey, effect_key};
pub use fold::{
    AskKind, Asked, ChildStep, CodeStep, FoldError, Fork, Kept, KeptValue, ModelStep, PAUSED_ABOVE, Pause, PauseStep,
    Place, Program, Projection, Resumption, RollbackStep, Round, RunState, Session, Signal, Stage, Step, Task,
    TaskState, TimerStep, ToolStep, Work,
};
pub use frame::{Frame, tag};
pub use genesis::{Genesis, ParentLink};
pub use id::{
    Actor, Capability, EventId, IdError, IncarnationId, LabelKey, ModelId, Name, RequestId, RunId, RunRef, StepKey,
    TenantId, ToolName, ToolVersion,
};
pub use money::{MoneyError, Usd};
pub use ordinal::Ordinal;
pub use record::{Draft, Event, Head, PayloadTooLarge, RawText, Record, Seq, Stamp, seal};
pub use tenant::{Exceeded, Limits, Tenant, TenantError};
pub use time::Timestamp;
pub use view::{Queued, RunView, Status};
