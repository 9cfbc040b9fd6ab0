//! What a correct caller never gets wrong. A breach is a bug of the caller, so it panics at the call.

use artana_core::{Head, Seq};
use artana_ports::{Append, Authority, Release};

/// Checks a batch against itself.
///
/// # Panics
///
/// When its events do not follow its expected head, a row is not its run's, a hash is not the hash of its
/// row, the view is another run's or not at the last event, or a lease is given back by nobody who has it.
pub(super) fn check(batch: &Append) {
    let run = &batch.run;
    let mut head = batch.expected.or_else(|| first_head(batch)).expect("a batch that starts a run has events");
    for record in &batch.events {
        assert!(
            *record.tenant == *run.tenant.as_str() && *record.run == *run.run.as_str(),
            "{run}: a row of another run"
        );
        assert_eq!(record.seq, head.seq.next(), "{run}: events are contiguous after the expected head");
        assert_eq!(record.prev_hash, head.hash, "{run}: event {} links to the one before", record.seq);
        assert_eq!(record.hash, record.computed_hash(&head.hash), "{run}: event {} has its own hash", record.seq);
        head = record.head();
    }
    assert_eq!(batch.view.run, *run, "{run}: the view is the run's");
    assert_eq!(batch.view.head, head, "{run}: the view stands at the last event");
    if batch.releases.contains(&Release::Lease) {
        let drives = matches!(batch.authority, Authority::Driver(_) | Authority::TakeLease(_));
        assert!(drives, "{run}: a lease is given back by its driver");
    }
}

/// Returns the head before the first event of a new run: the genesis is not the store's to know.
fn first_head(batch: &Append) -> Option<Head> {
    batch.events.first().map(|record| Head { seq: Seq::ZERO, hash: record.prev_hash })
}
