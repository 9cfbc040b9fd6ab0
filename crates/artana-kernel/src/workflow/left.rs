//! A child that was left: for what, and how its parent waits with it while nothing happens to it.

use artana_core::{RunState, Timestamp, event::Wait};

use super::{Awaited, Suspended, Ticket, end, machine::Held};
use crate::{Error, Run, drive::Told};

/// Waits with a child that was left and to which nothing has happened since: its code need not run for that. Returns for
/// what it is left once more, or nothing when there is something to do in it.
pub(super) async fn still_waits(child: &Run, told: &Told) -> Result<Option<Held>, Error> {
    let (journal, clock) = (&child.journal, &child.journal.shared.clock);
    journal.refresh().await?;
    loop {
        let now = told.came.map_or(clock.now(), |came| came.max(clock.now()));
        let Some((left, until)) = journal.with_state(|state| left(state, now, told.came.is_none())) else {
            return Ok(None);
        };
        let Some(stay) = &told.stay else { return Ok(Some(left.into())) };
        if !stay.is_wanted().await {
            match left {
                Left::Waits(waits) => stay.leave(waits).await,
                Left::InDoubt(error) => return Ok(Some(error.into())),
            }
            continue;
        }
        let due = async {
            match (&left, until) {
                (Left::Waits(_), Some(until)) => clock.sleep(until.since(clock.now())).await,
                _ => std::future::pending().await,
            }
        };
        let head = journal.with_state(RunState::head).seq;
        stay.waits(true);
        let happened = tokio::select! {
            () = due => Ok(()),
            () = stay.dismissed() => Ok(()),
            happened = journal.hears(head) => happened,
        };
        stay.waits(false);
        happened?;
    }
}

/// For what a child was left.
enum Left {
    Waits(Suspended),
    InDoubt(Error),
}

impl From<Left> for Held {
    fn from(left: Left) -> Self {
        match left {
            Left::Waits(waits) => Self::Suspended(waits),
            Left::InDoubt(error) => Self::Error(error),
        }
    }
}

/// Says for what a child was left, if there is nothing to do in it now. Whoever calls a workflow has its doubts looked
/// into each time.
fn left(state: &RunState, now: Timestamp, is_called: bool) -> Option<(Left, Option<Timestamp>)> {
    if state.is_closing() || state.finished().is_some() {
        return None;
    }
    let own = state.pauses().iter().next();
    let own = own.map(|(id, pause)| Ticket { run: state.run().clone(), id: *id, step: pause.step.clone() });
    // Somebody stopped it. What its own code asks may be raced with something else.
    if let Some(ticket) = own.clone().filter(|_| state.pauses().values().any(|pause| pause.step.is_none())) {
        return Some((Left::Waits(Suspended::Paused(ticket)), None));
    }
    if !state.is_suspended() {
        return None;
    }
    let (mut due, mut signal, mut doubts) = (None::<Timestamp>, None, false);
    for (_, _, wait) in state.waits() {
        let until = match wait {
            Wait::Timer(until) => Some(*until),
            Wait::Doubt { until, .. } => {
                doubts = true;
                *until
            }
            Wait::Signal(name) => {
                signal = signal.or_else(|| Some(name.clone()));
                None
            }
            // What is below may have something to do.
            Wait::Child(_) => return None,
            _ => None,
        };
        due = due.into_iter().chain(until).min();
    }
    if due.is_some_and(|due| due <= now) || (doubts && is_called) {
        return None;
    }
    if doubts {
        return end::doubt(state).map(|(_, error)| (Left::InDoubt(error), None));
    }
    if let Some(ticket) = own {
        return Some((Left::Waits(Suspended::Paused(ticket)), due));
    }
    let waits = match (due, signal) {
        (Some(due), _) => Suspended::Sleeping(due),
        (None, Some(signal)) => Suspended::Waiting(Awaited { run: state.run().clone(), signal }),
        (None, None) => return None,
    };
    Some((Left::Waits(waits), due))
}
