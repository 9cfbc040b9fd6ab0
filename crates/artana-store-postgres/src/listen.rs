//! Hears from the server which runs moved, on a connection of its own. Nobody depends on it: who follows a run also
//! asks now and then, more often where nothing can be heard.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use artana_core::{RunId, RunRef, TenantId};
use artana_store_sql::Followers;
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{AsyncMessage, NoTls, Socket, tls::MakeTlsConnect};

use crate::{hosts::Reach, tls::Tls};

const LISTEN: &str = "LISTEN artana";

/// How long to wait before listening again, at first and at most. A server that replicates never lets anybody.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Listens from when somebody first follows a run until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    reach: Reach,
    followers: Arc<Followers>,
    hearing: Arc<Hearing>,
    task: Mutex<Task>,
}

/// Whether anything is heard now, and how often that began.
#[derive(Debug, Default)]
struct Hearing {
    now: AtomicBool,
    began: AtomicU64,
}

/// Who listens. Nobody does so again after it was stopped.
#[derive(Debug)]
enum Task {
    NotYet,
    Runs(JoinHandle<()>),
    Stopped,
}

impl Listener {
    pub(crate) fn new(reach: Reach, followers: Arc<Followers>) -> Self {
        Self { reach, followers, hearing: Arc::default(), task: Mutex::new(Task::NotYet) }
    }

    /// Says whether a move is heard of now.
    pub(crate) fn hears(&self) -> bool {
        self.hearing.now.load(SeqCst)
    }

    /// Says how often listening began: once more after each loss of the connection, which may be that of the server.
    pub(crate) fn began(&self) -> u64 {
        self.hearing.began.load(SeqCst)
    }

    /// Begins to listen, if it does not and was not stopped.
    pub(crate) fn start(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = match &*task {
            Task::NotYet => true,
            // A task that ended went with its runtime.
            Task::Runs(task) => task.is_finished(),
            Task::Stopped => false,
        };
        if is_due {
            let ears = Ears {
                reach: self.reach.clone(),
                followers: Arc::clone(&self.followers),
                hearing: Arc::clone(&self.hearing),
            };
            *task = Task::Runs(tokio::spawn(ears.listen()));
        }
    }

    /// Ends listening for good.
    pub(crate) fn stop(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Task::Runs(task) = std::mem::replace(&mut *task, Task::Stopped) {
            task.abort();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Ears {
    reach: Reach,
    followers: Arc<Followers>,
    hearing: Arc<Hearing>,
}

impl Ears {
    async fn listen(self) {
        let mut retry = FIRST_RETRY;
        loop {
            match &self.reach.tls {
                Tls::Off => self.listen_once(&NoTls).await,
                #[cfg(feature = "tls")]
                Tls::On(tls) => self.listen_once(tls).await,
            }
            if self.hearing.now.swap(false, SeqCst) {
                retry = FIRST_RETRY;
            }
            tokio::time::sleep(retry).await;
            retry = (retry * 2).min(LAST_RETRY);
        }
    }

    /// Listens on one connection until it ends, or the server does not let this program listen in time.
    async fn listen_once<T>(&self, tls: &T)
    where
        T: MakeTlsConnect<Socket> + Clone,
        T::Stream: Unpin,
    {
        let Ok((client, mut connection)) = self.reach.hosts.reach(tls).await else { return };
        let mut listening = pin!(timeout(self.reach.hosts.patience(), client.batch_execute(LISTEN)));
        loop {
            tokio::select! {
                began = &mut listening, if !self.hearing.now.load(SeqCst) => {
                    let Ok(Ok(())) = began else { return };
                    self.hearing.began.fetch_add(1, SeqCst);
                    self.hearing.now.store(true, SeqCst);
                    // What moved while nobody listened is looked for once.
                    self.followers.tell_all();
                }
                message = poll_fn(|cx| connection.poll_message(cx)) => match message {
                    Some(Ok(AsyncMessage::Notification(told))) => self.followers.tell(run_of(told.payload()).iter()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.hearing.now.store(false, SeqCst);
    }
}

/// Reads which run moved. Names hold no line break, so the first one parts them.
fn run_of(told: &str) -> Option<RunRef> {
    let (tenant, run) = told.split_once('\n')?;
    Some(RunRef::new(TenantId::parse(tenant).ok()?, RunId::parse(run).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PostgresOptions, connect};

    #[tokio::test]
    async fn who_has_stopped_does_not_listen_again() {
        let options = PostgresOptions::default().address("postgres://artana@127.0.0.1:1/x");
        let config = connect::config(&options).expect("an address");
        let reach = Reach::of(&config, &options).expect("hosts");
        let listener = Listener::new(reach, Arc::default());
        let listens = |listener: &Listener| matches!(*listener.task.lock().expect("no panic"), Task::Runs(_));
        listener.start();
        assert!(listens(&listener));
        listener.stop();
        // One who follows may have looked before the store was closed, and begin to listen afterwards.
        listener.start();
        assert!(!listens(&listener));
    }
}
