//! The one fold: what a run's events add up to. Every view, status and decision reads it.
//!
//! An event is checked before anything changes, so a refused event leaves the state as it was.
//! Steps are indexed by key, so that a step costs the same in a short run and in a long one.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Capability, ContentRef, Event, Genesis, Head, IncarnationId, Limits, RunRef, RunView, Seq, Status, StepKey,
    Timestamp,
    cycle::{IllegalTransition, ToolCycle, ToolEvent},
    event::{Body, Closing, Effect, RunFinished, RunOutcome, RunStarted, ToolRequested, ToolSignature},
};

/// Behaviour flags this build understands.
const KNOWN_FLAGS: &[&str] = &[];

/// Why an event cannot follow the events before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FoldError {
    /// The first event is not `run_started`, or a later one is.
    #[error("run_started is the first event of a run and no other")]
    Start,
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
    /// A later attempt names another tool or other arguments than the first.
    #[error("an attempt of step {step} differs from the first in its tool or its arguments")]
    AnotherCall {
        /// The step.
        step: StepKey,
    },
}

/// One durable thing inside a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A tool call.
    Tool(ToolStep),
}

/// A tool call: what was asked and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolStep {
    /// The tool of the last attempt.
    pub tool: ToolSignature,
    /// What the tool declared it does.
    pub effect: Effect,
    /// The arguments.
    pub args: ContentRef,
    /// Where the cycle stands.
    pub cycle: ToolCycle,
}

/// What a run's events add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    genesis: Genesis,
    started: RunStarted,
    started_at: Timestamp,
    now: Summary,
    steps: BTreeMap<StepKey, Step>,
}

/// The part of a state that does not grow with the run's length.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Summary {
    head: Head,
    updated_at: Timestamp,
    closing: Option<Closing>,
    finished: Option<RunOutcome>,
    foreign: Option<String>,
    steps: u64,
    pending: BTreeSet<StepKey>,
    unknown: u64,
    drifts: u64,
    last_step: Option<StepKey>,
    failed_step: Option<StepKey>,
}

/// A state with events added that may never be committed: what a batch would leave behind.
#[derive(Debug, Clone)]
pub struct Projection<'a> {
    state: &'a RunState,
    now: Summary,
    changed: BTreeMap<StepKey, ToolStep>,
}

impl RunState {
    /// Begins the fold with a run's first event.
    ///
    /// # Errors
    ///
    /// [`FoldError::Start`] when it is not `run_started` at sequence 1.
    pub fn start(run: &RunRef, first: &Event) -> Result<Self, FoldError> {
        let Body::RunStarted(started) = first.body() else { return Err(FoldError::Start) };
        if first.seq() != Seq::new(1) || first.step().is_some() {
            return Err(FoldError::Start);
        }
        let unknown_flag = started.flags.iter().find(|flag| !KNOWN_FLAGS.contains(&flag.as_str()));
        let now = Summary {
            head: first.head(),
            updated_at: first.at(),
            closing: None,
            finished: None,
            foreign: unknown_flag.map(|flag| format!("flag {flag}")),
            steps: 0,
            pending: BTreeSet::new(),
            unknown: 0,
            drifts: 0,
            last_step: None,
            failed_step: None,
        };
        let genesis = started.genesis.of(run);
        Ok(Self { genesis, started: started.clone(), started_at: first.at(), now, steps: BTreeMap::new() })
    }

    /// Adds the next event.
    ///
    /// # Errors
    ///
    /// [`FoldError`] when it may not follow; the state is then unchanged.
    pub fn apply(&mut self, event: &Event) -> Result<(), FoldError> {
        let last = event.step().and_then(|key| tool_step(&self.steps, key));
        let next = self.now.advance(last, event)?;
        if let Body::GrantGiven(grant) = event.body() {
            self.started.capabilities.clone_from(&grant.capabilities);
            self.started.limits = grant.limits;
        }
        if let (Some(key), Some(next)) = (event.step(), next) {
            self.steps.insert(key.clone(), Step::Tool(next));
        }
        Ok(())
    }

    /// Begins a projection, which leaves this state as it is.
    #[must_use]
    pub fn project(&self) -> Projection<'_> {
        Projection { state: self, now: self.now.clone(), changed: BTreeMap::new() }
    }

    /// Returns whether a new effect may start.
    #[must_use]
    pub fn admits_effects(&self) -> bool {
        self.now.finished.is_none() && self.now.closing.is_none()
    }

    /// Returns where the run stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.now.status()
    }

    /// Returns the run's row in a listing.
    #[must_use]
    pub fn view(&self) -> RunView {
        self.view_of(&self.now)
    }

    fn view_of(&self, now: &Summary) -> RunView {
        RunView {
            run: self.genesis.run.clone(),
            root: self.genesis.root.clone(),
            parent: self.genesis.parent.clone(),
            status: now.status(),
            head: now.head,
            started_at: self.started_at,
            updated_at: now.updated_at,
            steps: now.steps,
            pending: now.pending.len() as u64,
            unknown: now.unknown,
            drifts: now.drifts,
            last_step: now.last_step.clone(),
            failed_step: now.failed_step.clone(),
            labels: self.started.labels.clone(),
            queued: None,
        }
    }

    /// Borrows the run's name.
    #[must_use]
    pub fn run(&self) -> &RunRef {
        &self.genesis.run
    }

    /// Borrows what the run's chain hangs from.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Borrows what the run was started with.
    #[must_use]
    pub fn started(&self) -> &RunStarted {
        &self.started
    }

    /// Borrows the capabilities the run has now.
    #[must_use]
    pub fn capabilities(&self) -> &BTreeSet<Capability> {
        &self.started.capabilities
    }

    /// Returns the limits the run has now.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.started.limits
    }

    /// Returns the end of the chain.
    #[must_use]
    pub fn head(&self) -> Head {
        self.now.head
    }

    /// Returns how the run is closing, if it is and has not ended.
    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        self.now.closing.filter(|_| self.now.finished.is_none())
    }

    /// Names the first flag or event kind this build does not know; such a run may not be driven.
    #[must_use]
    pub fn foreign(&self) -> Option<&str> {
        self.now.foreign.as_deref()
    }

    /// Borrows a step.
    #[must_use]
    pub fn step(&self, key: &StepKey) -> Option<&Step> {
        self.steps.get(key)
    }

    /// Borrows a tool step.
    #[must_use]
    pub fn tool_step(&self, key: &StepKey) -> Option<&ToolStep> {
        tool_step(&self.steps, key)
    }

    /// Lists all steps by key.
    pub fn steps(&self) -> impl Iterator<Item = (&StepKey, &Step)> {
        self.steps.iter()
    }

    /// Lists the steps under way.
    pub fn pending(&self) -> impl Iterator<Item = &StepKey> {
        self.now.pending.iter()
    }

    /// Returns who is working on a step, if anybody is.
    #[must_use]
    pub fn owner(&self, key: &StepKey) -> Option<IncarnationId> {
        self.tool_step(key)?.cycle.owner()
    }
}

impl Projection<'_> {
    /// Adds the next event.
    ///
    /// # Errors
    ///
    /// [`FoldError`] when it may not follow; the projection is then unchanged.
    pub fn apply(&mut self, event: &Event) -> Result<(), FoldError> {
        let last = event.step().and_then(|key| self.changed.get(key).or_else(|| self.state.tool_step(key)));
        let next = self.now.advance(last, event)?;
        if let (Some(key), Some(next)) = (event.step(), next) {
            self.changed.insert(key.clone(), next);
        }
        Ok(())
    }

    /// Returns the run's last event if it is closing and nothing is under way any more.
    #[must_use]
    pub fn closes(&self) -> Option<RunFinished> {
        let closing = self.now.closing.filter(|_| self.now.finished.is_none() && self.now.pending.is_empty())?;
        Some(RunFinished { outcome: closing.into() })
    }

    /// Returns the end of the projected chain.
    #[must_use]
    pub fn head(&self) -> Head {
        self.now.head
    }

    /// Returns the run's row in a listing as the projection leaves it.
    #[must_use]
    pub fn view(&self) -> RunView {
        self.state.view_of(&self.now)
    }
}

impl Summary {
    /// Checks an event against everything, then moves on. `last` is the event's step as it stands;
    /// the step it leaves behind is returned.
    fn advance(&mut self, last: Option<&ToolStep>, event: &Event) -> Result<Option<ToolStep>, FoldError> {
        if event.seq() != self.head.seq.next() || event.record().prev_hash != self.head.hash {
            return Err(FoldError::NotNext { expected: self.head.seq.next(), found: event.seq() });
        }
        self.check(event)?;
        let next = next_step(last, event)?;
        match event.body() {
            Body::CancelRequested(asked) => self.closing = Some(asked.closing),
            Body::RunFinished(end) => self.finished = Some(end.outcome),
            Body::Other => {
                self.foreign.get_or_insert_with(|| format!("event kind {}", event.kind()));
            }
            _ => {}
        }
        if let (Some(key), Some(next)) = (event.step(), &next) {
            self.count(key, last, next);
        }
        if let Some(key) = event.step() {
            self.last_step = Some(key.clone());
        }
        self.head = event.head();
        self.updated_at = event.at();
        Ok(next)
    }

    fn check(&self, event: &Event) -> Result<(), FoldError> {
        let open = self.finished.is_none();
        let admitted = match event.body() {
            Body::RunStarted(_) => return Err(FoldError::Start),
            Body::ToolRequested(_) | Body::CancelRequested(_) => open && self.closing.is_none(),
            Body::RunFinished(end) => self.may_finish(end.outcome),
            Body::GrantGiven(_) => open,
            _ => true,
        };
        if admitted { Ok(()) } else { Err(FoldError::Status { kind: event.body().kind(), status: self.status() }) }
    }

    /// Ending by itself needs every step settled; ending by failure or cancellation needs to have
    /// been announced and nothing under way, and leaves doubts to be resolved later.
    fn may_finish(&self, outcome: RunOutcome) -> bool {
        let announced = self.closing.map(RunOutcome::from);
        let settled = self.pending.is_empty() && (outcome != RunOutcome::Completed || self.unknown == 0);
        let fits = if outcome == RunOutcome::Completed { announced.is_none() } else { announced == Some(outcome) };
        self.finished.is_none() && settled && fits
    }

    fn count(&mut self, key: &StepKey, last: Option<&ToolStep>, next: &ToolStep) {
        if next.cycle.is_pending() {
            self.pending.insert(key.clone());
        } else {
            self.pending.remove(key);
        }
        // A late outcome that is evidence only leaves a settled step as it was, and clears nothing.
        let changed = last.is_none_or(|last| last.cycle != next.cycle);
        match &next.cycle {
            ToolCycle::Failed(_) if changed => self.failed_step = Some(key.clone()),
            ToolCycle::Succeeded(_) if changed => self.failed_step = None,
            _ => {}
        }
        self.steps += u64::from(last.is_none());
        self.unknown += u64::from(next.cycle.is_unknown());
        self.unknown -= u64::from(last.is_some_and(|last| last.cycle.is_unknown()));
    }

    fn status(&self) -> Status {
        match (self.finished, self.closing) {
            (Some(RunOutcome::Completed), _) => Status::Completed,
            (Some(RunOutcome::Failed), _) => Status::Failed,
            (Some(RunOutcome::Cancelled), _) => Status::Cancelled,
            (None, Some(_)) => Status::Cancelling,
            (None, None) if self.unknown > 0 => Status::NeedsReconciliation,
            (None, None) => Status::Running,
        }
    }
}

fn tool_step<'a>(steps: &'a BTreeMap<StepKey, Step>, key: &StepKey) -> Option<&'a ToolStep> {
    let Step::Tool(step) = steps.get(key)?;
    Some(step)
}

fn next_step(last: Option<&ToolStep>, event: &Event) -> Result<Option<ToolStep>, FoldError> {
    let kind = event.body().kind();
    let belongs_to_step = matches!(
        event.body(),
        Body::ToolRequested(_)
            | Body::ToolAttemptFailed(_)
            | Body::ToolCompleted(_)
            | Body::ToolReconcileRequested(_)
            | Body::ToolResolved(_)
            | Body::LateOutcome(_)
    );
    if !belongs_to_step {
        return Ok(None);
    }
    let Some(key) = event.step() else { return Err(FoldError::NoStep { kind }) };
    let asked = match event.body() {
        Body::ToolRequested(asked) => Some(asked),
        _ => None,
    };
    if let (Some(last), Some(asked)) = (last, asked)
        && (last.tool.name != asked.tool.name || last.args.digest != asked.args.digest)
    {
        return Err(FoldError::AnotherCall { step: key.clone() });
    }
    let cycle = last.map_or(ToolCycle::Absent, |step| step.cycle.clone());
    let seen = ToolEvent { id: event.id(), seq: event.seq(), at: event.at(), body: event.body() };
    let cycle = cycle.next(seen).map_err(|source| FoldError::Step { step: key.clone(), source })?;
    Ok(Some(with_cycle(last, asked, cycle)))
}

fn with_cycle(last: Option<&ToolStep>, asked: Option<&ToolRequested>, cycle: ToolCycle) -> ToolStep {
    match (asked, last) {
        (Some(asked), _) => ToolStep { tool: asked.tool.clone(), effect: asked.effect, args: asked.args, cycle },
        (None, Some(last)) => ToolStep { cycle, ..last.clone() },
        (None, None) => unreachable!("the cycle refuses everything but a request in an absent step"),
    }
}
