//! The fence before the world outside: whether an effect that this process recorded may still leave. It calls nobody,
//! and decides nothing about what is recorded of an effect that was kept back.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use artana_core::{Event, IncarnationId, event::Body};
use artana_ports::{EffectToken, Gate};

use crate::{Run, drive::Drive, lifeline::Lifeline};

/// What has to hold for one effect to leave: the life under which it was recorded surely lasts, on this process's own
/// clock, and whoever drives the run has not lost it.
#[derive(Debug)]
pub(crate) struct Fence {
    lifeline: Arc<Lifeline>,
    incarnation: IncarnationId,
    drive: Option<Arc<Drive>>,
    kept_back: AtomicBool,
}

impl Gate for Fence {
    fn is_open(&self) -> bool {
        let alive = self.lifeline.current().is_some_and(|life| {
            let left = self.lifeline.left(life);
            life.id == self.incarnation && !left.is_zero()
        });
        let open = alive && self.drive.as_ref().is_none_or(|drive| !drive.is_lost());
        if !open {
            self.kept_back.store(true, Ordering::Release);
        }
        open
    }
}

impl Fence {
    /// Returns whether somebody was told that the effect must not leave.
    pub(crate) fn kept_back(&self) -> bool {
        self.kept_back.load(Ordering::Acquire)
    }
}

/// The one permit to act on a request that is durable.
#[derive(Debug)]
pub(crate) struct Permit {
    pub(crate) token: EffectToken,
    pub(crate) fence: Arc<Fence>,
}

impl Permit {
    /// Gives the permit of a request that was just appended; `None` for any other event.
    pub(crate) fn of(run: &Run, event: &Event) -> Option<Self> {
        let incarnation = match event.body() {
            Body::ModelRequested(asked) => asked.incarnation,
            Body::StepRequested(asked) => asked.incarnation,
            Body::ToolReconcileRequested(asked) => asked.incarnation,
            Body::ToolRequested(asked) => asked.incarnation,
            _ => return None,
        };
        let lifeline = Arc::clone(&run.journal.shared.lifeline);
        let drive = run.driver().map(|driven| Arc::clone(&driven.drive));
        let epoch = drive.as_ref().and_then(|drive| drive.epoch());
        let fence = Arc::new(Fence { lifeline, incarnation, drive, kept_back: AtomicBool::new(false) });
        let token = EffectToken::of(event, epoch, Arc::clone(&fence) as Arc<dyn Gate>)?;
        Some(Self { token, fence })
    }
}
