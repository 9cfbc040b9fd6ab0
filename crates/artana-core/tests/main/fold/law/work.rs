//! What a run's tasks, stages and sessions add up to, told from the list of its events.

use std::collections::{BTreeMap, BTreeSet};

use artana_core::{
    Event, Name, RunState, TaskState,
    event::{Body, Move},
    progress::Progress,
};
use proptest::prelude::*;

/// Compares a state with what its events say of the work. In a fork, only what the fork did itself is in the list.
pub(super) fn compare(events: &[Event], state: &RunState) -> Result<(), TestCaseError> {
    session(events, state)?;
    if state.genesis().parent.is_some() {
        return Ok(());
    }
    let defined: Vec<Name> = events.iter().flat_map(tasks_of).collect();
    let distinct: BTreeSet<&Name> = defined.iter().collect();
    prop_assert_eq!(distinct.len(), defined.len(), "an id stands once");
    let work = state.work();
    prop_assert_eq!(work.tasks().map(|(id, _)| id.clone()).collect::<Vec<_>>(), defined.clone());
    let mut last: BTreeMap<Name, &Move> = BTreeMap::new();
    for event in events {
        if let Body::TaskMoved(moved) = event.body() {
            let before = last.insert(moved.task.clone(), &moved.to);
            prop_assert!(!matches!(before, Some(Move::Done(_))), "what is done stays done");
            let busy = last.iter().filter(|(_, to)| matches!(to, Move::InProgress(_))).count();
            prop_assert!(busy <= 1, "one task is in progress at a time");
        }
    }
    let mut done = 0;
    for (id, task) in work.tasks() {
        let same = match (&task.state, last.get(id)) {
            (TaskState::Pending { error }, None) => error.is_none(),
            (TaskState::Pending { error }, Some(Move::Pending(said))) => *error == Some(*said),
            (TaskState::InProgress { by, .. }, Some(Move::InProgress(who))) => by == who,
            (TaskState::Done { verification, .. }, Some(Move::Done(seen))) => verification == seen,
            _ => false,
        };
        prop_assert!(same, "task {} is {:?} after {:?}", id, task.state, last.get(id));
        done += u64::from(matches!(task.state, TaskState::Done { .. }));
        let put_back = events.iter().filter(|event| is_put_back(event, id)).count() as u64;
        prop_assert_eq!(task.attempt, 1 + put_back);
    }
    let at = events[events.len() - 1].at();
    let progress = Progress::of(state, at);
    prop_assert_eq!((progress.done, progress.total), (done, defined.len() as u64));
    prop_assert_eq!(progress.percent(), (done * 100).checked_div(progress.total).map(|percent| percent as u8));
    prop_assert_eq!(progress.eta.is_some(), done > 0);
    Ok(())
}

fn session(events: &[Event], state: &RunState) -> Result<(), TestCaseError> {
    let count = |is: fn(&Body) -> bool| events.iter().filter(|event| is(event.body())).count() as u64;
    let own = |body: &Body| matches!(body, Body::HarnessWoke(_) | Body::HarnessSlept(_) | Body::HarnessFailed(_));
    let last = events.iter().rev().find(|event| own(event.body())).map(Event::body);
    prop_assert_eq!(state.session().awake, matches!(last, Some(Body::HarnessWoke(_))));
    if state.genesis().parent.is_none() {
        prop_assert_eq!(state.session().number, count(|body| matches!(body, Body::HarnessWoke(_))));
        prop_assert_eq!(state.session().slept, count(|body| matches!(body, Body::HarnessSlept(_))));
    }
    Ok(())
}

fn tasks_of(event: &Event) -> Vec<Name> {
    match event.body() {
        Body::TasksDefined(defined) => defined.tasks.iter().map(|task| task.id.clone()).collect(),
        _ => Vec::new(),
    }
}

fn is_put_back(event: &Event, task: &Name) -> bool {
    matches!(event.body(), Body::TaskMoved(moved) if moved.task == *task && matches!(moved.to, Move::Pending(_)))
}
