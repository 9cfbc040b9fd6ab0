//! The longer sentences of errors. They hold names and numbers, never what somebody said.

use artana_core::{Actor, ModelId, Name, RunId, RunRef, StepKey, ask::Field, decide::Tie, drift::Drift, event::Cause};

use crate::Ticket;

pub(super) const ANOTHER_KEY: &str = "try again under a new step key";

pub(crate) fn cause_text(cause: Cause) -> &'static str {
    match cause {
        Cause::Timeout => "the call ran into its deadline",
        Cause::Panic => "the tool panicked",
        Cause::OwnerLost => "the process that made the call is gone",
        Cause::Reported => "the tool said so itself",
        _ => "recorded by a newer version",
    }
}

pub(super) fn no_adapter(model: &ModelId) -> String {
    format!(
        "no adapter is registered for the model {model}; add one to the kernel's builder with `model` or `provider`"
    )
}

/// Names so many questions; of more there is a list.
const FEW: usize = 3;

pub(super) fn unanswered(run: &RunRef, asked: &[Ticket]) -> String {
    let one = |ticket: &Ticket| match &ticket.step {
        Some(step) => format!("step {step} by ticket {}", ticket.id),
        None => format!("ticket {}", ticket.id),
    };
    let mut named: Vec<String> = asked.iter().take(FEW).map(one).collect();
    named.extend((asked.len() > FEW).then(|| format!("{} more", asked.len() - FEW)));
    format!(
        "{}; answer each with `resume_with` or `artana run resume {} --ticket ID --by WHO --input JSON`",
        named.join(", "),
        run.run
    )
}

pub(super) fn unclean(steps: &[StepKey], task: Option<&Name>) -> String {
    let steps = steps.iter().take(8).map(|step| format!("step {step} is under way or in doubt"));
    let task = task.map(|task| format!("task {task} is in progress"));
    steps.chain(task).collect::<Vec<_>>().join(", ")
}

pub(super) fn way_out(drift: &Drift) -> &'static str {
    if drift.changes.iter().any(|change| matches!(change.field, Field::Tool | Field::Args | Field::Kind)) {
        return "use another step key for another call";
    }
    if drift.changes.iter().all(|change| change.field.is_prompt()) {
        return "ask as recorded, use another step key, or allow prompt drift or a fork for this ask";
    }
    "ask as recorded, use another step key, or allow a fork for this ask"
}

pub(super) fn belongs(run: &RunRef, step: &StepKey, holder: Option<&RunId>) -> String {
    let who =
        holder.map_or("another run of its family".into(), |holder| format!("run {holder}, which it was forked from,"));
    format!(
        "the effect of step {step} of run {run} is not repeated: {who} has begun it; ask there, use another step key, or declare that the fork wants an effect of its own"
    )
}

pub(super) fn foreign_wait(run: &RunRef) -> String {
    format!(
        "the code of run {run} waits for something that is not a step, such as a timer, a channel or a task; put it into the closure of a step, where anything may be awaited, or use `cx.sleep`, `cx.signal`, `cx.join` and `cx.race`"
    )
}

pub(super) fn asked_inside(run: &RunRef, asked: &str) -> String {
    format!(
        "`{asked}` was asked of the code of run {run} from inside a step's closure or a task; ask between steps, and give the closure what it needs"
    )
}

pub(super) fn key_reused(run: &RunRef, step: &StepKey) -> String {
    format!(
        "the code of run {run} used the step key {step} twice; give each step a key of its own, such as one with a number"
    )
}

pub(super) fn unregistered(run: &RunRef, name: &Name) -> String {
    format!("no code is registered as {name}, which run {run} was enqueued for; register it, or take other queues only")
}

pub(super) fn ties(tie: &Tie) -> String {
    const ELSE: &str = "ask as recorded, under another replay policy, or in another run";
    match tie {
        Tie::Child { step, child } => {
            format!(
                "it started run {child} in step {step}, which had not ended there and would be started again; {ELSE}"
            )
        }
        Tie::Effect(step) => {
            format!(
                "the effect of step {step} was under way there, and a fork would not learn what became of it; {ELSE}"
            )
        }
        Tie::Rollback(step) => {
            format!("it registered {step} after it, which a fork would not undo; {ELSE}")
        }
        Tie::Shared(holder) => format!("the step is recorded in run {holder}, whose events it shares; {ELSE}"),
        Tie::Outsider => format!("only a workflow's own code moves it to a fork; {ELSE}, or fork the run by hand"),
        _ => format!("something ties the workflow to it; {ELSE}"),
    }
}

/// Who appends what no person asked for.
pub(crate) fn kernel_actor() -> Actor {
    Actor::parse("artana").expect("a fit name")
}
