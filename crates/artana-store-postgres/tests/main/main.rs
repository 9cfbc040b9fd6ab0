//! The store from outside: its laws, its database, and what becomes of both when something goes wrong.

mod close;
mod conformance;
mod doctor;
mod due;
mod follow;
mod lives;
mod migrate;
mod names;
mod open;
mod support;
mod trouble;
mod wire;
