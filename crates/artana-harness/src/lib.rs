//! Long-running discipline: work that takes many sessions, processes and days, and comes to an end all the same.
//!
//! A harness wakes, works and sleeps. Waking records where the work stands; sleeping is refused while anything is under
//! way, in doubt or in progress. In between the ledger answers what was done before, so that a harness that was killed
//! goes on by itself, unless an effect is in doubt and only a person can find out: then it stops, and names the step.
//!
//! - [`IncrementalTaskHarness`] does a list of tasks, one in each session.
//! - [`TestDrivenHarness`] does the same with tasks that only a test can call done.
//! - [`DraftVerify`] drafts with one model and verifies with another.
//! - [`SupervisorHarness`] runs any [`Harness`], whose work may be children:
//!   [`HarnessContext::run_child`], [`HarnessContext::run_children`]. A child may be a harness itself:
//!   [`HarnessContext::run_child_harness`].
//! - [`DraftReviewVerifySupervisor`] runs three children in each round until a predicate approves.
//!
//! What a harness is told is an argument and never a field, so one value drives many runs of many tenants at once.
//! Nothing here appends an event by itself: sessions are the kernel's.

mod children;
mod context;
mod draft;
mod error;
mod incremental;
mod lifecycle;
mod review;
mod runner;
mod task;
mod test_driven;
mod trace;
mod units;

pub use artana_core::progress::Progress;
pub use artana_kernel::{Failure, LastSession, ProgressWatch, Reorientation};

pub use children::ChildResult;
pub use context::HarnessContext;
pub use draft::{DraftVerify, Drafted, Judgement};
pub use error::Error;
pub use incremental::{IncrementalTaskHarness, IncrementalTasks};
pub use lifecycle::{Harness, HarnessRunner, WhenFenced, Worked};
pub use review::{DraftReviewVerify, DraftReviewVerifySupervisor, Reviewed};
pub use task::{TaskUnit, Verification};
pub use test_driven::{Committed, TestDrivenContext, TestDrivenHarness, TestDrivenTasks, Verdict};
pub use trace::TraceLevel;

/// Runs sessions of a harness whose work is done by children.
pub type SupervisorHarness<H> = HarnessRunner<H>;

/// What the code of a harness returns: any error converts into a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;
