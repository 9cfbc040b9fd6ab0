//! Tests of the testkit through its public face.

mod clock;
mod conformance;
mod crash;
mod crash_models;
mod crash_workflows;
mod fault;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod provider;
mod replayed;
mod sampled;
mod scripted;
