//! What a step costs in memory: a run of 100,000 events has to fit into 64 MiB.

use artana_core::{
    ModelStep, Step, ToolStep,
    ask::Fingerprint,
    cycle::Settled,
    event::{Answer, Effect},
};

use crate::support::{History, bodies::*, models::*, step};

/// With its key, its place in the index, its two messages and the answer's part, a model step of two events comes
/// to about 1,250 bytes, which is 60 MiB for 50,000 of them.
#[test]
fn a_step_is_as_small_as_it_was() {
    assert_eq!(size_of::<Step>(), 16, "the index of steps holds no step itself");
    assert!(size_of::<ModelStep>() <= 336 && size_of::<Fingerprint>() <= 256, "{}", size_of::<ModelStep>());
    assert!(size_of::<Settled<Answer>>() <= 248, "{}", size_of::<Settled<Answer>>());
    assert!(size_of::<ToolStep>() <= 288, "{}", size_of::<ToolStep>());
}

/// Each event spells its model anew; the fold keeps one name for all.
#[test]
fn a_models_name_is_kept_once() {
    let mut history = History::start("t", "r");
    for key in ["a", "b"] {
        let request = history.push(Some(key), asked(1, &["hello"]));
        history.push(Some(key), ended(request, answered()));
    }
    let records: Vec<_> =
        history.records().into_iter().map(|record| artana_core::Event::decode(record).expect("whole")).collect();
    history.events = records;
    history.push(Some("c"), requested(1, Effect::Read));
    let state = history.state();
    let names = state.steps().filter_map(|(_, step)| Some(step.model()?.asked.model.as_str().as_ptr()));
    assert_eq!(names.collect::<std::collections::BTreeSet<_>>().len(), 1);
}

/// A fork of a long run does not hold its steps a second time.
#[test]
fn a_fork_shares_its_parents_steps_in_memory() {
    let mut history = History::start("t", "r");
    let request = history.push(Some("s"), asked(1, &["hello"]));
    history.push(Some("s"), ended(request, answered()));
    let parent = history.state();
    let fork = history.fork("f", 3).state_after(Some(&parent));
    let key = step("s");
    let (held, shared) = (parent.model_step(&key).expect("a step"), fork.model_step(&key).expect("shared"));
    assert!(std::ptr::eq(held, shared));
}
