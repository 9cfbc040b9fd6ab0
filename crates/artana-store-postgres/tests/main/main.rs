//! The store from outside: its laws, its database, and what becomes of both when something goes wrong.

mod close;
mod conformance;
mod doctor;
mod due;
mod failover;
mod follow;
mod lives;
mod migrate;
mod names;
mod open;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod trouble;
mod wire;
