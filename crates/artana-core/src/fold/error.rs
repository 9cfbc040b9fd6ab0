//! Why an event cannot follow the events before it.

use crate::{Name, Ordinal, Seq, Status, StepKey, cycle::IllegalTransition};

/// Why an event cannot follow the events before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FoldError {
    /// The first event is not `run_started`, or a later one is.
    #[error("run_started is the first event of a run and no other")]
    Start,
    /// A fork is folded without the events it shares, or after others than those.
    #[error("a fork goes on from the events it shares with its parent, and these are not they")]
    Parent,
    /// The event is not the next one of this chain.
    #[error("the event does not continue the run: sequence {expected} was due, not {found}")]
    NotNext {
        /// The sequence that was due.
        expected: Seq,
        /// The event's sequence.
        found: Seq,
    },
    /// The event's kind belongs to a step, and the event names none.
    #[error("{kind} names no step")]
    NoStep {
        /// The event's kind.
        kind: &'static str,
    },
    /// The run's status does not admit the event.
    #[error("{kind} may not follow in a run that is {status}")]
    Status {
        /// The event's kind.
        kind: &'static str,
        /// The status it met.
        status: Status,
    },
    /// The step's state does not admit the event.
    #[error("in step {step}: {source}")]
    Step {
        /// The step.
        step: StepKey,
        /// The pair that may not be.
        source: IllegalTransition,
    },
    /// The step is a tool's and the event a model's, or the other way round.
    #[error("step {step} is of another kind than {kind}")]
    AnotherKind {
        /// The step.
        step: StepKey,
        /// The event's kind.
        kind: &'static str,
    },
    /// A later attempt names another tool or other arguments than the first.
    #[error("an attempt of step {step} differs from the first in its tool or its arguments")]
    AnotherCall {
        /// The step.
        step: StepKey,
    },
    /// A fork repeats a call that it shares with an ancestor, and does not say that it wants the effect for itself.
    #[error("step {step} is shared with an ancestor, which alone goes on with it")]
    Shared {
        /// The step.
        step: StepKey,
    },
    /// A later cycle asks another model, shows other tools or wants another output than the first.
    #[error("a cycle of step {step} differs from the first in its model, its tools or its output")]
    AnotherAsk {
        /// The step.
        step: StepKey,
    },
    /// A request's messages do not add up to the root it names, or go on from a conversation that is not there.
    #[error("the conversation of step {step} does not add up")]
    Conversation {
        /// The step.
        step: StepKey,
    },
    /// A place of a workflow was asked something else before.
    #[error("place {at} of the workflow was asked something else before")]
    AnotherPlace {
        /// The place.
        at: Ordinal,
    },
    /// The same drift was recorded before.
    #[error("the same drift of step {step} is recorded already")]
    DriftAgain {
        /// The step.
        step: StepKey,
    },
    /// A task that cannot be, or cannot be there.
    #[error("task {task} cannot be defined or moved so: {why}")]
    Task {
        /// The task.
        task: Name,
        /// What is wrong.
        why: &'static str,
    },
    /// The event is of a session that is not the one awake, or does not begin the next one.
    #[error("{kind} is not of the session that is awake")]
    Session {
        /// The event's kind.
        kind: &'static str,
    },
    /// A fork that cannot be: of the future, recorded already, or one too many.
    #[error("the run cannot have this fork: {why}")]
    Fork {
        /// What is wrong.
        why: &'static str,
    },
}
