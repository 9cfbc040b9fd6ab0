//! The process's incarnation: its heartbeat, renewed ahead of need while anything is in flight.
//! A lapsed incarnation is never renewed; the process takes a new one. Nothing here judges other processes.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use artana_core::IncarnationId;
use artana_ports::{BeatError, Clock, Entropy, EventStore, Heartbeat};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use crate::Error;

/// Keeps the process alive in the eyes of others.
#[derive(Debug)]
pub(crate) struct Lifeline {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ttl: Duration,
    life: Mutex<Option<Life>>,
    renewing: AsyncMutex<()>,
    busy: AtomicUsize,
    keeper: Mutex<bool>,
    idle: Notify,
}

/// What is known of the current incarnation: until when it surely lives, on this process's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) id: IncarnationId,
    pub(crate) until: Duration,
}

/// Work in flight; while one exists the heartbeat is renewed.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Lifeline>);

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// The keeper's post. It is free again when the keeper's runtime ends before the kernel does.
struct Post<'a>(Option<&'a Lifeline>);

impl Drop for Post<'_> {
    fn drop(&mut self) {
        if let Some(lifeline) = self.0 {
            *lifeline.keeper.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
    }
}

impl Lifeline {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        ttl: Duration,
    ) -> Self {
        Self {
            store,
            clock,
            entropy,
            ttl,
            life: Mutex::new(None),
            renewing: AsyncMutex::new(()),
            busy: AtomicUsize::new(0),
            keeper: Mutex::new(false),
            idle: Notify::new(),
        }
    }

    /// Returns how long an incarnation lives after its last heartbeat.
    pub(crate) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Marks work as in flight and keeps the heartbeat going while there is any.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::AcqRel);
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if !*keeper {
            *keeper = true;
            tokio::spawn(Arc::clone(self).keep());
        }
        Busy(Arc::clone(self))
    }

    /// Waits until nothing is in flight.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.busy.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }

    async fn keep(self: Arc<Self>) {
        let mut post = Post(Some(&self));
        loop {
            self.clock.sleep(self.ttl / 3).await;
            {
                let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
                if self.busy.load(Ordering::Acquire) == 0 {
                    *keeper = false;
                    post.0 = None;
                    return;
                }
            }
            if self.current().is_some()
                && let Err(error) = self.renew().await
            {
                tracing::warn!(code = error.code(), "the heartbeat could not be renewed");
            }
        }
    }

    /// Returns the current incarnation, if there is one; it may have lapsed.
    pub(crate) fn current(&self) -> Option<Life> {
        *self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an incarnation that lives for at least half a time-to-live.
    pub(crate) async fn alive(&self) -> Result<Life, Error> {
        match self.current() {
            Some(life) if self.left(life) > self.ttl / 2 => Ok(life),
            _ => self.renew().await,
        }
    }

    /// Returns how long an incarnation surely lives yet, less a margin for a slow clock.
    pub(crate) fn left(&self, life: Life) -> Duration {
        let margin = self.ttl / 10;
        life.until.saturating_sub(margin).saturating_sub(self.clock.elapsed())
    }

    /// Stops renewing the current incarnation, whatever is in flight.
    pub(crate) fn give_up(&self) {
        *self.life.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Gives up an incarnation the store called lapsed.
    pub(crate) fn lapsed(&self, id: IncarnationId) {
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        if life.is_some_and(|life| life.id == id) {
            *life = None;
        }
    }

    async fn renew(&self) -> Result<Life, Error> {
        let _one = self.renewing.lock().await;
        if let Some(life) = self.current() {
            if self.left(life) > self.ttl * 2 / 3 {
                return Ok(life);
            }
            match self.beat(life.id, false).await {
                Ok(life) => return Ok(life),
                Err(BeatError::Lapsed) => self.lapsed(life.id),
                Err(error) => return Err(error.into()),
            }
        }
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        let millis = u64::try_from(self.clock.now().as_micros() / 1000).unwrap_or(0);
        Ok(self.beat(IncarnationId::v7(millis, random), true).await?)
    }

    async fn beat(&self, incarnation: IncarnationId, first: bool) -> Result<Life, BeatError> {
        let sent = self.clock.elapsed();
        self.store.beat(Heartbeat { incarnation, ttl: self.ttl, first }).await?;
        let renewed = Life { id: incarnation, until: sent + self.ttl };
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        if !first && life.is_none_or(|life| life.id != incarnation) {
            // It was given up while the beat was on its way.
            return Err(BeatError::Lapsed);
        }
        *life = Some(renewed);
        Ok(renewed)
    }

    /// Ends the current incarnation.
    pub(crate) async fn retire(&self) -> Result<(), Error> {
        let life = self.life.lock().unwrap_or_else(PoisonError::into_inner).take();
        match life {
            Some(life) => Ok(self.store.retire(life.id).await?),
            None => Ok(()),
        }
    }
}
