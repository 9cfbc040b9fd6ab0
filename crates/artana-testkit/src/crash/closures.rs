//! How often closures ran in all lives, and whether the ledgers tell the same. Runs nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use artana_core::{
    Event, Record, RunRef, StepKey,
    event::{Body, CodeKind, Outcome},
};
use artana_kernel::Run;

/// A step of a run.
type Of = (RunRef, StepKey);

/// Notes of the closures that ran. A scenario's closures note themselves, and the matrix compares that with what is
/// recorded. Clones share the notes.
#[derive(Debug, Clone, Default)]
pub struct Closures(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    life: usize,
    ran: Vec<(usize, Of)>,
}

impl Closures {
    /// Notes that the closure of a step runs.
    ///
    /// # Panics
    ///
    /// When the step's key is not fit.
    pub fn ran(&self, run: &Run, step: &str) {
        let step = StepKey::parse(step).expect("the step's key is fit");
        let mut notes = self.notes();
        let life = notes.life;
        notes.ran.push((life, (run.name().clone(), step)));
    }

    /// Returns how many closures ran, in all lives.
    #[must_use]
    pub fn times(&self) -> usize {
        self.notes().ran.len()
    }

    pub(super) fn next_life(&self) {
        self.notes().life += 1;
    }

    pub(super) fn noted(&self) -> Vec<(usize, Of)> {
        self.notes().ran.clone()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the ledgers have of the closures.
#[derive(Debug, Clone, Default)]
pub(super) struct Executions {
    /// How many events of each run were seen.
    seen: BTreeMap<RunRef, usize>,
    /// How often each step was requested, of those that are.
    requested: BTreeMap<Of, usize>,
    /// How many attempts at each step were recorded in each life, of those that are not requested.
    attempts: BTreeMap<(usize, Of), usize>,
    /// In which life the end of each step was recorded.
    settled: BTreeMap<Of, usize>,
}

impl Executions {
    /// Reads what a life has appended.
    pub(super) fn add(&mut self, life: usize, ledgers: &BTreeMap<RunRef, Vec<Record>>) {
        for (run, rows) in ledgers {
            let seen = self.seen.insert(run.clone(), rows.len()).unwrap_or_default();
            for event in rows.iter().skip(seen).filter_map(|row| Event::decode(row.clone()).ok()) {
                self.event(life, run, &event);
            }
        }
    }

    fn event(&mut self, life: usize, run: &RunRef, event: &Event) {
        let Some(step) = event.step() else { return };
        let of = (run.clone(), step.clone());
        match event.body() {
            Body::StepRequested(_) => *self.requested.entry(of).or_default() += 1,
            Body::StepCompleted(done) => {
                if !done.again && !matches!(done.outcome, Outcome::Unknown(_)) {
                    self.settled.entry(of.clone()).or_insert(life);
                }
                if done.kind == CodeKind::Compute {
                    *self.attempts.entry((life, of)).or_default() += 1;
                }
            }
            _ => {}
        }
    }
}

/// Compares how often closures ran with what is recorded. The first `crashes` lives were cut.
pub(super) fn judge(ran: &[(usize, Of)], recorded: &Executions, crashes: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    for of @ (run, step) in ran.iter().map(|(_, of)| of).collect::<BTreeSet<_>>() {
        let lives: Vec<usize> = ran.iter().filter(|(_, other)| other == of).map(|(life, _)| *life).collect();
        let named = format!("the closure of step {step} of run {}", run.run);
        if let Some(settled) = recorded.settled.get(of)
            && lives.iter().any(|life| life > settled)
        {
            wrong.push(format!("{named} ran again although its end is recorded"));
        }
        match recorded.requested.get(of) {
            Some(requested) if lives.len() > *requested => {
                wrong.push(format!("{named} ran {} times for {requested} requests", lives.len()));
            }
            Some(_) => {}
            None => wrong.extend(unrecorded(of, &lives, recorded, crashes).then(|| format!("{named} ran in vain"))),
        }
    }
    wrong
}

/// Whether what may be repeated was repeated by a life that went on, or more than once by one that was cut.
fn unrecorded(of: &Of, lives: &[usize], recorded: &Executions, crashes: usize) -> bool {
    lives.iter().any(|life| {
        let times = lives.iter().filter(|other| *other == life).count();
        let attempts = recorded.attempts.get(&(*life, of.clone())).copied().unwrap_or_default();
        times > attempts + usize::from(*life <= crashes)
    })
}
