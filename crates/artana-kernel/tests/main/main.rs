//! Tests of the kernel through its public face, over a store in memory and a clock that tests move.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod arguments;
mod asking;
mod calls;
mod concurrency;
mod counted;
mod drift;
mod dropped;
mod ending;
mod explain;
mod fork_effects;
mod fork_points;
mod forks;
mod model_counts;
mod model_failures;
mod model_flights;
mod model_outputs;
mod models;
mod owners;
mod reconcile;
mod results;
mod second_calls;
mod smoke;
mod store_faults;
mod tampered;
mod tenants;
mod told;
mod world;
