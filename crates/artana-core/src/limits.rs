//! Every bound of the format and of the pure code, each with the reason for its number.
//! Nothing here depends on a machine or on configuration.

/// Longest id, step key, name or label, in bytes: fits an index key of every store and a log line.
pub const MAX_ID_BYTES: usize = 256;
/// Largest event payload, in bytes: payloads hold structure only, and a page of events stays small.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// Largest piece of content, in bytes: what one message, argument or result may weigh.
pub const MAX_CONTENT_BYTES: usize = 16 * 1024 * 1024;
/// Most events in one append: bounds the time a store's writer is held.
pub const MAX_APPEND_EVENTS: usize = 256;
/// Most bytes of payload and content in one append: two pieces of content at their largest.
pub const MAX_APPEND_BYTES: usize = 32 * 1024 * 1024;
/// Most events in one run: keeps a fold and a verification within minutes.
pub const MAX_RUN_EVENTS: u64 = 10_000_000;
/// Deepest chain of forks: bounds what verifying a fork has to read.
pub const MAX_FORK_DEPTH: usize = 16;
/// Most forks of one run: a drift that is never the same twice does not fill a store by itself.
pub const MAX_FORKS: usize = 256;
/// Deepest JSON value, the outermost having depth 1: bounds the stack of every reader.
pub const MAX_JSON_DEPTH: usize = 64;
/// Most differences one comparison reports: enough for a person, bounded for a log.
pub const MAX_DIFFERENCES: usize = 64;
/// Most events in one page of a read: bounds the memory a reader holds.
pub const MAX_PAGE_EVENTS: u32 = 1024;
/// Most runs in one page of a listing, for the same reason.
pub const MAX_PAGE_RUNS: u32 = 1000;
/// Most digests asked of the vault at once, for the same reason.
pub const MAX_CONTENT_BATCH: usize = 256;
/// Most unique keys asked about at once, for the same reason.
pub const MAX_KEY_BATCH: usize = 256;
/// Most capabilities of a tenant: they stand in the first payload of every run.
pub const MAX_CAPABILITIES: usize = 128;
/// Most labels of a run, for the same reason.
pub const MAX_LABELS: usize = 32;
/// Longest time-to-live of a heartbeat or lease, in seconds: how long a dead owner can block a step.
pub const MAX_TTL_SECONDS: u64 = 300;
/// Shortest time-to-live, in milliseconds: below it a slow disk alone looks like a death.
pub const MIN_TTL_MILLIS: u64 = 100;
/// Most attempts of one tool step: a failing provider is not hammered for ever.
pub const MAX_ATTEMPTS: u32 = 100;
/// Most cycles of one model step that the kernel begins by itself, for the same reason.
pub const MAX_MODEL_RETRIES: u32 = 100;
/// Longest text of a recorded drift, in characters: enough to recognise it, and the words stand elsewhere.
pub const MAX_DRIFT_TEXT: usize = 1024;
/// Longest timeout, settling time or retention of a tool, in days.
pub const MAX_TOOL_DAYS: u64 = 3650;
/// Most claims in one append: they lock rows that other runs want.
pub const MAX_CLAIMS: usize = 64;
/// Most tasks of a run: all of them are kept in memory with its fold.
pub const MAX_TASKS: usize = 10_000;
/// Most tasks that one event defines: their ids and titles fit its payload at their longest.
pub const MAX_TASKS_AT_ONCE: usize = 64;
/// Most waits, and most pauses, of a run that are open at once: they stand in its summary, which every append copies.
pub const MAX_OPEN_WAITS: usize = 1024;
/// Most steps of a workflow that are performed at once; more of them wait their turn.
pub const MAX_STEPS_AT_ONCE: usize = 64;
