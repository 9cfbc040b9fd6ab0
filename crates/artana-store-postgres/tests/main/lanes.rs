//! What waits for locked rows leaves connections for whoever does not.

use std::{sync::Arc, time::Duration};

use artana_core::TenantId;
use artana_ports::{Append, AppendError, EventStore, Heartbeat, StoreError};

use crate::support::{LIFE, batch, database, head, options, reserve, run_of, stranger, waiting};

const LOCK_ACCOUNTS: &str = "BEGIN; SELECT FROM artana.accounts FOR UPDATE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_rows_of_many_tenants_leave_a_connection_for_whoever_does_not_append() {
    let database = database!();
    let store = Arc::new(options(&database).pool(1..=4).wait(Duration::from_secs(2)).await.expect("a store"));
    let holding = |tenant: &str, run: &str| {
        let run = run_of(tenant, run);
        Append { claims: vec![reserve("a")], ..Append { run: run.clone(), ..batch(&run, None) } }
    };
    for tenant in ["one", "two"] {
        store.append(holding(tenant, "first")).await.expect("an account");
    }
    let stranger = stranger(&database).await;
    stranger.batch_execute(LOCK_ACCOUNTS).await.expect("a lock");
    let held: Vec<_> = ["one", "two", "two", "one", "two"]
        .into_iter()
        .enumerate()
        .map(|(at, tenant)| {
            let (store, batch) = (Arc::clone(&store), holding(tenant, &format!("run {at}")));
            tokio::spawn(async move { store.append(batch).await })
        })
        .collect();
    waiting(&stranger, 3).await;

    let refused = store.append(batch(&run_of("three", "r"), None)).await.expect_err("a place for an append");
    assert!(matches!(refused, AppendError::Store(StoreError::Busy { .. })), "{refused}");
    assert_eq!(store.head(&run_of("one", "first")).await.expect("a head"), Some(head(1)));
    let beat = Heartbeat { incarnation: LIFE, ttl: Duration::from_secs(60), first: true };
    store.beat(beat).await.expect("a heartbeat");
    store.tenant_key(&TenantId::parse("three").expect("a name"), None).await.expect("an answer");
    stranger.batch_execute("ROLLBACK").await.expect("the lock is free");
    for task in held {
        // Those that found no place in time were told so.
        let told = task.await.expect("no panic");
        assert!(matches!(told, Ok(_) | Err(AppendError::Store(StoreError::Busy { .. }))), "{told:?}");
    }
    store.append(batch(&run_of("three", "r"), None)).await.expect("an append");
}
