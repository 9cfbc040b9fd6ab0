//! The runs' rows: how a view is written, found and listed. What a row means is read by what all SQL stores share.

use artana_core::{Head, RunRef, RunView, limits::MAX_PAGE_RUNS};
use artana_ports::{AppendError, Listed, Page, Pages, RunQuery};
use artana_store_sql::{RunRow, labels_text, listed};
use tokio_postgres::Row;

use crate::{
    append,
    error::Failure,
    session::Sessions,
    statement::{Column, Param, params},
};

const HEAD: &str = "SELECT head_seq, head_hash FROM artana.runs WHERE tenant = $1 AND run = $2";
const VIEW: &str = "SELECT head_seq, head_hash, run, root, parent_run, parent_seq, parent_hash, status, started_at, \
    updated_at, steps, pending, unknown, drifts, last_step, failed_step, labels, queue, priority, due_at \
    FROM artana.runs WHERE tenant = $1 AND run = $2";
const LIST: &str = "SELECT head_seq, head_hash, run, root, parent_run, parent_seq, parent_hash, status, started_at, \
    updated_at, steps, pending, unknown, drifts, last_step, failed_step, labels, queue, priority, due_at \
    FROM artana.runs WHERE tenant = $1 AND run > $2 ORDER BY run LIMIT $3";

/// Returns what an append sets of a run's row as its parameters, after the root.
pub(crate) fn moved(view: &RunView) -> Result<Vec<Param>, AppendError> {
    let queued = view.queued.as_ref();
    Ok(params![
        view.root.as_str().to_owned(),
        view.status.as_str(),
        view.head.seq.get().cast_signed(),
        view.head.hash.as_bytes().to_vec(),
        view.updated_at.as_micros(),
        view.steps.cast_signed(),
        view.pending.cast_signed(),
        view.unknown.cast_signed(),
        view.drifts.cast_signed(),
        append::step(view.last_step.as_ref()),
        append::step(view.failed_step.as_ref()),
        labels_text(&view.labels)?,
        queued.map(|q| append::checked(&q.queue)).transpose()?,
        queued.map(|q| q.priority),
        queued.map(|q| q.due_at.as_micros()),
    ])
}

/// Returns what only a run's first append sets of its row.
pub(crate) fn begun(view: &RunView) -> Vec<Param> {
    let parent = view.parent.as_ref();
    params![
        parent.map(|p| p.run.as_str().to_owned()),
        parent.map(|p| p.seq.get().cast_signed()),
        parent.map(|p| p.hash.as_bytes().to_vec()),
        view.started_at.as_micros(),
    ]
}

/// Returns the head kept in a run's row.
pub(crate) async fn head(sessions: &Sessions, run: &RunRef) -> Result<Option<Head>, Failure> {
    let rows = sessions.ask(HEAD, named(run)).await?;
    rows.first().map(append::head).transpose()
}

/// Returns a run's row.
pub(crate) async fn view(sessions: &Sessions, run: &RunRef) -> Result<Option<Listed>, Failure> {
    let rows = sessions.ask(VIEW, named(run)).await?;
    Ok(rows.first().map(|row| listed(&Cells(row), &run.tenant)))
}

fn named(run: &RunRef) -> Vec<Param> {
    params![run.tenant.as_str().to_owned(), run.run.as_str().to_owned()]
}

/// Lists a tenant's runs. A row is read before it is filtered, because a condition in the statement would look at one
/// column of a row that is broken in another, and hide it.
pub(crate) async fn list(sessions: &Sessions, query: &RunQuery) -> Result<Page, Failure> {
    let mut after = query.after.as_ref().map_or_else(String::new, |run| run.as_str().to_owned());
    let mut pages = Pages::new(query);
    // One more than asked for says whether there is a next page; where a filter passes over rows, more are needed.
    let mut batch = pages.limit() + 1;
    loop {
        let rows_at_once = i64::try_from(batch).unwrap_or(i64::MAX);
        let params = params![query.tenant.as_str().to_owned(), after, rows_at_once];
        let rows = sessions.ask(LIST, params).await?;
        if rows.iter().any(|row| pages.add(listed(&Cells(row), &query.tenant)).is_break()) {
            return Ok(pages.page());
        }
        match rows.last() {
            Some(row) if rows.len() == batch => after = Column(2, "runs.run").text(row)?.to_owned(),
            _ => return Ok(pages.page()),
        }
        batch = MAX_PAGE_RUNS as usize;
    }
}

/// A row as the driver hands it out.
struct Cells<'r>(&'r Row);

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
        Column(2, "runs.run").text(self.0).unwrap_or_default().to_owned()
    }
}
