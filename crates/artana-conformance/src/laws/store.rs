//! Laws of the store as a whole: what it says of itself, and how it ends.

use artana_core::{Digest, Seq};
use artana_ports::{AppendError, BeatError, DueQuery, RunQuery, Severity, StoreError};

use crate::{
    Law, Trial,
    law::{Kept, ensure, ensure_matches, laws},
    writer::{Writer, new_incarnation},
};

pub(super) const LAWS: &[Law] = laws! {
    "store/says_what_it_is": "A store names its kind and what an acknowledged append survives." => info;
    "store/healthy_is_not_broken": "Looking for damage finds nothing broken in a healthy store." => doctor;
    "store/closed_is_closed": "After its end every call to a store answers that it is closed." => closed;
};

async fn info(t: &Trial) -> Kept {
    let info = t.store.info();
    ensure!(!info.kind.is_empty() && !info.durability.is_empty(), "a store that says nothing: {info:?}");
    Ok(())
}

async fn doctor(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 3).await?;
    let broken: Vec<_> =
        t.store.doctor().await?.into_iter().filter(|finding| finding.severity == Severity::Broken).collect();
    ensure!(broken.is_empty(), "a healthy store with {broken:?}");
    Ok(())
}

async fn closed(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    let (store, run, tenant) = (&t.store, &writer.run, &writer.run.tenant);
    let incarnation = new_incarnation();
    store.close().await?;
    let appended = store.append(writer.batch(1)).await;
    ensure_matches!(appended, Err(AppendError::Store(StoreError::Closed)), "append after the end");
    ensure_matches!(
        t.beat(incarnation, 10, true).await,
        Err(BeatError::Store(StoreError::Closed)),
        "beat after the end"
    );
    let taken = store.take_due(&DueQuery::all(incarnation, 1)).await;
    ensure_matches!(taken, Err(BeatError::Store(StoreError::Closed)), "take_due after the end");
    let digest = Digest::from_bytes([1; 32]);
    let answers = [
        ("read", store.read(run, Seq::ZERO, 1).await.err()),
        ("head", store.head(run).await.err()),
        ("content", store.content(run, &[digest]).await.err()),
        ("run_key", store.run_key(run).await.err()),
        ("tenant_key", store.tenant_key(tenant, None).await.err()),
        ("holders", store.holders(tenant, &["key".to_owned()]).await.err()),
        ("view", store.view(run).await.err()),
        ("runs", store.runs(&RunQuery::all(tenant.clone())).await.err()),
        ("retire", store.retire(incarnation).await.err()),
        ("alive", store.alive(&[incarnation]).await.err()),
        ("follow", store.follow(run, Seq::ZERO).await.err()),
        ("doctor", store.doctor().await.err()),
    ];
    for (call, answer) in answers {
        ensure_matches!(answer, Some(StoreError::Closed), "{call} after the end");
    }
    Ok(())
}
