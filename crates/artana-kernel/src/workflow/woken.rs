//! Polls the futures of many that were woken, so that waiting for ten thousand answers does not mean asking ten
//! thousand times ten thousand times. It wakes nobody who would not have been woken.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

/// Which of many futures were woken, and who waits for all of them.
#[derive(Default)]
struct Bell(Mutex<Rung>);

#[derive(Default)]
struct Rung {
    woken: BTreeSet<usize>,
    waits: Option<Waker>,
}

impl Bell {
    fn rung(&self) -> MutexGuard<'_, Rung> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one of them.
struct Rope {
    bell: Arc<Bell>,
    at: usize,
}

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waits = {
            let mut rung = self.bell.rung();
            rung.woken.insert(self.at);
            rung.waits.clone()
        };
        if let Some(waits) = waits {
            waits.wake();
        }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Many futures that go on together.
pub(super) struct Woken<'a, T> {
    bell: Arc<Bell>,
    futures: Vec<Option<(Boxed<'a, T>, Waker)>>,
    left: usize,
}

impl<'a, T> Woken<'a, T> {
    pub(super) fn new(futures: Vec<Boxed<'a, T>>) -> Self {
        let bell = Arc::new(Bell::default());
        bell.rung().woken.extend(0..futures.len());
        let rope = |at| Waker::from(Arc::new(Rope { bell: Arc::clone(&bell), at }));
        let left = futures.len();
        let futures = futures.into_iter().enumerate().map(|(at, future)| Some((future, rope(at)))).collect();
        Self { bell, futures, left }
    }

    /// Returns how many have not ended.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Polls those that were woken, in their order, and tells which of them have ended.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Vec<(usize, T)> {
        let woken = {
            let mut rung = self.bell.rung();
            rung.waits = Some(cx.waker().clone());
            std::mem::take(&mut rung.woken)
        };
        let mut ended = Vec::new();
        for at in woken {
            let Some((future, waker)) = &mut self.futures[at] else { continue };
            if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                self.futures[at] = None;
                self.left -= 1;
                ended.push((at, answer));
            }
        }
        ended
    }
}
