//! A durable execution kernel for AI agents.
//!
//! A *run* is an append-only, hash-chained ledger of events. Code asks the kernel to perform a
//! *step*. The kernel answers from the ledger when the step is there already. Otherwise it records
//! what it is about to do, does it once, and records what came of it. Where nobody can say what came
//! of an effect, the ledger says so, and nothing is guessed.
//!
//! This crate is the facade: it re-exports the crates it stands on, and holds no logic. [`prelude`] has what
//! most programs use.
//!
//! - A program needs a [`Kernel`], a store and a [`Tenant`], whose [`Run`]s it opens.
//! - **Tools** act on the world. They are made by the attribute [`macro@tool`] of a function, by [`macro@tools`]
//!   of the methods of a type, or by the function [`tool()`] of a closure.
//! - **Models** are asked through a [`ModelPort`]. A call reads `run.step("greet").model("provider/model")`, goes
//!   on with what [`ModelCall`] has, and ends with `.await` or [`ModelCall::stream`]. What happens when a recorded
//!   step is asked otherwise is said by a [`ReplayPolicy`].
//! - **Workflows** mix plain Rust with such steps: [`Kernel::workflow`] runs one as far as it comes, and a
//!   [`Worker`] goes on with those that were enqueued, that sleep, or whose process died.
//! - Adapters are written against [`ports`]; an exported ledger is verified with [`core::export`].
//!
//! # A model
//!
//! ```
//! use artana::prelude::*;
//! use artana_testkit::ScriptedModel;
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//! use serde_json::json;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Hello {
//!     message: String,
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     # let folder = tempfile::tempdir()?;
//!     # let path = folder.path().join("hello.db");
//!     // An adapter of a provider takes this place.
//!     let model = ScriptedModel::json(json!({"message": "Hello from Artana"}));
//!     let kernel = Kernel::builder(SqliteStore::open(path).await?).model(model.clone()).build()?;
//!     let run = kernel.run(&Tenant::new("demo"), "hello").await?;
//!
//!     for replayed in [false, true] {
//!         let hello = run.step("greet").model("demo/one").prompt("Say hello").output::<Hello>().await?;
//!         assert_eq!(hello.output().message, "Hello from Artana");
//!         assert_eq!(hello.is_replayed(), replayed);
//!     }
//!     assert_eq!(model.calls(), 1, "the second answer came from the ledger");
//!
//!     let drifted = run.step("greet").model("demo/one").prompt("Say goodbye").output::<Hello>().await;
//!     assert!(matches!(drifted, Err(artana::Error::Drift { .. })), "another ask under the same key");
//!     kernel.close().await?;
//!     Ok(())
//! }
//! ```
//!
//! # A tool
//!
//! ```
//! use std::time::Duration;
//!
//! use artana::prelude::*;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     # let folder = tempfile::tempdir()?;
//!     # let path = folder.path().join("hello.db");
//!     // The provider sees the same key on every attempt, and charges once for a key.
//!     let charge = tool("charge").idempotent(Duration::from_secs(24 * 60 * 60)).handler(
//!         |cents: u64, cx: ToolContext| async move { Ok(format!("{cents} cents under {}", cx.idempotency_key())) },
//!     );
//!     let kernel = Kernel::builder(SqliteStore::open(path).await?).tool(charge.clone()).build()?;
//!     let run = kernel.run(&Tenant::new("demo"), "order-7").await?;
//!
//!     let first = run.step("charge").tool(&charge, &1200).await?;
//!     let again = run.step("charge").tool(&charge, &1200).await?;
//!     assert!(again.is_replayed(), "the ledger answers, the tool is not called");
//!     assert_eq!(first.raw(), again.raw());
//!
//!     run.finish().await?;
//!     assert!(run.verify().await?.is_ok());
//!     kernel.close().await?;
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! - `harness`: the module `harness`, for work that takes many sessions.
//! - `macros` (default): the attributes [`macro@tool`] and [`macro@tools`].
//! - `postgres`: `PostgresStore`, one database for any number of machines.
//! - `sqlite` (default): `SqliteStore`, one file for one machine.
//!
//! A feature adds names and never changes behaviour.

pub use artana_core as core;
#[cfg(feature = "harness")]
pub use artana_harness as harness;
pub use artana_kernel::{
    Ask, Awaited, BuildError, ClosureTool, CodeCall, CostQuery, CostReport, Dynamic, Either, Enqueue, Error, Events,
    Explained, Export, ExportOptions, Failure, FailureKind, Follow, IntoTool, Join, Json, Kernel, KernelBuilder, Level,
    ModelCall, ModelFailed, ModelOutput, ModelReply, ModelStream, NoArgs, Race, ReconcileCall, RecordedCall, Resolve,
    Retry, RetryStep, Rollback, Run, Scope, SingleStepModelClient, State, States, StepCodec, StepHandle, StepWords,
    Streamed, Text, Ticket, ToolAnswer, ToolBuilder, ToolBundle, ToolCall, ToolRef, Turn, Turns, Typed, TypedTool,
    VerifyReport, Views, Worker, WorkerStats, WorkflowContext, WorkflowOutcome, terminated, tool,
};
pub use artana_ports as ports;

#[doc(no_inline)]
pub use artana_core::{
    Actor, Event, Limits, ModelId, RunRef, RunView, Seq, Status, Tenant, TenantId, Timestamp, Usd,
    ask::{ApiMode, Field, ReasoningEffort, Verbosity},
    cost::{Costs, Price, PriceTable},
    decide::{ReplayPolicy, RetryFailed},
    drift::{Change, Drift},
    event::{FinishReason, ModelCategory, Usage},
};
#[doc(no_inline)]
pub use artana_ports::{
    Cancellation, Delta, Drifted, Media, Message, ModelAnswer, ModelContext, ModelError, ModelOptions, ModelPort,
    ModelRequest, Observer, Part, Risk, Role, RunQuery, Sampling, Source, StoreInfo, TimeRange, ToolContext, ToolError,
    ToolResult, ToolUse,
};
#[cfg(feature = "postgres")]
pub use artana_store_postgres::{Durability, PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use artana_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};

#[cfg(feature = "macros")]
#[doc(hidden)]
pub use artana_kernel::__private;
/// # Example
///
/// ```
/// use artana::prelude::*;
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Order {
///     cents: u64,
/// }
///
/// struct Shop {
///     name: String,
/// }
///
/// /// Charges a card. The provider sees the same key on every attempt, and charges once for a key.
/// #[tool(effect = "idempotent", retention = "24h", capability = "payments:charge")]
/// async fn charge(order: Order, cx: ToolContext, shop: State<Shop>) -> ToolResult<String> {
///     Ok(format!("{} cents to {} under {}", order.cents, shop.name, cx.idempotency_key()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let store = SqliteStore::open(folder.path().join("shop.db")).await?;
/// let kernel = Kernel::builder(store).state(Shop { name: "Ada's".into() }).tool(charge).build()?;
/// let run = kernel.run(&Tenant::new("demo").capability("payments:charge"), "order-7").await?;
/// let receipt = run.step("charge").tool(charge, &Order { cents: 1200 }).await?;
/// assert!(receipt.output().starts_with("1200 cents to Ada's"));
/// # kernel.close().await?;
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "macros")]
#[doc(inline)]
pub use artana_macros::tool;
/// # Example
///
/// ```
/// use artana::prelude::*;
///
/// struct Clock;
///
/// #[tools]
/// impl Clock {
///     /// Tells the hour.
///     #[tool(timeout = "1s")]
///     async fn hour(&self) -> ToolResult<u32> {
///         Ok(7)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let store = SqliteStore::open(folder.path().join("clock.db")).await?;
/// let kernel = Kernel::builder(store).tools(Clock).build()?;
/// let run = kernel.run(&Tenant::new("demo"), "morning").await?;
/// assert_eq!(run.step("hour").tool(Clock::HOUR, &NoArgs).await?.output(), &7);
/// # kernel.close().await?;
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "macros")]
#[doc(inline)]
pub use artana_macros::tools;

/// What most programs use: `use artana::prelude::*;`.
pub mod prelude {
    #[cfg(feature = "postgres")]
    pub use crate::PostgresStore;
    #[cfg(feature = "sqlite")]
    pub use crate::SqliteStore;
    #[cfg(feature = "macros")]
    pub use crate::tools;
    pub use crate::{
        Either, Failure, Kernel, Message, NoArgs, ReplayPolicy, Retry, Run, State, Tenant, ToolContext, ToolError,
        ToolResult, Turn, Usd, Worker, WorkflowContext, WorkflowOutcome, tool,
    };
}

/// The code of the README and of the guide, compiled and run.
#[cfg(all(doctest, feature = "harness", feature = "macros", feature = "postgres", feature = "sqlite"))]
mod pages {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/from-python.md")]
    struct FromPython;
    #[doc = include_str!("../../../docs/guide/getting-started.md")]
    struct GettingStarted;
    #[doc = include_str!("../../../docs/guide/harness.md")]
    struct Harness;
    #[doc = include_str!("../../../docs/guide/ledger.md")]
    struct Ledger;
    #[doc = include_str!("../../../docs/guide/postgres.md")]
    struct Postgres;
    #[doc = include_str!("../../../docs/guide/replay.md")]
    struct Replay;
    #[doc = include_str!("../../../docs/guide/testing.md")]
    struct Testing;
    #[doc = include_str!("../../../docs/guide/tools.md")]
    struct Tools;
    #[doc = include_str!("../../../docs/guide/workflows.md")]
    struct Workflows;
}
