//! The one fold: what a run's events add up to. Every view, status and decision reads it.
//!
//! An event is checked before anything changes, so a refused event leaves the state as it was.
//! Steps are indexed by key, so that a step costs the same in a short run and in a long one.

mod code;
mod error;
mod fork;
mod kept;
mod program;
mod projection;
mod register;
mod step;
mod summary;
mod turns;
mod wait;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    Capability, ContentRef, Digest, Event, EventId, Genesis, Head, IncarnationId, LabelKey, Limits, ModelId, Ordinal,
    ParentLink, RequestId, RunId, RunRef, RunView, Seq, Status, StepKey, Timestamp,
    cost::{Costs, charge},
    event::{Body, Closing, Extends, OWN_UNDO, RunEnqueued, RunForked, RunOutcome, RunStarted, Wait},
    limits::MAX_FORK_DEPTH,
};
use fork::Inherited;
use register::Register;
use step::Before;
use summary::Summary;

pub use code::CodeStep;
pub use error::FoldError;
pub use kept::{Kept, KeptValue};
pub use program::{AskKind, Asked, Place, Program, Signal};
pub use projection::Projection;
pub use step::{ModelStep, Round, Step, ToolStep};
pub use summary::{PAUSED_ABOVE, Pause};
pub use wait::{ChildStep, PauseStep, Resumption, RollbackStep, TimerStep};
pub use work::{Session, Stage, Task, TaskState, Work};

/// Behaviour flags this build understands.
const KNOWN_FLAGS: &[&str] = &[OWN_UNDO];

/// What a run's events add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    genesis: Genesis,
    started: RunStarted,
    started_at: Timestamp,
    now: Summary,
    steps: BTreeMap<StepKey, Step>,
    inherited: Option<Arc<Inherited>>,
    register: Register,
    program: Program,
    work: Work,
    kept: Kept,
    costs: Costs,
}

/// A fork of a run, as its parent records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The step from which it goes its own way.
    pub step: StepKey,
    /// Where it is recorded, and why.
    pub recorded: (Seq, RunForked),
}

impl RunState {
    /// Begins the fold with a run's first event. A fork goes on from `parent`, folded up to the cut.
    ///
    /// # Errors
    ///
    /// [`FoldError::Start`] when it is not `run_started` at sequence 1; [`FoldError::Parent`] when the run is
    /// a fork of something else than `parent` as it stands.
    pub fn start(run: &RunRef, first: &Event, parent: Option<&Self>) -> Result<Self, FoldError> {
        let Body::RunStarted(started) = first.body() else { return Err(FoldError::Start) };
        if first.seq() != Seq::new(1) || first.step().is_some() {
            return Err(FoldError::Start);
        }
        let genesis = started.genesis.of(run);
        if genesis.parent != parent.map(RunState::link) || parent.is_some_and(|parent| !parent.is_family(&genesis)) {
            return Err(FoldError::Parent);
        }
        if parent.is_some_and(|parent| parent.depth() >= MAX_FORK_DEPTH) {
            return Err(FoldError::Fork { why: "it has as many ancestors as a run may have" });
        }
        let unknown_flag = started.flags.iter().find(|flag| !KNOWN_FLAGS.contains(&flag.as_str()));
        Ok(Self {
            genesis,
            started: started.clone(),
            started_at: first.at(),
            now: Summary::start(
                first,
                started,
                unknown_flag.map(|flag| format!("flag {flag}")),
                parent.map(|parent| &parent.now),
            ),
            steps: BTreeMap::new(),
            inherited: parent.map(Inherited::from),
            register: parent.map(|parent| parent.register.shared()).unwrap_or_default(),
            program: parent.map(|parent| parent.program.clone()).unwrap_or_default(),
            work: parent.map(|parent| parent.work.shared()).unwrap_or_default(),
            kept: parent.map(|parent| parent.kept.clone()).unwrap_or_default(),
            costs: Costs::default(),
        })
    }

    /// Returns the link by which a fork made here names this run.
    #[must_use]
    pub fn link(&self) -> ParentLink {
        let Head { seq, hash } = self.now.head;
        ParentLink { hash, run: self.genesis.run.run.clone(), seq }
    }

    fn is_family(&self, fork: &Genesis) -> bool {
        let own = &self.genesis;
        fork.run.tenant == own.run.tenant && fork.root == own.root && fork.key_id == own.key_id
    }

    /// Adds the next event.
    ///
    /// # Errors
    ///
    /// [`FoldError`] when it may not follow; the state is then unchanged.
    pub fn apply(&mut self, event: &Event) -> Result<(), FoldError> {
        let before = self.before(event);
        let next = self.now.check(before, event)?;
        let roots = self.register.check(None, event)?;
        self.program.check(None, event)?;
        self.work.check(None, &self.now.session, event)?;
        let charge = charge(self, event);
        // Everything is checked: from here on nothing is refused.
        let own = event.step().and_then(|key| self.steps.get(key));
        self.now.advance(event, own, next.as_ref());
        self.register.add(event, roots);
        self.program.add(event, self.depth());
        self.work.add(None, event, &self.costs);
        self.kept.apply(event);
        if let Some(charge) = charge {
            self.costs.add(&charge);
        }
        if let Body::GrantGiven(grant) = event.body() {
            self.started.capabilities.clone_from(&grant.capabilities);
            self.started.limits = grant.limits;
        }
        if let (Some(key), Some(mut next)) = (event.step(), next) {
            if let Step::Model(step) = &mut next {
                self.share_name(&mut Arc::make_mut(step).asked.model);
            }
            self.steps.insert(key.clone(), next);
        }
        Ok(())
    }

    /// Every event holds the model's name anew; a long run keeps it once.
    fn share_name(&self, model: &mut ModelId) {
        if let Some((known, _)) = self.costs.models.get_key_value(model) {
            model.clone_from(known);
        }
    }

    /// Returns the event's step as it stands.
    fn before(&self, event: &Event) -> Before<'_> {
        let Some(key) = event.step() else { return Before { own: None, shared: None } };
        Before { own: self.steps.get(key), shared: self.shared_step(key) }
    }

    /// Begins a projection, which leaves this state as it is.
    #[must_use]
    pub fn project(&self) -> Projection<'_> {
        Projection::new(self)
    }

    /// Returns whether a new effect may start under a key: in a closing run only what undoes something, in a paused
    /// or finished one nothing.
    #[must_use]
    pub fn admits(&self, step: &StepKey) -> bool {
        self.now.starts(Some(step))
    }

    /// Returns whether the run is ending or has ended.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.now.finished.is_some() || self.now.closing.is_some()
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
            last_step: now.last_step.clone(),
            failed_step: now.failed_step.clone(),
            drifts: now.drifts,
            labels: self.started.labels.clone(),
            queued: now.queued(),
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

    /// Returns when the run was started.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
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

    /// Borrows the run's labels.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<LabelKey, String> {
        &self.started.labels
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

    /// Borrows a step: the run's own, or one it shares with its ancestors. All positions in it are positions in
    /// the run that holds it.
    #[must_use]
    pub fn step(&self, key: &StepKey) -> Option<&Step> {
        self.steps.get(key).or_else(|| self.shared_step(key))
    }

    /// Borrows a tool step, as [`Self::step`] does.
    #[must_use]
    pub fn tool_step(&self, key: &StepKey) -> Option<&ToolStep> {
        self.step(key)?.tool()
    }

    /// Borrows a model step, as [`Self::step`] does.
    #[must_use]
    pub fn model_step(&self, key: &StepKey) -> Option<&ModelStep> {
        self.step(key)?.model()
    }

    /// Lists the run's own steps by key.
    pub fn steps(&self) -> impl Iterator<Item = (&StepKey, &Step)> {
        self.steps.iter()
    }

    /// Lists the steps that a fork shares with its ancestors and has no events of its own for.
    pub fn shared_steps(&self) -> impl Iterator<Item = (&StepKey, &Step)> {
        let all = self.inherited.iter().flat_map(|inherited| inherited.all());
        all.filter(|(key, _)| !self.steps.contains_key(*key))
    }

    /// Names the ancestor that holds a step this run has no events of its own for.
    #[must_use]
    pub fn holder(&self, key: &StepKey) -> Option<&RunId> {
        if self.steps.contains_key(key) {
            return None;
        }
        self.inherited.as_ref()?.holder(key)
    }

    /// Returns where a step began: the run, this one or an ancestor, and the position of the step's first event
    /// there. A fork may have gone on with a step that began in an ancestor.
    #[must_use]
    pub fn origin(&self, key: &StepKey) -> Option<(&RunId, Seq)> {
        let shared = self.inherited.as_ref().and_then(|inherited| inherited.origin(key));
        match self.steps.get(key) {
            Some(step) if step.effect().is_some() => Some((&self.genesis.run.run, step.first())),
            Some(step) => Some(shared.unwrap_or((&self.genesis.run.run, step.first()))),
            None => shared,
        }
    }

    /// Returns in which run and where the request of a model step's last cycle is recorded.
    #[must_use]
    pub fn asked_place(&self, key: &StepKey) -> Option<(&RunId, Seq)> {
        let asked_at = self.model_step(key)?.asked_at;
        Some((self.holder(key).unwrap_or(&self.genesis.run.run), asked_at))
    }

    /// Returns where it is recorded what whoever asked for a step is told, if that is known for good.
    #[must_use]
    pub fn answered(&self, key: &StepKey) -> Option<Place> {
        let depth = match (self.steps.contains_key(key), &self.inherited) {
            (false, Some(inherited)) => inherited.depth_of(key)?,
            _ => self.depth(),
        };
        Some(Place { depth, seq: self.step(key)?.answered()? })
    }

    /// Borrows what the run's code has asked, if it is a workflow, and the signals it was sent.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Borrows the pauses that nobody has lifted, by the events that began them.
    #[must_use]
    pub fn pauses(&self) -> &BTreeMap<EventId, Pause> {
        &self.now.pauses
    }

    /// Lists what the run's code waits for, with the step where the wait has one.
    pub fn waits(&self) -> impl Iterator<Item = (Ordinal, Option<&StepKey>, &Wait)> {
        self.now.drive.waits.iter().map(|(at, (step, wait))| (*at, step.as_ref(), wait))
    }

    /// Borrows the run's place in a queue as it was given, if it was.
    #[must_use]
    pub fn enqueued(&self) -> Option<&RunEnqueued> {
        self.now.drive.enqueued.as_deref()
    }

    /// Returns whether whoever drove the run has left it until something happens.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.now.drive.suspended
    }

    /// Lists what is registered to undo something and has not ended.
    pub fn rollbacks(&self) -> impl Iterator<Item = &StepKey> {
        self.now.drive.rollbacks.iter()
    }

    /// Lists the processes that died with the run since it last got anywhere.
    #[must_use]
    pub fn died(&self) -> &[IncarnationId] {
        &self.now.drive.died
    }

    /// Returns how the run ended, if it did.
    #[must_use]
    pub fn finished(&self) -> Option<RunOutcome> {
        self.now.finished
    }

    /// Borrows what the run's code returned, if it ended by itself.
    #[must_use]
    pub fn output(&self) -> Option<&ContentRef> {
        self.now.output.as_ref()
    }

    /// Borrows why the run is closing or was closed, in words.
    #[must_use]
    pub fn closing_reason(&self) -> Option<&ContentRef> {
        self.now.reason.as_ref()
    }

    /// Returns how many ancestors the run has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.inherited.as_ref().map_or(0, |inherited| inherited.depth)
    }

    fn shared_step(&self, key: &StepKey) -> Option<&Step> {
        self.inherited.as_ref()?.step(key)
    }

    /// Returns where a recorded conversation with this root ends, so that a longer one can go on from it. In a
    /// fork the request may be an ancestor's.
    #[must_use]
    pub fn conversation(&self, root: &Digest) -> Option<Extends> {
        self.register.turns.find(root)
    }

    /// Returns in which run and where a request is recorded that a later conversation goes on from.
    #[must_use]
    pub fn request_place(&self, request: &RequestId) -> Option<(RunId, Seq)> {
        let (run, at) = self.register.turns.place(request)?;
        Some((RunId::parse(run).ok()?, at))
    }

    /// Borrows the latest of what the application keeps in the run.
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Borrows the run's forks, by their ids.
    #[must_use]
    pub fn forks(&self) -> &BTreeMap<RunId, Fork> {
        &self.register.forks
    }

    /// Names the fork in which the rest of the workflow is done, because a step of it was asked otherwise than
    /// recorded. What is still to be done, waited for and undone is to be asked there.
    #[must_use]
    pub fn moved(&self) -> Option<&RunId> {
        self.now.moved.as_ref()
    }

    /// Borrows what the run's own calls used and cost.
    #[must_use]
    pub fn costs(&self) -> &Costs {
        &self.costs
    }

    /// Returns how often an ask differed from what was recorded and was answered all the same, here or in a fork.
    #[must_use]
    pub fn drifts(&self) -> u64 {
        self.now.drifts
    }

    /// Returns whether it is recorded that a step was answered although it was asked like this.
    #[must_use]
    pub fn has_drifted(&self, step: &StepKey, asked: &Digest) -> bool {
        self.register.has_drifted(step, asked)
    }

    /// Borrows the key of the step whose failure no later success has cleared.
    #[must_use]
    pub fn failed_step(&self) -> Option<&StepKey> {
        self.now.failed_step.as_ref()
    }

    /// Borrows the key of the step that was last heard of.
    #[must_use]
    pub fn last_step(&self) -> Option<&StepKey> {
        self.now.last_step.as_ref()
    }

    /// Lists the steps under way.
    pub fn pending(&self) -> impl Iterator<Item = &StepKey> {
        self.now.pending.iter()
    }

    /// Returns who is working on one of the run's own steps, if anybody is.
    #[must_use]
    pub fn owner(&self, key: &StepKey) -> Option<IncarnationId> {
        self.steps.get(key)?.owner()
    }
}
