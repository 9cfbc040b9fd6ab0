//! Laws of who holds a unique key: what a verification asks of a store.

use artana_core::{EventId, limits::MAX_KEY_BATCH};
use artana_ports::{Append, Release, StoreError};

use crate::{
    Law, Trial,
    law::{Kept, ensure_eq, laws},
    writer::{Writer, new_event_id, tenant_id, unique_claim},
};

pub(super) const LAWS: &[Law] = laws! {
    "holders/answers_in_order": "Each key asked about is answered, in order, repeated and unknown ones too." => order;
    "holders/unknown_is_nobodys": "A key that nobody claimed has no holder, however much it is like another." => unknown;
    "holders/released_is_nobodys": "A released key has no holder until it is claimed again." => released;
    "holders/claimed_again_is_the_holders": "A key that its holder claims again is still the holder's." => again;
    "holders/denied_claimant_holds_nothing": "A denied claim leaves a key to its holder." => denied;
    "holders/many_at_once": "As many keys as the bound allows are answered at once." => many;
    "holders/belong_to_a_tenant": "What one tenant holds has no holder for another." => tenants;
};

async fn hold(t: &Trial, writer: &mut Writer, key: &str) -> Result<EventId, crate::Breach> {
    let holder = new_event_id();
    writer.claim(&*t.store, vec![unique_claim(key, holder)]).await?;
    Ok(holder)
}

async fn holders(t: &Trial, tenant: &str, keys: &[&str]) -> Result<Vec<Option<EventId>>, StoreError> {
    let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    t.store.holders(&tenant_id(tenant), &keys).await
}

async fn order(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let one = Some(hold(t, &mut writer, "one").await?);
    let two = Some(hold(t, &mut writer, "two").await?);
    let found = holders(t, "t", &["two", "none", "one", "two", "another", "two"]).await?;
    ensure_eq!(found, [two, None, one, two, None, two], "the answers");
    ensure_eq!(holders(t, "t", &[]).await?, [], "the answers to no question");
    Ok(())
}

async fn unknown(t: &Trial) -> Kept {
    let alike = ["Key", "KEY", "key ", " key", "ke", "keys", "k%", "'key'"];
    ensure_eq!(holders(t, "t", &alike).await?, [None; 8], "holders in an empty store");
    hold(t, &mut Writer::new("t", "r"), "key").await?;
    ensure_eq!(holders(t, "t", &alike).await?, [None; 8], "holders of keys that are like one that is held");
    Ok(())
}

async fn released(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = hold(t, &mut writer, "key").await?;
    let releases = vec![Release::Unique { key: "key".to_owned(), holder }];
    let claims = vec![unique_claim("another", new_event_id())];
    let batch = Append { claims, releases, ..writer.batch(1) };
    writer.send(&*t.store, batch).await?;
    ensure_eq!(holders(t, "t", &["key"]).await?, [None], "the holder of a released key");
    let next = hold(t, &mut writer, "key").await?;
    ensure_eq!(holders(t, "t", &["key"]).await?, [Some(next)], "the next holder of a released key");
    Ok(())
}

/// Whether the holder's claim holds again is for another law to say.
async fn again(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = hold(t, &mut writer, "key").await?;
    let _ = writer.claim(&*t.store, vec![unique_claim("key", holder)]).await;
    ensure_eq!(holders(t, "t", &["key"]).await?, [Some(holder)], "the holder of a key it claimed twice");
    Ok(())
}

/// Whether the second claim is denied is for another law to say.
async fn denied(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let holder = hold(t, &mut writer, "key").await?;
    let _ = writer.claim(&*t.store, vec![unique_claim("key", new_event_id())]).await;
    ensure_eq!(holders(t, "t", &["key"]).await?, [Some(holder)], "the holder of a key that another claimed");
    Ok(())
}

async fn many(t: &Trial) -> Kept {
    let holder = hold(t, &mut Writer::new("t", "r"), "key").await?;
    let found = holders(t, "t", &["key"; MAX_KEY_BATCH]).await?;
    let there = found.iter().filter(|found| **found == Some(holder)).count();
    ensure_eq!((found.len(), there), (MAX_KEY_BATCH, MAX_KEY_BATCH), "answers, and answers that name the holder");
    Ok(())
}

async fn tenants(t: &Trial) -> Kept {
    let holder = hold(t, &mut Writer::new("a", "r"), "key").await?;
    Writer::new("b", "r").write(&*t.store, 1).await?;
    ensure_eq!(holders(t, "b", &["key"]).await?, [None], "a stranger's holder");
    ensure_eq!(holders(t, "a", &["key"]).await?, [Some(holder)], "the holder of one's own key");
    Ok(())
}
