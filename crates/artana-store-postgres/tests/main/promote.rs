//! A standby that replicates, and takes over when its server is killed.

use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use artana_core::Record;
use artana_ports::{EventStore, StoreError};
use artana_store_postgres::{Durability, PostgresOptions, PostgresStore};
use artana_testkit::postgres::OwnServer;

use crate::{
    chain::{Chain, Sent, send},
    support::until,
};

const WRITERS: usize = 4;
const BATCHES: usize = 20;
const SETTINGS: [(&str, &str); 3] = [("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", "on")];

/// Makes a server the standby of another: it begins with a copy of the other's data, and commits wait for it.
async fn replicates(standby: &OwnServer, primary: &OwnServer) {
    let data = PathBuf::from(standby.run("SHOW data_directory"));
    let programs = programs(&data);
    standby.stop();
    let settings = fs::read(data.join("postgresql.conf")).expect("its settings");
    let owner = fs::metadata(&data).expect("it is there");
    let old = data.with_extension("old");
    fs::rename(&data, &old).expect("made room");
    let mut copy = Command::new(programs.join("pg_basebackup"));
    copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname"]).arg(primary.url());
    copy.arg("--pgdata").arg(&data).current_dir("/").uid(owner.uid()).gid(owner.gid());
    let copied = copy.output().expect("pg_basebackup runs");
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    // The file is there already, and stays its owner's.
    fs::write(data.join("postgresql.conf"), settings).expect("its own settings");
    fs::remove_dir_all(old).expect("cleared up");
    tokio::task::block_in_place(|| standby.start_again());
    primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.run("SELECT pg_reload_conf()");
    const IN_STEP: &str = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    until("commits wait for the standby", async || primary.run(IN_STEP) == "1").await;
}

/// Finds the server's programs beside the one that runs.
fn programs(data: &Path) -> PathBuf {
    let told = fs::read_to_string(data.join("postmaster.pid")).expect("it runs");
    let process = told.lines().next().expect("its process");
    let program = fs::read_link(format!("/proc/{process}/exe")).expect("its program");
    program.parent().expect("a folder").to_owned()
}

/// Grows a run until it is told to stop, and returns what it knows to be there.
async fn writes(
    store: Arc<PostgresStore>,
    stop: Arc<AtomicBool>,
    written: Arc<[AtomicUsize; WRITERS]>,
    at: usize,
) -> (Chain, Vec<Record>) {
    let (mut chain, mut known) = (Chain::new(&at.to_string()), Vec::new());
    while !stop.load(SeqCst) {
        let batch = chain.batch();
        loop {
            match send(&*store, &batch).await {
                Ok(sent) => break assert_ne!(sent, Sent::Beaten, "nobody else writes this run"),
                Err(StoreError::Unavailable { .. } | StoreError::Busy { .. }) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => panic!("a failover was told as something else: {error}"),
            }
        }
        chain.head = Some(batch.view.head);
        known.extend(batch.events);
        written[at].fetch_add(1, SeqCst);
    }
    (chain, known)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_promoted_has_all_that_was_acknowledged() {
    let (Some(one), Some(two)) = (OwnServer::start(&SETTINGS, &[]), OwnServer::start(&SETTINGS, &[])) else { return };
    replicates(&two, &one).await;
    let address = format!("postgres://artana@127.0.0.1:{},127.0.0.1:{}/postgres", one.port(), two.port());
    let options = |durability: Durability| -> PostgresOptions {
        PostgresStore::connect(&address).durability(durability).pool(1..=6).statement_timeout(Duration::from_secs(5))
    };
    let strict = options(Durability::Standby).await.expect("commits wait for a standby");
    let store = Arc::new(options(Durability::PowerCut).await.expect("a store"));
    let (stop, written): (Arc<AtomicBool>, Arc<[AtomicUsize; WRITERS]>) = Default::default();
    let writer = |at| tokio::spawn(writes(Arc::clone(&store), Arc::clone(&stop), Arc::clone(&written), at));
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    let all_wrote = async || {
        let before = written.each_ref().map(|count| count.load(SeqCst));
        let so = || async { written.iter().zip(before).all(|(now, before)| now.load(SeqCst) >= before + BATCHES) };
        until("all write", so).await;
    };
    all_wrote().await;
    tokio::task::block_in_place(|| one.kill());
    assert_eq!(tokio::task::block_in_place(|| two.run("SELECT pg_promote()")), "t");
    all_wrote().await;
    stop.store(true, SeqCst);
    for writer in writers {
        let (chain, known) = writer.await.expect("no panic");
        assert_eq!(chain.verified(&*store).await, known, "what was acknowledged, once and in order");
    }
    assert_eq!(two.run("SELECT pg_is_in_recovery()"), "f");
    // Nobody waits for a standby of the one that was promoted, so whoever asks for that is refused.
    let refused = async || matches!(strict.head(&Chain::new("0").run).await, Err(StoreError::TooWeak { .. }));
    until("it is refused", refused).await;
}
