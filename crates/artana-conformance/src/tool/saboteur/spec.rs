//! Tools that declare what is not so.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use artana_core::Digest;
use artana_ports::ToolSpec;
use async_trait::async_trait;

use super::{Sabotage, mischief::Mischief, sabotages};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "spec/digest_is_of_the_schema": "Has a digest of nothing." => DigestOfNothing;
    "spec/stays_the_same": "Declares something else each time it is made." => NeverTheSame;
    "spec/bounds_hold": "Gives a call no time." => NoTime;
    "spec/schemas_are_objects": "Declares that anything is a result." => AnythingGoes;
};

#[derive(Debug, Default)]
struct DigestOfNothing;

#[async_trait]
impl Mischief for DigestOfNothing {
    fn declares(&self, spec: &mut ToolSpec) {
        spec.signature.schema_hash = Digest::of_schema(b"");
    }
}

#[derive(Debug, Default)]
struct NeverTheSame;

#[async_trait]
impl Mischief for NeverTheSame {
    fn declares(&self, spec: &mut ToolSpec) {
        static MADE: AtomicU64 = AtomicU64::new(0);
        spec.description = format!("made {} times before", MADE.fetch_add(1, Ordering::SeqCst));
    }
}

#[derive(Debug, Default)]
struct NoTime;

#[async_trait]
impl Mischief for NoTime {
    fn declares(&self, spec: &mut ToolSpec) {
        spec.timeout = Duration::ZERO;
    }
}

#[derive(Debug, Default)]
struct AnythingGoes;

#[async_trait]
impl Mischief for AnythingGoes {
    fn declares(&self, spec: &mut ToolSpec) {
        spec.result_schema = true.into();
    }
}
