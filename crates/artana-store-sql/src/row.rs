//! The row of a run, however a driver hands it out. A row that cannot be read is listed as broken; it never hides the
//! others. Knows no statement, only the order of its columns.

use std::collections::BTreeMap;

use artana_core::{
    ChainHash, Head, LabelKey, ParentLink, Queued, RunId, RunRef, RunView, Seq, Status, StepKey, TenantId, Timestamp,
    json,
};
use artana_ports::{Listed, StoreError};
use serde_json::Value;

/// A row of the table `runs`, as one driver hands it out.
///
/// Its columns are, from 0 on: `head_seq`, `head_hash`, `run`, `root`, `parent_run`, `parent_seq`, `parent_hash`,
/// `status`, `started_at`, `updated_at`, `steps`, `pending`, `unknown`, `drifts`, `last_step`, `failed_step`, `labels`,
/// `queue`, `priority`, `due_at`. A column that is NULL has no value; one that holds something else than it should is
/// damaged, which is told by its name.
pub trait RunRow {
    /// What the store calls a failure.
    type Failure: From<StoreError> + Into<StoreError>;

    /// Reads an integer.
    ///
    /// # Errors
    ///
    /// When the column holds something else.
    fn maybe_int(&self, at: usize, name: &'static str) -> Result<Option<i64>, Self::Failure>;

    /// Borrows text.
    ///
    /// # Errors
    ///
    /// When the column holds something else.
    fn maybe_text(&self, at: usize, name: &'static str) -> Result<Option<&str>, Self::Failure>;

    /// Reads a hash.
    ///
    /// # Errors
    ///
    /// When the column holds something else.
    fn maybe_hash(&self, at: usize, name: &'static str) -> Result<Option<[u8; 32]>, Self::Failure>;

    /// Returns the run's name as it can be shown, whatever the column holds.
    fn shown_name(&self) -> String;
}

/// Reads a row as it is listed.
pub fn listed<R: RunRow>(row: &R, tenant: &TenantId) -> Listed {
    view(row, tenant).map_or_else(
        |failure| Listed::Broken { run: row.shown_name(), why: Into::<StoreError>::into(failure).to_string() },
        Listed::View,
    )
}

/// Spells labels as a row keeps them.
///
/// # Errors
///
/// [`StoreError::Damaged`] when they are none that a view may have.
pub fn labels_text(labels: &BTreeMap<LabelKey, String>) -> Result<String, StoreError> {
    if labels.is_empty() {
        return Ok("{}".into());
    }
    let object = labels.iter().map(|(key, value)| (key.as_str().to_owned(), Value::from(value.as_str())));
    let text = json::to_canonical(&Value::Object(object.collect()))
        .map_err(|_| damaged("labels do not fit into one document"))?;
    Ok(String::from_utf8(text).expect("canonical JSON is UTF-8"))
}

/// Says of damage at which of a run's events it is.
#[must_use]
pub fn at_seq(error: StoreError, run: &RunRef, seq: u64) -> StoreError {
    match error {
        StoreError::Damaged { reason } => damaged(format!("events of {run} at sequence {seq}: {reason}")),
        other => other,
    }
}

fn damaged(reason: impl Into<String>) -> StoreError {
    StoreError::Damaged { reason: reason.into() }
}

fn view<R: RunRow>(row: &R, tenant: &TenantId) -> Result<RunView, R::Failure> {
    let status = Status::parse(text(row, 7, "runs.status")?);
    let hash = row.maybe_hash(1, "runs.head_hash")?.ok_or_else(|| damaged("runs.head_hash is empty"))?;
    Ok(RunView {
        run: RunRef::new(tenant.clone(), named(row, 2, "runs.run")?),
        root: named(row, 3, "runs.root")?,
        parent: parent(row)?,
        status: status.ok_or_else(|| damaged("runs.status holds no status"))?,
        // A sequence that is negative by damage becomes one that no run has.
        head: Head { seq: Seq::new(int(row, 0, "runs.head_seq")?.cast_unsigned()), hash: ChainHash::from_bytes(hash) },
        started_at: Timestamp::from_micros(int(row, 8, "runs.started_at")?),
        updated_at: Timestamp::from_micros(int(row, 9, "runs.updated_at")?),
        steps: count(row, 10, "runs.steps")?,
        pending: count(row, 11, "runs.pending")?,
        unknown: count(row, 12, "runs.unknown")?,
        drifts: count(row, 13, "runs.drifts")?,
        last_step: step(row, 14, "runs.last_step")?,
        failed_step: step(row, 15, "runs.failed_step")?,
        labels: labels(text(row, 16, "runs.labels")?)?,
        queued: queued(row)?,
    })
}

fn int<R: RunRow>(row: &R, at: usize, name: &'static str) -> Result<i64, R::Failure> {
    row.maybe_int(at, name)?.ok_or_else(|| damaged(format!("{name} is empty")).into())
}

fn text<'r, R: RunRow>(row: &'r R, at: usize, name: &'static str) -> Result<&'r str, R::Failure> {
    row.maybe_text(at, name)?.ok_or_else(|| damaged(format!("{name} is empty")).into())
}

fn count<R: RunRow>(row: &R, at: usize, name: &'static str) -> Result<u64, R::Failure> {
    u64::try_from(int(row, at, name)?).map_err(|_| damaged(format!("{name} is negative")).into())
}

fn named<R: RunRow>(row: &R, at: usize, name: &'static str) -> Result<RunId, R::Failure> {
    run_id(row, at, name)?.ok_or_else(|| damaged(format!("{name} is empty")).into())
}

fn run_id<R: RunRow>(row: &R, at: usize, name: &'static str) -> Result<Option<RunId>, R::Failure> {
    let text = row.maybe_text(at, name)?;
    text.map(RunId::parse).transpose().map_err(|_| damaged(format!("{name} holds no run id")).into())
}

fn step<R: RunRow>(row: &R, at: usize, name: &'static str) -> Result<Option<StepKey>, R::Failure> {
    let text = row.maybe_text(at, name)?;
    text.map(StepKey::parse).transpose().map_err(|_| damaged(format!("{name} holds no step key")).into())
}

fn parent<R: RunRow>(row: &R) -> Result<Option<ParentLink>, R::Failure> {
    let run = run_id(row, 4, "runs.parent_run")?;
    let seq = row.maybe_int(5, "runs.parent_seq")?;
    let hash = row.maybe_hash(6, "runs.parent_hash")?;
    match (run, seq, hash) {
        (None, None, None) => Ok(None),
        (Some(run), Some(seq), Some(hash)) => {
            Ok(Some(ParentLink { run, seq: Seq::new(seq.cast_unsigned()), hash: ChainHash::from_bytes(hash) }))
        }
        _ => Err(damaged("runs holds a part of a parent").into()),
    }
}

fn queued<R: RunRow>(row: &R) -> Result<Option<Queued>, R::Failure> {
    let queue = row.maybe_text(17, "runs.queue")?;
    let priority = row.maybe_int(18, "runs.priority")?;
    let due_at = row.maybe_int(19, "runs.due_at")?;
    match (queue, priority, due_at) {
        (None, None, None) => Ok(None),
        (Some(queue), Some(priority), Some(due_at)) => {
            Ok(Some(Queued { queue: queue.into(), priority, due_at: Timestamp::from_micros(due_at) }))
        }
        _ => Err(damaged("runs holds a part of a place in a queue").into()),
    }
}

fn labels(text: &str) -> Result<BTreeMap<LabelKey, String>, StoreError> {
    if text == "{}" {
        return Ok(BTreeMap::new());
    }
    let none = || damaged("runs.labels holds no labels");
    let Ok(Value::Object(object)) = json::parse(text.as_bytes()) else { return Err(none()) };
    let mut labels = BTreeMap::new();
    for (key, value) in object {
        let (Ok(key), Value::String(value)) = (LabelKey::parse(key), value) else { return Err(none()) };
        labels.insert(key, value);
    }
    // Another spelling of the same labels is a change all the same.
    if labels_text(&labels)? == text { Ok(labels) } else { Err(none()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of a healthy run, in which a test spoils one column.
    #[derive(Debug, Clone)]
    struct Cells(Vec<Cell>);

    #[derive(Debug, Clone, PartialEq)]
    enum Cell {
        Null,
        Int(i64),
        Text(&'static str),
        Hash,
    }

    use Cell::{Hash, Int, Null, Text};

    impl RunRow for Cells {
        type Failure = StoreError;

        fn maybe_int(&self, at: usize, name: &'static str) -> Result<Option<i64>, StoreError> {
            match self.0[at] {
                Int(int) => Ok(Some(int)),
                Null => Ok(None),
                _ => Err(damaged(name)),
            }
        }

        fn maybe_text(&self, at: usize, name: &'static str) -> Result<Option<&str>, StoreError> {
            match self.0[at] {
                Text(text) => Ok(Some(text)),
                Null => Ok(None),
                _ => Err(damaged(name)),
            }
        }

        fn maybe_hash(&self, at: usize, name: &'static str) -> Result<Option<[u8; 32]>, StoreError> {
            match self.0[at] {
                Hash => Ok(Some([7; 32])),
                Null => Ok(None),
                _ => Err(damaged(name)),
            }
        }

        fn shown_name(&self) -> String {
            self.maybe_text(2, "runs.run").ok().flatten().unwrap_or_default().to_owned()
        }
    }

    fn healthy() -> Cells {
        Cells(vec![
            Int(3),
            Hash,
            Text("r"),
            Text("r"),
            Null,
            Null,
            Null,
            Text("running"),
            Int(5),
            Int(6),
            Int(1),
            Int(0),
            Int(0),
            Int(0),
            Text("a step"),
            Null,
            Text(r#"{"team":"blue"}"#),
            Text("q"),
            Int(0),
            Int(9),
        ])
    }

    fn read(cells: &Cells) -> Listed {
        listed(cells, &TenantId::parse("acme").expect("a name"))
    }

    #[test]
    fn a_healthy_row_is_a_view() {
        let Listed::View(view) = read(&healthy()) else { panic!("a view") };
        assert_eq!((view.run.to_string().as_str(), view.head.seq), ("acme/r", Seq::new(3)));
        assert_eq!(view.queued.map(|queued| queued.queue), Some("q".into()));
    }

    #[test]
    fn each_damaged_column_is_named_and_the_run_still_is() {
        for (at, cell, why) in [
            (0, Null, "runs.head_seq"),
            (1, Null, "runs.head_hash"),
            (3, Text(""), "runs.root holds no run id"),
            (3, Null, "runs.root is empty"),
            (4, Text("p"), "a part of a parent"),
            (7, Text("happy"), "holds no status"),
            (10, Int(-1), "runs.steps is negative"),
            (12, Text("x"), "runs.unknown"),
            (14, Text(""), "holds no step key"),
            (16, Text("{}{}"), "holds no labels"),
            (16, Text(r#"{"team": "blue"}"#), "holds no labels"),
            (17, Null, "a part of a place in a queue"),
        ] {
            let mut cells = healthy();
            cells.0[at] = cell;
            let Listed::Broken { run, why: told } = read(&cells) else { panic!("column {at} is damaged") };
            assert!(run == "r" && told.contains(why), "{at}: {told}");
        }
    }
}
