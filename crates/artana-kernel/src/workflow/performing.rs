//! The steps of a workflow that are being performed: begins them, waits for one of them to end, keeps what came of it.

use std::{sync::Arc, task::Poll};

use artana_core::{Ordinal, RunState, Step, StepKey, limits::MAX_STEPS_AT_ONCE};
use artana_ports::Cancellation;

use super::{
    Suspended, child,
    driver::Driver,
    machine::{Held, Performed, Performing, Want},
    open::{Open, Standing},
    stay::Stay,
};
use crate::{
    Error,
    control::ABOVE_ENDS,
    drive::{Driven, Told},
};

/// A step that is being performed.
pub(super) struct Under {
    ordinal: Ordinal,
    performing: Performing,
    /// Of a child: whether it stays while it waits.
    stay: Option<Arc<Stay>>,
}

impl Under {
    fn waits(&self) -> bool {
        self.stay.as_ref().is_some_and(|stay| stay.is_waiting())
    }

    fn left(&self) -> Option<Suspended> {
        self.stay.as_ref()?.left()
    }
}

/// What became of something that was being performed.
pub(super) enum Came {
    /// It has ended.
    Ended(Ordinal, Performed),
    /// It is a child that was left, in the middle of its code.
    Left(Under, Suspended),
    /// It does something, while others were left already.
    Busy,
}

impl Driver {
    /// Asks the children to end that nobody waits for any more, or whose parent is ending.
    pub(super) async fn close_children(&mut self) -> Result<(), Error> {
        let closing = self.state(RunState::is_closing);
        let why = if closing { ABOVE_ENDS } else { "it lost a race" };
        while let Some((ordinal, key)) = self.child_to_close(closing) {
            let driven = Driven { ordinal: Some(ordinal), ..Driven::by(&self.drive) };
            child::close(&self.run.driven(driven), &key, why).await?;
            if let Some(open) = self.open.get_mut(ordinal) {
                open.closed = true;
            }
            self.recall(|left| left == ordinal);
        }
        Ok(())
    }

    fn child_to_close(&self, closing: bool) -> Option<(Ordinal, StepKey)> {
        let begun = |key: &StepKey| self.state(|state| state.step(key).is_some_and(|step| step.answered().is_none()));
        self.open.waits().find_map(|(ordinal, open)| match &open.want {
            Want::Child { key, .. } if !open.closed => {
                let ends = if closing { begun(key) } else { open.abandoned };
                ends.then(|| (ordinal, key.clone()))
            }
            _ => None,
        })
    }

    /// Returns whether nothing new begins here: whoever drives the run is to leave it, or has to begin anew.
    pub(super) fn leaves(&self) -> bool {
        let stopped = || !self.state(RunState::is_closing) && self.drive.stopped_above().is_some();
        self.renews || self.is_told_to_leave() || stopped()
    }

    pub(super) fn is_told_to_leave(&self) -> bool {
        self.told.leave.as_ref().is_some_and(Cancellation::is_cancelled)
    }

    /// Begins the steps that may begin, in the order in which they were asked.
    pub(super) fn begin(&mut self) {
        let taken = |children: bool| {
            // Children that wait take nobody's place.
            let takes = |under: &&Under| under.stay.is_some() == children && !under.waits();
            self.performing.iter().filter(takes).count()
        };
        let room = |children| MAX_STEPS_AT_ONCE.saturating_sub(taken(children));
        let waiting = |open: &Open| matches!(open.standing, Standing::Waiting);
        let steps = self.open.iter().filter_map(|(ordinal, open)| match &open.want {
            Want::Step { key, .. } if waiting(open) => self.state(|state| may_begin(state, key)).then_some(ordinal),
            _ => None,
        });
        let children = self.open.waits().filter_map(|(ordinal, open)| match &open.want {
            Want::Child { key, .. } if waiting(open) => self
                .state(|state| if state.is_closing() { state.step(key).is_some() } else { state.admits(key) })
                .then_some(ordinal),
            _ => None,
        });
        let mut due: Vec<Ordinal> = steps.take(room(false)).chain(children.take(room(true))).collect();
        due.sort_unstable();
        due.into_iter().for_each(|ordinal| self.perform(ordinal));
    }

    pub(super) fn perform(&mut self, ordinal: Ordinal) {
        self.left.retain(|left| left.ordinal != ordinal);
        let Some(open) = self.open.get_mut(ordinal) else { return };
        let is_child = matches!(open.want, Want::Child { .. });
        let (Want::Step { perform, .. } | Want::Child { perform, .. }) = &mut open.want else { return };
        open.standing = Standing::Performing;
        let stay = is_child.then(Arc::<Stay>::default);
        let told = Told { stay: stay.clone(), ..self.told.clone() };
        let driven = Driven { ordinal: Some(ordinal), told, ..Driven::by(&self.drive) };
        self.performing.push(Under { ordinal, performing: perform(self.run.driven(driven)), stay });
    }

    /// Returns whether something is being performed that does more than wait.
    pub(super) fn is_busy(&self) -> bool {
        !self.performing.iter().all(Under::waits)
    }

    /// Goes on with children that were left in this life, as the run is not left with them.
    pub(super) fn recall(&mut self, which: impl Fn(Ordinal) -> bool) {
        for under in self.left.extract_if(.., |under| which(under.ordinal)) {
            let Some(open) = self.open.get_mut(under.ordinal) else { continue };
            open.standing = Standing::Performing;
            under.stay.iter().for_each(|stay| stay.recall());
            self.performing.push(under);
        }
    }

    /// Waits until one of the steps being performed has ended, and keeps what came of it.
    pub(super) async fn one_ended(&mut self) -> Result<(), Error> {
        let came = next(&mut self.performing, None, false).await;
        self.keep(came).await
    }

    pub(super) async fn keep(&mut self, came: Came) -> Result<(), Error> {
        let (ordinal, performed) = match came {
            Came::Ended(ordinal, performed) => (ordinal, performed),
            Came::Left(under, waits) => {
                if let Some(open) = self.open.get_mut(under.ordinal) {
                    open.standing = Standing::Child(waits);
                    self.left.push(under);
                }
                return Ok(());
            }
            Came::Busy => return Ok(()),
        };
        if let Some(fork) = self.drive.take_moved() {
            Box::pin(self.move_to(fork)).await?;
        }
        let Some(open) = self.open.get_mut(ordinal) else { return given_up(performed) };
        open.standing = match performed {
            Err(Held::Error(error)) if error.needs_reconciliation() => Standing::Doubt(error),
            // Nothing new starts while the run is paused or closing; it is asked again when it goes on.
            Err(Held::Error(Error::NotRunning { .. })) => Standing::Waiting,
            // Another process is at it, and its answer is waited for, or its death.
            Err(Held::Error(Error::InFlight { .. })) => {
                let shared = Arc::clone(&self.run.journal.shared);
                let again = async move {
                    shared.clock.sleep(shared.lifeline.ttl() / 3).await;
                    Err(Held::Again)
                };
                self.performing.push(Under { ordinal, performing: Box::pin(again), stay: None });
                return Ok(());
            }
            Err(Held::Again) => {
                self.perform(ordinal);
                return Ok(());
            }
            // Its code is begun once in a life.
            Err(Held::Left) => {
                self.renews = true;
                Standing::Waiting
            }
            Err(Held::Error(error)) if !error.is_answer() => return Err(error),
            Err(Held::Suspended(waits)) => Standing::Child(waits),
            _ if open.abandoned => {
                self.open.remove(ordinal);
                return Ok(());
            }
            performed => Standing::Performed(performed),
        };
        Ok(())
    }

    /// Ends what is being performed.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        while !self.performing.is_empty() {
            self.one_ended().await?;
        }
        Ok(())
    }
}

/// A step of a run that starts nothing new is gone on with where that only records what became of it.
///
/// A closing run admits what undoes something, which is never begun here.
fn may_begin(state: &RunState, key: &StepKey) -> bool {
    (state.admits(key) && !state.is_closing()) || state.step(key).is_some_and(Step::is_pending)
}

/// What came of a step that nobody waits for any more: it is recorded, or in doubt, and that is all.
fn given_up(performed: Performed) -> Result<(), Error> {
    match performed {
        Err(Held::Error(error)) if !error.is_answer() && !error.needs_reconciliation() => match error {
            Error::NotRunning { .. } | Error::InFlight { .. } => Ok(()),
            error => Err(error),
        },
        _ => Ok(()),
    }
}

/// Waits for a step to end, or a child to be left. Children that wait are dismissed when there is nothing but them,
/// unless this run is a child too, and stays with its own parent.
pub(super) async fn next(performing: &mut Vec<Under>, stay: Option<&Stay>, some_left: bool) -> Came {
    std::future::poll_fn(|cx| {
        loop {
            for at in 0..performing.len() {
                if let Poll::Ready(performed) = performing[at].performing.as_mut().poll(cx) {
                    return Poll::Ready(Came::Ended(performing.swap_remove(at).ordinal, performed));
                }
                if let Some(waits) = performing[at].left() {
                    return Poll::Ready(Came::Left(performing.swap_remove(at), waits));
                }
            }
            let only_waits = performing.iter().all(Under::waits);
            if some_left && !only_waits {
                return Poll::Ready(Came::Busy);
            }
            let stays = stay.filter(|stay| !stay.is_dismissed());
            stays.iter().for_each(|stay| stay.waits(only_waits));
            let children = performing.iter().filter_map(|under| under.stay.as_ref());
            if !only_waits || stays.is_some() || children.filter(|child| child.dismiss()).count() == 0 {
                return Poll::Pending;
            }
        }
    })
    .await
}
