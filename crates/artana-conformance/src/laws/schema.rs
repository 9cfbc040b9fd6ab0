//! Laws of data that a newer version migrated while an older one has it open: that reads, and writes nothing.

use artana_core::{Digest, IncarnationId, Queued, Seq, TenantKey};
use artana_ports::{AppendError, Appended, BeatError, DueQuery, RunQuery, StoreError};

use super::follow::begin;
use crate::{
    Breach, Law, Trial,
    history::{self, History, TENANT},
    law::{Kept, ensure, ensure_eq, ensure_matches, laws},
    run,
    writer::{Writer, new_incarnation, tenant_id, unique_claim},
};

pub(super) const LAWS: &[Law] = laws! {
    "schema/newer_is_not_written" [Schema]: "On data of a newer schema every call that writes answers that it is too new, and what is stored stays as it is." => writes;
    "schema/newer_is_read" [Schema]: "Data of a newer schema is read as before, with all that a run is verified with." => reads;
};

/// What a store says of a write to data of a newer schema.
fn too_new(call: &str, answer: Option<StoreError>) -> Kept {
    ensure_matches!(answer, Some(StoreError::TooNew { .. }), "{call} on a newer schema");
    Ok(())
}

fn of_append(answer: Result<Appended, AppendError>) -> Option<StoreError> {
    match answer {
        Err(AppendError::Store(error)) => Some(error),
        _ => None,
    }
}

fn of_life<T>(answer: Result<T, BeatError>) -> Option<StoreError> {
    match answer {
        Err(BeatError::Store(error)) => Some(error),
        _ => None,
    }
}

/// A run that is due, and the life of somebody who could take it.
async fn prepared(t: &Trial) -> Result<(Writer, IncarnationId), Breach> {
    let mut writer = Writer::new(TENANT, "r");
    writer.view.queued = Some(Queued { queue: "q".to_owned(), priority: 0, due_at: t.now() });
    writer.write(&*t.store, 2).await?;
    Ok((writer, t.living().await?))
}

async fn writes(t: &Trial) -> Kept {
    let (writer, life) = prepared(t).await?;
    t.make_newer().await;
    let before = (shown(t, &writer, life).await?, t.stored().await);
    let (store, tenant) = (&*t.store, tenant_id(TENANT));
    for (call, batch) in [
        ("an append", writer.batch(1)),
        ("an append of nothing", writer.batch(0)),
        ("the start of a run", Writer::new(TENANT, "another").batch(1)),
    ] {
        too_new(call, of_append(store.append(batch).await))?;
    }
    let mut claiming = writer.batch(1);
    claiming.claims = vec![unique_claim("key", claiming.events[0].event_id)];
    too_new("an append that claims", of_append(store.append(claiming).await))?;
    too_new("a beat", of_life(t.beat(life, 10, false).await))?;
    too_new("a first beat", of_life(t.beat(new_incarnation(), 10, true).await))?;
    too_new("taking due runs", of_life(store.take_due(&DueQuery::all(life, 1)).await))?;
    too_new("retiring", store.retire(life).await.err())?;
    let candidate = Some(TenantKey::from_bytes([3; 32]));
    too_new("keeping a tenant's key", store.tenant_key(&tenant, candidate).await.err())?;
    ensure_eq!(shown(t, &writer, life).await?, before.0, "what the store shows after refused writes");
    ensure!(t.stored().await == before.1, "a call that was refused has written all the same");
    follows_silently(t, &writer).await?;
    ensure!(t.stored().await == before.1, "a follower has written that it follows");
    Ok(())
}

/// What a refused write would have changed.
async fn shown(t: &Trial, writer: &Writer, life: IncarnationId) -> Result<String, StoreError> {
    let (store, tenant) = (&t.store, tenant_id(TENANT));
    let (head, lives) = (store.head(&writer.run).await?, store.alive(&[life]).await?);
    let key = store.tenant_key(&tenant, None).await?.map(|key| key.id());
    let holders = store.holders(&tenant, &["key".to_owned()]).await?;
    let runs = store.runs(&RunQuery::all(tenant)).await?;
    Ok(format!("{head:?} {lives:?} {key:?} {holders:?} {runs:?}"))
}

/// A follower waits or is refused; either way it leaves no trace of itself.
async fn follows_silently(t: &Trial, writer: &Writer) -> Kept {
    let following = begin(&t.store, &writer.run, Seq::new(2)).await;
    for _ in 0..t.patience.min(run::GLANCES) {
        if following.is_finished() {
            return too_new("following", following.await?.err());
        }
        t.glance().await;
    }
    following.abort();
    Ok(())
}

async fn reads(t: &Trial) -> Kept {
    let histories = history::all();
    for batch in histories.iter().flat_map(|history| &history.batches) {
        t.store.append(batch.clone()).await?;
    }
    let life = t.living().await?;
    let before = told(t, histories, life).await?;
    t.make_newer().await;
    for (before, now) in before.iter().zip(told(t, histories, life).await?) {
        ensure_eq!(now, *before, "what was read before the schema became a newer one");
    }
    Ok(())
}

/// All that can be asked, and all that a run is verified with: its rows, its head, its key and its content.
async fn told(t: &Trial, histories: &[History], life: IncarnationId) -> Result<Vec<String>, StoreError> {
    let (store, tenant) = (&t.store, tenant_id(TENANT));
    let mut told = Vec::new();
    for history in histories {
        let run = history.run();
        let content = history.batches.iter().flat_map(|batch| &batch.content);
        let digests: Vec<Digest> = content.map(|content| content.digest).collect();
        told.push(format!("{:?}", store.read(run, Seq::ZERO, 1000).await?));
        told.push(format!("{:?} {:?}", store.head(run).await?, store.view(run).await?));
        told.push(format!("{:?}", store.run_key(run).await?.map(|key| key.id())));
        told.push(format!("{:?}", store.content(run, &digests).await?));
    }
    told.push(format!("{:?}", store.runs(&RunQuery::all(tenant.clone())).await?));
    told.push(format!("{:?}", store.tenant_key(&tenant, None).await?.map(|key| key.id())));
    told.push(format!("{:?}", store.holders(&tenant, &["key".to_owned()]).await?));
    told.push(format!("{:?}", store.alive(&[life]).await?));
    Ok(told)
}
