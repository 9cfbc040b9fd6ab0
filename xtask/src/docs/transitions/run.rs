//! Which events a run admits in each status: every kind, tried on runs that the fold itself has led there.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use artana_core::event::{Body, CodeKind, RunFinished, RunOutcome, StepCompleted};
use artana_core::{Draft, RunState, Status, StepKey};

use super::history::{Facts, INSIDE, Past, pasts, sealed};
use crate::docs::markdown::{code, either, table};
use crate::docs::samples::{Sample, bodies};

const ABOUT: &str = "\
## Runs

What may follow in a run in each status, in [fold](../crates/artana-core/src/fold/mod.rs). A column is a status, a row an event.
*Yes* means that the event may follow in any run of that status, if the run has a step on which it can; *no*, that it may not,
or that no run of that status has such a step. Otherwise the cell says in which runs it may.

";

/// An event that a run may be told; none is one of a kind that only a newer build writes.
struct Told(Option<Body>);

impl Told {
    fn words(&self) -> String {
        match &self.0 {
            Some(body @ Body::RunFinished(end)) => format!("{}: {}", code(body.kind()), outcome_word(end.outcome)),
            Some(body @ Body::StepCompleted(done)) => format!("{}: {}", code(body.kind()), kind_word(done.kind)),
            Some(body) => code(body.kind()),
            None => "a kind this build does not know".to_owned(),
        }
    }

    fn draft(&self, step: Option<StepKey>) -> Result<Draft> {
        Ok(match &self.0 {
            Some(body) => Draft::new(step, body.clone())?,
            None => Draft::raw("newer", step, b"{}".to_vec())?,
        })
    }
}

/// The section on runs.
///
/// # Errors
/// When an event can be appended to none of the sample runs, or to runs that have nothing in common.
pub(super) fn section(samples: &[Sample]) -> Result<String> {
    let pasts = pasts(samples)?;
    let is = |status: Status| pasts.iter().filter(move |past| past.state.status() == status);
    let (reached, never): (Vec<Status>, Vec<Status>) =
        Status::ALL.into_iter().partition(|status| is(*status).next().is_some());
    let mut rows = Vec::new();
    for told in events(samples)? {
        let cells = reached.iter().map(|status| cell(&is(*status).collect::<Vec<_>>(), &told));
        let cells = cells.collect::<Result<Vec<String>>>()?;
        let start = matches!(told.0, Some(Body::RunStarted(_)));
        ensure!(
            start || cells.iter().any(|cell| cell != NO),
            "no sample run takes {}: xtask/src/docs/transitions/history.rs needs one that does",
            told.words()
        );
        rows.push([told.words()].into_iter().chain(cells).collect());
    }
    let head: Vec<&str> = ["event"].into_iter().chain(reached.iter().map(|status| status.as_str())).collect();
    let never: Vec<String> = never.iter().map(|status| code(status.as_str())).collect();
    let foot = if never.is_empty() {
        String::new()
    } else {
        format!("\nNo event of this build makes a run {}.\n", either(&never))
    };
    Ok(format!("{ABOUT}{}{foot}", table(&head, &rows)))
}

/// Every kind of closure, as it ends.
fn closures(done: &StepCompleted) -> [StepCompleted; 3] {
    let of = |kind, request| StepCompleted { kind, request, ..done.clone() };
    [of(CodeKind::Compute, None), of(CodeKind::Once, done.request), of(CodeKind::Rollback, None)]
}

/// Every kind, and every end that a run or a closure may come to.
fn events(samples: &[Sample]) -> Result<Vec<Told>> {
    let mut told = Vec::new();
    for body in bodies(samples)? {
        match body {
            Body::RunFinished(_) => {
                let outcomes = [RunOutcome::Completed, RunOutcome::Failed, RunOutcome::Cancelled];
                told.extend(outcomes.map(|outcome| Told(Some(RunFinished { outcome, output: None }.into()))));
            }
            Body::StepCompleted(done) => told.extend(closures(&done).map(|done| Told(Some(done.into())))),
            other => told.push(Told(Some(other))),
        }
    }
    told.push(Told(None));
    Ok(told)
}

const NO: &str = "no";

/// To which of the runs of one status an event may be appended.
fn cell(pasts: &[&Past], told: &Told) -> Result<String> {
    let mut admitted = Vec::new();
    for past in pasts {
        if admits(&past.state, told)? {
            admitted.push(past.facts);
        }
    }
    match admitted.len() {
        0 => Ok(NO.to_owned()),
        all if all == pasts.len() => Ok("yes".to_owned()),
        _ => {
            let all: Vec<Facts> = pasts.iter().map(|past| past.facts).collect();
            common(&all, &admitted)
        }
    }
}

/// What sets `some` apart from `all`, in words.
fn common(all: &[Facts], some: &[Facts]) -> Result<String> {
    let has = |among: &[Facts], at: usize, word: &str| among.iter().any(|facts| facts[at] == word);
    let differs = |at: &usize| all.iter().any(|facts| !has(some, *at, facts[*at]));
    let is_told_by = |telling: &[usize]| {
        let alike = |facts: &&Facts| telling.iter().all(|at| has(some, *at, facts[*at]));
        all.iter().filter(alike).count() == some.len()
    };
    let mut telling: Vec<usize> = (0..some[0].len()).filter(differs).collect();
    ensure!(is_told_by(&telling), "nothing sets {some:?} apart from {all:?}");
    // What follows from the rest is not said.
    for at in 0..some[0].len() {
        let less: Vec<usize> = telling.iter().copied().filter(|other| *other != at).collect();
        if is_told_by(&less) {
            telling = less;
        }
    }
    let one_of = |at: usize| {
        let words: BTreeSet<String> = some.iter().map(|facts| facts[at].to_owned()).collect();
        either(&words.into_iter().collect::<Vec<_>>())
    };
    Ok(format!("where {}", telling.into_iter().map(one_of).collect::<Vec<_>>().join(" and ")))
}

/// Whether an event may be appended: to the run itself, to a new step, one of them within a compensation, or to one
/// that is there.
fn admits(state: &RunState, told: &Told) -> Result<bool> {
    let there = state.steps().map(|(key, _)| Some(key.clone()));
    let new = [None, Some(StepKey::parse("new")?), Some(StepKey::parse(INSIDE)?)];
    for step in new.into_iter().chain(there) {
        let event = sealed(state, told.draft(step)?);
        if state.clone().apply(&event).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn kind_word(kind: CodeKind) -> &'static str {
    match kind {
        CodeKind::Compute => "compute",
        CodeKind::Once => "once",
        CodeKind::Rollback => "rollback",
    }
}

fn outcome_word(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Completed => "completed",
        RunOutcome::Failed => "failed",
        RunOutcome::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Facts; 4] = [ac("a", "c"), ac("a", "d"), ac("b", "c"), ac("b", "d")];

    const fn ac(first: &'static str, second: &'static str) -> Facts {
        [first, second, "", "", "", ""]
    }

    #[test]
    fn what_sets_some_runs_apart_is_said_and_nothing_else() {
        let words = |some: &[Facts]| common(&ALL, some).expect("in words");
        assert_eq!(words(&ALL[..2]), "where a");
        assert_eq!(words(&[ALL[1], ALL[3]]), "where d");
        assert_eq!(words(&ALL[2..3]), "where b and c");
        let follows = [ac("a", "c"), ac("b", "d")];
        assert_eq!(common(&follows, &follows[..1]).expect("in words"), "where c");
    }

    #[test]
    fn what_has_no_words_is_an_error() {
        assert!(common(&ALL, &[ALL[0], ALL[3]]).is_err());
    }
}
