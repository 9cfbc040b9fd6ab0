//! `artana demo`: a payment killed at the worst moment, finished by another process with one charge.
//!
//! Three processes that share nothing but a socket and a file: a provider with a book of its own, a
//! worker that is killed with SIGKILL, and the worker that comes after it. They meet by messages.

mod book;
mod helper;
mod ledger;
mod payment;
mod provider;
mod story;
mod tamper;
mod wire;
mod worker;

pub(crate) use provider::provide;
pub(crate) use story::run;
pub(crate) use worker::work;

use crate::failure::Failure;

/// Something of the demonstration itself went wrong.
fn trouble(what: &str, why: impl std::fmt::Display) -> Failure {
    Failure::invalid("artana::demo", format!("{what}: {why}"))
}
