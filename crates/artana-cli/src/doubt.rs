//! A step in doubt, for the person who has to find out: what was recorded, why nothing is guessed,
//! the honest ways out, and the exact command for each. It decides nothing.

use artana_core::{
    RunState, Step, StepKey,
    cycle::{Attempt, ToolCycle},
    event::Cause,
};
use serde::Serialize;

use crate::{
    look::{Look, Reader},
    row::Row,
    speller::Speller,
    telling::{Way, indented},
    text::{quoted, shown, time},
    words::closure,
};

const WHY: &str = "The request left, and what became of it is not recorded: the effect may have happened or not. \
                   Another call could do it twice, and giving up could hide that it was done.";

const WHY_OF_CODE: &str = "The code began, and what became of it is not recorded: it may have run to its end or not. \
                           Running it again could do its work twice, and giving up could hide that it was done.";

/// What can be said of a step in doubt.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Doubt {
    recorded: Row,
    why: &'static str,
    ways: Vec<Way>,
}

impl Doubt {
    /// Describes a step; `None` unless it is under way or in doubt.
    pub(crate) fn of(state: &RunState, step: &StepKey, speller: &Speller) -> Option<Self> {
        let found = state.step(step)?;
        let cycle = found.effect()?;
        let (ToolCycle::Unknown(attempt, _) | ToolCycle::Reconciling(attempt, _) | ToolCycle::Requested(attempt)) =
            cycle
        else {
            return None;
        };
        let recorded = recorded(state, (step, found), (cycle, attempt));
        let why = if found.tool().is_some() { WHY } else { WHY_OF_CODE };
        Some(Self { recorded, why, ways: ways(state.run().run.as_str(), (step, found), speller) })
    }

    /// Describes all steps in doubt.
    pub(crate) fn all(state: &RunState, speller: &Speller) -> Vec<Self> {
        let open = state.steps().map(|(key, _)| key);
        let open = open.filter(|key| state.step(key).is_some_and(Step::is_unknown));
        open.filter_map(|key| Self::of(state, key, speller)).collect()
    }

    /// Returns the lines for people, fit to be shown.
    pub(crate) fn lines(&self, look: Look) -> Vec<String> {
        let mut lines = vec!["recorded:".to_owned()];
        let pairs = self.recorded.pairs(Reader::Pipe);
        lines.extend(pairs.map(|(name, value)| format!("  {name:15} {value}")));
        lines.push("why nothing is guessed:".into());
        lines.extend(prose(self.why, look));
        lines.push("ways out:".into());
        for Way { when, command } in &self.ways {
            lines.extend(prose(&format!("{}:", shown(when)), look));
            lines.extend(command.iter().map(|command| format!("    {command}")));
        }
        lines
    }
}

/// A pipe gets a sentence as one line.
fn prose(text: &str, look: Look) -> Vec<String> {
    if look.reader == Reader::Person { indented(text, 2, look) } else { vec![format!("  {text}")] }
}

fn recorded(state: &RunState, (key, step): (&StepKey, &Step), (cycle, attempt): (&ToolCycle, &Attempt)) -> Row {
    let row = Row::default().with("run", state.run().run.as_str()).with("step", key.as_str());
    let row = match step {
        Step::Tool(step) => row.with("tool", format!("{} version {}", step.tool.name, step.tool.version)),
        Step::Code(code) => row.with("code", closure(code.kind)),
        _ => row,
    };
    let row =
        row.with("attempt", attempt.number).with("request", attempt.request.to_string()).with("state", cycle.name());
    let row = match cycle {
        ToolCycle::Unknown(_, doubt) => row.with("cause", cause(doubt.cause)),
        _ => row,
    };
    let row = match step.tool() {
        Some(tool) => row.with("idempotency_key", state.run().effect_key(key, &tool.tool.name).to_string()),
        None => row,
    };
    row.with("settled_at", time(attempt.settled_at))
}

/// Says why nobody knows what became of a call.
pub(crate) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Timeout => "the call ran into its deadline",
        Cause::Panic => "the tool panicked",
        Cause::OwnerLost => "the process that made the call is gone",
        Cause::Reported => "the tool said so itself",
        _ => "recorded by a newer version",
    }
}

/// Returns the way out for a program that has the step's tool.
pub(crate) fn reconcile(run: &str, step: &StepKey) -> Way {
    Way::new(
        "a program that has the tool can ask the provider (artana_cli::main gives yours this verb)",
        format!("YOUR-PROGRAM run reconcile {} --step {}", shown(&quoted(run)), shown(&quoted(step.as_str()))),
    )
}

/// Returns the two ways out for a person who has looked at the provider.
pub(crate) fn resolve(run: &str, step: &StepKey, settled: &str, speller: &Speller) -> [Way; 2] {
    [
        Way::new(
            "the provider has the idempotency key: the effect happened",
            speller.resolve(run, step, "--succeeded 'ITS ANSWER AS JSON'"),
        ),
        Way::new(
            format!("the provider has not seen the key, and {settled} has passed: it did not happen"),
            speller.resolve(run, step, "--failed"),
        ),
    ]
}

/// Returns the two ways out for a person who has looked at what the code was to do.
pub(crate) fn resolve_code(run: &str, step: &StepKey, speller: &Speller) -> [Way; 2] {
    [
        Way::new(
            "somebody has looked, and it did what it was to do",
            speller.resolve(run, step, "--succeeded 'ITS RESULT AS JSON'"),
        ),
        Way::new("somebody has looked, and it did not", speller.resolve(run, step, "--failed")),
    ]
}

fn ways(run: &str, (key, step): (&StepKey, &Step), speller: &Speller) -> Vec<Way> {
    if step.tool().is_none() {
        return resolve_code(run, key, speller).into();
    }
    [reconcile(run, key)].into_iter().chain(resolve(run, key, "settled_at", speller)).collect()
}
