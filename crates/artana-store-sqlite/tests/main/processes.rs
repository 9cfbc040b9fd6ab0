//! Several processes on one file: real ones, started from this test binary.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use artana_core::Seq;
use artana_ports::{AppendError, EventStore};
use artana_store_sqlite::{SqliteStore, Synchronous};

use crate::support::{batch, head, place, run};

const PROCESSES: u64 = 4;
const EACH: u64 = 25;
const FILE: &str = "ARTANA_TEST_FILE";

fn spawn(path: &Path) -> Child {
    let this = std::env::current_exe().expect("this binary");
    Command::new(this)
        .args(["processes::processes_that_make_one_file_and_write_one_run_lose_nothing", "--exact", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::null())
        .spawn()
        .expect("a process")
}

#[tokio::test]
async fn processes_that_make_one_file_and_write_one_run_lose_nothing() {
    if let Some(path) = std::env::var_os(FILE) {
        return one_of_several(Path::new(&path)).await;
    }
    let (_folder, path) = place();
    let children: Vec<Child> = (0..PROCESSES).map(|_| spawn(&path)).collect();
    for mut child in children {
        assert!(child.wait().expect("an end").success());
    }
    let store = SqliteStore::open(&path).await.expect("a store");
    let rows = store.read(&run("shared"), Seq::ZERO, 1000).await.expect("rows");
    let seqs: Vec<u64> = rows.iter().map(|row| row.seq.get()).collect();
    assert_eq!(seqs, (1..=PROCESSES * EACH).collect::<Vec<_>>());
}

/// What each of the processes does: appends its share to the run all of them write to.
async fn one_of_several(path: &Path) {
    let store = SqliteStore::options().synchronous(Synchronous::Off).open(path).await.expect("a store");
    let run = run("shared");
    let (mut mine, mut expected) = (0, store.head(&run).await.expect("a head"));
    while mine < EACH {
        match store.append(batch(&run, expected)).await {
            Ok(done) => {
                mine += 1;
                expected = Some(done.head);
            }
            Err(AppendError::Conflict { actual }) => expected = actual,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_follower_hears_of_another_handle() {
    let (_folder, path) = place();
    let (one, two) =
        (SqliteStore::open(&path).await.expect("a store"), SqliteStore::open(&path).await.expect("a store"));
    let run = run("r");
    let (followed, appended) = tokio::join!(two.follow(&run, Seq::ZERO), one.append(batch(&run, None)));
    assert_eq!((followed.expect("a head"), appended.expect("an append").head), (head(1), head(1)));
}
