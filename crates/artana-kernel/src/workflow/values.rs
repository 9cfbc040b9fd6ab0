//! Records what needs no effect: values that would not be the same again, and what is to be undone.

use artana_core::{
    Ordinal, RunState, StepKey,
    event::{CompensationRegistered, Value, ValueRecorded},
};

use super::{
    MAX_AT_ONCE,
    driver::Driver,
    machine::{Drawn, Want},
};
use crate::{
    Error,
    journal::{Facts, Plan},
};

/// One thing to record.
#[derive(Clone)]
enum Due {
    Value(Ordinal, Drawn),
    OnRollback(Ordinal, StepKey),
}

/// Records what was asked and is not recorded, in one append. A run that is paused or closing draws no new values.
pub(super) async fn record(driver: &mut Driver) -> Result<bool, Error> {
    let due = due(driver)?;
    if due.is_empty() {
        return Ok(false);
    }
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let mut plan = Plan::default();
        // Somebody may have stopped or ended the run meanwhile.
        let (draws, ended) = (draws(state), state.finished().is_some());
        for one in due.iter().filter(|_| !ended) {
            plan = match one {
                Due::Value(at, _) if !draws || state.program().asked(*at).is_some() => plan,
                Due::Value(ordinal, drawn) => {
                    let recorded = ValueRecorded { ordinal: *ordinal, value: draw(drawn, facts) };
                    plan.event(facts.id(), None, recorded)?
                }
                Due::OnRollback(_, key) if state.step(key).is_some() => plan,
                Due::OnRollback(ordinal, key) => {
                    plan.event(facts.id(), Some(key), CompensationRegistered { ordinal: *ordinal })?
                }
            };
        }
        Ok(plan)
    };
    driver.append(decide).await.map(|_| true)
}

/// Returns whether values are drawn: a run that is paused or closing draws none.
pub(super) fn draws(state: &RunState) -> bool {
    !state.is_closing() && state.pauses().is_empty()
}

fn due(driver: &Driver) -> Result<Vec<Due>, Error> {
    let draws = driver.state(draws);
    let mut due = Vec::new();
    for (ordinal, open) in driver.recordable_waits() {
        if due.len() == MAX_AT_ONCE {
            break;
        }
        match &open.want {
            Want::Value(drawn) if draws => due.push(Due::Value(ordinal, drawn.clone())),
            Want::OnRollback { key } => {
                if driver.state(|state| state.step(key).is_some()) {
                    return Err(driver.another(key, artana_core::AskKind::OnRollback));
                }
                due.push(Due::OnRollback(ordinal, key.clone()));
            }
            _ => {}
        }
    }
    Ok(due)
}

fn draw(drawn: &Drawn, facts: &Facts<'_>) -> Value {
    match drawn {
        Drawn::Now => Value::Now(facts.now),
        Drawn::Random => Value::Random(facts.random()),
        Drawn::Uuid => Value::Uuid(facts.id()),
        Drawn::Patched(id) => Value::Patched(id.clone()),
    }
}
