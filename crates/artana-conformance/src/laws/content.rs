//! Laws of the vault: content of fork families, and the keys of runs and tenants.

use std::sync::Arc;

use artana_core::{
    ChainHash, Digest, Genesis, ParentLink, RunKey, Seq, TenantKey, limits::MAX_CONTENT_BATCH, verify::Stored,
};
use artana_ports::Append;

use crate::{
    Law, Trial,
    law::{Kept, ensure, ensure_eq, laws},
    writer::{Writer, content, run_id, tenant_id},
};

pub(super) const LAWS: &[Law] = laws! {
    "content/bytes_are_exact": "Content comes back byte for byte, the empty piece too." => exact;
    "content/answers_in_order": "Each digest asked for is answered, in order, repeated and missing ones too." => order;
    "content/first_bytes_stay": "Content that is already there is left as it is." => first;
    "content/belongs_to_the_family": "A fork's content is kept under the root of its family, and only there." => family;
    "content/many_at_once": "As many digests as the format allows are answered at once." => many;
    "keys/run_key_comes_with_the_first_batch": "The key of a root run comes back as its first batch brought it." => run_key;
    "keys/asking_makes_none": "Asking for a tenant's key without a candidate makes none." => asking;
    "keys/first_candidate_stays": "A tenant's first candidate becomes its key, and later ones do not." => stays;
    "keys/one_candidate_wins": "Of 64 candidates at once one wins, and all callers get that one." => race;
};

async fn exact(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    let pieces = vec![content(1, ""), content(2, "\0"), content(3, "na\u{ef}ve \u{1f600}\0"), content(4, every_byte)];
    let batch = Append { content: pieces.clone(), ..writer.batch(1) };
    writer.send(&*t.store, batch).await?;
    for piece in pieces {
        let stored = t.store.content(&writer.run, &[piece.digest]).await?;
        ensure!(stored == [Stored::Bytes(piece.bytes.clone())], "{} bytes came back changed", piece.bytes.len());
    }
    Ok(())
}

async fn order(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let batch = Append { content: vec![content(1, "one"), content(2, "two")], ..writer.batch(1) };
    writer.send(&*t.store, batch).await?;
    let digests = [2, 9, 1, 2, 8, 2].map(|name| content(name, "").digest);
    let bytes = |text: &str| Stored::Bytes(text.into());
    let expected = [bytes("two"), Stored::Missing, bytes("one"), bytes("two"), Stored::Missing, bytes("two")];
    ensure_eq!(t.store.content(&writer.run, &digests).await?, expected, "the answers");
    ensure_eq!(t.store.content(&writer.run, &[]).await?, [], "the answers to no question");
    Ok(())
}

async fn first(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    for text in ["first", "again"] {
        let batch = Append { content: vec![content(1, text)], ..writer.batch(1) };
        writer.send(&*t.store, batch).await?;
    }
    let stored = t.store.content(&writer.run, &[content(1, "").digest]).await?;
    ensure_eq!(stored, [Stored::Bytes(b"first".to_vec())], "content that was sent twice");
    Ok(())
}

async fn family(t: &Trial) -> Kept {
    let mut root = Writer::new("t", "root");
    root.write(&*t.store, 1).await?;
    let mut fork = Writer::new("t", "fork");
    fork.view.root = run_id("root");
    let link = ParentLink { hash: ChainHash::from_bytes([1; 32]), run: run_id("root"), seq: Seq::new(1) };
    fork.view.parent = Some(link.clone());
    fork.genesis = Genesis { parent: Some(link), root: run_id("root"), ..fork.genesis };
    let piece = content(1, "the fork's");
    let batch = Append { content: vec![piece.clone()], run_key: None, ..fork.batch(1) };
    fork.send(&*t.store, batch).await?;
    let of = async |run| t.store.content(run, &[piece.digest]).await;
    ensure_eq!(of(&root.run).await?, [Stored::Bytes(piece.bytes.clone())], "a fork's content under its root");
    ensure_eq!(of(&fork.run).await?, [Stored::Missing], "a fork's content under the fork itself");
    Ok(())
}

async fn many(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let batch = Append { content: vec![content(1, "one"), content(2, "two")], ..writer.batch(1) };
    writer.send(&*t.store, batch).await?;
    let digest =
        |at: usize| if at.is_multiple_of(2) { content(1, "").digest } else { Digest::from_bytes([u8::MAX; 32]) };
    let digests: Vec<Digest> = (0..MAX_CONTENT_BATCH).map(digest).collect();
    let found = t.store.content(&writer.run, &digests).await?;
    let there = found.iter().filter(|stored| **stored == Stored::Bytes(b"one".to_vec())).count();
    ensure_eq!((found.len(), there), (MAX_CONTENT_BATCH, MAX_CONTENT_BATCH / 2), "answers, and pieces that are there");
    Ok(())
}

async fn run_key(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let mut batch = writer.batch(1);
    batch.run_key = Some(RunKey::from_bytes(std::array::from_fn(|at| u8::try_from(at * 8).unwrap_or(u8::MAX))));
    let key = batch.run_key.clone();
    writer.send(&*t.store, batch).await?;
    writer.write(&*t.store, 1).await?;
    ensure!(t.store.run_key(&writer.run).await? == key, "the run key is another one");
    Ok(())
}

async fn asking(t: &Trial) -> Kept {
    for _ in 0..2 {
        let key = t.store.tenant_key(&tenant_id("t"), None).await?;
        ensure!(key.is_none(), "a key that nobody brought");
    }
    Ok(())
}

async fn stays(t: &Trial) -> Kept {
    let tenant = tenant_id("t");
    let (one, two) = (TenantKey::from_bytes([1; 32]), TenantKey::from_bytes([2; 32]));
    for candidate in [Some(one.clone()), Some(two), None] {
        let key = t.store.tenant_key(&tenant, candidate).await?;
        ensure!(key.as_ref() == Some(&one), "the key is not the first candidate");
    }
    Ok(())
}

async fn race(t: &Trial) -> Kept {
    let ask = |at: u8| {
        let store = Arc::clone(&t.store);
        tokio::spawn(async move { store.tenant_key(&tenant_id("t"), Some(TenantKey::from_bytes([at; 32]))).await })
    };
    let tasks: Vec<_> = (0..64).map(ask).collect();
    let mut keys = Vec::new();
    for task in tasks {
        keys.push(task.await??);
    }
    ensure!(keys[0].is_some() && keys.iter().all(|key| *key == keys[0]), "callers got different keys");
    Ok(())
}
