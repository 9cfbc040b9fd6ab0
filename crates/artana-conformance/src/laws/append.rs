//! Laws of comparing and appending.

use artana_core::{ChainHash, Head, Seq};
use artana_ports::AppendError;

use crate::{
    Law, Trial,
    law::{Kept, ensure, ensure_eq, ensure_matches, laws},
    writer::Writer,
};

pub(super) const LAWS: &[Law] = laws! {
    "append/new_run_must_be_new": "A batch for a run that must not exist is refused if it does, naming its head." => new_run;
    "append/stale_head_is_refused": "A batch that expects an older head is refused, naming the head there is." => stale_head;
    "append/hash_is_compared": "A batch that expects the right sequence with another hash is refused." => same_seq;
    "append/head_of_the_future_is_refused": "A batch that expects a head the run has not reached is refused." => ahead;
    "append/missing_run_is_refused": "A batch that expects a head of a run that does not exist is refused." => missing;
    "append/answers_the_new_head": "A committed batch answers the head of its last event, and no epoch." => answer;
    "append/resend_settles_doubt": "A batch sent again conflicts, and the row after its expected head is its own." => resend;
    "append/contradiction_is_malformed": "A batch whose rows, links or view do not fit together is malformed." => malformed;
};

async fn new_run(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let second = writer.batch(2);
    writer.write(&*t.store, 1).await?;
    let refused = t.store.append(second).await;
    ensure_matches!(refused, Err(AppendError::Conflict { actual }) if *actual == writer.head, "a second start");
    Ok(())
}

async fn stale_head(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    let mut stale = vec![writer.batch(1)];
    writer.write(&*t.store, 1).await?;
    stale.push(writer.batch(1));
    writer.write(&*t.store, 40).await?;
    for batch in stale {
        let refused = t.store.append(batch).await;
        ensure_matches!(refused, Err(AppendError::Conflict { actual }) if *actual == writer.head, "a stale batch");
    }
    ensure_eq!(t.store.read(&writer.run, Seq::ZERO, 100).await?.len(), 42, "the rows after stale batches");
    Ok(())
}

async fn same_seq(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 2).await?;
    let mut other = writer.clone();
    other.head = writer.head.map(|head| Head { hash: ChainHash::from_bytes([9; 32]), ..head });
    let refused = t.store.append(other.batch(1)).await;
    ensure_matches!(refused, Err(AppendError::Conflict { actual }) if *actual == writer.head, "another hash");
    Ok(())
}

async fn ahead(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    let mut eager = writer.clone();
    eager.head = writer.batch(3).events.last().map(artana_core::Record::head);
    let refused = t.store.append(eager.batch(1)).await;
    ensure_matches!(refused, Err(AppendError::Conflict { actual }) if *actual == writer.head, "a head of the future");
    Ok(())
}

async fn missing(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.head = writer.batch(3).events.last().map(artana_core::Record::head);
    let refused = t.store.append(writer.batch(1)).await;
    ensure_matches!(refused, Err(AppendError::Conflict { actual: None }), "a batch for no run");
    Ok(())
}

async fn answer(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    for events in [1, 3] {
        let appended = writer.write(&*t.store, events).await?;
        ensure_eq!(Some(appended.head), writer.head, "the head after {events} events");
        ensure_eq!(appended.epoch, None, "the epoch of a batch that takes no lease");
    }
    Ok(())
}

async fn resend(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 2).await?;
    let batch = writer.batch(2);
    writer.send(&*t.store, batch.clone()).await?;
    let again = t.store.append(batch.clone()).await;
    ensure_matches!(again, Err(AppendError::Conflict { actual }) if *actual == writer.head, "the same batch again");
    let rows = t.store.read(&writer.run, Seq::new(2), 1).await?;
    ensure!(rows.first().is_some_and(|row| row.event_id == batch.events[0].event_id), "the row is another's");
    Ok(())
}

async fn malformed(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 2).await?;
    let other = Writer::new("t", "other");
    let (mut view, mut owner, mut gap, mut link) = (writer.batch(2), writer.batch(2), writer.batch(3), writer.batch(2));
    view.view.head = writer.batch(0).view.head;
    owner.view.run = other.run;
    gap.events.remove(1);
    link.events[1].prev_hash = ChainHash::from_bytes([1; 32]);
    for (what, batch) in [("view", view), ("owner", owner), ("gap", gap), ("link", link)] {
        ensure_matches!(t.store.append(batch).await, Err(AppendError::Malformed(_)), "a batch with a wrong {what}");
    }
    ensure_eq!(t.store.read(&writer.run, Seq::ZERO, 10).await?.len(), 2, "the rows after malformed batches");
    Ok(())
}
