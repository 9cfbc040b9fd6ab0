//! The run and its ancestors, each up to where it was left, the eldest first. Reads only.

use std::collections::BTreeSet;

use artana_core::{
    Event, Seq, StepKey,
    event::{Body, Wait},
};
use artana_kernel::{Error, Run};

use super::Context;
use crate::failure::Failure;

/// One run of a line of ancestors.
pub(super) struct Member {
    pub(super) run: Run,
    /// The last event that its descendant shares; `None` of the run itself.
    pub(super) cut: Option<Seq>,
}

/// Returns a run with its ancestors, the eldest first.
pub(super) async fn of(cx: &Context, id: &str) -> Result<Vec<Member>, Failure> {
    let run = cx.open(id).await?;
    let mut line = vec![Member { run, cut: None }];
    while let Some(link) = line.last().and_then(|member| member.run.parent().cloned()) {
        let run = cx.open(link.run.as_str()).await?;
        line.push(Member { run, cut: Some(link.seq) });
    }
    line.reverse();
    Ok(line)
}

impl Member {
    /// Shows the events that belong to the line, in order.
    pub(super) async fn read(&self, mut look: impl FnMut(&Event)) -> Result<(), Error> {
        let mut events = self.run.events();
        while let Some(event) = events.try_next().await? {
            if self.cut.is_some_and(|cut| event.seq() > cut) {
                break;
            }
            look(&event);
        }
        Ok(())
    }
}

/// Lists the steps of a line in the order they began.
pub(super) async fn steps(line: &[Member]) -> Result<Vec<StepKey>, Error> {
    let (mut order, mut known) = (Vec::new(), BTreeSet::new());
    for member in line {
        let look = |event: &Event| {
            let Some(key) = event.step().filter(|_| is_of_the_step(event)) else { return };
            if known.insert(key.clone()) {
                order.push(key.clone());
            }
        };
        member.read(look).await?;
    }
    Ok(order)
}

/// That a fork leaves at a step, that its answer was given to another ask, or that somebody waits until it is known
/// what became of it, is no part of its own story.
pub(super) fn is_of_the_step(event: &Event) -> bool {
    match event.body() {
        Body::RunForked(_) | Body::DriftReplayed(_) => false,
        Body::WaitStarted(begun) => matches!(begun.wait, Wait::Timer(_)),
        _ => true,
    }
}
