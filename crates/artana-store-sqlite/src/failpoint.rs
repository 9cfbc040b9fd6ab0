//! Named points inside the writer and inside a migration at which a test may hold or kill the process.
//! Without the feature `failpoints` they are nothing at all.

#[cfg(feature = "failpoints")]
use std::sync::Arc;

/// The points inside a migration: before each of its statements and before its commit, and after that.
#[cfg(feature = "failpoints")]
pub const MIGRATION_FAILPOINTS: [&str; 2] = ["sqlite.migrating", "sqlite.migrated"];

/// The points, in the order the writer passes them.
#[cfg(feature = "failpoints")]
pub const FAILPOINTS: [&str; 6] = [
    "sqlite.before_begin",
    "sqlite.after_begin",
    "sqlite.in_batch",
    "sqlite.before_commit",
    "sqlite.after_commit",
    "sqlite.before_reply",
];

/// What is called at each point.
#[derive(Clone, Default)]
pub(crate) struct Failpoint {
    #[cfg(feature = "failpoints")]
    hook: Option<Arc<dyn Fn(&'static str) + Send + Sync>>,
}

impl Failpoint {
    #[cfg(feature = "failpoints")]
    pub(crate) fn new(hook: Arc<dyn Fn(&'static str) + Send + Sync>) -> Self {
        Self { hook: Some(hook) }
    }

    #[cfg(feature = "failpoints")]
    pub(crate) fn reach(&self, point: &'static str) {
        if let Some(hook) = &self.hook {
            hook(point);
        }
    }

    #[cfg(not(feature = "failpoints"))]
    #[expect(clippy::unused_self, reason = "the twin of the function the feature switches on")]
    #[inline]
    pub(crate) fn reach(&self, _: &'static str) {}
}

impl std::fmt::Debug for Failpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Failpoint")
    }
}
