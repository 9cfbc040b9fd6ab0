//! Exported ledgers: the lines of a JSON Lines file, and a verifier that is fed line by line.
//! It does no IO and keeps no content; what it cannot check it reports as not checked.
//!
//! # Example
//!
//! ```
//! use artana_core::export;
//!
//! let file = b"{\"line\":\"run\",\"format\":\"artana/1\",\"tenant\":\"t\",\"run\":\"r\"}\n";
//! let report = export::verify(file.split(|byte| *byte == b'\n'))?;
//! assert!(report.first_break().is_some(), "a run without events");
//! # Ok::<(), export::ExportError>(())
//! ```

mod error;
mod family;
mod line;
mod report;
mod verifier;
mod wire;

pub use error::{ExportError, LineError};
pub use line::{ContentLine, Erasure, Kept, KeyLine, Line, RunLine};
pub use report::{ContentCheck, Level, Report, RunReport, Unchecked};
pub use verifier::{Verifier, verify};

use crate::limits::{MAX_CONTENT_BYTES, MAX_ID_BYTES};

/// The format's name, as it stands in every run line.
pub const FORMAT: &str = "artana/1";

/// Longest line, in bytes: the largest content in base64, and four names with every byte escaped.
pub const MAX_LINE_BYTES: usize = MAX_CONTENT_BYTES.div_ceil(3) * 4 + 4 * 6 * MAX_ID_BYTES + 1024;
