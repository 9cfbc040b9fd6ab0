//! The store from outside: its laws, its file, and what becomes of both when something goes wrong.

mod close;
mod conformance;
mod damage;
mod doctor;
mod file;
#[cfg(feature = "failpoints")]
mod group;
mod migrate;
mod processes;
mod support;
