//! Adapters that confuse asks, do not let go of them, or show too much of themselves.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use artana_core::event::ModelCategory;
use artana_ports::{ModelAnswer, ModelContext, ModelError, ModelRequest};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Said, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "life/asks_do_not_mix": "Gives an ask beside another one that one's answer." => Mixes;
    "life/dropping_gives_up": "Goes on in a task of its own." => GoesOnAlone;
    "life/goes_on_after_a_drop": "Fails for good once an ask was dropped." => BreaksWhenDropped;
    "life/debug_shows_no_words": "Shows the last request." => ShowsTheRequest;
};

/// Lowers a count when it is dropped.
struct Lower<'a>(&'a AtomicUsize);

impl Drop for Lower<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, Default)]
struct Mixes {
    asking: AtomicUsize,
    first: Mutex<Option<ModelAnswer>>,
}

#[async_trait]
impl Mischief for Mixes {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        let others = self.asking.fetch_add(1, Ordering::SeqCst);
        let _lower = Lower(&self.asking);
        let answer = at.model.ask(request, cx).await?;
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(if others > 0 { first.get_or_insert(answer).clone() } else { answer })
    }
}

#[derive(Debug, Default)]
struct GoesOnAlone;

#[async_trait]
impl Mischief for GoesOnAlone {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        let (model, request, cx) = (Arc::clone(at.model), request.clone(), cx.clone());
        let asking = tokio::spawn(async move { model.ask(&request, &cx).await });
        asking.await.unwrap_or_else(|_| Err(ModelError::new(ModelCategory::Internal, "a panic")))
    }
}

/// Says that it was dropped before it had ended.
struct Dropped<'a> {
    broken: &'a AtomicBool,
    ended: bool,
}

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.broken.store(true, Ordering::SeqCst);
        }
    }
}

#[derive(Debug, Default)]
struct BreaksWhenDropped(AtomicBool);

#[async_trait]
impl Mischief for BreaksWhenDropped {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        if self.0.load(Ordering::SeqCst) {
            return Err(ModelError::new(ModelCategory::Internal, "broken"));
        }
        let mut dropped = Dropped { broken: &self.0, ended: false };
        let said = at.model.ask(request, cx).await;
        dropped.ended = true;
        said
    }
}

#[derive(Debug, Default)]
struct ShowsTheRequest(Mutex<Option<ModelRequest>>);

#[async_trait]
impl Mischief for ShowsTheRequest {
    fn asks(&self, request: &mut ModelRequest) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(request.clone());
    }

    fn shows(&self) -> String {
        format!("{:?}", self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
