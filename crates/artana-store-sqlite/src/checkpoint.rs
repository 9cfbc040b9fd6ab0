//! Moves the log into the database beside the writer, so that no append pays for it. Must not hold
//! the writer up unless the log grows past its bound.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{Connection, config::DbConfig};

use crate::{
    connect::{Access, connect},
    error::Failure,
};

/// Pages in the log after which it is moved: 4 MiB, what SQLite itself takes.
const MOVE_PAGES: i32 = 1000;
/// Pages in the log after which the writer is held up until the log starts over: 64 MiB.
const MOST_PAGES: i32 = 16 * MOVE_PAGES;
/// How long a checkpoint may hold the writer up for the sake of a reader.
const PATIENCE: Duration = Duration::from_millis(100);

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// Decides when to move the log, and does it on a thread of its own.
pub(crate) struct Checkpoints {
    path: PathBuf,
    pages: Arc<AtomicI32>,
    next: i32,
    running: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Watches the log as the writer's connection fills it. The writer itself moves nothing then.
    pub(crate) fn watch(connection: &mut Connection, path: &Path) -> Result<Self, Failure> {
        let pages = Arc::new(AtomicI32::new(0));
        let filled = Arc::clone(&pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            filled.store(pages, Relaxed);
            Ok(())
        }))?;
        Ok(Self { path: path.to_owned(), pages, next: MOVE_PAGES, running: None })
    }

    /// Starts a move if one is due and none is under way.
    pub(crate) fn consider(&mut self) {
        let pages = self.pages.load(Relaxed);
        if pages < MOVE_PAGES {
            self.next = MOVE_PAGES;
        }
        if pages < self.next || self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        self.next = pages.saturating_add(MOVE_PAGES);
        let (path, sql) = (self.path.clone(), if pages >= MOST_PAGES { RESTART } else { PASSIVE });
        // A move that fails is tried again when the log has grown further; nothing is lost by it.
        let body = move || {
            checkpoint(&path, sql).ok();
        };
        self.running = thread::Builder::new().name("artana-sqlite-checkpoint".into()).spawn(body).ok();
    }

    /// Waits for a move that is under way, and leaves an empty log if nobody else uses it.
    pub(crate) fn finish(self, connection: &Connection) {
        if let Some(running) = self.running {
            // It panics only by a defect, and the log is whole then too.
            running.join().ok();
        }
        connection.busy_timeout(PATIENCE).and_then(|()| move_log(connection, TRUNCATE)).ok();
    }
}

fn checkpoint(path: &Path, sql: &'static str) -> Result<(), Failure> {
    let connection = connect(path, Access::Write, PATIENCE)?;
    // Closing it must not try for the lock that only the last connection of all should take.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(move_log(&connection, sql)?)
}

fn move_log(connection: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    connection.query_row(sql, (), |_| Ok(()))
}
