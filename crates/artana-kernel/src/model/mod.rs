//! Model steps: asked, prepared, decided, performed, answered. All judgement is in `artana-core`.

mod answer;
mod ask;
mod call;
mod client;
mod drift;
mod failed;
mod fork;
mod output;
mod perform;
mod prepare;
mod recorded;
mod reply;
mod stream;
mod told;
mod tools;
mod words;

pub use ask::Ask;
pub use call::ModelCall;
pub use client::SingleStepModelClient;
pub use failed::ModelFailed;
pub use output::{Dynamic, ModelOutput, Text, Turns, Typed};
pub use recorded::RecordedCall;
pub use reply::{ModelReply, Turn};
pub use stream::{ModelStream, Streamed};
pub use told::StepWords;

pub(crate) use fork::{fork_at, recorded as recorded_fork};
