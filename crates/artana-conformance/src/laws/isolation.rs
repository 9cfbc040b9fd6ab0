//! Laws of who sees what: tenants never meet, and two names are one only if all their bytes are.

use artana_core::{Seq, TenantKey, verify::Stored};
use artana_ports::{Append, Authority, RunQuery};

use crate::{
    Law, Trial,
    law::{Kept, ensure, ensure_eq, laws},
    writer::{Writer, content, new_event_id, reserve, run_ref, tenant_id, unique_claim},
};

pub(super) const LAWS: &[Law] = laws! {
    "isolation/events": "A run of one tenant is no run of another, under the same id." => events;
    "isolation/heads": "Two tenants' runs of one id have heads and rows of their own." => heads;
    "isolation/content": "Content of one tenant is missing in another, under the same run and digest." => vault;
    "isolation/run_keys": "The key of one tenant's run is no key of another's, under the same id." => run_keys;
    "isolation/tenant_keys": "Each tenant has a key of its own." => tenant_keys;
    "isolation/claims": "What one tenant claims is free for another." => claims;
    "isolation/listing": "A listing shows one tenant's runs alone." => listing;
    "isolation/leases": "A lease on one tenant's run fences no other's, under the same id." => leases;
    "isolation/separators": "No separator in names makes two pairs of names one." => separators;
    "isolation/names_are_bytes": "Names that differ in case, spaces or normal form are different." => bytes;
    "isolation/names_are_not_code": "Names that look like queries or patterns are only names." => code;
};

async fn events(t: &Trial) -> Kept {
    let (mut a, b) = (Writer::new("a", "r"), Writer::new("b", "r"));
    a.write(&*t.store, 2).await?;
    ensure_eq!(t.store.read(&b.run, Seq::ZERO, 10).await?.len(), 0, "rows of a stranger");
    Ok(())
}

async fn heads(t: &Trial) -> Kept {
    let (mut a, mut b) = (Writer::new("a", "r"), Writer::new("b", "r"));
    a.write(&*t.store, 2).await?;
    ensure_eq!(t.store.head(&b.run).await?, None, "a stranger's head");
    ensure_eq!(t.store.view(&b.run).await?, None, "a stranger's row");
    b.write(&*t.store, 1).await?;
    ensure_eq!(t.store.head(&a.run).await?, a.head, "the first tenant's head");
    Ok(())
}

async fn vault(t: &Trial) -> Kept {
    let (mut a, mut b) = (Writer::new("a", "r"), Writer::new("b", "r"));
    let piece = content(1, "secret");
    let batch = Append { content: vec![piece.clone()], ..a.batch(1) };
    a.send(&*t.store, batch).await?;
    b.write(&*t.store, 1).await?;
    ensure_eq!(t.store.content(&b.run, &[piece.digest]).await?, [Stored::Missing], "a stranger's content");
    Ok(())
}

async fn run_keys(t: &Trial) -> Kept {
    let (mut a, b) = (Writer::new("a", "r"), Writer::new("b", "r"));
    a.write(&*t.store, 1).await?;
    ensure_eq!(t.store.run_key(&b.run).await?, None, "a stranger's run key");
    Ok(())
}

async fn tenant_keys(t: &Trial) -> Kept {
    let (one, two) = (TenantKey::from_bytes([1; 32]), TenantKey::from_bytes([2; 32]));
    t.store.tenant_key(&tenant_id("a"), Some(one)).await?;
    let other = t.store.tenant_key(&tenant_id("b"), Some(two.clone())).await?;
    ensure_eq!(other, Some(two), "the second tenant's key");
    Ok(())
}

async fn claims(t: &Trial) -> Kept {
    for tenant in ["a", "b"] {
        let mut writer = Writer::new(tenant, "r");
        let claims = vec![reserve("account", 10, 10, new_event_id()), unique_claim("key", new_event_id())];
        writer.claim(&*t.store, claims).await?;
    }
    Ok(())
}

async fn listing(t: &Trial) -> Kept {
    for (tenant, run) in [("a", "1"), ("b", "2"), ("a", "3"), ("ab", "4")] {
        Writer::new(tenant, run).write(&*t.store, 1).await?;
    }
    let page = t.store.runs(&RunQuery::all(tenant_id("b"))).await?;
    ensure_eq!(page.items.len(), 1, "rows in the listing of a tenant with one run");
    Ok(())
}

async fn leases(t: &Trial) -> Kept {
    let (holder, other) = (t.living().await?, t.living().await?);
    Writer::new("a", "r").write_as(&*t.store, Authority::TakeLease(holder)).await?;
    Writer::new("b", "r").write_as(&*t.store, Authority::Plain(other)).await?;
    Ok(())
}

async fn separators(t: &Trial) -> Kept {
    for (tenant, run) in [("a/b", "c"), ("a:b", "c"), ("a|b", "c"), ("a b", "c")] {
        Writer::new(tenant, run).write(&*t.store, 1).await?;
    }
    for (tenant, run) in [("a", "b/c"), ("a", "b:c"), ("a", "b|c"), ("a", "b c")] {
        let rows = t.store.read(&run_ref(tenant, run), Seq::ZERO, 10).await?;
        ensure!(rows.is_empty(), "{tenant} and {run} are another pair of names");
    }
    Ok(())
}

async fn bytes(t: &Trial) -> Kept {
    for run in ["run", "caf\u{e9}", "ss"] {
        Writer::new("t", run).write(&*t.store, 1).await?;
    }
    for run in ["Run", "RUN", "run ", " run", "cafe\u{301}", "\u{df}"] {
        let rows = t.store.read(&run_ref("t", run), Seq::ZERO, 10).await?;
        ensure!(rows.is_empty(), "{run:?} is another name");
    }
    Ok(())
}

async fn code(t: &Trial) -> Kept {
    let names = ["'; DROP TABLE runs; --", "\" OR 1=1", "%", "_", "\\", "${x}", "?1", "NULL", "../x", "😀"];
    for name in names {
        let mut writer = Writer::new(name, name);
        writer.write(&*t.store, 1).await?;
        let rows = t.store.read(&writer.run, Seq::ZERO, 10).await?;
        ensure_eq!(rows.len(), 1, "rows of the run {name:?}");
    }
    Ok(())
}
