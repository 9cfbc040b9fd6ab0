//! Tests of what benchmarks measure with, and of what they measure.

mod conformance;
mod round_trips;
mod support;
