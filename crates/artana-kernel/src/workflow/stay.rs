//! Whether a child that waits stays with its parent, which is busy with something else, or is left until something
//! happens. It knows nothing of what is waited for.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

use artana_ports::Cancel;

/// What a child and its parent tell each other while the parent drives it.
#[derive(Debug, Default)]
pub(crate) struct Stay {
    waits: AtomicBool,
    dismissed: Cancel,
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
        let new = !self.is_dismissed();
        self.dismissed.cancel();
        new
    }

    pub(crate) fn is_dismissed(&self) -> bool {
        self.dismissed.subscribe().is_cancelled()
    }

    /// Waits until the child is to be left.
    pub(crate) async fn dismissed(&self) {
        self.dismissed.subscribe().cancelled().await;
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
