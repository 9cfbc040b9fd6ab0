//! The writer with work made for the purpose: what a full disk and a defect do to a group.

use std::{path::Path, sync::mpsc as std_mpsc};

use artana_ports::{AppendError, SystemClock};
use rusqlite::params;
use tempfile::TempDir;

use super::*;
use crate::connect::{Access, connect};

const SCRATCH: &str = "CREATE TABLE scratch (a BLOB); PRAGMA max_page_count = 20;";
const FILL: &str = "INSERT INTO scratch (a) VALUES (zeroblob(?1))";
const COUNT: &str = "SELECT count(*) FROM scratch";

fn open(path: &Path) -> Result<(Connection, Surroundings), Failure> {
    let mut connection = connect(path, Access::Create, Duration::ZERO)?;
    connection.query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()))?;
    connection.execute_batch(SCRATCH).ok();
    let checkpoints = Checkpoints::watch(&mut connection, path)?;
    let around = Surroundings {
        clock: Arc::new(SystemClock),
        followers: Arc::default(),
        failpoint: Failpoint::default(),
        checkpoints,
    };
    Ok((connection, around))
}

async fn writer() -> (TempDir, Writer) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scratch.db");
    (folder, Writer::start(move || open(&path)).await.expect("a writer"))
}

async fn insert(writer: &Writer, bytes: u32) -> Result<usize, AppendError> {
    writer.run(Subject::default(), move |tx| Ok(tx.sql.run(FILL, params![bytes])?)).await
}

async fn count(writer: &Writer) -> i64 {
    let counted = move |tx: &mut Tx<'_>| {
        tx.sql
            .first(COUNT, (), |row| Ok(row.get::<_, i64>(0)?))
            .map(Option::unwrap_or_default)
            .map_err(AppendError::from)
    };
    writer.run(Subject::default(), counted).await.expect("a number")
}

/// Holds the writer inside a transaction until all of `work` waits, so that they form one group.
async fn in_one_group<T>(writer: &Writer, work: impl Future<Output = T>) -> T {
    let (go, wait) = std_mpsc::channel::<()>();
    let hold = writer.run::<(), AppendError>(Subject::default(), move |_| {
        // Only the first time: it may be run again, alone.
        wait.recv().ok();
        Ok(())
    });
    let release = async move { drop(go) };
    // Futures are polled in this order, and each sends its work when it is first polled.
    let (held, done, ()) = tokio::join!(hold, work, release);
    held.expect("the hold itself works");
    done
}

#[tokio::test]
async fn a_full_disk_fails_what_did_not_fit_and_nothing_else() {
    let (_folder, writer) = writer().await;
    let group = async { tokio::join!(insert(&writer, 10), insert(&writer, 1_000_000), insert(&writer, 10)) };
    let (first, large, last) = in_one_group(&writer, group).await;
    assert!(matches!((first, last), (Ok(1), Ok(1))));
    assert!(matches!(large, Err(AppendError::Store(StoreError::Full))), "{large:?}");
    assert_eq!(count(&writer).await, 2);
}

#[tokio::test]
async fn a_panic_takes_only_its_own_work_with_it() {
    let (_folder, writer) = writer().await;
    let broken = writer.run::<(), AppendError>(Subject::default(), |tx| {
        tx.sql.run(FILL, params![10])?;
        panic!("a defect, made for the test");
    });
    let group = async { tokio::join!(insert(&writer, 10), broken, insert(&writer, 10)) };
    let (first, broken, last) = in_one_group(&writer, group).await;
    assert!(matches!((first, last), (Ok(1), Ok(1))));
    assert!(matches!(broken, Err(AppendError::Ambiguous)), "{broken:?}");
    assert_eq!(count(&writer).await, 2);
}

#[test]
fn an_unclear_commit_leaves_every_answer_in_doubt() {
    for kept in [Ok(1), Err(AppendError::Conflict { actual: None })] {
        let (reply, mut answer) = oneshot::channel();
        let work = |_: &mut Tx<'_>| -> Result<i32, AppendError> { Ok(1) };
        Box::new(Task { work, subject: Subject::default(), answer: Some(kept), reply }).answer(&Fate::Unclear);
        assert!(matches!(answer.try_recv(), Ok(Err(AppendError::Ambiguous))));
    }
}
