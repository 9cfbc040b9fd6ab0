//! Drives a workflow: runs its code against the ledger, answers what it asks in the order in which the ledger has the
//! answers, performs what is not recorded yet, and leaves when there is nothing to do but wait.
//!
//! One answer is given at a time, always the earliest there is. What the code does next is then a function of the
//! ledger, so the code comes to the same place in every life.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use artana_core::{Name, Ordinal, Place, RunState, Seq, StepKey, Timestamp, divergence::Divergence};
use tokio::sync::OwnedMutexGuard;

use super::{
    End, Failure, Suspended, WorkflowContext, child,
    end::{ended, finish, give_up},
    machine::{Alarm, Ask, Machine, Want},
    moved,
    open::{Asks, Open, Standing},
    performing::{Under, next},
    values, waits,
};
use crate::{
    Error, Run,
    control::{drivable, is_here},
    drive::{Drive, Driven, Dropped, Told, release},
};

/// The code of a workflow: what it returns, in canonical JSON.
pub(crate) type Code<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, Failure>> + Send + 'a>>;

/// With what a drive begins.
#[derive(Debug, Default)]
pub(crate) struct Lead {
    /// The right to drive the run, where it was granted before.
    pub(crate) drive: Arc<Drive>,
    pub(crate) told: Told,
    /// Whether the right to drive the run is kept after an error.
    pub(crate) keeps: bool,
}

/// Drives a run's code as far as it comes. A run that has ended answers from the ledger.
pub(crate) async fn drive<'a, F>(run: &Run, code: F, lead: Lead) -> Result<End, Error>
where
    F: FnOnce(WorkflowContext) -> Code<'a>,
{
    let _busy = run.journal.shared.enter()?;
    let (run, lead, alone) = match Box::pin(found(run.clone(), lead)).await? {
        Found::Here(here) => *here,
        Found::End(end) => return Ok(end),
    };
    let mut driver = Driver::new(&run, lead, alone);
    let code = code(WorkflowContext::new(Arc::clone(&driver.machine)));
    let end = Box::pin(driver.run(code)).await;
    driver.machine.close();
    if end.is_err() {
        Box::pin(driver.let_go()).await;
    }
    driver.dropped.disarm();
    end
}

/// Keeps others in this process from driving a run.
type Alone = OwnedMutexGuard<()>;

/// Where a run is to be driven.
enum Found {
    /// In this run, with these rights, while nobody else in this process drives it or those whose rest it is.
    Here(Box<(Run, Lead, Vec<Alone>)>),
    /// Nowhere.
    End(End),
}

/// Finds the run in which the rest of one is done.
async fn found(mut run: Run, mut lead: Lead) -> Result<Found, Error> {
    let mut alone = Vec::new();
    loop {
        alone.push(Arc::clone(&run.journal.driving).lock_owned().await);
        run.journal.refresh().await?;
        run.journal.with_state(drivable)?;
        if run.journal.with_state(|state| state.finished().is_some()) {
            moved::tell(&run.journal).await;
        }
        if let Some(end) = ended(&run).await? {
            return Ok(Found::End(end));
        }
        let Some(fork) = moved::rest_of(&run).await? else { return Ok(Found::Here(Box::new((run, lead, alone)))) };
        moved::leave(&run, &lead.drive).await?;
        if lead.keeps {
            // The fork is due by itself, and its errors are its own.
            return Ok(Found::End(End::Left));
        }
        child::unblock(&fork).await?;
        (run, lead) = (fork, Lead { drive: Arc::new(lead.drive.of_the_rest()), ..lead });
    }
}

pub(super) struct Driver {
    pub(super) run: Run,
    pub(super) drive: Arc<Drive>,
    pub(super) machine: Arc<Machine>,
    pub(super) open: Asks,
    /// Waits that are recorded, and that a race gave up.
    pub(super) given_up: Vec<Ordinal>,
    /// Pauses that a race gave up.
    pub(super) lifted: Vec<StepKey>,
    pub(super) alarm: Arc<Alarm>,
    pub(super) told: Told,
    /// Whether the right to drive the run is kept after an error.
    keeps: bool,
    dropped: Dropped,
    /// Of the run, and of those whose rest it is: nobody else in this process drives them.
    alone: Vec<Alone>,
    /// The latest of what the code was told.
    answered: Option<Place>,
    pub(super) ready: BinaryHeap<Reverse<(Place, Ordinal)>>,
    pub(super) performing: Vec<Under>,
    /// Children that were left in the middle of their code, and could go on with it.
    pub(super) left: Vec<Under>,
    /// Whether a child was left in the middle, so that the run's code has to begin anew before it goes on.
    pub(super) renews: bool,
    /// Up to where the run was looked through for answers.
    pub(super) looked: Option<Seq>,
    /// Up to which place recorded results were read ahead.
    pub(super) ahead_to: Ordinal,
    /// How many signals of each name the code has received.
    pub(super) received: BTreeMap<Name, usize>,
    /// Whether the code has come as far as the ledger says it was.
    caught_up: bool,
}

/// What the driver does next.
enum Next {
    /// Look for an answer.
    Look,
    /// End here.
    End(End),
    /// Undo what was registered, because the run is closing.
    Undo,
}

impl Driver {
    fn new(run: &Run, lead: Lead, alone: Vec<Alone>) -> Self {
        let Lead { drive, told, keeps } = lead;
        let driven = Driven { told: told.clone(), ..Driven::by(&drive) };
        Self {
            run: run.clone(),
            keeps,
            dropped: Dropped::of(run, &drive),
            alone,
            answered: None,
            drive,
            machine: Machine::new(run.driven(driven)),
            open: Asks::default(),
            given_up: Vec::new(),
            lifted: Vec::new(),
            alarm: Arc::default(),
            told,
            ready: BinaryHeap::new(),
            performing: Vec::new(),
            left: Vec::new(),
            renews: false,
            looked: None,
            ahead_to: Ordinal::default(),
            received: BTreeMap::new(),
            caught_up: false,
        }
    }

    /// The time by which waits are judged.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.run.journal.shared.clock.now();
        self.told.came.map_or(now, |came| came.max(now))
    }

    pub(super) fn state<T>(&self, look: impl FnOnce(&RunState) -> T) -> T {
        self.run.journal.with_state(look)
    }

    async fn run(&mut self, mut code: Code<'_>) -> Result<End, Error> {
        loop {
            let polled = catch_unwind(AssertUnwindSafe(|| self.alarm.poll(code.as_mut())));
            let polled = polled.map_err(|_| Error::WorkflowPanicked(self.run.name().clone()))?;
            self.take_news()?;
            if let Poll::Ready(returned) = polled {
                self.machine.close();
                drop(code);
                return self.end(returned).await;
            }
            if self.alarm.rang() || self.open.is_empty() {
                return Err(Error::ForeignWait(self.run.name().clone()));
            }
            loop {
                let ready = self.next_ready();
                if let Some((place, ordinal)) = ready
                    && self.deliver(ordinal).await?
                {
                    self.answered = self.answered.max(Some(place));
                    break;
                }
                self.caught_up |= ready.is_none() && self.catch_up()?;
                match self.go_on().await? {
                    Next::Look => {}
                    Next::End(end) => return Ok(end),
                    Next::Undo => {
                        self.machine.close();
                        drop(code);
                        return give_up(self).await;
                    }
                }
            }
        }
    }

    /// Takes in what the code asked and dropped, and compares it with what is recorded.
    fn take_news(&mut self) -> Result<(), Error> {
        let news = self.machine.news();
        let since = self.now();
        for Ask { ordinal, asked, want, slot } in news.fresh {
            let same = self.state(|state| state.program().asked(ordinal).is_none_or(|recorded| *recorded == asked));
            if !same {
                return Err(self.diverged().unwrap_or_else(|| Error::Internal("a difference was lost".into())));
            }
            self.open.insert(ordinal, Open::new(want, since, slot));
            self.look_for(ordinal);
        }
        if let Some(refused) = news.refused {
            return Err(refused);
        }
        for (ordinal, raced) in news.dropped {
            self.dropped(ordinal, raced)?;
        }
        Ok(())
    }

    pub(super) fn diverged(&self) -> Option<Error> {
        let asked = self.machine.asked();
        let found = self.state(|state| Divergence::find(state.program(), &asked))?;
        Some(Error::Diverged { run: self.run.name().clone(), divergence: Box::new(found) })
    }

    fn dropped(&mut self, ordinal: Ordinal, raced: bool) -> Result<(), Error> {
        let Some(mut open) = self.open.remove(ordinal) else { return Ok(()) };
        if !raced {
            let asked = self.machine.asked().get(usize::try_from(ordinal.get()).unwrap_or(usize::MAX)).cloned();
            let asked = asked.map_or_else(String::new, |asked| asked.to_string());
            return Err(Error::AskDropped { run: self.run.name().clone(), asked });
        }
        match open.want {
            Want::Pause { key, .. } => self.lifted.push(key),
            Want::Signal { .. } => {
                self.given_up.push(ordinal);
                // The next one that waits for this name has its turn.
                self.looked = None;
            }
            Want::Child { ref key, .. } if self.is_to_end(key, &open.standing) => {
                open.abandoned = true;
                self.open.insert(ordinal, open);
            }
            Want::Sleep { .. } | Want::Child { .. } => self.given_up.push(ordinal),
            Want::Step { .. } | Want::Value(_) | Want::OnRollback { .. } => {}
        }
        Ok(())
    }

    /// Returns whether a child has begun, or is about to, and has not ended.
    fn is_to_end(&self, key: &StepKey, standing: &Standing) -> bool {
        let begun = self.state(|state| state.step(key).map(|step| step.answered().is_some()));
        begun.map_or(matches!(standing, Standing::Performing), |ended| !ended)
    }

    /// Lists the open asks of which something may be recorded. Nothing is recorded of what was asked after a value that
    /// is not drawn yet, as in a run that is paused: the place of a change is told by what comes after it.
    pub(super) fn recordable(&self) -> impl Iterator<Item = (Ordinal, &Open)> {
        let undrawn = self.undrawn();
        self.open.iter().take_while(move |(ordinal, _)| undrawn.is_none_or(|undrawn| *ordinal < undrawn))
    }

    /// Lists those of them that are no steps.
    pub(super) fn recordable_waits(&self) -> impl Iterator<Item = (Ordinal, &Open)> {
        let undrawn = self.undrawn();
        self.open.waits().take_while(move |(ordinal, _)| undrawn.is_none_or(|undrawn| *ordinal < undrawn))
    }

    /// Returns the place of the first value that is not drawn yet, as in a run that is paused.
    fn undrawn(&self) -> Option<Ordinal> {
        if self.state(values::draws) {
            return None;
        }
        self.open.waits().find_map(|(ordinal, open)| matches!(open.want, Want::Value(_)).then_some(ordinal))
    }

    /// Compares all that was asked with all that is recorded, once the code has come to where it was.
    fn catch_up(&mut self) -> Result<bool, Error> {
        if self.caught_up {
            return Ok(true);
        }
        self.drive.ahead.hold([]);
        match self.diverged() {
            Some(diverged) => Err(diverged),
            None => Ok(true),
        }
    }

    /// Does what there is to do when the code can do nothing without a further answer.
    async fn go_on(&mut self) -> Result<Next, Error> {
        if self.drive.is_lost() {
            return Err(Error::LeaseLost(self.run.name().clone()));
        }
        if let Some(end) = self.state(RunState::finished) {
            let run = self.run.name().clone();
            return Err(Error::Ended { run, status: status_of(end) });
        }
        if let Err(moved) = self.state(is_here) {
            // Whoever moved the rest may be a step of this very drive.
            if self.performing.is_empty() {
                return Err(moved);
            }
            return self.one_ended().await.map(|()| Next::Look);
        }
        if values::record(self).await? || waits::lift(self).await? || waits::fire(self).await? {
            return Ok(Next::Look);
        }
        self.close_children().await?;
        let leaves = self.leaves();
        if !leaves {
            self.begin();
        }
        if !self.performing.is_empty() {
            if self.is_busy() {
                self.recall(|_| true);
            }
            return self.stay().await;
        }
        // A pause is told to whoever asked.
        let paused = self.state(|state| !state.pauses().is_empty() && !state.is_closing());
        if self.is_told_to_leave() || (leaves && (self.drive.is_within() || !paused)) {
            return self.leave().await.map(Next::End);
        }
        // What a child did is undone before what its parent did.
        if self.state(RunState::is_closing) && self.open.waits().all(|(_, open)| open.left_child().is_none()) {
            return Ok(Next::Undo);
        }
        if let Some(stay) = self.told.stay.clone().filter(|_| !self.state(RunState::is_closing))
            && stay.is_wanted().await
        {
            self.recall(|_| true);
            return self.stay().await;
        }
        let Some(stay) = self.told.stay.clone() else {
            return Ok(waits::suspend(self).await?.map_or(Next::Look, |waits| Next::End(End::Suspended(waits))));
        };
        stay.waits(true);
        let suspended = waits::suspend(self).await;
        stay.waits(false);
        if let Some(waits) = suspended? {
            stay.leave(waits).await;
        }
        Ok(Next::Look)
    }

    /// Stays with the run until something happens.
    async fn stay(&mut self) -> Result<Next, Error> {
        waits::begin(self).await?;
        self.wait().await.map(|()| Next::Look)
    }

    /// Leaves the run in the middle. It is due at once.
    async fn leave(&mut self) -> Result<End, Error> {
        if self.drive.is_held() {
            waits::release(self).await?;
        }
        // Whoever called it calls again; a worker and a parent come back by themselves.
        let calls_again = self.told.leave.is_none() && !self.drive.is_within();
        Ok(if calls_again { End::Suspended(Suspended::Sleeping(self.now())) } else { End::Left })
    }

    /// Waits until a step has ended, an instant has come, or the code was woken by something that is no step.
    async fn wait(&mut self) -> Result<(), Error> {
        let due = waits::earliest(self);
        let clock = Arc::clone(&self.run.journal.shared.clock);
        let timer = async {
            match due {
                Some(due) => clock.sleep(due.since(clock.now())).await,
                None => std::future::pending().await,
            }
        };
        let alarm = Arc::clone(&self.alarm);
        let machine = Arc::clone(&self.machine);
        let outside = waits::from_outside(self);
        let stay = self.told.stay.clone();
        let dismissed = async {
            match &stay {
                Some(stay) if !stay.is_dismissed() => stay.dismissed().await,
                _ => std::future::pending().await,
            }
        };
        let came = tokio::select! {
            biased;
            () = alarm.ring() => Err(Error::ForeignWait(self.run.name().clone())),
            asked = machine.asked_more() => {
                Err(Error::AskedInside { run: self.run.name().clone(), asked: asked.to_string() })
            }
            came = next(&mut self.performing, stay.as_deref(), !self.left.is_empty()) => Ok(Some(came)),
            () = timer => Ok(None),
            seen = outside => seen.map(|()| None),
            () = dismissed => Ok(None),
        };
        stay.iter().for_each(|stay| stay.waits(false));
        match came? {
            Some(came) => self.keep(came).await,
            None => Ok(()),
        }
    }

    /// Ends with what the code returned, once what it gave up has ended too.
    async fn end(&mut self, returned: Result<Vec<u8>, Failure>) -> Result<End, Error> {
        self.open.clear();
        self.close_children().await?;
        self.settle().await?;
        if let Some(diverged) = self.diverged() {
            return Err(diverged);
        }
        waits::lift(self).await?;
        while !self.open.is_over() {
            match self.go_on().await? {
                Next::Look => {}
                Next::End(end) => return Ok(end),
                Next::Undo => return give_up(self).await,
            }
        }
        finish(self, returned).await
    }

    /// Goes on in the fork that a step moved the run to.
    ///
    /// # Errors
    ///
    /// [`Error::Moved`] where the code knows of something that the fork does not: it has to begin anew there.
    pub(super) async fn move_to(&mut self, fork: Run) -> Result<(), Error> {
        let Some(driven) = fork.driver().cloned() else { return Ok(()) };
        let goes_on = self.may_go_on_in(&fork);
        let anew = Error::Moved { run: self.run.name().clone(), fork: fork.name().run.clone() };
        let run = std::mem::replace(&mut self.run, fork.clone());
        let drive = std::mem::replace(&mut self.drive, driven.drive);
        let mut dropped = std::mem::replace(&mut self.dropped, Dropped::of(&self.run, &self.drive));
        self.machine.move_to(fork.clone());
        self.performing.clear();
        self.left.clear();
        (self.looked, self.caught_up, self.keeps) = (None, false, false);
        moved::leave(&run, &drive).await?;
        dropped.disarm();
        if !goes_on {
            return Err(anew);
        }
        self.alone.push(Arc::clone(&fork.journal.driving).lock_owned().await);
        Ok(())
    }

    /// Returns whether a fork shares all that the code was told, and nothing else is being done about what it asked.
    fn may_go_on_in(&self, fork: &Run) -> bool {
        let (cut, depth) = (fork.parent().map(|parent| parent.seq), self.state(RunState::depth));
        let shared = |told: Place| told.depth < depth || cut.is_some_and(|cut| told.seq <= cut);
        let untouched =
            |(at, open): (Ordinal, &Open)| fork.ordinal() == Some(at) || matches!(open.standing, Standing::Waiting);
        self.answered.is_none_or(shared) && self.performing.is_empty() && self.open.iter().all(untouched)
    }

    /// Gives the lease back after an error, so that others need not wait for this process to die.
    async fn let_go(&mut self) {
        // A step may have moved the rest to a fork before it met the error.
        if let Some(fork) = self.drive.take_moved()
            && let Some(driven) = fork.driver().filter(|driven| driven.drive.is_held())
        {
            release(&fork, &driven.drive).await;
        }
        if !self.keeps && self.drive.is_held() {
            release(&self.run, &self.drive).await;
        }
    }
}

fn status_of(end: artana_core::event::RunOutcome) -> artana_core::Status {
    use artana_core::{Status, event::RunOutcome};
    match end {
        RunOutcome::Completed => Status::Completed,
        RunOutcome::Failed => Status::Failed,
        RunOutcome::Cancelled => Status::Cancelled,
    }
}
