//! How much a harness tells whoever follows its work. It changes what is traced, and never what is done.

/// How much is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum TraceLevel {
    /// Nothing but what the ledger needs: sessions, stages, tasks.
    #[default]
    Minimal,
    /// Each stage that is left too: to which one, in which round, what it cost and how long it took.
    Stage,
    /// Each task too, and what the application says by
    /// [`HarnessContext::trace`](crate::HarnessContext::trace).
    Verbose,
}
