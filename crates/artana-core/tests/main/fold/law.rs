//! What holds of every fold, checked event by event against a count from scratch. Draws nothing itself.

mod driven;
mod work;

use std::collections::BTreeMap;

use artana_core::{
    Draft, Event, RunState, RunView, Step, StepKey,
    conversation::{EMPTY_ROOT, Message, turn_root},
    cost::{Costs, charge},
    event::{Body, Extends, ForkCause},
};
use proptest::prelude::*;

use crate::support::{History, random::Draw};

/// Draws events for a run, and checks each that fits and each that does not. A projection follows them for a
/// while, as if a batch were being made, and begins anew from what is then committed.
pub(crate) fn check(mut history: History, mut state: RunState, draws: Vec<Draw>) -> Result<(), TestCaseError> {
    let start = state.clone();
    let mut counted = Counted::default();
    for batch in draws.chunks(20) {
        let committed = state.clone();
        let mut projection = committed.project();
        for draw in batch {
            let (key, body) = draw.event(&history, &state);
            let event = history.sealed(key, |step| Draft::new(step, body).expect("small"));
            let before = state.clone();
            let applied = state.apply(&event);
            prop_assert_eq!(&projection.apply(&event), &applied);
            match applied {
                Err(_) => prop_assert_eq!(&state, &before),
                Ok(()) => {
                    prop_assert_eq!(state.head(), event.head());
                    counted.count(&before, &event, &state);
                    history.add(event);
                }
            }
            prop_assert_eq!((projection.head(), projection.view()), (state.head(), state.view()));
        }
    }
    let mut again = start.clone();
    for event in &history.events[1..] {
        again.apply(event).expect("a history the fold accepted");
    }
    prop_assert_eq!(&state, &again);
    prop_assert_eq!(state.view(), counted.view(&history, &state));
    counted.compare(&state)?;
    driven::compare(&history.events, &state, &start)?;
    work::compare(&history.events, &state)?;
    conversations(&history, &state)
}

/// What a run adds up to, counted as its events come.
#[derive(Default)]
struct Counted {
    failed: Option<StepKey>,
    costs: Costs,
    model_calls: u64,
    tool_calls: u64,
    drifts: u64,
    forks: usize,
    kept: BTreeMap<(&'static str, String), u64>,
}

impl Counted {
    fn count(&mut self, before: &RunState, event: &Event, after: &RunState) {
        if let Some(charge) = charge(before, event) {
            self.costs.add(&charge);
        }
        match event.body() {
            Body::ModelRequested(_) => self.model_calls += 1,
            Body::ToolRequested(_) => self.tool_calls += 1,
            Body::DriftReplayed(_) => self.drifts += 1,
            Body::RunForked(forked) => {
                self.forks += 1;
                self.drifts += u64::from(matches!(forked.because, ForkCause::Drift { .. }));
            }
            Body::ArtifactSet(set) => *self.kept.entry(("artifact", set.name.to_string())).or_default() += 1,
            Body::SummaryWritten(set) => *self.kept.entry(("summary", set.kind.to_string())).or_default() += 1,
            Body::Checkpoint(set) => *self.kept.entry(("checkpoint", set.name.to_string())).or_default() += 1,
            _ => {}
        }
        let Some(key) = event.step() else { return };
        let state = |run: &RunState| run.step(key).map(Step::state);
        match state(after) {
            same if same == state(before) => {}
            Some("failed") => self.failed = Some(key.clone()),
            Some("succeeded" | "completed") => self.failed = None,
            _ => {}
        }
    }

    fn view(&self, history: &History, state: &RunState) -> RunView {
        let steps: Vec<&Step> = state.steps().map(|(_, step)| step).collect();
        RunView {
            run: history.run.clone(),
            root: history.genesis().root.clone(),
            parent: history.genesis().parent.clone(),
            status: state.status(),
            head: history.head(),
            started_at: history.events[0].at(),
            updated_at: history.events[history.events.len() - 1].at(),
            steps: steps.len() as u64,
            pending: steps.iter().filter(|step| step.is_pending()).count() as u64,
            unknown: steps.iter().filter(|step| step.is_unknown()).count() as u64,
            drifts: self.drifts,
            last_step: history.events.iter().filter_map(|event| event.step()).next_back().cloned(),
            failed_step: self.failed.clone(),
            labels: Default::default(),
            queued: state.view().queued,
        }
    }

    fn compare(&self, state: &RunState) -> Result<(), TestCaseError> {
        prop_assert_eq!(&self.costs, state.costs());
        let models = self.costs.total();
        prop_assert_eq!(models.calls, self.model_calls);
        prop_assert!(models.failed + models.abandoned <= models.calls, "each request ends once: {:?}", models);
        prop_assert_eq!(self.costs.tools.values().map(|tool| tool.calls).sum::<u64>(), self.tool_calls);
        for tool in self.costs.tools.values() {
            prop_assert!(tool.failed <= tool.calls && tool.unknown <= tool.calls, "each attempt ends once: {:?}", tool);
        }
        prop_assert_eq!((self.drifts, self.forks), (state.drifts(), state.forks().len()));
        if state.genesis().parent.is_none() {
            let kept = state.kept();
            let maps =
                [("artifact", kept.artifacts()), ("summary", kept.summaries()), ("checkpoint", kept.checkpoints())];
            let found = maps.into_iter().flat_map(|(what, map)| {
                map.iter().map(move |(name, value)| ((what, name.to_string()), value.versions))
            });
            prop_assert_eq!(&self.kept, &found.collect());
        }
        Ok(())
    }
}

/// Every recorded conversation can be read back, and is found by the root of any of its beginnings.
fn conversations(history: &History, state: &RunState) -> Result<(), TestCaseError> {
    for event in &history.events {
        let Body::ModelRequested(asked) = event.body() else { continue };
        // What goes on from an ancestor's conversation is read there.
        let Some(messages) = read(history, event) else { continue };
        let mut root = EMPTY_ROOT;
        for (keep, message) in (1..).zip(&messages) {
            root = turn_root(&root, &message.digest());
            let Some(Extends { keep: found, request }) = state.conversation(&root) else {
                return Err(TestCaseError::fail("a recorded conversation is not found"));
            };
            prop_assert_eq!(found, keep);
            let holder = history.events.iter().find(|event| event.id() == request.into());
            if let Some(mut there) = holder.and_then(|holder| read(history, holder)) {
                there.truncate(keep as usize);
                prop_assert_eq!(&there[..], &messages[..keep as usize]);
            }
        }
        prop_assert_eq!(root, asked.asked_root);
    }
    Ok(())
}

/// Reads a conversation as the format page says: by going back from request to request.
fn read(history: &History, event: &Event) -> Option<Vec<Message>> {
    let Body::ModelRequested(asked) = event.body() else { return None };
    let Some(Extends { keep, request }) = asked.extends else { return Some(asked.messages.clone()) };
    let earlier = history.events.iter().find(|event| event.id() == request.into())?;
    let mut messages = read(history, earlier)?;
    messages.truncate(keep as usize);
    assert_eq!(messages.len(), keep as usize, "the request that is named added the last message that is kept");
    messages.extend(asked.messages.clone());
    Some(messages)
}
