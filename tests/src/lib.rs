//! Tests of Artana as a whole: real processes, tampering, crash matrices, documentation.

pub mod diary;
pub mod flow;
pub mod ledger;
pub mod payment;
pub mod provider;
pub mod verifier;
pub mod work;
