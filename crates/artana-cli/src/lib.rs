//! The command line of Artana: the `artana` binary, and its verbs for a user's own binary.
//!
//! Answers go to standard output, everything else to standard error. Reading never creates a file,
//! nothing is guessed for anybody, and what people, models and tools said is printed only by verbs that
//! are asked for it with `--content`. A secret never is.
//!
//! # Example
//!
//! A binary that knows its tools and its workflows offers every verb over them, `run reconcile` and `worker` included:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use artana_kernel::{Kernel, tool};
//! use artana_ports::{ToolContext, ToolError};
//! use artana_store_sqlite::SqliteStore;
//!
//! async fn command_line() -> Result<ExitCode, Box<dyn std::error::Error>> {
//!     let double = tool("double").handler(|n: u32, _cx: ToolContext| async move { Ok::<_, ToolError>(n * 2) });
//!     let store = SqliteStore::options().create(false).open("ledger.db").await?;
//!     Ok(artana_cli::main(Kernel::builder(store).tool(double).build()?).await)
//! }
//! # let _ = command_line;
//! ```

mod args;
mod command;
mod completions;
mod cost;
mod demo;
mod doubt;
mod entry;
mod failure;
mod filter;
mod init;
mod look;
mod open;
mod out;
mod row;
mod said;
mod speller;
mod table;
mod telling;
mod text;
mod tree;
mod waiting;
mod words;

pub use entry::{main, main_with, stock};

/// The code of the page that needs the command line, compiled and run.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../docs/guide/workers.md")]
    struct Workers;
}
