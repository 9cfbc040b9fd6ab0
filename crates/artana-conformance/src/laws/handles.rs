//! Laws of several handles on one place, as several processes have them.

use artana_core::{Seq, verify::Stored};
use artana_ports::{Append, AppendError, Authority};

use super::follow::{begin, soon};
use crate::{
    Law, Trial,
    law::{Kept, ensure, ensure_eq, ensure_matches, laws},
    writer::{Writer, content, new_event_id, unique_claim},
};

pub(super) const LAWS: &[Law] = laws! {
    "handles/share_events" [TwoHandles]: "What one handle appended another reads." => events;
    "handles/share_heads" [TwoHandles]: "What one handle appended makes another's batch stale." => heads;
    "handles/share_content" [TwoHandles]: "Content and keys outlive the handle that brought them." => outlive;
    "handles/share_claims" [TwoHandles]: "A key claimed through one handle is held for another." => claims;
    "handles/share_leases" [TwoHandles]: "A lease taken through one handle fences another." => leases;
    "handles/share_lives" [TwoHandles]: "A life started through one handle is seen through another." => lives;
    "handles/wake_each_other" [TwoHandles]: "Following through one handle sees what another appends." => follow;
    "handles/close_alone" [TwoHandles]: "Closing one handle leaves the other open." => close;
};

async fn events(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let other = t.another().await;
    writer.write(&*t.store, 2).await?;
    let rows = other.read(&writer.run, Seq::ZERO, 10).await?;
    ensure_eq!(rows, t.store.read(&writer.run, Seq::ZERO, 10).await?, "the rows another handle reads");
    ensure_eq!(rows.len(), 2, "how many rows another handle reads");
    Ok(())
}

async fn heads(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let other = t.another().await;
    writer.write(&*t.store, 1).await?;
    let stale = writer.batch(1);
    writer.write(&*t.store, 1).await?;
    let refused = other.append(stale).await;
    ensure_matches!(refused, Err(AppendError::Conflict { actual }) if *actual == writer.head, "stale elsewhere");
    writer.write(&*other, 1).await?;
    Ok(())
}

async fn outlive(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let piece = content(1, "kept");
    let batch = Append { content: vec![piece.clone()], ..writer.batch(1) };
    writer.send(&*t.store, batch).await?;
    t.store.close().await?;
    let other = t.another().await;
    ensure_eq!(other.content(&writer.run, &[piece.digest]).await?, [Stored::Bytes(piece.bytes)], "content afterwards");
    ensure!(other.run_key(&writer.run).await?.as_ref() == Some(&writer.key), "the run key is gone afterwards");
    Ok(())
}

async fn claims(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let other = t.another().await;
    writer.claim(&*t.store, vec![unique_claim("key", new_event_id())]).await?;
    let denied = writer.claim(&*other, vec![unique_claim("key", new_event_id())]).await;
    ensure_matches!(denied, Err(AppendError::Denied(_)), "a key held elsewhere");
    Ok(())
}

async fn leases(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let other = t.another().await;
    let (holder, stranger) = (t.living().await?, t.living().await?);
    writer.write_as(&*t.store, Authority::TakeLease(holder)).await?;
    let fenced = writer.write_as(&*other, Authority::Plain(stranger)).await;
    ensure_matches!(fenced, Err(AppendError::Fenced { .. }), "a plain append beside a lease taken elsewhere");
    Ok(())
}

async fn lives(t: &Trial) -> Kept {
    let other = t.another().await;
    let incarnation = t.living().await?;
    ensure_eq!(other.alive(&[incarnation]).await?, [true], "alive elsewhere");
    Ok(())
}

async fn follow(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let other = t.another().await;
    writer.write(&*t.store, 1).await?;
    let following = begin(&other, &writer.run, Seq::new(1)).await;
    writer.write(&*t.store, 1).await?;
    ensure_eq!(Some(soon(t, following).await?), writer.head, "the head that was followed");
    Ok(())
}

async fn close(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let other = t.another().await;
    t.store.close().await?;
    writer.write(&*other, 1).await?;
    Ok(())
}
