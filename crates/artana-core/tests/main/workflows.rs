//! What the events of workflows, queues and people add up to, and what may follow when.

mod closing;
mod closures;
mod forks;
mod moved;
mod pauses;
mod program;
mod queue;
mod waits;

use artana_core::{Draft, FoldError, RunState, Step, event::Body};

use crate::support::{History, step, workflows::*};

/// A workflow with some events.
fn given<T>(events: impl FnOnce(&mut History) -> T) -> History {
    let mut history = workflow();
    events(&mut history);
    history
}

/// Applies one more event, and takes nothing over.
fn after(history: &History, key: Option<&str>, body: impl Into<Body>) -> Result<RunState, FoldError> {
    let event = history.sealed(key, |step| Draft::new(step, body).expect("small"));
    let mut state = history.state();
    state.apply(&event).map(|()| state)
}

fn fits(history: &History, key: Option<&str>, body: impl Into<Body>) -> bool {
    after(history, key, body).is_ok()
}

fn refused(history: &History, key: Option<&str>, body: impl Into<Body>) -> String {
    after(history, key, body).map(|_| ()).expect_err("refused").to_string()
}

/// Returns the name of the state a step is in.
fn stands(history: &History, key: &str) -> &'static str {
    history.state().step(&step(key)).map_or("absent", Step::state)
}
