//! Closures as steps: run, recorded, answered from the ledger ever after.

mod call;
mod codec;
mod failure;
mod perform;

pub(crate) use call::single;
pub use call::{CodeCall, Retry, RetryStep};
pub use codec::{Json, StepCodec};
pub(crate) use codec::{from_json, to_json};
pub use failure::{Failure, FailureKind};
pub(crate) use perform::text_of;
