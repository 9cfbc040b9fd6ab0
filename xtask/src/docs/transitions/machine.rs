//! Runs any machine on all its sample states and events, and writes what follows as a table.
//!
//! Nothing in a table is written by hand but the words for the samples.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use artana_core::event::Body;

use crate::docs::markdown::{code, table};
use crate::docs::samples::{Sample, body};

/// A machine with samples of its states and events.
pub(super) trait Machine {
    /// A state.
    type State: Clone + PartialEq;

    /// The heading, and some sentences under it: what the machine is of, and where its code is.
    fn about(&self) -> (&'static str, &'static str);

    /// One sample of each state, in the order of the columns.
    ///
    /// # Errors
    /// When the machine does not reach one of them.
    fn states(&self) -> Result<Vec<Self::State>>;

    /// What a state is called. States that differ in what may follow have different names.
    fn name(&self, state: &Self::State) -> String;

    /// Samples of every event of the machine.
    fn events(&self) -> Vec<Given<Self::State>>;

    /// The state after an event, unless it is refused.
    fn next(&self, state: Self::State, body: &Body) -> Option<Self::State>;
}

/// A sample of an event.
pub(super) struct Given<S> {
    /// What sets it apart from others of its kind, such as `another attempt: failed`. Samples of a kind that
    /// lead to the same states share a row, and what stands before the colon is said once. Those of one
    /// name have to lead to the same states.
    pub(super) with: String,
    /// The event that is meant in a state.
    pub(super) body: Box<dyn Fn(&S) -> Body>,
}

/// What came of an event in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    Refused,
    Unchanged,
    To(String),
}

/// A kind of event, what sets its samples apart, and what came of them in each state.
struct Row {
    kind: &'static str,
    with: Vec<String>,
    cells: Vec<Cell>,
}

/// The section of a machine.
///
/// # Errors
/// When the machine reaches a state, or takes an event, that is not among its samples.
pub(super) fn section<M: Machine>(machine: &M, samples: &[Sample]) -> Result<String> {
    let states: Vec<(String, M::State)> =
        machine.states()?.into_iter().map(|state| (machine.name(&state), state)).collect();
    let (heading, about) = machine.about();
    let rows = rows(machine, &states)?;
    let others = others(machine, &states, &rows, samples)?;
    let (taken, refused): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.cells.iter().any(|cell| *cell != Cell::Refused));
    let head: Vec<&str> = ["event", "which"].into_iter().chain(states.iter().map(|(name, _)| name.as_str())).collect();
    let lines: Vec<Vec<String>> = taken.into_iter().map(line).collect();
    let mut section = format!("## {heading}\n\n{about}\n\n{}", table(&head, &lines));
    section += "\nRefused in every state:\n\n";
    for row in refused {
        section += &format!("- {}, {}\n", code(row.kind), shared(&row.with));
    }
    section +=
        &format!("- every other kind: {}\n", others.iter().map(|kind| code(kind)).collect::<Vec<_>>().join(", "));
    Ok(section)
}

/// Every event in every state. Samples of one kind that do the same are one row.
fn rows<M: Machine>(machine: &M, states: &[(String, M::State)]) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for given in machine.events() {
        let mut kinds = BTreeSet::new();
        let mut cells = Vec::new();
        for (_, state) in states {
            let body = (given.body)(state);
            kinds.insert(body.kind());
            cells.push(cell(machine, states, state, &body)?);
        }
        let (Some(kind), 1) = (kinds.first(), kinds.len()) else { bail!("`{}` is not of one kind", given.with) };
        match rows.iter_mut().find(|row| row.kind == *kind && row.cells == cells) {
            Some(same) if same.with.contains(&given.with) => {}
            Some(same) => same.with.push(given.with),
            None => {
                let known = rows.iter().any(|row| row.kind == *kind && row.with.contains(&given.with));
                ensure!(!known, "`{kind}` has two samples called `{}` that lead to different states", given.with);
                rows.push(Row { kind, with: vec![given.with], cells });
            }
        }
    }
    rows.sort_by_key(|row| Body::KINDS.iter().position(|kind| *kind == row.kind));
    Ok(rows)
}

fn cell<M: Machine>(machine: &M, states: &[(String, M::State)], state: &M::State, body: &Body) -> Result<Cell> {
    let Some(next) = machine.next(state.clone(), body) else { return Ok(Cell::Refused) };
    if next == *state {
        return Ok(Cell::Unchanged);
    }
    let name = machine.name(&next);
    ensure!(states.iter().any(|(known, _)| *known == name), "`{}` leads to {name}, which is no sample", body.kind());
    Ok(Cell::To(name))
}

/// The kinds that are no events of the machine, which no state may take.
fn others<M: Machine>(
    machine: &M,
    states: &[(String, M::State)],
    rows: &[Row],
    samples: &[Sample],
) -> Result<Vec<String>> {
    let mut others = Vec::new();
    for sample in samples.iter().filter(|sample| !rows.iter().any(|row| row.kind == sample.kind)) {
        let body = body(sample)?;
        for (name, state) in states {
            let taken = machine.next(state.clone(), &body).is_some();
            ensure!(!taken, "`{}` is taken by {name}, and there is no sample of it", sample.kind);
        }
        others.push(sample.kind.clone());
    }
    Ok(others)
}

fn line(row: &Row) -> Vec<String> {
    let cells = row.cells.iter().map(|cell| match cell {
        Cell::Refused => "refused".to_owned(),
        Cell::Unchanged => "unchanged".to_owned(),
        Cell::To(name) => format!("→ {name}"),
    });
    [code(row.kind), shared(&row.with)].into_iter().chain(cells).collect()
}

/// `a: x`, `a: y` and `b` in short: `a: x, y; b`.
fn shared(with: &[String]) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in with {
        let (name, member) = one.split_once(": ").unwrap_or((one, ""));
        match groups.iter_mut().find(|(group, _)| *group == name) {
            Some((_, members)) => members.push(member),
            None => groups.push((name, vec![member])),
        }
    }
    let group = |(name, members): (&str, Vec<&str>)| {
        let members: Vec<&str> = members.into_iter().filter(|member| !member.is_empty()).collect();
        if members.is_empty() { name.to_owned() } else { format!("{name}: {}", members.join(", ")) }
    };
    groups.into_iter().map(group).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use artana_core::event::{RunFinished, RunOutcome};

    use super::*;
    use crate::docs::samples as pinned;
    use crate::workspace::planted::this_one;

    /// A door that ends of runs open and shut.
    struct Door {
        states: Vec<u8>,
        outcomes: Vec<RunOutcome>,
        name_outcomes: bool,
    }

    impl Machine for Door {
        type State = u8;

        fn about(&self) -> (&'static str, &'static str) {
            ("The door", "It opens.")
        }

        fn states(&self) -> Result<Vec<u8>> {
            Ok(self.states.clone())
        }

        fn name(&self, state: &u8) -> String {
            ["shut", "open"][usize::from(*state)].to_owned()
        }

        fn events(&self) -> Vec<Given<u8>> {
            let given = |outcome: &RunOutcome| {
                let outcome = *outcome;
                let with = if self.name_outcomes { format!("end: {outcome:?}") } else { "end".to_owned() };
                Given { with, body: Box::new(move |_| RunFinished { outcome, output: None }.into()) }
            };
            self.outcomes.iter().map(given).collect()
        }

        fn next(&self, state: u8, body: &Body) -> Option<u8> {
            match (state, body) {
                (_, Body::RunFinished(RunFinished { outcome: RunOutcome::Completed, .. })) => Some(1),
                (1, Body::RunFinished(RunFinished { outcome: RunOutcome::Failed, .. })) => Some(0),
                _ => None,
            }
        }
    }

    const ALL: [RunOutcome; 3] = [RunOutcome::Completed, RunOutcome::Failed, RunOutcome::Cancelled];

    fn door(states: &[u8], outcomes: &[RunOutcome]) -> Result<String> {
        let samples = pinned(&this_one())?;
        section(&Door { states: states.to_vec(), outcomes: outcomes.to_vec(), name_outcomes: true }, &samples)
    }

    #[test]
    fn every_event_meets_every_state() {
        let section = door(&[0, 1], &ALL).expect("a table");
        let expect = "\
## The door

It opens.

| event | which | shut | open |
|---|---|---|---|
| `run_finished` | end: Completed | → open | unchanged |
| `run_finished` | end: Failed | refused | → shut |

Refused in every state:

- `run_finished`, end: Cancelled
- every other kind: `run_started`, `run_enqueued`, `run_forked`, ";
        assert!(section.starts_with(expect), "{section}");
    }

    #[test]
    fn what_the_samples_do_not_cover_is_an_error() {
        let wrong = |states: &[u8], outcomes: &[RunOutcome]| door(states, outcomes).expect_err("an error").to_string();
        assert_eq!(wrong(&[0], &ALL), "`run_finished` leads to open, which is no sample");
        assert_eq!(wrong(&[0, 1], &[]), "`run_finished` is taken by shut, and there is no sample of it");
        let alike = Door { states: vec![0, 1], outcomes: ALL.into(), name_outcomes: false };
        let wrong = section(&alike, &[]).expect_err("an error").to_string();
        assert_eq!(wrong, "`run_finished` has two samples called `end` that lead to different states");
    }

    #[test]
    fn what_is_said_twice_is_said_once() {
        let shared = |with: &[&str]| super::shared(&with.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(shared(&["a: x", "a: y", "b"]), "a: x, y; b");
    }
}
