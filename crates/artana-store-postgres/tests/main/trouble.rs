//! What a caller is told when locks, rights, timeouts and connections fail, and what is left behind: nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use artana_core::Seq;
use artana_ports::{Append, AppendError, EventStore, StoreError};

use crate::{
    chain::{Chain, send},
    support::{
        batch, born, database, filled, head, nothing_is_open, opened, options, reserve, run, run_of, stranger, until,
        waiting, what_is_open,
    },
};

const LOCK_RUN: &str = "BEGIN; SELECT FROM artana.runs WHERE run = 'held' FOR UPDATE";
const LOCK_ACCOUNT: &str = "BEGIN; SELECT FROM artana.accounts FOR UPDATE";
const KILL_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                        WHERE application_name = 'artana' AND datname = current_database()";

/// What the tests below look for is found where it is.
#[tokio::test]
async fn a_transaction_that_is_left_open_is_seen() {
    let database = database!();
    let (leak, stranger) = (stranger(&database).await, stranger(&database).await);
    leak.batch_execute("SET application_name = 'artana'; BEGIN; SELECT 1").await.expect("a transaction");
    assert_eq!(what_is_open(&stranger).await.len(), 1);
    leak.batch_execute("ROLLBACK").await.expect("it ends");
    nothing_is_open(&stranger).await;
}

#[tokio::test]
async fn a_frozen_lock_holder_makes_an_append_busy_in_bounded_time() {
    let database = database!();
    let stranger = stranger(&database).await;
    for (lock, statement) in [(50, 60_000), (60_000, 50)] {
        let options = options(&database).lock_timeout(Duration::from_millis(lock));
        let store = options.statement_timeout(Duration::from_millis(statement)).await.expect("a store");
        if store.head(&run("held")).await.expect("a head").is_none() {
            filled(&store, &run("held"), 1).await;
        }
        stranger.batch_execute(LOCK_RUN).await.expect("a lock");
        let busy = store.append(batch(&run("held"), Some(head(1)))).await.expect_err("a locked row");
        assert!(matches!(busy, AppendError::Store(StoreError::Busy { .. })), "{busy}");
        assert_eq!(store.head(&run("held")).await.expect("readers do not wait"), Some(head(1)));
        stranger.batch_execute("ROLLBACK").await.expect("the lock is free");
        nothing_is_open(&stranger).await;
    }
    let store = opened(&database).await;
    store.append(batch(&run("held"), Some(head(1)))).await.expect("nothing was written before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenants_locked_account_leaves_connections_for_others() {
    let database = database!();
    let store = Arc::new(options(&database).pool(1..=4).await.expect("a store"));
    store.append(Append { claims: vec![reserve("a")], ..batch(&run("first"), None) }).await.expect("an account");
    let stranger = stranger(&database).await;
    stranger.batch_execute(LOCK_ACCOUNT).await.expect("a lock");
    let send = |at: usize| {
        let store = Arc::clone(&store);
        let batch = Append { claims: vec![reserve("a")], ..batch(&run(&format!("run {at}")), None) };
        tokio::spawn(async move { store.append(batch).await })
    };
    let held: Vec<_> = (0..8).map(send).collect();
    waiting(&stranger, 2).await;
    filled(&store, &run_of("another", "r"), 3).await;
    assert!(held.iter().all(|task| !task.is_finished()), "the first tenant waits");
    stranger.batch_execute("ROLLBACK").await.expect("the lock is free");
    for task in held {
        task.await.expect("no panic").expect("an append");
    }
}

#[tokio::test]
async fn a_pool_that_is_in_use_makes_a_call_busy() {
    let database = database!();
    let short = options(&database).pool(1..=1).wait(Duration::from_millis(20));
    let store = Arc::new(short.await.expect("a store"));
    filled(&store, &run("held"), 1).await;
    let stranger = stranger(&database).await;
    stranger.batch_execute(LOCK_RUN).await.expect("a lock");
    let held = tokio::spawn({
        let (store, batch) = (Arc::clone(&store), batch(&run("held"), Some(head(1))));
        async move { store.append(batch).await }
    });
    waiting(&stranger, 1).await;
    let busy = store.head(&run("held")).await.expect_err("the only connection is in use");
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
    stranger.batch_execute("ROLLBACK").await.expect("the lock is free");
    held.await.expect("no panic").expect("an append");
}

#[tokio::test]
async fn a_killed_backend_leaves_an_append_in_doubt_and_sending_it_again_settles_it() {
    let database = database!();
    let store = Arc::new(opened(&database).await);
    filled(&store, &run("held"), 1).await;
    let stranger = stranger(&database).await;
    stranger.batch_execute(LOCK_RUN).await.expect("a lock");
    let batch = batch(&run("held"), Some(head(1)));
    let sent = tokio::spawn({
        let (store, batch) = (Arc::clone(&store), batch.clone());
        async move { store.append(batch).await }
    });
    waiting(&stranger, 1).await;
    stranger.execute(KILL_ALL, &[]).await.expect("killed");
    let doubt = sent.await.expect("no panic").expect_err("a killed backend");
    assert!(matches!(doubt, AppendError::Ambiguous), "{doubt}");
    stranger.batch_execute("ROLLBACK").await.expect("the lock is free");
    assert_eq!(store.append(batch).await.expect("the same batch").head, head(2));
    nothing_is_open(&stranger).await;
}

#[tokio::test]
async fn reads_do_not_notice_killed_backends() {
    let database = database!();
    let store = options(&database).pool(2..=2).await.expect("a store");
    filled(&store, &run("r"), 2).await;
    let stranger = stranger(&database).await;
    for _ in 0..3 {
        stranger.execute(KILL_ALL, &[]).await.expect("killed");
        assert_eq!(store.head(&run("r")).await.expect("a head"), Some(head(2)));
        assert_eq!(store.read(&run("r"), Seq::ZERO, 9).await.expect("rows").len(), 2);
    }
}

#[tokio::test]
async fn a_role_that_may_only_read_reads() {
    let database = database!();
    let owner = opened(&database).await;
    filled(&owner, &run("r"), 2).await;
    let role = format!("reader_{}", database.name());
    database.run(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA artana TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA artana TO {role}"
    ));
    let reader = options(&database).user(&role).await.expect("a store");
    assert_eq!(reader.read(&run("r"), Seq::ZERO, 9).await.expect("rows").len(), 2);
    let refused = reader.append(batch(&run("r"), Some(head(2)))).await.expect_err("no right to write");
    assert!(matches!(refused, AppendError::Store(StoreError::ReadOnly)), "{refused}");
    let run = run("r");
    let followed = tokio::join!(reader.follow(&run, Seq::new(2)), owner.append(batch(&run, Some(head(2)))));
    assert_eq!(followed.0.expect("a follower that may not announce itself asks"), head(3));
    database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test]
async fn a_right_that_is_lost_fails_a_batch_as_a_whole() {
    let database = database!();
    filled(&opened(&database).await, &run("r"), 1).await;
    let role = format!("writer_{}", database.name());
    database.run(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA artana TO {role}; \
         GRANT ALL ON ALL TABLES IN SCHEMA artana TO {role}"
    ));
    let writer = options(&database).user(&role).await.expect("a store");
    writer.append(batch(&run("r"), Some(head(1)))).await.expect("an append");
    database.run(&format!("REVOKE INSERT ON artana.vault FROM {role}"));
    let refused = writer.append(batch(&run("r"), Some(head(2)))).await.expect_err("a right was lost");
    assert!(matches!(refused, AppendError::Store(StoreError::ReadOnly)), "{refused}");
    assert_eq!(writer.head(&run("r")).await.expect("a head"), Some(head(2)));
    assert_eq!(writer.read(&run("r"), Seq::ZERO, 9).await.expect("rows").len(), 2);
    database.run(&format!("GRANT INSERT ON artana.vault TO {role}"));
    writer.append(batch(&run("r"), Some(head(2)))).await.expect("the right is back");
    database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// Takes every right away in turn, from a role that has all of them.
#[tokio::test]
async fn any_right_that_is_lost_fails_a_call_as_a_whole_and_leaves_nothing_open() {
    let database = database!();
    drop(opened(&database).await);
    let (role, stranger) = (format!("writer_{}", database.name()), stranger(&database).await);
    let run_sql = async |sql: String| stranger.batch_execute(&sql).await.expect("the owner may");
    run_sql(format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA artana TO {role}; \
         GRANT ALL ON ALL TABLES IN SCHEMA artana TO {role}"
    ))
    .await;
    let writer = options(&database).user(&role).pool(1..=1).await.expect("a store");
    let rights = [
        ("INSERT", "runs"),
        ("INSERT", "events"),
        ("INSERT", "vault"),
        ("INSERT", "run_keys"),
        ("INSERT", "accounts"),
        ("UPDATE", "accounts"),
        ("INSERT", "reservations"),
        ("SELECT", "followed"),
    ];
    for (right, table) in rights {
        let run = run(&format!("{right} {table}"));
        let batch = Append { claims: vec![reserve(&format!("{right} {table}"))], ..batch(&run, None) };
        run_sql(format!("REVOKE {right} ON artana.{table} FROM {role}")).await;
        let refused = writer.append(batch.clone()).await.expect_err("a right was lost");
        assert!(matches!(refused, AppendError::Store(StoreError::ReadOnly)), "{right} {table}: {refused}");
        assert_eq!(writer.head(&run).await.expect("a head"), None);
        nothing_is_open(&stranger).await;
        run_sql(format!("GRANT {right} ON artana.{table} TO {role}")).await;
        writer.append(batch).await.expect("the right is back");
    }
    run_sql(format!("REVOKE INSERT, UPDATE ON artana.heartbeats FROM {role}")).await;
    let beat = artana_ports::Heartbeat { incarnation: crate::support::LIFE, ttl: Duration::from_secs(60), first: true };
    let refused = writer.beat(beat).await.expect_err("a right was lost");
    assert!(matches!(refused, artana_ports::BeatError::Store(StoreError::ReadOnly)), "{refused}");
    run_sql(format!("REVOKE SELECT ON artana.events FROM {role}")).await;
    let refused = writer.read(&run("INSERT runs"), Seq::ZERO, 9).await.expect_err("a right was lost");
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused}");
    nothing_is_open(&stranger).await;
    run_sql(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

/// Whoever writes while all connections are killed again and again learns of each batch whether it stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_killed_under_load_repeat_nothing_and_lose_nothing() {
    const KILLS: usize = 40;
    let database = database!();
    let store = Arc::new(options(&database).pool(1..=4).await.expect("a store"));
    let (stranger, stop) = (stranger(&database).await, Arc::new(AtomicBool::new(false)));
    let written: Arc<AtomicUsize> = Arc::default();
    let write = |number: usize| {
        let (store, stop, written) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&written));
        tokio::spawn(async move {
            let (mut chain, mut known) = (Chain::new(&number.to_string()), Vec::new());
            while !stop.load(SeqCst) {
                let batch = chain.batch();
                while send(&*store, &batch).await.is_err() {}
                chain.head = Some(batch.view.head);
                known.extend(batch.events);
                written.fetch_add(1, SeqCst);
            }
            assert_eq!(chain.verified(&*store).await, known);
        })
    };
    let writers: Vec<_> = (0..6).map(write).collect();
    let mut killed = 0;
    for _ in 0..KILLS {
        let before = written.load(SeqCst);
        until("they write", async || written.load(SeqCst) > before + 12).await;
        killed += stranger.execute(KILL_ALL, &[]).await.expect("killed");
    }
    stop.store(true, SeqCst);
    for writer in writers {
        writer.await.expect("no panic");
    }
    println!("{killed} connections killed while {} batches were written", written.load(SeqCst));
    assert!(killed >= KILLS as u64);
    nothing_is_open(&stranger).await;
}

#[tokio::test]
async fn a_store_opened_for_reading_writes_nothing() {
    let database = database!();
    filled(&opened(&database).await, &run("r"), 1).await;
    let reader = options(&database).read_only(true).await.expect("a store");
    assert_eq!(reader.info().durability, "read only");
    let refused = reader.append(batch(&run("r"), Some(head(1)))).await.expect_err("a reader");
    assert!(matches!(refused, AppendError::Store(StoreError::ReadOnly)), "{refused}");
    assert!(reader.doctor().await.is_ok());
}

#[tokio::test]
async fn a_life_that_ends_while_its_batch_waits_claims_nothing() {
    let database = database!();
    let store = Arc::new(opened(&database).await);
    store.append(Append { claims: vec![reserve("a")], ..batch(&run("first"), None) }).await.expect("an account");
    born(&store).await;
    let stranger = stranger(&database).await;
    stranger.batch_execute(LOCK_ACCOUNT).await.expect("a lock");
    let authority = artana_ports::Authority::Plain(crate::support::LIFE);
    let late = Append { authority, claims: vec![reserve("a")], ..batch(&run("late"), None) };
    let sent = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.append(late).await }
    });
    waiting(&stranger, 1).await;
    store.retire(crate::support::LIFE).await.expect("retired");
    stranger.batch_execute("ROLLBACK").await.expect("the lock is free");
    let lapsed = sent.await.expect("no panic").expect_err("a life that ended");
    assert!(matches!(lapsed, AppendError::Lapsed), "{lapsed}");
    assert_eq!(store.head(&run("late")).await.expect("no head"), None);
}
