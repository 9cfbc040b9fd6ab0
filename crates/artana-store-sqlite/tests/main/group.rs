//! Group commit: what waits is committed together, and each batch succeeds or fails alone.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
    mpsc,
};

use artana_conformance::ManualClock;
use artana_core::RunRef;
use artana_ports::{Append, AppendError, Appended, Claim, EventStore, Rate};
use artana_store_sqlite::{FAILPOINTS, SqliteStore};
use tempfile::TempDir;

use crate::support::{batch, head, place, run};

/// A store whose writer stops at its first commit until it is told to go on.
struct Held {
    _folder: TempDir,
    store: Arc<SqliteStore>,
    commits: Arc<AtomicUsize>,
    go: mpsc::Sender<()>,
}

async fn held() -> Held {
    let (folder, path) = place();
    let (go, wait) = mpsc::channel();
    let (wait, commits) = (Mutex::new(wait), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&commits);
    let hook = move |point: &'static str| {
        if point == "sqlite.before_commit" && counted.fetch_add(1, SeqCst) == 0 {
            wait.lock().expect("no panic").recv().expect("a word to go on");
        }
    };
    // On a clock that stands still no group is too late for what waits, however slow the machine is.
    let options = SqliteStore::options().failpoint(Arc::new(hook)).clock(Arc::new(ManualClock::default()));
    let store = options.open(&path).await.expect("a store");
    Held { _folder: folder, store: Arc::new(store), commits, go }
}

impl Held {
    /// Sends one batch that holds the writer, then the others together, and returns their answers.
    async fn together(&self, batches: Vec<Append>) -> Vec<Result<Appended, AppendError>> {
        let send = |batch: Append| {
            let store = Arc::clone(&self.store);
            tokio::spawn(async move { store.append(batch).await })
        };
        let first = send(batch(&run("first"), None));
        tokio::task::yield_now().await;
        let sent: Vec<_> = batches.into_iter().map(send).collect();
        // On one thread every task has sent its batch once this one goes on.
        tokio::task::yield_now().await;
        self.go.send(()).expect("the writer waits");
        first.await.expect("no panic").expect("an append");
        let mut answers = Vec::new();
        for task in sent {
            answers.push(task.await.expect("no panic"));
        }
        answers
    }
}

fn runs(n: usize) -> Vec<RunRef> {
    (0..n).map(|i| run(&format!("run-{i}"))).collect()
}

#[tokio::test]
async fn what_waits_is_committed_together() {
    let held = held().await;
    let answers = held.together(runs(64).iter().map(|run| batch(run, None)).collect()).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let commits = held.commits.load(SeqCst);
    assert!(commits <= 2, "65 appends took {commits} commits");
}

#[tokio::test]
async fn each_batch_succeeds_or_fails_alone() {
    let held = held().await;
    let runs = runs(5);
    let mut batches: Vec<Append> = runs.iter().map(|run| batch(run, None)).collect();
    batches[1].expected = Some(head(7));
    batches[1] = batch(&runs[1], Some(head(7)));
    batches[2].claims = vec![
        Claim::Rate(Rate { key: "k".into(), window: std::time::Duration::from_secs(3600), limit: 10, amount: 1 }),
        Claim::NotAfter(artana_core::Timestamp::from_micros(0)),
    ];
    batches.push(batch(&runs[0], None));
    batches.push(batch(&runs[0], Some(head(1))));
    let answers = held.together(batches).await;
    assert!(matches!(answers[0], Ok(done) if done.head == head(1)));
    assert!(matches!(answers[1], Err(AppendError::Conflict { actual: None })));
    assert!(matches!(answers[2], Err(AppendError::Denied(_))));
    assert!(matches!((&answers[3], &answers[4]), (Ok(_), Ok(_))));
    assert!(matches!(answers[5], Err(AppendError::Conflict { actual: Some(actual) }) if actual == head(1)));
    assert!(matches!(answers[6], Ok(done) if done.head == head(2)));
    assert_eq!(held.store.head(&runs[1]).await.expect("no run"), None);
    assert_eq!(held.store.head(&runs[2]).await.expect("no run"), None);
    assert!(held.commits.load(SeqCst) <= 2);
}

#[tokio::test]
async fn every_failpoint_is_passed() {
    let (_folder, path) = place();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let hook = move |point| noted.lock().expect("no panic").push(point);
    let store = SqliteStore::options().failpoint(Arc::new(hook)).open(&path).await.expect("a store");
    store.append(batch(&run("r"), None)).await.expect("an append");
    assert_eq!(*seen.lock().expect("no panic"), FAILPOINTS);
}
