//! Steps that wait, or stand ready to undo something: small machines, each run in a fold of its own.
//!
//! Their states are found by running them from where nothing is recorded.

use anyhow::Result;
use artana_core::event::{
    Body, CancelRequested, ChildFinished, ChildOutcome, ChildStarted, Closing, CodeKind, CompensationRegistered,
    Outcome, Paused, Resumed, StepCompleted, Success, TimerFired, Wait, WaitStarted,
};
use artana_core::{Draft, EventId, RunId, RunState, Step, StepKey, Timestamp};

use super::history::{begun, sealed};
use super::machine::{Given, Machine};
use crate::docs::samples::{NAMED, Sample, bodies, find};

/// An event that is not the last one.
const OLDER: EventId = EventId::from_bytes([3; 16]);

/// One kind of step that waits.
pub(super) struct Waits {
    about: (&'static str, &'static str),
    /// The kinds that move such a step; any other makes another kind of step, or is of the run.
    kinds: [&'static str; 2],
    run: RunState,
    events: Vec<(String, Body)>,
}

/// A run, of which only one step counts.
#[derive(Clone)]
pub(super) struct Standing(RunState, StepKey);

impl Standing {
    fn step(&self) -> Option<&Step> {
        self.0.step(&self.1)
    }
}

impl PartialEq for Standing {
    fn eq(&self, other: &Self) -> bool {
        self.step() == other.step()
    }
}

/// All of them.
///
/// # Errors
/// When the samples cannot start a run.
pub(super) fn machines(samples: &[Sample]) -> Result<[Waits; 4]> {
    let run = begun(&bodies(samples)?)?;
    Ok([
        timers(samples, run.clone())?,
        pauses(samples, run.clone())?,
        children(samples, run.clone())?,
        undo(samples, run)?,
    ])
}

macro_rules! sample {
    ($samples:expr, $kind:ident) => {
        find($samples, |body| if let Body::$kind(body) = body { Some(body) } else { None })?
    };
}

fn timers(samples: &[Sample], run: RunState) -> Result<Waits> {
    const ABOUT: &str = "\
A wait for an instant, in [fold/wait.rs](../crates/artana-core/src/fold/wait.rs). Whoever leaves the run once more records the
same wait again.";
    let (begun, fired): (WaitStarted, TimerFired) = (sample!(samples, WaitStarted), sample!(samples, TimerFired));
    let until =
        |micros| -> Body { WaitStarted { wait: Wait::Timer(Timestamp::from_micros(micros)), ..begun.clone() }.into() };
    let events = vec![
        ("this instant".to_owned(), until(1)),
        ("another instant".to_owned(), until(2)),
        ("this wait".to_owned(), fired.into()),
        ("another wait".to_owned(), TimerFired { wait: OLDER }.into()),
    ];
    Ok(Waits { about: ("Timers", ABOUT), kinds: ["wait_started", "timer_fired"], run, events })
}

fn pauses(samples: &[Sample], run: RunState) -> Result<Waits> {
    const ABOUT: &str = "\
A pause of a workflow's own, in [fold/wait.rs](../crates/artana-core/src/fold/wait.rs). Pauses by others are no steps.";
    let (paused, resumed): (Paused, Resumed) = (sample!(samples, Paused), sample!(samples, Resumed));
    let events = vec![
        ("any".to_owned(), paused.into()),
        ("this pause".to_owned(), Resumed { pause: NAMED, ..resumed.clone() }.into()),
        ("another pause".to_owned(), Resumed { pause: OLDER, ..resumed }.into()),
    ];
    Ok(Waits { about: ("Pauses", ABOUT), kinds: ["paused", "resumed"], run, events })
}

fn children(samples: &[Sample], run: RunState) -> Result<Waits> {
    const ABOUT: &str = "\
A run that does part of the work, in [fold/wait.rs](../crates/artana-core/src/fold/wait.rs).";
    let (started, ended): (ChildStarted, ChildFinished) =
        (sample!(samples, ChildStarted), sample!(samples, ChildFinished));
    let ChildOutcome::Completed(value) = ended.outcome else {
        anyhow::bail!("the sample of `child_finished` is a child that completed");
    };
    let mut events = Vec::new();
    for (which, run) in [("this run", started.run.clone()), ("another run", RunId::parse("another")?)] {
        events.push((which.to_owned(), ChildStarted { run: run.clone(), ..started.clone() }.into()));
        let outcomes = [
            ("completed", ChildOutcome::Completed(value)),
            ("failed", ChildOutcome::Failed(value)),
            ("cancelled", ChildOutcome::Cancelled),
        ];
        for (word, outcome) in outcomes {
            events.push((format!("{which}: {word}"), ChildFinished { outcome, run: run.clone() }.into()));
        }
    }
    Ok(Waits { about: ("Children", ABOUT), kinds: ["child_started", "child_finished"], run, events })
}

fn undo(samples: &[Sample], mut run: RunState) -> Result<Waits> {
    const ABOUT: &str = "\
What undoes part of the work while a run closes, in [fold/wait.rs](../crates/artana-core/src/fold/wait.rs).";
    let registered: CompensationRegistered = sample!(samples, CompensationRegistered);
    let done: StepCompleted = sample!(samples, StepCompleted);
    let Outcome::Failed(failed) = done.outcome.clone() else {
        anyhow::bail!("the sample of `step_completed` is a failure");
    };
    let ended = |outcome, again| -> Body {
        StepCompleted { again, kind: CodeKind::Rollback, outcome, request: None, ..done.clone() }.into()
    };
    let success = Success { effect_id: None, rejected: None, result: failed.error };
    let events = vec![
        ("any".to_owned(), registered.into()),
        ("succeeded".to_owned(), ended(Outcome::Succeeded(success), false)),
        ("failed".to_owned(), ended(Outcome::Failed(failed.clone()), false)),
        ("failed, leaving another attempt due".to_owned(), ended(Outcome::Failed(failed), true)),
    ];
    let closing = CancelRequested { closing: Closing::Cancelled, by: None, reason: None };
    run.apply(&sealed(&run, Draft::new(None, closing)?))?;
    Ok(Waits { about: ("Compensations", ABOUT), kinds: ["compensation_registered", "step_completed"], run, events })
}

impl Machine for Waits {
    type State = Standing;

    fn about(&self) -> (&'static str, &'static str) {
        self.about
    }

    fn states(&self) -> Result<Vec<Standing>> {
        let mut states = vec![Standing(self.run.clone(), StepKey::parse("step")?)];
        let mut at = 0;
        while let Some(state) = states.get(at).cloned() {
            for (_, body) in &self.events {
                let next = self.next(state.clone(), body);
                let is_new = |next: &Standing| states.iter().all(|known| self.name(known) != self.name(next));
                states.extend(next.filter(is_new));
            }
            at += 1;
        }
        Ok(states)
    }

    fn name(&self, state: &Standing) -> String {
        state.step().map_or("absent", Step::state).to_owned()
    }

    fn events(&self) -> Vec<Given<Standing>> {
        let given = |(with, body): &(String, Body)| {
            let (with, body) = (with.clone(), body.clone());
            Given { with, body: Box::new(move |_: &Standing| body.clone()) }
        };
        self.events.iter().map(given).collect()
    }

    fn next(&self, Standing(mut run, key): Standing, body: &Body) -> Option<Standing> {
        if !self.kinds.contains(&body.kind()) {
            return None;
        }
        let draft = Draft::new(Some(key.clone()), body.clone()).ok()?;
        run.apply(&sealed(&run, draft)).ok()?;
        Some(Standing(run, key))
    }
}
