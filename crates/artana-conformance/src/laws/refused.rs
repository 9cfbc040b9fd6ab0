//! Laws of what is left of a refused batch: nothing; and of which refusal comes first.

use artana_core::{
    Seq,
    limits::{MAX_APPEND_BYTES, MAX_APPEND_EVENTS, MAX_CLAIMS, MAX_CONTENT_BYTES, MAX_PAYLOAD_BYTES},
    verify::Stored,
};
use artana_ports::{Append, AppendError, Authority, Listed, Release};

use crate::{
    Law, Trial,
    law::{Kept, ensure_eq, ensure_matches, laws},
    writer::{Entry, Writer, content, impossible, new_event_id, reserve, unique_claim},
};

pub(super) const LAWS: &[Law] = laws! {
    "append/denied_leaves_no_events": "A batch whose last claim is denied leaves no events and no head." => no_events;
    "append/denied_leaves_no_content": "A batch whose last claim is denied leaves no content." => no_content;
    "append/denied_leaves_no_view": "A batch whose last claim is denied leaves the run's row as it was." => no_view;
    "append/denied_leaves_no_claims": "A batch whose last claim is denied leaves none of its other claims." => no_claims;
    "append/denied_releases_nothing": "A batch whose last claim is denied gives nothing back." => no_releases;
    "append/denied_takes_no_lease": "A batch whose last claim is denied takes no lease." => no_lease;
    "append/conflict_leaves_no_content": "A batch that conflicts leaves no content." => conflict;
    "append/bounds_are_kept": "A batch over a bound of the format is refused as too large." => bounds;
    "append/largest_is_taken": "A batch exactly at the bounds of the format is taken." => largest;
    "append/bounds_come_before_head": "A batch that is too large and stale is too large." => bounds_first;
    "append/head_comes_before_authority": "A batch that is stale and of a lapsed incarnation conflicts." => head_first;
    "append/authority_comes_before_claims": "A batch of a lapsed incarnation with a denied claim has lapsed." => authority_first;
};

/// Sends a batch that only its last claim keeps from committing.
async fn denied(t: &Trial, mut batch: Append) -> Kept {
    batch.claims.push(impossible());
    ensure_matches!(t.store.append(batch).await, Err(AppendError::Denied(_)), "a batch with an impossible claim");
    Ok(())
}

async fn no_events(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    denied(t, writer.batch(2)).await?;
    ensure_eq!(t.store.read(&writer.run, Seq::ZERO, 10).await?.len(), 0, "rows of a denied first batch");
    writer.write(&*t.store, 1).await?;
    denied(t, writer.batch(2)).await?;
    ensure_eq!(t.store.read(&writer.run, Seq::ZERO, 10).await?.len(), 1, "rows after a denied batch");
    ensure_eq!(t.store.head(&writer.run).await?, writer.head, "the head after a denied batch");
    Ok(())
}

async fn no_content(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    let piece = content(1, "never");
    denied(t, Append { content: vec![piece.clone()], ..writer.batch(1) }).await?;
    ensure_eq!(t.store.content(&writer.run, &[piece.digest]).await?, [Stored::Missing], "content of a denied batch");
    Ok(())
}

async fn no_view(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    let before = writer.batch(0).view;
    let mut batch = writer.batch(1);
    batch.view.steps = 77;
    denied(t, batch).await?;
    ensure_eq!(t.store.view(&writer.run).await?, Some(Listed::View(before)), "the row after a denied batch");
    Ok(())
}

async fn no_claims(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let claims = vec![unique_claim("key", new_event_id()), reserve("account", 10, 10, new_event_id())];
    denied(t, Append { claims, ..writer.batch(1) }).await?;
    writer.claim(&*t.store, vec![reserve("account", 10, 10, new_event_id())]).await?;
    writer.claim(&*t.store, vec![unique_claim("key", new_event_id())]).await?;
    Ok(())
}

async fn no_releases(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = new_event_id();
    writer.claim(&*t.store, vec![unique_claim("key", holder)]).await?;
    let releases = vec![Release::Unique { key: "key".to_owned(), holder }];
    denied(t, Append { releases, ..writer.batch(1) }).await?;
    let other = writer.claim(&*t.store, vec![unique_claim("key", new_event_id())]).await;
    ensure_matches!(other, Err(AppendError::Denied(_)), "a key whose release was denied, claimed by another");
    Ok(())
}

async fn no_lease(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let (taker, other) = (t.living().await?, t.living().await?);
    denied(t, Append { authority: Authority::TakeLease(taker), ..writer.batch(1) }).await?;
    writer.write_as(&*t.store, Authority::Plain(other)).await?;
    denied(t, Append { authority: Authority::TakeLease(taker), ..writer.batch(1) }).await?;
    writer.write_as(&*t.store, Authority::Plain(other)).await?;
    Ok(())
}

async fn conflict(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    let piece = content(1, "never");
    let stale = Append { content: vec![piece.clone()], ..writer.batch(1) };
    writer.write(&*t.store, 1).await?;
    ensure_matches!(t.store.append(stale).await, Err(AppendError::Conflict { .. }), "a stale batch");
    ensure_eq!(t.store.content(&writer.run, &[piece.digest]).await?, [Stored::Missing], "content of a stale batch");
    Ok(())
}

async fn bounds(t: &Trial) -> Kept {
    let writer = Writer::new("t", "r");
    let mut payload = writer.batch(1);
    payload.events[0].payload = vec![b' '; MAX_PAYLOAD_BYTES + 1];
    let claims = |count| (0..count).map(|at| unique_claim(&format!("key {at}"), new_event_id())).collect();
    let release = Release::Unique { key: "key".to_owned(), holder: new_event_id() };
    let half = MAX_APPEND_BYTES / 2;
    let batches = [
        ("events", writer.batch(MAX_APPEND_EVENTS + 1)),
        ("payload", payload),
        ("content", Append { content: vec![content(1, vec![0; MAX_CONTENT_BYTES + 1])], ..writer.batch(1) }),
        ("bytes", Append { content: vec![content(1, vec![0; half]), content(2, vec![0; half])], ..writer.batch(1) }),
        ("claims", Append { claims: claims(MAX_CLAIMS + 1), ..writer.batch(1) }),
        ("releases", Append { claims: claims(MAX_CLAIMS), releases: vec![release], ..writer.batch(1) }),
    ];
    for (what, batch) in batches {
        ensure_matches!(t.store.append(batch).await, Err(AppendError::TooLarge(_)), "a batch with too much: {what}");
    }
    Ok(())
}

async fn largest(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, MAX_APPEND_EVENTS).await?;
    let payload = vec![b' '; MAX_PAYLOAD_BYTES];
    let batch = writer.batch_of(&[Entry { payload: payload.clone(), ..Entry::default() }]);
    writer.send(&*t.store, batch).await?;
    let after = Seq::new(MAX_APPEND_EVENTS as u64);
    let rows = t.store.read(&writer.run, after, 1).await?;
    ensure_eq!(rows.first().map(|row| row.payload.len()), Some(payload.len()), "the largest payload");
    let piece = content(1, vec![5; MAX_CONTENT_BYTES]);
    let claims = (0..MAX_CLAIMS).map(|at| unique_claim(&format!("key {at}"), new_event_id())).collect();
    let batch = Append { content: vec![piece.clone()], claims, ..writer.batch(1) };
    writer.send(&*t.store, batch).await?;
    let stored = t.store.content(&writer.run, &[piece.digest]).await?;
    ensure_matches!(&stored[..], [Stored::Bytes(bytes)] if *bytes == piece.bytes, "the largest content");
    Ok(())
}

async fn bounds_first(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let stale = writer.batch(MAX_APPEND_EVENTS + 1);
    writer.write(&*t.store, 1).await?;
    ensure_matches!(t.store.append(stale).await, Err(AppendError::TooLarge(_)), "a batch too large and stale");
    Ok(())
}

async fn head_first(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let dead = t.dead().await?;
    writer.write(&*t.store, 1).await?;
    let stale = Append { authority: Authority::Plain(dead), ..writer.batch(1) };
    writer.write(&*t.store, 1).await?;
    ensure_matches!(t.store.append(stale).await, Err(AppendError::Conflict { .. }), "a batch stale and lapsed");
    Ok(())
}

async fn authority_first(t: &Trial) -> Kept {
    let writer = Writer::new("t", "r");
    let authority = Authority::Plain(t.dead().await?);
    let batch = Append { authority, claims: vec![impossible()], ..writer.batch(1) };
    ensure_matches!(t.store.append(batch).await, Err(AppendError::Lapsed), "a batch lapsed and denied");
    Ok(())
}
