//! Tests of the kernel through its public face, over a store in memory and a clock that tests move.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod arguments;
mod asking;
mod calls;
mod concurrency;
mod counted;
mod drift;
mod drift_generated;
mod drift_shapes;
mod drift_table;
mod dropped;
mod ending;
mod erased;
mod explain;
mod fork_effects;
mod fork_points;
mod forks;
mod model_counts;
mod model_dropped;
mod model_failures;
mod model_flights;
mod model_outputs;
mod model_store_faults;
mod model_streams;
mod model_tools;
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
