//! Tests of the testkit through its public face.

mod clock;
mod conformance;
mod fault;
mod memory;
mod provider;
