//! Tests of the testkit through its public face.

mod clock;
mod conformance;
mod crash;
mod fault;
mod memory;
mod provider;
mod replayed;
mod sampled;
mod scripted;
