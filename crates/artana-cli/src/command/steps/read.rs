//! Reads what the events of a run, of its ancestors and of its children say of their steps. Shows nothing.

use std::collections::BTreeMap;

use artana_core::{
    AskKind, Event, Name, Ordinal, RunId, RunState, Step, StepKey, Timestamp,
    cost::{Charge, ModelCost, charge},
    cycle::ToolCycle,
    event::{Body, Wait},
    json,
};
use artana_kernel::{Error, Run};
use serde_json::{Map, Value};

use super::{Said, Shown};
use crate::{
    command::{Context, lineage},
    failure::{Exit, Failure},
    words::callee,
};

/// Children of children are shown to this depth; further down, each is asked for by its own id.
const DEEPEST: usize = 4;

/// What the events of a line of runs say of its steps, in the order they began.
#[derive(Debug, Default)]
struct Seen {
    order: Vec<Entry>,
    steps: BTreeMap<StepKey, Lasted>,
    signals: Vec<Heard>,
    registered: BTreeMap<StepKey, Ordinal>,
}

#[derive(Debug)]
enum Entry {
    Step(StepKey),
    /// Its place among the signals.
    Signal(usize),
}

/// How long a step took, and what it used in the run that is asked for.
#[derive(Debug, Clone)]
struct Lasted {
    began: Timestamp,
    ended: Timestamp,
    used: Option<ModelCost>,
}

/// A signal that is waited for, or came in.
#[derive(Debug)]
struct Heard {
    name: Name,
    began: Timestamp,
    /// Where the code waits for it, if it had to.
    asked: Option<Ordinal>,
    given_up: bool,
    received: Option<(Timestamp, String)>,
    holder: Option<RunId>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) depth: usize,
    /// What was said too.
    pub(super) content: bool,
}

/// Reads the steps of a run, and of its children as deep as they are shown.
pub(super) async fn steps(cx: &Context, id: &str, look: Look) -> Result<Vec<Shown>, Failure> {
    let line = lineage::of(cx, id).await?;
    let run = &line.last().expect("the run itself ends its line").run;
    let state = run.latest(RunState::clone).await.map_err(|error| cx.explain(id, error))?;
    let mut seen = Seen::default();
    for member in &line {
        let holder = member.cut.map(|_| member.run.name().run.clone());
        let read = member.read(|event| seen.see(event, &state, holder.as_ref())).await;
        read.map_err(|error| cx.explain(member.run.id(), error))?;
    }
    let mut shown = Vec::new();
    for entry in &seen.order {
        match entry {
            Entry::Signal(at) => {
                let said = look.content.then(Said::default);
                shown.push(Shown { said, ..signal(&state, &seen.signals[*at]) });
            }
            // A step that began after the state was read is left for another look.
            Entry::Step(key) => {
                let Some(step) = state.step(key) else { continue };
                let mut entry = of_step(&state, &seen, (key, step));
                if let Step::Child(child) = step {
                    let look = Look { depth: look.depth + 1, ..look };
                    entry.below = below(cx, child.run.as_str(), look).await?;
                }
                if look.content {
                    let said = said(run, key, step).await;
                    entry.said = Some(said.map_err(|error| cx.explain(run.id(), error))?);
                }
                shown.push(entry);
            }
        }
    }
    Ok(shown)
}

/// A child that was announced and never begun has no steps, and a broken one hides none of the others.
async fn below(cx: &Context, child: &str, look: Look) -> Result<Vec<Shown>, Failure> {
    if look.depth > DEEPEST {
        return Ok(Vec::new());
    }
    match Box::pin(steps(cx, child, look)).await {
        Err(failure) if failure.exit() == Exit::NotFound => Ok(Vec::new()),
        Err(failure) if failure.exit() == Exit::Invalid => Ok(vec![broken(child)]),
        other => other,
    }
}

/// Reads what was said in a step. Code is asked nothing that is recorded.
async fn said(run: &Run, key: &StepKey, step: &Step) -> Result<Said, Error> {
    let Step::Code(code) = step else {
        let words = run.words(key.as_str()).await?;
        let asked = words.asked.into_iter().filter(|(_, value)| !value.is_null());
        let asked: Map<String, Value> = asked.map(|(field, value)| (field.as_str().to_owned(), value)).collect();
        let asked = if asked.is_empty() { Value::Null } else { asked.into() };
        return Ok(Said { asked, told: words.told.unwrap_or_default() });
    };
    let told = match &code.cycle {
        ToolCycle::Succeeded(settled) => Some(settled.outcome.result),
        ToolCycle::Failed(settled) => Some(settled.outcome.error),
        ToolCycle::Unknown(_, doubt) => doubt.error,
        _ => None,
    };
    let bytes = match &told {
        Some(told) => run.content(told).await?,
        None => None,
    };
    let value = |bytes: Vec<u8>| json::parse(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
    Ok(Said { asked: Value::Null, told: bytes.map_or(Value::Null, value) })
}

impl Seen {
    fn see(&mut self, event: &Event, state: &RunState, holder: Option<&RunId>) {
        self.see_signal(event, holder);
        let Some(key) = event.step().filter(|_| lineage::is_of_the_step(event)) else { return };
        if !self.steps.contains_key(key) {
            self.order.push(Entry::Step(key.clone()));
        }
        if let Body::CompensationRegistered(registered) = event.body() {
            self.registered.insert(key.clone(), registered.ordinal);
        }
        let at = event.at();
        let lasted = self.steps.entry(key.clone()).or_insert(Lasted { began: at, ended: at, used: None });
        lasted.ended = at;
        if holder.is_none()
            && let Some(Charge::Model(_, used)) = charge(state, event)
        {
            let before = lasted.used.unwrap_or_default();
            lasted.used = Some(sum(&before, &used));
        }
    }

    /// Signals of a name are received in the order in which they came, by those who wait in the order of the waits.
    fn see_signal(&mut self, event: &Event, holder: Option<&RunId>) {
        match event.body() {
            Body::WaitStarted(begun) => {
                let over = |heard: &Heard| heard.asked.is_some_and(|at| begun.given_up.contains(&at));
                self.signals.iter_mut().for_each(|heard| heard.given_up |= over(heard));
                let known = self.signals.iter().any(|heard| heard.asked == Some(begun.ordinal));
                if let (Wait::Signal(name), false) = (&begun.wait, known) {
                    self.hear(event, name, Some(begun.ordinal), holder);
                }
            }
            Body::SignalReceived(received) => {
                let open =
                    |heard: &&mut Heard| heard.name == received.name && heard.received.is_none() && !heard.given_up;
                let came = Some((event.at(), received.by.to_string()));
                match self.signals.iter_mut().find(open) {
                    Some(heard) => heard.received = came,
                    None => {
                        self.hear(event, &received.name, None, holder);
                        self.signals.last_mut().expect("it was just heard").received = came;
                    }
                }
            }
            _ => {}
        }
    }

    fn hear(&mut self, event: &Event, name: &Name, asked: Option<Ordinal>, holder: Option<&RunId>) {
        let (name, began, holder) = (name.clone(), event.at(), holder.cloned());
        self.order.push(Entry::Signal(self.signals.len()));
        self.signals.push(Heard { name, began, asked, given_up: false, received: None, holder });
    }
}

fn sum(a: &ModelCost, b: &ModelCost) -> ModelCost {
    let mut sum = *a;
    sum.usage.input = a.usage.input.saturating_add(b.usage.input);
    sum.usage.output = a.usage.output.saturating_add(b.usage.output);
    sum.cost = artana_core::Usd::nanos(a.cost.as_nanos().saturating_add(b.cost.as_nanos()));
    sum.unpriced = a.unpriced.saturating_add(b.unpriced);
    sum
}

fn of_step(state: &RunState, seen: &Seen, (key, step): (&StepKey, &Step)) -> Shown {
    let lasted = &seen.steps[key];
    let (kind, called) = callee(step);
    let has_ended = match step {
        Step::Timer(_) | Step::Pause(_) | Step::Child(_) => step.answered().is_some(),
        // It was registered long before it was carried out, if it ever was.
        Step::Rollback(_) => false,
        _ => !step.is_pending(),
    };
    let is_called = step.effect().is_some() || step.model().is_some();
    let by = match step {
        Step::Pause(pause) => pause.resumed.as_ref().map(|resumed| resumed.by.to_string()),
        _ => None,
    };
    Shown {
        key: key.to_string(),
        is_step: true,
        kind,
        name: called.map(str::to_owned),
        version: step.tool().map(|tool| tool.tool.version.to_string()),
        state: step.state(),
        attempts: is_called.then(|| step.attempts()),
        began: lasted.began,
        ended: has_ended.then_some(lasted.ended),
        used: lasted.used.filter(|_| !step.is_pending()),
        holder: state.holder(key).cloned(),
        due: if let Step::Timer(timer) = step { Some(timer.due) } else { None },
        by,
        after: seen.registered.get(key).and_then(|at| before(state, *at)),
        run: state.run().run.to_string(),
        below: Vec::new(),
        said: None,
    }
}

/// Returns the last step that does something before a place of the program.
fn before(state: &RunState, place: Ordinal) -> Option<String> {
    let does =
        |kind| matches!(kind, AskKind::Compute | AskKind::Once | AskKind::Tool | AskKind::Model | AskKind::Child);
    let asks = state.program().asks_from(Ordinal::default()).take_while(|(at, _)| *at < place);
    let last = asks.filter(|(_, asked)| does(asked.kind)).last()?;
    last.1.name.as_ref().map(|name| name.to_string())
}

/// Nobody waits any more in a run that ends.
fn signal(state: &RunState, heard: &Heard) -> Shown {
    let run = state.run().run.as_str();
    let state = match &heard.received {
        Some(_) => "received",
        None if heard.given_up || state.is_closing() || state.status().is_finished() => "given_up",
        None => "waiting",
    };
    let (ended, by) = heard.received.clone().unzip();
    Shown { holder: heard.holder.clone(), ended, by, ..bare(heard.name.as_str(), ("signal", state), heard.began, run) }
}

fn broken(run: &str) -> Shown {
    bare(run, ("run", "broken"), Timestamp::from_micros(0), run)
}

fn bare(key: &str, (kind, state): (&'static str, &'static str), began: Timestamp, run: &str) -> Shown {
    Shown {
        key: key.into(),
        is_step: false,
        kind,
        name: None,
        version: None,
        state,
        attempts: None,
        began,
        ended: None,
        used: None,
        holder: None,
        due: None,
        by: None,
        after: None,
        run: run.into(),
        below: Vec::new(),
        said: None,
    }
}
