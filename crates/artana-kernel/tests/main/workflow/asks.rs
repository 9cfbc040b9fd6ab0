//! The things a workflow may ask, as tests spell them: one word for each kind.

use artana_kernel::{Either, Error, Failure, Retry, WorkflowContext, WorkflowOutcome};

use super::{Ran, seconds};
use crate::{
    asking::ONE,
    world::{FIVE, Process},
};

/// One ask, under a key or name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Compute(&'static str),
    Once(&'static str),
    Tool(&'static str),
    Model(&'static str),
    Sleep(&'static str),
    Signal(&'static str),
    Pause(&'static str),
    Child(&'static str),
    OnRollback(&'static str),
    Now,
    Random,
    Uuid,
    Blocking(&'static str),
    Reconcile(&'static str),
    Retried(&'static str),
    RetriedOnce(&'static str),
    Patched(&'static str),
    Join(&'static str),
    Race(&'static str),
}

use Ask::{
    Blocking, Child, Compute, Join, Model, Now, OnRollback, Once, Patched, Pause, Race, Random, Reconcile, Retried,
    RetriedOnce, Signal, Sleep, Tool, Uuid,
};

/// One of each, under the same key where it has one.
pub(crate) const EVERY: [Ask; 12] = [
    Compute("x"),
    Once("x"),
    Tool("x"),
    Model("x"),
    Sleep("x"),
    Signal("x"),
    Pause("x"),
    Child("x"),
    OnRollback("x"),
    Now,
    Random,
    Uuid,
];

/// Other ways to ask for the same kinds, and for several at once.
pub(crate) const OTHERS: [Ask; 7] =
    [Blocking("x"), Reconcile("x"), Retried("x"), RetriedOnce("x"), Patched("x"), Join("x"), Race("x")];

/// Lists everything a workflow may ask.
pub(crate) fn every_verb() -> impl Iterator<Item = Ask> {
    EVERY.into_iter().chain(OTHERS)
}

impl Ask {
    /// Asks, and counts the closures that ran for it.
    pub(crate) async fn of(self, cx: &WorkflowContext, ran: &Ran) -> Result<(), Error> {
        let counted = ran.clone();
        match self {
            Compute(key) => cx.step(key).compute(move || async move { Ok(counted.once()) }).await.map(drop),
            Once(key) => cx.step(key).once(move || async move { Ok(counted.once()) }).await.map(drop),
            Tool(key) => cx.step(key).tool_json("mail", FIVE).await.map(drop),
            Model(key) => cx.step(key).model(ONE).prompt("hello").transient_retries(1).await.map(drop),
            Sleep(key) => cx.sleep(key, seconds(60)).await,
            Signal(name) => cx.signal::<()>(name).await,
            Pause(key) => cx.pause::<()>(key, "now?").await,
            Child(key) => cx.child(key, |_| async move { Ok(counted.once()) }).await.map(drop),
            OnRollback(key) => cx.on_rollback(key, |_| async { Ok(()) }).await,
            Now => cx.now().await.map(drop),
            Random => cx.random().await.map(drop),
            Uuid => cx.uuid().await.map(drop),
            Blocking(key) => cx.step(key).compute_blocking(move || Ok(counted.once())).await.map(drop),
            Reconcile(key) => cx.step(key).reconcile_json("mail", FIVE).await.map(drop),
            Retried(key) => {
                let tried = cx.step(key).retry(Retry::attempts(3));
                tried.compute(move || std::future::ready(Ok(counted.once()))).await.map(drop)
            }
            RetriedOnce(key) => {
                let tried = cx.step(key).retry(Retry::attempts(3));
                tried.once(move || std::future::ready(Ok(counted.once()))).await.map(drop)
            }
            Patched(id) => cx.patched(id).await.map(drop),
            Join(key) => {
                let (mailed, drawn) = cx.join(cx.step(key).tool_json("mail", FIVE), cx.random()).await;
                mailed.and(drawn).map(drop)
            }
            Race(key) => {
                let once = cx.step(key).once(move || async move { Ok(counted.once()) });
                match cx.race(once, cx.signal::<()>("other")).await {
                    Either::Left(once) => once.map(drop),
                    Either::Right(told) => told,
                }
            }
        }
    }
}

impl Process {
    /// Runs a workflow that asks these things one after the other.
    pub(crate) async fn asks(&self, asks: &[Ask], ran: &Ran) -> Result<WorkflowOutcome<()>, Error> {
        self.workflow(|cx| async move {
            for ask in asks {
                ask.of(&cx, ran).await?;
            }
            Ok::<_, Failure>(())
        })
        .await
    }
}
