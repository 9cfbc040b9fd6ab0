//! Tools that confuse calls, or show too much of themselves.

use std::sync::atomic::{AtomicUsize, Ordering};

use artana_ports::{ToolContext, ToolOutput};
use async_trait::async_trait;
use serde_json::Value;

use super::{
    Sabotage,
    mischief::{Called, Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "life/calls_do_not_mix": "Gives a call beside another one that one's result." => Mixes;
    "life/debug_shows_no_words": "Shows the last arguments." => ShowsArguments;
};

#[derive(Debug, Default)]
struct Mixes {
    calling: AtomicUsize,
    first: Notes<Option<ToolOutput>>,
}

#[async_trait]
impl Mischief for Mixes {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        self.calling.fetch_add(1, Ordering::SeqCst);
        // Whoever is to be beside this call begins now.
        tokio::task::yield_now().await;
        let others = self.calling.load(Ordering::SeqCst) > 1;
        let called = at.tool.call(args, cx).await;
        self.calling.fetch_sub(1, Ordering::SeqCst);
        let done = called?;
        Ok(if others { self.first.with(|first| first.get_or_insert(done).clone()) } else { done })
    }
}

#[derive(Debug, Default)]
struct ShowsArguments(Notes<Value>);

#[async_trait]
impl Mischief for ShowsArguments {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        self.0.with(|last| *last = args.clone());
        at.tool.call(args, cx).await
    }

    fn shows(&self) -> String {
        self.0.with(|last| last.to_string())
    }
}
