//! Whether a child that waits stays with its parent, which is busy with something else, or is left until something
//! happens. It knows nothing of what is waited for.

use std::{
    future::poll_fn,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use tokio::sync::watch;

use super::Suspended;

/// What a child and its parent tell each other while the parent drives it.
#[derive(Debug, Default)]
pub(crate) struct Stay {
    waits: AtomicBool,
    left: Mutex<Option<Suspended>>,
    dismissed: watch::Sender<bool>,
}

impl Stay {
    /// The child says whether it does nothing but wait.
    pub(crate) fn waits(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// The parent says that it has nothing else to do, so that the child is to be left. Returns whether that is new.
    pub(crate) fn dismiss(&self) -> bool {
        !self.dismissed.send_replace(true)
    }

    /// The parent says that it has something to do after all, so that a child that was left stays with it.
    pub(crate) fn recall(&self) {
        self.set_left(None);
        self.dismissed.send_replace(false);
    }

    pub(crate) fn is_dismissed(&self) -> bool {
        *self.dismissed.borrow()
    }

    /// Waits until the child is to be left.
    pub(crate) async fn dismissed(&self) {
        self.until(true).await;
    }

    /// The child says for what it was left, and waits until it is called back. Mostly it never is.
    pub(crate) async fn leave(&self, waits: Suspended) {
        self.set_left(Some(waits));
        self.until(false).await;
    }

    /// Returns for what the child was left.
    pub(crate) fn left(&self) -> Option<Suspended> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_left(&self, waits: Option<Suspended>) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = waits;
    }

    /// The sender lives as long as this does, so the wait ends with the value only.
    async fn until(&self, dismissed: bool) {
        let mut seen = self.dismissed.subscribe();
        if seen.wait_for(|now| *now == dismissed).await.is_err() {
            std::future::pending().await
        }
    }

    /// Returns whether the child is to stay: its parent is asked, and looks whether it has anything else to do.
    pub(crate) async fn is_wanted(&self) -> bool {
        let mut asked = false;
        self.waits(true);
        poll_fn(|cx| {
            if asked {
                return Poll::Ready(());
            }
            asked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        self.waits(false);
        !self.is_dismissed()
    }
}
