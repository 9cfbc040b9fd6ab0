//! Laws of accounts and unique keys: what must hold across the runs of a tenant.

use artana_core::EventId;
use artana_ports::{Append, AppendError, Claim, ClaimDenied, Release};

use crate::{
    Law, Trial,
    law::{Kept, ensure_eq, ensure_matches, laws},
    laws::concurrency::at_once,
    writer::{Writer, new_event_id, reserve, unique_claim},
};

pub(super) const LAWS: &[Law] = laws! {
    "claims/reserves_keep_the_limit": "Reservations fill an account to its limit exactly; the next is denied and told what is left." => limit;
    "claims/settled_counts": "What was spent stays spent." => settled;
    "claims/settling_frees_the_rest": "What was reserved and not spent is free again." => frees;
    "claims/overrun_counts": "Spending above the reservation is recorded in full." => overrun;
    "claims/overdrawn_denies_all": "A full account grants a reservation of nothing; one that is over its limit denies even that." => overdrawn;
    "claims/a_holder_holds_all_it_reserved": "What a holder reserved in several claims is settled as one." => all_of_a_holder;
    "claims/settling_twice_counts_once": "Releasing what is not held changes nothing." => twice;
    "claims/amounts_do_not_wrap": "An amount near the largest number is denied, not wrapped." => wraps;
    "claims/limit_may_be_raised": "A claim against a higher limit may hold where a lower one did not." => raised;
    "claims/batch_counts_itself": "Two reservations in one batch count together." => together;
    "claims/budget_survives_a_crowd": "Of 24 runs that reserve at once only as many succeed as the limit allows." => crowd;
    "claims/unique_has_one_holder": "A unique key is denied to a second holder, naming the first." => unique;
    "claims/unique_crosses_runs": "A unique key held in one run is denied in another." => unique_runs;
    "claims/unique_is_held_again": "The holder of a unique key may claim it again." => again;
    "claims/unique_is_freed": "A released unique key is free." => freed;
    "claims/unique_is_freed_by_its_holder": "Only the holder of a unique key frees it." => by_holder;
    "claims/releases_come_first": "What a batch gives back is free for its own claims." => releases_first;
};

fn settle(holder: EventId, spent: u64) -> Vec<Release> {
    vec![Release::Reserve { account: "account".to_owned(), holder, spent }]
}

fn free(holder: EventId) -> Vec<Release> {
    vec![Release::Unique { key: "key".to_owned(), holder }]
}

/// Reserves part of ten for a new holder.
async fn take(t: &Trial, writer: &mut Writer, amount: u64) -> Result<EventId, AppendError> {
    let holder = new_event_id();
    writer.claim(&*t.store, vec![reserve("account", 10, amount, holder)]).await?;
    Ok(holder)
}

async fn limit(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    take(t, &mut writer, 4).await?;
    let denied = take(t, &mut writer, 7).await;
    let told = |e: &AppendError| matches!(e, AppendError::Denied(ClaimDenied::Reserve { account, left: 6, limit: 10 }) if account == "account");
    ensure_matches!(denied, Err(e) if told(e), "7 more of 10 after 4");
    take(t, &mut writer, 6).await?;
    ensure_matches!(take(t, &mut writer, 1).await, Err(AppendError::Denied(_)), "1 more of 10 after 10");
    Ok(())
}

async fn settled(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = take(t, &mut writer, 6).await?;
    writer.release(&*t.store, settle(holder, 6)).await?;
    ensure_matches!(take(t, &mut writer, 6).await, Err(AppendError::Denied(_)), "6 of 10 after 6 were spent");
    Ok(())
}

async fn frees(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = take(t, &mut writer, 10).await?;
    writer.release(&*t.store, settle(holder, 3)).await?;
    take(t, &mut writer, 7).await?;
    Ok(())
}

async fn overrun(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = take(t, &mut writer, 5).await?;
    writer.release(&*t.store, settle(holder, 15)).await?;
    let denied = take(t, &mut writer, 4).await;
    let full = |e: &AppendError| matches!(e, AppendError::Denied(ClaimDenied::Reserve { left: 0, .. }));
    ensure_matches!(denied, Err(e) if full(e), "4 of 10 after 15 were spent");
    Ok(())
}

async fn overdrawn(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    take(t, &mut writer, 10).await?;
    take(t, &mut writer, 0).await?;
    let denied = writer.claim(&*t.store, vec![reserve("account", 5, 0, new_event_id())]).await;
    let full = |e: &AppendError| matches!(e, AppendError::Denied(ClaimDenied::Reserve { left: 0, .. }));
    ensure_matches!(denied, Err(e) if full(e), "nothing of 5 after 10");
    Ok(())
}

async fn all_of_a_holder(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = new_event_id();
    for amount in [3, 4] {
        writer.claim(&*t.store, vec![reserve("account", 10, amount, holder)]).await?;
    }
    writer.release(&*t.store, settle(holder, 7)).await?;
    take(t, &mut writer, 3).await?;
    Ok(())
}

async fn twice(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = take(t, &mut writer, 4).await?;
    for _ in 0..2 {
        writer.release(&*t.store, settle(holder, 4)).await?;
    }
    writer.release(&*t.store, settle(new_event_id(), 4)).await?;
    take(t, &mut writer, 6).await?;
    Ok(())
}

async fn wraps(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    take(t, &mut writer, 5).await?;
    for amount in [u64::MAX, u64::MAX - 4, i64::MAX as u64, i64::MAX as u64 + 1] {
        ensure_matches!(take(t, &mut writer, amount).await, Err(AppendError::Denied(_)), "{amount} of 10");
    }
    Ok(())
}

async fn raised(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    take(t, &mut writer, 10).await?;
    ensure_matches!(take(t, &mut writer, 10).await, Err(AppendError::Denied(_)), "20 of 10");
    writer.claim(&*t.store, vec![reserve("account", 20, 10, new_event_id())]).await?;
    Ok(())
}

async fn together(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let claims = vec![reserve("account", 10, 6, new_event_id()), reserve("account", 10, 6, new_event_id())];
    let denied = writer.claim(&*t.store, claims).await;
    ensure_matches!(denied, Err(AppendError::Denied(_)), "twice 6 of 10 in one batch");
    Ok(())
}

async fn crowd(t: &Trial) -> Kept {
    let batch = |run: u32| {
        let claims = vec![reserve("account", 100, 10, new_event_id())];
        Append { claims, ..Writer::new("t", &format!("run {run}")).batch(1) }
    };
    let answers = at_once(t, (0..24).map(batch).collect()).await;
    let won = answers.iter().filter(|answer| answer.is_ok()).count();
    let denied = answers.iter().filter(|answer| matches!(answer, Err(AppendError::Denied(_)))).count();
    ensure_eq!((won, denied), (10, 14), "claims of 10 against 100 that held, and that were denied");
    Ok(())
}

/// Claims the key for a holder.
async fn hold(t: &Trial, writer: &mut Writer, holder: EventId) -> Result<(), AppendError> {
    writer.claim(&*t.store, vec![unique_claim("key", holder)]).await.map(drop)
}

async fn unique(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let first = new_event_id();
    hold(t, &mut writer, first).await?;
    let denied = hold(t, &mut writer, new_event_id()).await;
    let told = |e: &AppendError| matches!(e, AppendError::Denied(ClaimDenied::Unique { key, holder }) if key == "key" && *holder == first);
    ensure_matches!(denied, Err(e) if told(e), "a key that is held");
    writer.claim(&*t.store, vec![unique_claim("Key", new_event_id()), unique_claim("key ", new_event_id())]).await?;
    Ok(())
}

async fn unique_runs(t: &Trial) -> Kept {
    hold(t, &mut Writer::new("t", "one"), new_event_id()).await?;
    let denied = hold(t, &mut Writer::new("t", "two"), new_event_id()).await;
    ensure_matches!(denied, Err(AppendError::Denied(ClaimDenied::Unique { .. })), "a key that another run holds");
    Ok(())
}

async fn again(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = new_event_id();
    for _ in 0..3 {
        hold(t, &mut writer, holder).await?;
    }
    Ok(())
}

async fn freed(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = new_event_id();
    hold(t, &mut writer, holder).await?;
    writer.release(&*t.store, free(holder)).await?;
    hold(t, &mut writer, new_event_id()).await?;
    Ok(())
}

async fn by_holder(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    hold(t, &mut writer, new_event_id()).await?;
    let other = new_event_id();
    writer.release(&*t.store, free(other)).await?;
    ensure_matches!(hold(t, &mut writer, other).await, Err(AppendError::Denied(_)), "a key that a stranger freed");
    Ok(())
}

async fn releases_first(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let (one, two) = (new_event_id(), new_event_id());
    hold(t, &mut writer, one).await?;
    let claims: Vec<Claim> = vec![unique_claim("key", two)];
    let batch = Append { claims, releases: free(one), ..writer.batch(1) };
    writer.send(&*t.store, batch).await?;
    Ok(())
}
