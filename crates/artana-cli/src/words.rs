//! The ledger's closed vocabularies in plain words. Nothing here reads what a person, a model or a tool said.

use std::collections::BTreeSet;

use artana_core::{
    Step, Usd,
    ask::Field,
    cost::{Costs, ModelCost, ToolCost},
    cycle::ToolCycle,
    event::{ChildOutcome, CodeKind, FailureCategory, ForkCause, ModelCategory, Outcome},
    model_cycle::ModelCycle,
};

use crate::text::short_time_after;

/// Says why a model gave no answer.
pub(crate) fn model_category(category: ModelCategory) -> &'static str {
    match category {
        ModelCategory::Timeout => "the deadline passed",
        ModelCategory::Cancelled => "somebody cancelled the call",
        ModelCategory::RateLimited => "the provider's rate limit was reached",
        ModelCategory::Provider4xx => "the provider refused the request",
        ModelCategory::Provider5xx => "the provider failed",
        ModelCategory::Network => "the provider was not reached, or the connection broke",
        ModelCategory::InvalidOutput => "its answer was not what was asked for",
        ModelCategory::Policy => "a policy refused the call",
        ModelCategory::Internal => "the adapter failed",
        _ => "recorded by a newer version",
    }
}

/// Returns a tool failure's category as it is stored.
pub(crate) fn tool_category(category: FailureCategory) -> &'static str {
    match category {
        FailureCategory::Permanent => "permanent",
        FailureCategory::Transient => "transient",
        FailureCategory::Resolved => "resolved",
        _ => "other",
    }
}

/// Says why a tool failed.
pub(crate) fn tool_category_text(category: FailureCategory) -> &'static str {
    match category {
        FailureCategory::Permanent => "it refused, and trying again would fail again",
        FailureCategory::Transient => "the last of the attempts it has failed too",
        FailureCategory::Resolved => "somebody established that its effect did not happen",
        _ => "recorded by a newer version",
    }
}

/// Says what kind of thing a step is, and what it calls, if that has a name.
pub(crate) fn callee(step: &Step) -> (&'static str, Option<&str>) {
    let name = match step {
        Step::Tool(tool) => Some(tool.tool.name.as_str()),
        Step::Model(model) => Some(model.asked.model.as_str()),
        Step::Child(child) => Some(child.run.as_str()),
        _ => None,
    };
    (step.kind(), name)
}

/// Says what a closure is called among people.
pub(crate) fn closure(kind: CodeKind) -> &'static str {
    match kind {
        CodeKind::Compute => "a computation",
        CodeKind::Once => "code that must not run twice",
        CodeKind::Rollback => "a compensation",
    }
}

/// Says what a step is, as the beginning of a sentence's second half.
pub(crate) fn what(step: &Step) -> String {
    match step {
        Step::Tool(tool) => format!("tool {}", tool.tool.name),
        Step::Model(model) => format!("model {}", model.asked.model),
        Step::Code(code) => closure(code.kind).to_owned(),
        Step::Timer(_) => "a timer".to_owned(),
        Step::Pause(_) => "a pause for a person".to_owned(),
        Step::Child(child) => format!("the child run {}", child.run),
        Step::Rollback(_) => closure(CodeKind::Rollback).to_owned(),
        _ => "a step of a newer version".to_owned(),
    }
}

/// In whose name the kernel itself acts.
const KERNEL: &str = "artana";

/// Says where a step stands, as the end of a sentence.
pub(crate) fn standing(step: &Step) -> String {
    match step {
        Step::Tool(tool) => of_cycle(&tool.cycle),
        Step::Code(code) => of_cycle(&code.cycle),
        Step::Model(model) => of_model(&model.cycle),
        Step::Timer(timer) if timer.fired.is_some() => "has gone off".into(),
        Step::Timer(timer) => format!("goes off at {}", short_time_after(timer.due)),
        Step::Pause(pause) => match &pause.resumed {
            // Nobody said anything: what it was raced with has come.
            Some(resumed) if resumed.by.as_str() == KERNEL && resumed.input.is_none() => {
                "was given up, because something else came first".into()
            }
            Some(resumed) => format!("was lifted by {}", resumed.by),
            None => "is not lifted yet".into(),
        },
        Step::Child(child) => match &child.ended {
            None => "has not ended".into(),
            Some((_, ChildOutcome::Completed(_))) => "has completed".into(),
            Some((_, ChildOutcome::Failed(_))) => "has failed".into(),
            Some((_, ChildOutcome::Cancelled)) => "was cancelled".into(),
        },
        Step::Rollback(rollback) => match &rollback.ended {
            None => "stands ready, in case the run fails or is cancelled".into(),
            Some((_, Outcome::Succeeded(_))) => "was carried out".into(),
            Some((_, Outcome::Failed(_) | Outcome::Unknown(_))) => "failed".into(),
        },
        _ => "is of a kind that a newer version wrote".into(),
    }
}

fn times(made: u32, what: &str) -> String {
    if made == 1 { String::new() } else { format!(" after {made} {what}s") }
}

fn of_cycle(cycle: &ToolCycle) -> String {
    let attempts = times(cycle.attempts(), "attempt");
    match cycle {
        ToolCycle::Absent | ToolCycle::Requested(_) => "was called, and no outcome is recorded".into(),
        ToolCycle::RetryDue(_) => format!("did not get through{attempts}, and may be called again"),
        ToolCycle::Unknown(..) => "may or may not have happened".into(),
        ToolCycle::Reconciling(..) => "may or may not have happened, and somebody is finding out".into(),
        ToolCycle::Succeeded(_) => format!("succeeded{attempts}"),
        ToolCycle::Failed(_) => format!("failed{attempts}"),
    }
}

fn of_model(cycle: &ModelCycle) -> String {
    let cycles = times(cycle.cycles(), "cycle");
    match cycle {
        ModelCycle::Absent | ModelCycle::Requested(_) => "was asked, and no answer is recorded".into(),
        ModelCycle::RetryDue(_) => format!("gave no answer that can be used{cycles}, and may be asked again"),
        ModelCycle::Completed(_) => format!("answered{cycles}"),
        ModelCycle::Failed(_) => format!("gave no answer that can be used{cycles}"),
        ModelCycle::Abandoned(_) => "was asked by a process that is gone, and its answer is lost".into(),
    }
}

/// Lists fields.
pub(crate) fn fields(fields: &BTreeSet<Field>) -> String {
    fields.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", ")
}

/// Says why a run was forked.
pub(crate) fn fork_cause(because: &ForkCause) -> String {
    match because {
        ForkCause::Drift { fields: changed, .. } => {
            format!("the step was asked otherwise than recorded ({})", fields(changed))
        }
        ForkCause::Wanted { by } => format!("{by} wanted to go another way"),
        _ => "of something that a newer version knows".into(),
    }
}

/// Writes an amount as a decimal number of dollars, exactly.
pub(crate) fn dollars(amount: Usd) -> String {
    amount.to_string().trim_start_matches('$').to_owned()
}

/// Says how many there are of something.
pub(crate) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Says what calls used and cost, a sentence for each model and tool.
pub(crate) fn costs(costs: &Costs) -> Vec<String> {
    let models = costs.models.iter().map(|(model, cost)| format!("Model {model}: {}.", model_cost(cost)));
    let tools = costs.tools.iter().map(|(tool, cost)| format!("Tool {tool}: {}.", tool_cost(cost)));
    let total = (costs.models.len() > 1).then(|| format!("All models: {}.", model_cost(&costs.total())));
    models.chain(tools).chain(total).collect()
}

fn model_cost(cost: &ModelCost) -> String {
    let usage = &cost.usage;
    let mut parts = vec![count(cost.calls, "call")];
    if cost.failed > 0 {
        parts.push(format!("{} failed", cost.failed));
    }
    if cost.abandoned > 0 {
        parts.push(format!("{} lost, and maybe charged for", cost.abandoned));
    }
    let of_them = |number: u64, what: &str| if number > 0 { format!(" ({number} {what})") } else { String::new() };
    let is_used = usage.input > 0 || usage.output > 0;
    if is_used {
        let (cached, reasoning) = (of_them(usage.cached, "cached"), of_them(usage.reasoning, "reasoning"));
        parts.push(format!("{} tokens in{cached}, {} out{reasoning}", usage.input, usage.output));
    }
    if cost.cost > Usd::ZERO || (is_used && cost.unpriced == 0) {
        parts.push(cost.cost.to_string());
    }
    if cost.unpriced > 0 {
        parts.push(format!("no price is known for {}", count(cost.unpriced, "answer")));
    }
    parts.join(", ")
}

fn tool_cost(cost: &ToolCost) -> String {
    let mut parts = vec![count(cost.calls, "call")];
    if cost.failed > 0 {
        parts.push(format!("{} failed", cost.failed));
    }
    if cost.unknown > 0 {
        parts.push(format!("{} of unknown outcome", cost.unknown));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use artana_core::{Actor, EventId, PauseStep, Resumption, Seq};

    use super::*;

    #[test]
    fn nobody_is_said_to_have_lifted_a_pause_that_lost_a_race() {
        let lifted = |by: &str| {
            let pause = EventId::parse("018f4d6e-7b1a-7c3d-9e5f-0123456789ab").expect("an id");
            let by = Actor::parse(by).expect("a name");
            let resumed = Some(Resumption { at: Seq::new(3), by, input: None });
            standing(&Step::Pause(PauseStep { first: Seq::new(2), pause, reason: None, resumed }.into()))
        };
        assert_eq!(lifted("ann"), "was lifted by ann");
        assert_eq!(lifted(KERNEL), "was given up, because something else came first");
    }
}
