//! How often a store was used, for tests that hold work to a number. Counts never change what a store does.

/// How often each part of the port was used. Refused calls count, except those of a closed handle and
/// batches over a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Batches sent, refused ones included.
    pub appends: u64,
    /// Events committed.
    pub events: u64,
    /// Pages of events read.
    pub reads: u64,
    /// Rows in those pages.
    pub rows: u64,
    /// Heads asked for.
    pub heads: u64,
    /// Digests of content asked for.
    pub contents: u64,
    /// Keys of runs and tenants asked for.
    pub keys: u64,
    /// Unique keys whose holders were asked for.
    pub holders: u64,
    /// Rows of runs asked for.
    pub views: u64,
    /// Pages of runs asked for.
    pub listings: u64,
    /// Signs of life and retirements.
    pub beats: u64,
    /// Questions about who lives.
    pub lookups: u64,
    /// Attempts to take due runs.
    pub takes: u64,
    /// Waits for a new head.
    pub follows: u64,
}
