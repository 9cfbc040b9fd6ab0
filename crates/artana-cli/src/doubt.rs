//! A step in doubt, for the person who has to find out: what was recorded, why nothing is guessed,
//! the honest ways out, and the exact command for each. It decides nothing.

use artana_core::{
    RunState, StepKey, ToolStep,
    cycle::{Attempt, ToolCycle},
    event::Cause,
};
use serde::Serialize;

use crate::{
    row::Row,
    speller::Speller,
    text::{shown, time},
};

const WHY: &str = "The request left, and what became of it is not recorded: the effect may have happened or not. \
                   Another call could do it twice, and giving up could hide that it was done.";

/// What can be said of a step in doubt.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Doubt {
    recorded: Row,
    why: &'static str,
    ways: Vec<Way>,
}

/// A way out.
#[derive(Debug, Clone, Serialize)]
struct Way {
    when: String,
    command: String,
}

impl Doubt {
    /// Describes a step; `None` unless it is under way or in doubt.
    pub(crate) fn of(state: &RunState, step: &StepKey, speller: &Speller) -> Option<Self> {
        let tool = state.tool_step(step)?;
        let (ToolCycle::Unknown(attempt, _) | ToolCycle::Reconciling(attempt, _) | ToolCycle::Requested(attempt)) =
            &tool.cycle
        else {
            return None;
        };
        let recorded = recorded(state, step, tool, attempt);
        Some(Self { recorded, why: WHY, ways: ways(state, step, speller) })
    }

    /// Describes all steps in doubt.
    pub(crate) fn all(state: &RunState, speller: &Speller) -> Vec<Self> {
        let open = state.steps().map(|(key, _)| key);
        let open = open.filter(|key| state.tool_step(key).is_some_and(|step| step.cycle.is_unknown()));
        open.filter_map(|key| Self::of(state, key, speller)).collect()
    }

    /// Returns the lines for people, fit to be shown.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec!["recorded:".to_owned()];
        lines.extend(self.recorded.pairs().map(|(name, value)| format!("  {name:15} {value}")));
        lines.push("why nothing is guessed:".into());
        lines.push(format!("  {}", self.why));
        lines.push("ways out:".into());
        for way in &self.ways {
            lines.push(format!("  {}:", shown(&way.when)));
            lines.push(format!("    {}", way.command));
        }
        lines
    }
}

fn recorded(state: &RunState, step: &StepKey, tool: &ToolStep, attempt: &Attempt) -> Row {
    let key = state.run().effect_key(step, &tool.tool.name);
    let row = Row::default()
        .with("run", state.run().run.as_str())
        .with("step", step.as_str())
        .with("tool", format!("{} version {}", tool.tool.name, tool.tool.version))
        .with("attempt", attempt.number)
        .with("request", attempt.request.to_string())
        .with("state", tool.cycle.name());
    let row = match &tool.cycle {
        ToolCycle::Unknown(_, doubt) => row.with("cause", cause(doubt.cause)),
        _ => row,
    };
    row.with("idempotency_key", key.to_string()).with("settled_at", time(attempt.settled_at))
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Timeout => "the call ran into its deadline",
        Cause::Panic => "the tool panicked",
        Cause::OwnerLost => "the process that made the call is gone",
        Cause::Reported => "the tool said so itself",
        _ => "recorded by a newer version",
    }
}

fn ways(state: &RunState, step: &StepKey, speller: &Speller) -> Vec<Way> {
    let run = state.run().run.as_str();
    let way = |when: &str, command| Way { when: when.into(), command };
    vec![
        way(
            "a program that has the tool can ask the provider (artana_cli::main gives yours this verb)",
            format!("YOUR-PROGRAM run reconcile {} --step {}", quote(run), quote(step.as_str())),
        ),
        way(
            "the provider has the idempotency key: the effect happened",
            speller.resolve(run, step, "--succeeded 'ITS ANSWER AS JSON'"),
        ),
        way(
            "the provider has not seen the key, and settled_at has passed: it did not happen",
            speller.resolve(run, step, "--failed"),
        ),
    ]
}

fn quote(word: &str) -> String {
    shown(&crate::text::quoted(word))
}
