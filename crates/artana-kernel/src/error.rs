//! The kernel's one error: what happened, in which run and step, and what to do next.
//! A message never holds an argument, a result, a provider's words or a secret.

mod codes;
mod convert;
mod text;

use artana_core::{
    Exceeded, IdError, IncarnationId, ModelId, Name, RequestId, RunId, RunRef, Seq, Status, StepKey, Timestamp,
    ToolName,
    decide::{Tie, ToolChange},
    divergence::Divergence,
    drift::Drift,
    event::{Cause, FailureCategory, Reason},
    verify::ChainBreak,
};
use artana_ports::{Owner, StoreError};

use crate::{ModelFailed, Ticket};
pub(crate) use convert::append_failed;
use text::{asked_inside, belongs, foreign_wait, key_reused, ties, unclean, unregistered, way_out};
pub(crate) use text::{cause_text, kernel_actor};

/// Everything a kernel call can refuse or report. `Debug` says its code and its text: a program may end with it.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name is not fit.
    #[error(transparent)]
    InvalidId(#[from] IdError),
    /// A tenant's description is not fit.
    #[error(transparent)]
    InvalidTenant(#[from] artana_core::TenantError),
    /// The tenant has no such run.
    #[error("there is no run {run}; `artana run list` shows the tenant's runs")]
    RunNotFound {
        /// The run that was asked for.
        run: RunRef,
    },
    /// The tenant has such a run already.
    #[error("run {run} exists already; open it, or start one under another id")]
    RunExists {
        /// The run.
        run: RunRef,
    },
    /// The tenant asks for more than the run was bound to.
    #[error("run {run} was not bound to {what}; grant it explicitly, or open the run without it")]
    ExceedsBound {
        /// The run.
        run: RunRef,
        /// What it asks for.
        what: Exceeded,
    },
    /// No tool of this name is registered.
    #[error("no tool named {tool} is registered; add it to the kernel's builder")]
    UnknownTool {
        /// The name.
        tool: String,
    },
    /// The arguments are not what the tool takes. Nothing was written.
    #[error(
        "the arguments of {tool} in step {step} of run {run} are refused: {problem}; correct them and call again under the same key"
    )]
    InvalidArguments {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// The tool.
        tool: ToolName,
        /// What is wrong, without any value.
        problem: String,
    },
    /// The result a person gave for a step is not JSON. Nothing was written.
    #[error("the result given for step {step} of run {run} is refused: {problem}")]
    InvalidResult {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// What is wrong, without any value.
        problem: String,
    },
    /// The tenant lacks the capability the tool needs. Nothing was written.
    #[error("tool {tool} needs the capability {capability}, which the tenant of run {run} does not have")]
    CapabilityMissing {
        /// The run.
        run: RunRef,
        /// The tool.
        tool: ToolName,
        /// The capability.
        capability: artana_core::Capability,
    },
    /// The step was recorded with another ask. Nothing was executed.
    #[error("step {step} of run {run} was recorded with another ask: {drift}; {}", way_out(drift))]
    Drift {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// What differs and where.
        drift: Box<Drift>,
    },
    /// An ask cannot be recorded or sent. Nothing was written.
    #[error("the ask of step {step} of run {run} is refused: {problem}")]
    InvalidAsk {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// What is wrong, without any words of it.
        problem: String,
    },
    /// No adapter is registered for the model.
    #[error("{}", text::no_adapter(model))]
    UnknownModel {
        /// The model.
        model: ModelId,
    },
    /// No cycle of a model step gave an answer that can be used.
    #[error(transparent)]
    ModelFailed(Box<ModelFailed>),
    /// Another run of the fork family has begun this effect. Nothing was executed.
    #[error("{}", belongs(run, step, holder.as_ref()))]
    EffectBelongsToAncestor {
        /// The fork.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// The ancestor, where it is known which run has it.
        holder: Option<RunId>,
    },
    /// The run has as many forks, or ancestors, as it may have.
    #[error("run {0} has as many forks as it may have; ask under another step key, or in another run")]
    TooManyForks(RunRef),
    /// A workflow cannot be forked before this step: a fork would do something twice, or never learn of it.
    #[error("run {0} is not forked before step {1}: {why}", why = ties(.2))]
    Tied(RunRef, StepKey, Box<Tie>),
    /// The rest of the workflow is done in a fork.
    #[error("the rest of run {run} is done in its fork {fork}; ask that one instead")]
    Moved {
        /// The run.
        run: RunRef,
        /// The fork.
        fork: RunId,
    },
    /// The step is unfinished and its tool has changed.
    #[error("step {step} of run {run} is unfinished and was recorded with version {} of {}; declare that version {} accepts it, or resolve the step with `artana run resolve`", change.recorded.version, change.recorded.name, change.asked.version)]
    ToolChanged {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// What has changed.
        change: Box<ToolChange>,
    },
    /// Another process is at this step.
    #[error("step {step} of run {run} is under way in another process; ask again when it has ended")]
    InFlight {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// The process's incarnation.
        owner: IncarnationId,
    },
    /// The effect may or may not have happened, and nothing is guessed.
    #[error("the effect of step {step} of run {run} is unknown ({}); reconcile the step, or resolve it with `artana run resolve {} --step {step}`", cause_text(*cause), run.run)]
    ReconciliationRequired {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// The attempt in doubt.
        request: RequestId,
        /// Why it is in doubt.
        cause: Cause,
        /// From when on "it did not happen" can be believed, where that is known.
        believable_at: Option<Timestamp>,
    },
    /// The effect is in doubt and no tool can find out.
    #[error("nobody but a person can find out what became of step {step} of run {run}: look it up at the provider by its idempotency key, then `artana run resolve {} --step {step}`", run.run)]
    NeedsOperator {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// The attempt in doubt.
        request: RequestId,
    },
    /// The tool refused, or the last of its attempts failed. The effect did not happen.
    #[error("tool {tool} failed in step {step} of run {run} after {attempts} attempt(s); {}", text::ANOTHER_KEY)]
    ToolFailed {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// The tool.
        tool: ToolName,
        /// What kind of failure it was.
        category: FailureCategory,
        /// How many attempts were made.
        attempts: u32,
        /// The last attempt.
        request: RequestId,
        /// What the tool said.
        message: String,
    },
    /// The effect happened, and the tool's answer cannot be used.
    #[error(
        "the effect of step {step} of run {run} happened, but its result of {len} bytes is refused ({reason:?}); the bytes are kept, and the step will not run again"
    )]
    ResultRejected {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// What is wrong with it.
        reason: Reason,
        /// Its full length in bytes.
        len: u64,
    },
    /// The recorded result does not fit the type that was asked for.
    #[error("the recorded result of step {step} of run {run} does not fit the type asked for: {problem}")]
    Output {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// What does not fit, without any value.
        problem: String,
    },
    /// What the application wants to keep cannot be recorded. Nothing was written.
    #[error("the value of {name} in run {run} is refused: {problem}")]
    InvalidValue {
        /// The run.
        run: RunRef,
        /// What it was to be kept as.
        name: Name,
        /// What is wrong, without any word of it.
        problem: String,
    },
    /// What the application kept cannot be read as it wants it.
    #[error("the value of {name} in run {run}, recorded at sequence {seq}, cannot be used: {problem}")]
    KeptValue {
        /// The run.
        run: RunRef,
        /// What it is kept as.
        name: Name,
        /// Where it is recorded.
        seq: Seq,
        /// What is wrong, without any word of it.
        problem: String,
    },
    /// The run has no event of this sequence.
    #[error("run {run} has no event of sequence {seq}; `artana run tail {}` shows its last ones", run.run)]
    NoEvent {
        /// The run.
        run: RunRef,
        /// The sequence.
        seq: Seq,
    },
    /// The run starts nothing new.
    #[error("run {run} is {status} and starts nothing new")]
    NotRunning {
        /// The run.
        run: RunRef,
        /// Where it stands.
        status: Status,
    },
    /// The run cannot end while these steps are under way or in doubt.
    #[error("run {run} cannot finish: {} step(s) are under way or in doubt, the first is {}", steps.len(), steps.first().map_or("", StepKey::as_str))]
    Unfinished {
        /// The run.
        run: RunRef,
        /// The steps.
        steps: Vec<StepKey>,
    },
    /// The run ended otherwise already.
    #[error("run {run} has ended as {status} already")]
    Ended {
        /// The run.
        run: RunRef,
        /// How it ended.
        status: Status,
    },
    /// There is nothing under the key.
    #[error("nothing is recorded under step {step} of run {run}")]
    NothingRecorded {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
    },
    /// The step is not in doubt.
    #[error("step {step} of run {run} is not in doubt; there is nothing to resolve")]
    NotInDoubt {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
    },
    /// The process that made the call lives, and its answer may still come.
    #[error("step {step} of run {run} is still under way; resolve it once its process is gone")]
    OwnerAlive {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// The process's incarnation.
        owner: IncarnationId,
    },
    /// The run holds something a newer version wrote.
    #[error("run {run} holds {what}, which this version does not know; use a newer version to drive it")]
    FormatTooNew {
        /// The run.
        run: RunRef,
        /// The flag or kind.
        what: String,
    },
    /// What the step's answer consists of was erased. The step never runs again.
    #[error("the content of step {step} of run {run} was erased")]
    ContentErased {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
    },
    /// The run's ledger is not what it should be.
    #[error("the ledger of run {run} is damaged: {found}; run `artana run verify-ledger {}`", run.run)]
    Damaged {
        /// The run.
        run: RunRef,
        /// The first break.
        found: Box<ChainBreak>,
    },
    /// Somebody else drives the run as a whole.
    #[error("run {run} is driven by {} under epoch {}", by.incarnation, by.epoch)]
    Fenced {
        /// The run.
        run: RunRef,
        /// Who drives it.
        by: Owner,
    },
    /// A closure failed, and no further attempt is due.
    #[error("the closure of step {step} of run {run} failed after {attempts} attempt(s)")]
    StepFailed {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// What kind of failure it was.
        category: FailureCategory,
        /// How many attempts were made.
        attempts: u32,
        /// What the closure said.
        message: String,
    },
    /// A child run failed or was cancelled.
    #[error("run {child}, which step {step} of run {run} started, ended as {status}")]
    ChildFailed {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
        /// The child.
        child: RunId,
        /// How it ended.
        status: Status,
        /// Why it was given up.
        message: String,
    },
    /// The workflow failed. What it had registered to undo was undone.
    #[error("the workflow of run {run} failed; `artana run explain {}` tells why", run.run)]
    WorkflowFailed {
        /// The run.
        run: RunRef,
        /// What it said.
        message: String,
    },
    /// The workflow's code panicked. Nothing was recorded of that, and the run goes on when the code is asked again.
    #[error("the code of run {0} panicked between two steps; correct it, and the run goes on from its ledger")]
    WorkflowPanicked(RunRef),
    /// The workflow's code asks something else than is recorded. Nothing was executed.
    #[error("the code of run {run} does not do what its ledger recorded, from place {} on:\n{divergence}\nlet old runs finish on the old path with `cx.patched(..)`, or start another run", divergence.at)]
    Diverged {
        /// The run.
        run: RunRef,
        /// The first difference, with what stands around it.
        divergence: Box<Divergence>,
    },
    /// The run was not started as a workflow, or under another name.
    #[error("run {run} was not started as {what}; use another run id")]
    NotThatWorkflow {
        /// The run.
        run: RunRef,
        /// What it was asked to be.
        what: String,
    },
    /// No code is registered under the name that the run names.
    #[error("{}", unregistered(run, name))]
    UnknownWorkflow {
        /// The run.
        run: RunRef,
        /// The name.
        name: Name,
    },
    /// The run that started this one has ended without it.
    #[error("the run that started {0} has ended without it; cancel it")]
    Orphaned(RunRef),
    /// The workflow's code waits for something that is no step, and that no ledger knows of.
    #[error("{}", foreign_wait(.0))]
    ForeignWait(RunRef),
    /// The workflow's code dropped something it had asked for, unanswered.
    #[error("the code of run {run} dropped `{asked}` unanswered; what is given up on purpose goes through `cx.race`")]
    AskDropped {
        /// The run.
        run: RunRef,
        /// What it had asked.
        asked: String,
    },
    /// Something was asked of the workflow while its code was not running: from inside a closure, or a task.
    #[error("{}", asked_inside(run, asked))]
    AskedInside {
        /// The run.
        run: RunRef,
        /// What was asked.
        asked: String,
    },
    /// The workflow's code used a step key twice.
    #[error("{}", key_reused(run, step))]
    StepKeyReused {
        /// The run.
        run: RunRef,
        /// The step.
        step: StepKey,
    },
    /// A signal or a person said something that is not of the type asked for.
    #[error("what run {run} was told cannot be used: {problem}; change the code to read it, or cancel the run")]
    Said {
        /// The run.
        run: RunRef,
        /// What is wrong, without any word of it.
        problem: String,
    },
    /// There is no such pause, or it was lifted already.
    #[error("run {run} has no open pause {pause}; `artana run explain {}` lists them", run.run)]
    NoPause {
        /// The run.
        run: RunRef,
        /// How it was named.
        pause: String,
    },
    /// Nothing stops the run but what its own code asks, and somebody has to answer. Nothing was written.
    #[error("run {0} waits for answers to what its own code asks: {which}", which = text::unanswered(.0, .1))]
    Unanswered(RunRef, Vec<Ticket>),
    /// This process drove the run and counts as dead now, or somebody else drives it.
    #[error("this process has lost the right to drive run {0}; ask again, and it goes on from the ledger")]
    LeaseLost(RunRef),
    /// The session cannot end in a clean state.
    #[error("run {run} is not in a clean state: {}", unclean(steps, task.as_ref()))]
    Unclean {
        /// The run.
        run: RunRef,
        /// The steps under way or in doubt.
        steps: Vec<StepKey>,
        /// The task in progress.
        task: Option<Name>,
    },
    /// A task cannot be defined or moved so. Nothing was written.
    #[error("task {task} of run {run} is refused: {why}")]
    TaskRefused {
        /// The run.
        run: RunRef,
        /// The task.
        task: Name,
        /// What is wrong.
        why: &'static str,
    },
    /// The session is over: it ended, or another one began. Nothing was written.
    #[error("the session of run {0} is over; begin another one, and it goes on from the ledger")]
    SessionOver(RunRef),
    /// Something is too large for the format.
    #[error("{0}")]
    TooLarge(String),
    /// A claim was denied.
    #[error("a claim was denied: {0}")]
    Denied(#[from] artana_ports::ClaimDenied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The kernel has been closed.
    #[error("the kernel has been closed")]
    Closed,
    /// The kernel broke one of its own rules; please report it.
    #[error("internal: {0}; please report this")]
    Internal(String),
}
