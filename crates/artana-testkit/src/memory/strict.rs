//! What a correct caller never gets wrong and a store does not check. A breach is a bug of the caller, so
//! it panics at the call.

use artana_ports::{Append, Authority, Release};

/// Checks a batch whose shape is right.
///
/// # Panics
///
/// When a hash is not the hash of its row, or a lease is given back by somebody who does not drive.
pub(super) fn check(batch: &Append) {
    let run = &batch.run;
    for record in &batch.events {
        let computed = record.computed_hash(&record.prev_hash);
        assert_eq!(record.hash, computed, "{run}: event {} has its own hash", record.seq);
    }
    if batch.releases.contains(&Release::Lease) {
        let drives = matches!(batch.authority, Authority::Driver(_) | Authority::TakeLease(_));
        assert!(drives, "{run}: a lease is given back by its driver");
    }
}
