//! Stages and traces: where the work has come to, and what whoever follows it may want to know.

use std::time::Duration;

use artana_core::{
    ContentType, Name, RunState, Stage, Timestamp, Usd,
    event::{StageEntered, Trace, Traced},
};
use serde::Serialize;

use super::{Driving, may_go_on};
use crate::{
    Error,
    code::to_json,
    journal::{Facts, Plan},
};

/// A stage that the work has left, or has come to the end of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageLeft {
    /// The stage.
    pub name: Name,
    /// Its round.
    pub round: u64,
    /// What the calls made in it cost, those of children included.
    pub cost: Usd,
    /// How long it took.
    pub duration: Duration,
}

impl Driving {
    /// Records that the work has come to a stage, or to the same one for another round, and says what the stage
    /// before it took. A round of a stage that the work has come to before records
    /// nothing: the code has only come past it again after a crash.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`] in a run that is paused; [`Error::Ended`].
    pub async fn enter_stage(&self, stage: &Name, round: u64) -> Result<Option<StageLeft>, Error> {
        if self.state(|state| state.work().has_entered(stage, round)) {
            return Ok(None);
        }
        let left = self.stage_left().await?;
        let stage = stage.clone();
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            may_go_on(state)?;
            if state.work().has_entered(&stage, round) {
                return Ok(Plan::default());
            }
            let entered = StageEntered { round, session: state.session().number, stage: stage.clone() };
            Plan::default().event(facts.id(), None, entered)
        };
        self.append(decide).await?;
        Ok(left)
    }

    /// Says what the stage that the work is in has taken so far; `None` where it is in none.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn stage_left(&self) -> Result<Option<StageLeft>, Error> {
        let now = self.run.journal.shared.clock.now();
        let Some(stage) = self.state(|state| state.work().stage().cloned()) else { return Ok(None) };
        let mut cost = self.state(|state| state.costs().total().cost).as_nanos().saturating_sub(stage.spent.as_nanos());
        for child in self.children_of(&stage) {
            let child = self.kernel().open_run(&self.run.tenant, child.as_str()).await?;
            cost = cost.saturating_add(child.latest(|state| state.costs().total().cost).await?.as_nanos());
        }
        let Stage { name, round, since, .. } = stage;
        Ok(Some(StageLeft { name, round, cost: Usd::nanos(cost), duration: now.since(since) }))
    }

    /// Records something for whoever follows the work, as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidValue`] when it cannot be written as JSON; [`Error::Ended`].
    pub async fn trace_said<T: Serialize>(&self, topic: &Name, value: &T) -> Result<(), Error> {
        let invalid = |problem| Error::InvalidValue { run: self.run.name().clone(), name: topic.clone(), problem };
        let bytes = to_json(value).map_err(invalid)?;
        let (value, content) = self.run.journal.content(ContentType::Json, bytes);
        let said = Traced::Said { topic: topic.clone(), value };
        self.trace_with(said, Some(content)).await
    }

    /// Records that a stage was left for another one, or for none.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`].
    pub async fn trace_stage(&self, left: StageLeft, to: Option<Name>) -> Result<(), Error> {
        let StageLeft { name: from, round, cost, duration } = left;
        let duration_us = crate::perform::micros(duration);
        self.trace_with(Traced::Stage { cost, duration_us, from, round, to }, None).await
    }

    /// Records that a session that was at a task since then is done with it, or has put it back.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`].
    pub async fn trace_task(&self, task: &Name, done: bool, since: Timestamp) -> Result<(), Error> {
        let attempt = self.state(|state| state.work().task(task).map_or(1, |known| known.attempt));
        // An error has made the next attempt due already.
        let attempt = if done { attempt } else { attempt.saturating_sub(1) };
        let duration_us = crate::perform::micros(self.run.journal.shared.clock.now().since(since));
        self.trace_with(Traced::Task { attempt, done, duration_us, task: task.clone() }, None).await
    }

    async fn trace_with(&self, what: Traced, content: Option<artana_core::Content>) -> Result<(), Error> {
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            if state.status().is_finished() {
                return Err(Error::Ended { run: state.run().clone(), status: state.status() });
            }
            let trace = Trace { session: state.session().number, what: what.clone() };
            Ok(Plan::default().event(facts.id(), None, trace)?.content(content.clone()))
        };
        self.append(decide).await.map(drop)
    }
}
