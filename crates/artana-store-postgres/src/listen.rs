//! Hears from the server which runs moved, on a connection of its own. Nobody depends on it: who follows a run also
//! asks now and then, more often where nothing can be heard.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use artana_core::{RunId, RunRef, TenantId};
use artana_store_sql::Followers;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Config, Error, NoTls, Socket, tls::MakeTlsConnect};

use crate::tls::Tls;

const LISTEN: &str = "LISTEN artana";

/// How long to wait before listening again, at first and at most. A server that replicates never lets anybody.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Listens from when somebody first follows a run until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    config: Config,
    tls: Tls,
    followers: Arc<Followers>,
    hears: Arc<AtomicBool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Listener {
    pub(crate) fn new(config: Config, tls: Tls, followers: Arc<Followers>) -> Self {
        Self { config, tls, followers, hears: Arc::default(), task: Mutex::default() }
    }

    /// Says whether a move is heard of now.
    pub(crate) fn hears(&self) -> bool {
        self.hears.load(SeqCst)
    }

    /// Begins to listen, if it does not.
    pub(crate) fn start(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        // A task that ended went with its runtime.
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            let ears = Ears {
                config: self.config.clone(),
                tls: self.tls.clone(),
                followers: Arc::clone(&self.followers),
                hears: Arc::clone(&self.hears),
            };
            *task = Some(tokio::spawn(ears.listen()));
        }
    }

    /// Ends listening.
    pub(crate) fn stop(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task.take() {
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
    config: Config,
    tls: Tls,
    followers: Arc<Followers>,
    hears: Arc<AtomicBool>,
}

impl Ears {
    async fn listen(self) {
        let mut retry = FIRST_RETRY;
        loop {
            let heard = self.listen_once().await;
            if self.hears.swap(false, SeqCst) || heard.is_ok() {
                retry = FIRST_RETRY;
            }
            tokio::time::sleep(retry).await;
            retry = (retry * 2).min(LAST_RETRY);
        }
    }

    /// Listens on one connection until it ends.
    async fn listen_once(&self) -> Result<(), Error> {
        match &self.tls {
            Tls::Off => self.listen_by(NoTls).await,
            #[cfg(feature = "tls")]
            Tls::On(tls) => self.listen_by(tls.clone()).await,
        }
    }

    async fn listen_by<T>(&self, tls: T) -> Result<(), Error>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Unpin,
    {
        let (client, mut connection) = self.config.connect(tls).await?;
        let mut listening = pin!(client.batch_execute(LISTEN));
        loop {
            tokio::select! {
                began = &mut listening, if !self.hears.load(SeqCst) => {
                    began?;
                    self.hears.store(true, SeqCst);
                    // What moved while nobody listened is looked for once.
                    self.followers.tell_all();
                }
                message = poll_fn(|cx| connection.poll_message(cx)) => match message {
                    Some(Ok(AsyncMessage::Notification(told))) => self.followers.tell(run_of(told.payload()).iter()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Ok(()),
                },
            }
        }
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.hears.store(false, SeqCst);
    }
}

/// Reads which run moved. Names hold no line break, so the first one parts them.
fn run_of(told: &str) -> Option<RunRef> {
    let (tenant, run) = told.split_once('\n')?;
    Some(RunRef::new(TenantId::parse(tenant).ok()?, RunId::parse(run).ok()?))
}
