//! What a workflow waits for: records it, sees that it has come, and leaves the run when there is nothing else to do.

use std::future::Future;

use artana_core::{
    AskKind, Content, ContentType, Ordinal, RunState, Step, StepKey, Timestamp,
    event::{Body, Paused, Resumed, TimerFired, Wait, WaitStarted},
    limits::MAX_OPEN_WAITS,
};

use super::{
    Awaited, MAX_AT_ONCE, Suspended, Ticket,
    driver::Driver,
    machine::Want,
    open::{Open, Standing},
};
use crate::{
    Error,
    error::kernel_actor,
    journal::{Facts, Plan},
};

/// An event about a wait that is to be recorded.
#[derive(Clone)]
struct Entry {
    step: Option<StepKey>,
    body: Body,
    content: Option<Content>,
}

/// Lifts the pauses that a race gave up: nobody will be asked any more.
pub(super) async fn lift(driver: &mut Driver) -> Result<bool, Error> {
    let lifted = std::mem::take(&mut driver.lifted);
    let open: Vec<StepKey> =
        lifted.into_iter().filter(|key| driver.state(|state| open_pause(state, key).is_some())).collect();
    if open.is_empty() {
        return Ok(false);
    }
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        open.iter()
            .filter_map(|key| Some((key, open_pause(state, key)?)))
            .try_fold(Plan::default(), |plan, (key, pause)| {
                plan.event(facts.id(), Some(key), Resumed { by: kernel_actor(), input: None, pause })
            })
    };
    driver.append(decide).await.map(|_| true)
}

fn open_pause(state: &RunState, key: &StepKey) -> Option<artana_core::EventId> {
    match state.step(key)? {
        Step::Pause(pause) if pause.resumed.is_none() => Some(pause.pause),
        _ => None,
    }
}

/// Records that instants which are waited for have come.
pub(super) async fn fire(driver: &mut Driver) -> Result<bool, Error> {
    let now = driver.now();
    let sleeps = driver
        .open
        .waits()
        .filter_map(|(_, open)| if let Want::Sleep { key, .. } = &open.want { Some(key) } else { None });
    let due = sleeps.filter(|key| driver.state(|state| has_come(state, key, now).is_some()));
    let due: Vec<StepKey> = due.take(MAX_AT_ONCE).cloned().collect();
    if due.is_empty() || driver.state(RunState::is_closing) {
        return Ok(false);
    }
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        due.iter()
            .filter_map(|key| Some((key, has_come(state, key, now)?)))
            .try_fold(Plan::default(), |plan, (key, wait)| plan.event(facts.id(), Some(key), TimerFired { wait }))
    };
    driver.append(decide).await.map(|_| true)
}

fn has_come(state: &RunState, key: &StepKey, now: Timestamp) -> Option<artana_core::EventId> {
    match state.step(key)? {
        Step::Timer(timer) if timer.fired.is_none() && timer.due <= now && state.finished().is_none() => {
            Some(timer.wait)
        }
        _ => None,
    }
}

/// Records the waits that have to be known while other steps are performed: an instant counts from when it was asked
/// for, and a pause stops what has not begun.
pub(super) async fn begin(driver: &mut Driver) -> Result<(), Error> {
    if driver.state(RunState::is_closing) {
        return Ok(());
    }
    let mut entries = Vec::new();
    for (ordinal, open) in driver.recordable_waits() {
        if matches!(open.want, Want::Sleep { .. } | Want::Pause { .. }) {
            entries.extend(unrecorded(driver, ordinal, open)?);
        }
    }
    for some in entries.chunks(MAX_AT_ONCE) {
        record(driver, some.to_vec(), false).await?;
    }
    Ok(())
}

/// Returns the earliest instant that is waited for. A run that is ending waits for none.
pub(super) fn earliest(driver: &Driver) -> Option<Timestamp> {
    let waits = driver.recordable_waits().filter_map(|(_, open)| due(driver, open));
    waits.min().filter(|_| !driver.state(RunState::is_closing))
}

fn due(driver: &Driver, open: &Open) -> Option<Timestamp> {
    match &open.want {
        Want::Sleep { key, duration } => driver.state(|state| match state.step(key) {
            Some(Step::Timer(timer)) => Some(timer.due),
            _ => Some(open.since.after(*duration)),
        }),
        _ => None,
    }
}

/// Waits until somebody outside may have told the run something that matters to it or to its children, and reads it.
pub(super) fn from_outside(driver: &Driver) -> impl Future<Output = Result<(), Error>> + use<> {
    let asked = |open: &Open| matches!(open.want, Want::Signal { .. } | Want::Pause { .. } | Want::Child { .. });
    let waits = driver.performing.is_empty() || driver.open.waits().any(|(_, open)| asked(open));
    let (journal, head) = (std::sync::Arc::clone(&driver.run.journal), driver.state(RunState::head));
    async move {
        if !waits {
            std::future::pending::<()>().await;
        }
        journal.hears(head.seq).await
    }
}

/// Leaves the run until something happens: records what is waited for, and gives back the right to drive it, in one
/// append. `None` means that something has happened already.
pub(super) async fn suspend(driver: &mut Driver) -> Result<Option<Suspended>, Error> {
    let mut entries = Vec::new();
    for (ordinal, open) in waited_for(driver) {
        entries.extend(unrecorded(driver, ordinal, open)?);
    }
    let now = driver.now();
    // What was given up is told with a wait, and a pause is none.
    let untold = !driver.given_up.is_empty() && !entries.iter().any(|entry| matches!(entry.body, Body::WaitStarted(_)));
    if entries.len() > MAX_AT_ONCE
        || (untold && !entries.is_empty())
        || (earliest(driver).is_some_and(|due| due <= now) && !entries.is_empty())
    {
        entries.truncate(MAX_AT_ONCE);
        record(driver, entries, false).await?;
        return Ok(None);
    }
    if entries.is_empty() && !driver.state(RunState::is_suspended) {
        entries.extend(waited_for(driver).find_map(|(ordinal, open)| again(driver, ordinal, open)));
    }
    if !entries.is_empty() {
        // Somebody may have said something before the waits were recorded, and then that is looked at first.
        if !record(driver, entries, true).await? {
            return Ok(None);
        }
    } else if driver.drive.is_held() {
        release(driver).await?;
    }
    if !driver.state(|state| state.is_suspended() || !state.pauses().is_empty()) {
        return Ok(None);
    }
    outcome(driver).map(Some)
}

/// Lists what the run is left for. A run that is ending waits for its children only.
fn waited_for(driver: &Driver) -> impl Iterator<Item = (Ordinal, &Open)> {
    let closing = driver.state(RunState::is_closing);
    driver.recordable().filter(move |(_, open)| !closing || open.left_child().is_some())
}

/// Says for what the run was left. A doubt is somebody's to clear.
fn outcome(driver: &Driver) -> Result<Suspended, Error> {
    let (mut paused, mut sleeping, mut waiting) = (None, None::<Timestamp>, None);
    for (_, open) in waited_for(driver) {
        match (&open.standing, &open.want) {
            (Standing::Doubt(error), _) => return Err(error.clone()),
            (Standing::Child(Suspended::Paused(ticket)), _) => paused = paused.or(Some(ticket.clone())),
            (Standing::Child(Suspended::Sleeping(until)), _) => sleeping = sleeping.into_iter().chain([*until]).min(),
            (Standing::Child(Suspended::Waiting(awaited)), _) => waiting = waiting.or(Some(awaited.clone())),
            (_, Want::Signal { name }) => {
                let awaited = Awaited { run: driver.run.name().clone(), signal: name.clone() };
                waiting = waiting.or(Some(awaited));
            }
            _ => sleeping = sleeping.into_iter().chain(due(driver, open)).min(),
        }
    }
    let own = driver.state(|state| {
        let (id, pause) = state.pauses().iter().next().filter(|_| !state.is_closing())?;
        Some(Ticket { run: state.run().clone(), id: *id, step: pause.step.clone() })
    });
    match (own.or(paused), sleeping, waiting) {
        (Some(ticket), _, _) => Ok(Suspended::Paused(ticket)),
        (None, Some(until), _) => Ok(Suspended::Sleeping(until)),
        (None, None, Some(awaited)) => Ok(Suspended::Waiting(awaited)),
        (None, None, None) => Err(Error::Internal("a run was left without anything to wait for".into())),
    }
}

/// Returns what is to be recorded of a wait, if it is not.
fn unrecorded(driver: &Driver, ordinal: Ordinal, open: &Open) -> Result<Option<Entry>, Error> {
    let recorded =
        |wait: &Wait| driver.state(|state| state.waits().any(|(at, _, known)| at == ordinal && known == wait));
    let entry = |step: Option<&StepKey>, wait: Wait| Entry {
        step: step.cloned(),
        body: wait_started(ordinal, wait).into(),
        content: None,
    };
    match (&open.want, &open.standing) {
        (Want::Sleep { key, duration }, _) => match driver.state(|state| state.step(key).cloned()) {
            None => Ok(Some(entry(Some(key), Wait::Timer(open.since.after(*duration))))),
            Some(Step::Timer(timer)) => {
                let wait = Wait::Timer(timer.due);
                Ok((!recorded(&wait)).then(|| entry(Some(key), wait)))
            }
            Some(_) => Err(driver.another(key, AskKind::Sleep)),
        },
        (Want::Pause { key, reason, .. }, _) => match driver.state(|state| state.step(key).cloned()) {
            None => Ok(Some(pause(driver, ordinal, key, reason))),
            Some(Step::Pause(_)) => Ok(None),
            Some(_) => Err(driver.another(key, AskKind::Pause)),
        },
        (Want::Signal { name }, _) => {
            let wait = Wait::Signal(name.clone());
            Ok((!recorded(&wait)).then(|| entry(None, wait)))
        }
        (Want::Step { key, .. } | Want::Child { key, .. }, Standing::Doubt(error)) => {
            let wait = doubt(driver, key, error);
            Ok(wait.filter(|wait| !recorded(wait)).map(|wait| entry(Some(key), wait)))
        }
        (Want::Child { key, .. }, Standing::Child(_)) => {
            let wait = child(driver, key);
            Ok(wait.filter(|wait| !recorded(wait)).map(|wait| entry(Some(key), wait)))
        }
        _ => Ok(None),
    }
}

/// The same wait once more, for a run that was woken and has nothing new to wait for.
fn again(driver: &Driver, ordinal: Ordinal, open: &Open) -> Option<Entry> {
    let (step, wait) = match (&open.want, &open.standing) {
        (Want::Sleep { key, .. }, _) => (Some(key), Wait::Timer(due(driver, open)?)),
        (Want::Signal { name }, _) => (None, Wait::Signal(name.clone())),
        (Want::Pause { key, .. }, _) => (Some(key), Wait::Pause(driver.state(|state| open_pause(state, key))?)),
        (Want::Step { key, .. }, Standing::Doubt(error)) => (Some(key), doubt(driver, key, error)?),
        (Want::Child { key, .. }, Standing::Child(_) | Standing::Doubt(_)) => (Some(key), child(driver, key)?),
        _ => return None,
    };
    Some(Entry { step: step.cloned(), body: wait_started(ordinal, wait).into(), content: None })
}

fn child(driver: &Driver, key: &StepKey) -> Option<Wait> {
    driver.state(|state| match state.step(key)? {
        Step::Child(child) => Some(Wait::Child(child.run.clone())),
        _ => None,
    })
}

/// A doubt of a child is the child's; its parent waits for the child.
fn doubt(driver: &Driver, key: &StepKey, error: &Error) -> Option<Wait> {
    if let Some(child) = child(driver, key) {
        return Some(child);
    }
    doubted(error)
}

/// What is waited for where an effect is in doubt.
pub(super) fn doubted(error: &Error) -> Option<Wait> {
    match error {
        Error::ReconciliationRequired { request, believable_at, .. } => {
            Some(Wait::Doubt { request: *request, until: *believable_at })
        }
        Error::NeedsOperator { request, .. } => Some(Wait::Doubt { request: *request, until: None }),
        _ => None,
    }
}

fn pause(driver: &Driver, ordinal: Ordinal, key: &StepKey, reason: &str) -> Entry {
    let (reason, content) = driver.run.journal.content(ContentType::Text, reason.as_bytes().to_vec());
    let (ordinal, reason) = (Some(ordinal), Some(reason));
    let body = Paused { block: None, by: None, metadata: None, ordinal, reason, suspends: false };
    Entry { step: Some(key.clone()), body: body.into(), content: Some(content) }
}

/// Asks a person once more, who said what the code cannot read. What they said is in the ledger, and is nobody's answer.
pub(super) async fn ask_again(driver: &mut Driver, ordinal: Ordinal, wanted: &str) -> Result<(), Error> {
    let Some(Want::Pause { key, reason, .. }) = driver.open.get(ordinal).map(|open| &open.want) else { return Ok(()) };
    let reason = format!("{reason} (what was said before cannot be read as {wanted})");
    let entry = pause(driver, ordinal, key, reason.trim_start());
    record(driver, vec![entry], false).await.map(drop)
}

/// Records waits, and returns whether it did.
async fn record(driver: &mut Driver, entries: Vec<Entry>, suspends: bool) -> Result<bool, Error> {
    let mut entries = entries;
    if suspends {
        // A pause has no place for them, and they are told with what is waited for next.
        let told = entries.iter().any(|entry| matches!(entry.body, Body::WaitStarted(_)));
        let given_up = if told { std::mem::take(&mut driver.given_up) } else { Vec::new() };
        let known = |at: &Ordinal| driver.state(|state| state.waits().any(|(wait, _, _)| wait == *at));
        let mut given_up: Vec<Ordinal> = given_up.into_iter().filter(known).collect();
        if told {
            given_up.extend(taken(driver, &given_up));
        }
        for entry in &mut entries {
            if let Body::WaitStarted(begun) = &mut entry.body {
                begun.given_up.append(&mut given_up);
            }
        }
        if let Some(last) = entries.last_mut() {
            suspend_with(last);
        }
    }
    let looked = driver.looked;
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        // Somebody else said something, and it may be what is waited for.
        if (suspends && looked != Some(state.head().seq)) || state.finished().is_some() {
            return Ok(Plan::default());
        }
        if state.waits().count() + state.pauses().len() + entries.len() > MAX_OPEN_WAITS {
            let problem = format!("a run waits for at most {MAX_OPEN_WAITS} things at once");
            return Err(Error::TooLarge(problem));
        }
        let plan = entries.iter().try_fold(Plan::default(), |plan, entry| {
            let plan = plan.event(facts.id(), entry.step.as_ref(), entry.body.clone())?;
            Ok::<_, Error>(plan.content(entry.content.clone()))
        })?;
        Ok(if suspends { plan.release() } else { plan })
    };
    driver.append(decide).await.map(|events| !events.is_empty())
}

/// Returns the waits for signals that were taken, which only the code knows.
fn taken(driver: &Driver, given_up: &[Ordinal]) -> Vec<Ordinal> {
    let is_over = |at: &Ordinal| driver.open.get(*at).is_none() && !given_up.contains(at);
    driver.state(|state| {
        let signals = state.waits().filter(|(_, _, wait)| matches!(wait, Wait::Signal(_)));
        signals.map(|(at, _, _)| at).filter(is_over).collect()
    })
}

fn suspend_with(entry: &mut Entry) {
    match &mut entry.body {
        Body::WaitStarted(WaitStarted { suspends, .. }) | Body::Paused(Paused { suspends, .. }) => *suspends = true,
        _ => unreachable!("nothing else is recorded of a wait"),
    }
}

/// Gives back the right to drive the run.
pub(super) async fn release(driver: &mut Driver) -> Result<(), Error> {
    driver.append(|_, _| Ok(Plan::default().release())).await.map(drop)
}

/// What a workflow waits for, told to whoever reads the ledger. The run goes on meanwhile.
pub(crate) fn wait_started(ordinal: Ordinal, wait: Wait) -> WaitStarted {
    WaitStarted { given_up: Vec::new(), ordinal, suspends: false, wait }
}

/// The last thing that a run is left for.
pub(super) fn left_for(ordinal: Ordinal, wait: Wait) -> WaitStarted {
    WaitStarted { suspends: true, ..wait_started(ordinal, wait) }
}
