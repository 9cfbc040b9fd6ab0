//! The runs' rows: how a view is written, found and listed. What a row means is read by what all SQL stores share.

use artana_core::{Head, RunId, RunRef, RunView, StepKey};
use artana_ports::{Lease, Listed, Page, Pages, RunQuery};
use artana_store_sql::{RunRow, labels_text, listed};
use rusqlite::{Row, params};

use crate::{
    append,
    error::Failure,
    statement::{Column, Statements},
};

const INSERT: &str = "INSERT INTO runs (tenant, run, root, parent_run, parent_seq, parent_hash, started_at, status, \
    head_seq, head_hash, updated_at, steps, pending, unknown, drifts, last_step, failed_step, labels, queue, priority, \
    due_at, lease_owner, lease_epoch) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
    ?17, ?18, ?19, ?20, ?21, ?22, ?23)";
const UPDATE: &str = "UPDATE runs SET status = ?3, head_seq = ?4, head_hash = ?5, updated_at = ?6, steps = ?7, \
    pending = ?8, unknown = ?9, drifts = ?10, last_step = ?11, failed_step = ?12, labels = ?13, queue = ?14, \
    priority = ?15, due_at = ?16, lease_owner = ?17, lease_epoch = ?18 WHERE tenant = ?1 AND run = ?2";
const HEAD: &str = "SELECT head_seq, head_hash FROM runs WHERE tenant = ?1 AND run = ?2";
const VIEW: &str = "SELECT head_seq, head_hash, run, root, parent_run, parent_seq, parent_hash, status, started_at, \
    updated_at, steps, pending, unknown, drifts, last_step, failed_step, labels, queue, priority, due_at FROM runs \
    WHERE tenant = ?1 AND run = ?2";
const LIST: &str = "SELECT head_seq, head_hash, run, root, parent_run, parent_seq, parent_hash, status, started_at, \
    updated_at, steps, pending, unknown, drifts, last_step, failed_step, labels, queue, priority, due_at FROM runs \
    WHERE tenant = ?1 AND run > ?2 ORDER BY run";

/// Writes the row of a new run.
pub(crate) fn insert(sql: &mut Statements<'_>, view: &RunView, lease: Lease) -> Result<(), Failure> {
    let (parent, queued) = (view.parent.as_ref(), view.queued.as_ref());
    sql.run(
        INSERT,
        params![
            view.run.tenant.as_str(),
            view.run.run.as_str(),
            view.root.as_str(),
            parent.map(|p| p.run.as_str()),
            parent.map(|p| p.seq.get().cast_signed()),
            parent.map(|p| p.hash.as_bytes()),
            view.started_at.as_micros(),
            view.status.as_str(),
            view.head.seq.get().cast_signed(),
            view.head.hash.as_bytes(),
            view.updated_at.as_micros(),
            view.steps.cast_signed(),
            view.pending.cast_signed(),
            view.unknown.cast_signed(),
            view.drifts.cast_signed(),
            view.last_step.as_ref().map(StepKey::as_str),
            view.failed_step.as_ref().map(StepKey::as_str),
            labels_text(&view.labels)?,
            queued.map(|q| q.queue.as_str()),
            queued.map(|q| q.priority),
            queued.map(|q| q.due_at.as_micros()),
            lease.owner.as_ref().map(|owner| owner.as_bytes()),
            lease.epoch.get().cast_signed(),
        ],
    )?;
    Ok(())
}

/// Writes what moves in the row of a run: all but its name, its lineage and its start.
pub(crate) fn update(sql: &mut Statements<'_>, view: &RunView, lease: Lease) -> Result<(), Failure> {
    let queued = view.queued.as_ref();
    sql.run(
        UPDATE,
        params![
            view.run.tenant.as_str(),
            view.run.run.as_str(),
            view.status.as_str(),
            view.head.seq.get().cast_signed(),
            view.head.hash.as_bytes(),
            view.updated_at.as_micros(),
            view.steps.cast_signed(),
            view.pending.cast_signed(),
            view.unknown.cast_signed(),
            view.drifts.cast_signed(),
            view.last_step.as_ref().map(StepKey::as_str),
            view.failed_step.as_ref().map(StepKey::as_str),
            labels_text(&view.labels)?,
            queued.map(|q| q.queue.as_str()),
            queued.map(|q| q.priority),
            queued.map(|q| q.due_at.as_micros()),
            lease.owner.as_ref().map(|owner| owner.as_bytes()),
            lease.epoch.get().cast_signed(),
        ],
    )?;
    Ok(())
}

/// Returns the head kept in a run's row.
pub(crate) fn head(sql: &mut Statements<'_>, run: &RunRef) -> Result<Option<Head>, Failure> {
    sql.first(HEAD, params![run.tenant.as_str(), run.run.as_str()], append::head)
}

/// Returns a run's row.
pub(crate) fn view(sql: &mut Statements<'_>, run: &RunRef) -> Result<Option<Listed>, Failure> {
    sql.first(VIEW, params![run.tenant.as_str(), run.run.as_str()], |row| Ok(listed(&Cells(row), &run.tenant)))
}

/// Lists a tenant's runs. A row is read before it is filtered, because a condition in the statement would look at one
/// column of a row that is broken in another, and hide it.
pub(crate) fn list(sql: &mut Statements<'_>, query: &RunQuery) -> Result<Page, Failure> {
    let after = query.after.as_ref().map_or("", RunId::as_str);
    let mut rows = sql.get(LIST)?.query(params![query.tenant.as_str(), after])?;
    let mut pages = Pages::new(query);
    while let Some(row) = rows.next()? {
        if pages.add(listed(&Cells(row), &query.tenant)).is_break() {
            break;
        }
    }
    Ok(pages.page())
}

/// A row as the driver hands it out.
struct Cells<'r>(&'r Row<'r>);

impl RunRow for Cells<'_> {
    type Failure = Failure;

    fn maybe_int(&self, at: usize, name: &'static str) -> Result<Option<i64>, Failure> {
        Column(at, name).maybe_int(self.0)
    }

    fn maybe_text(&self, at: usize, name: &'static str) -> Result<Option<&str>, Failure> {
        Column(at, name).maybe_text(self.0)
    }

    fn maybe_hash(&self, at: usize, name: &'static str) -> Result<Option<[u8; 32]>, Failure> {
        Column(at, name).maybe_array(self.0)
    }

    fn shown_name(&self) -> String {
        let name = Column(2, "runs.run").bytes(self.0).unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }
}
