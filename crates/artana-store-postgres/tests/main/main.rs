//! The store from outside: its laws, its database, and what becomes of both when something goes wrong.

mod announce;
mod cancel;
mod chain;
mod close;
mod conformance;
mod doctor;
mod due;
mod failover;
mod faults;
mod follow;
mod goes_on;
mod granted;
mod hosts;
mod lanes;
mod leases;
mod lives;
mod migrate;
mod names;
mod open;
mod patience;
mod promote;
mod proxy;
mod races;
mod scenarios;
mod server;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod trouble;
mod wire;
