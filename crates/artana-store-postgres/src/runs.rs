//! The runs' rows: how a view is written and read, and how rows are listed. A row that cannot be read
//! is listed as broken; it never hides the others.

use std::collections::BTreeMap;

use artana_core::{
    ChainHash, Head, LabelKey, ParentLink, Queued, RunId, RunRef, RunView, Seq, Status, StepKey, TenantId, Timestamp,
    json, limits::MAX_PAGE_RUNS,
};
use artana_ports::{AppendError, Listed, Page, RunQuery, StoreError};
use serde_json::Value;
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

/// Returns a run's row as parameters of an append: root, lineage, and what moves.
pub(crate) fn params(view: &RunView) -> Result<Vec<Param>, AppendError> {
    let (parent, queued) = (view.parent.as_ref(), view.queued.as_ref());
    Ok(params![
        view.root.as_str().to_owned(),
        parent.map(|p| p.run.as_str().to_owned()),
        parent.map(|p| p.seq.get().cast_signed()),
        parent.map(|p| p.hash.as_bytes().to_vec()),
        view.status.as_str(),
        view.head.seq.get().cast_signed(),
        view.head.hash.as_bytes().to_vec(),
        view.started_at.as_micros(),
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

/// Returns the head kept in a run's row.
pub(crate) async fn head(sessions: &Sessions, run: &RunRef) -> Result<Option<Head>, Failure> {
    let rows = sessions.ask(HEAD, named(run)).await?;
    rows.first().map(append::head).transpose()
}

/// Returns a run's row.
pub(crate) async fn view(sessions: &Sessions, run: &RunRef) -> Result<Option<Listed>, Failure> {
    let rows = sessions.ask(VIEW, named(run)).await?;
    Ok(rows.first().map(|row| listed(row, &run.tenant)))
}

fn named(run: &RunRef) -> Vec<Param> {
    params![run.tenant.as_str().to_owned(), run.run.as_str().to_owned()]
}

/// Lists a tenant's runs. Broken rows come whatever the filters, and count only if a page can go on
/// after them. A row is read before it is filtered, because a condition in the statement would look at
/// one column of a row that is broken in another, and hide it.
pub(crate) async fn list(sessions: &Sessions, query: &RunQuery) -> Result<Page, Failure> {
    let limit = query.limit.min(MAX_PAGE_RUNS) as usize;
    let mut after = query.after.as_ref().map_or_else(String::new, |run| run.as_str().to_owned());
    let mut page = Page { items: Vec::new(), next: None };
    let (mut counted, mut last) = (0, None);
    // One more than asked for says whether there is a next page; where a filter passes over rows, more are needed.
    let mut batch = limit + 1;
    loop {
        let rows_at_once = i64::try_from(batch).unwrap_or(i64::MAX);
        let params = params![query.tenant.as_str().to_owned(), after, rows_at_once];
        let rows = sessions.ask(LIST, params).await?;
        for row in &rows {
            let item = listed(row, &query.tenant);
            if matches!(&item, Listed::View(view) if !query.admits(view)) {
                continue;
            }
            if counted == limit {
                page.next = last;
                return Ok(page);
            }
            if let Some(run) = name_of(&item) {
                counted += 1;
                last = Some(run);
            }
            page.items.push(item);
        }
        match rows.last() {
            Some(row) if rows.len() == batch => after = Column(2, "runs.run").text(row)?.to_owned(),
            _ => return Ok(page),
        }
        batch = MAX_PAGE_RUNS as usize;
    }
}

fn name_of(item: &Listed) -> Option<RunId> {
    match item {
        Listed::View(view) => Some(view.run.run.clone()),
        Listed::Broken { run, .. } => RunId::parse(run).ok(),
    }
}

fn listed(row: &Row, tenant: &TenantId) -> Listed {
    read_view(row, tenant).map_or_else(
        |failure| Listed::Broken { run: shown_name(row), why: StoreError::from(failure).to_string() },
        Listed::View,
    )
}

fn shown_name(row: &Row) -> String {
    Column(2, "runs.run").text(row).unwrap_or_default().to_owned()
}

fn read_view(row: &Row, tenant: &TenantId) -> Result<RunView, Failure> {
    let run = run_id(Column(2, "runs.run"), row)?.ok_or_else(|| Failure::damaged("runs.run is empty"))?;
    let root = run_id(Column(3, "runs.root"), row)?.ok_or_else(|| Failure::damaged("runs.root is empty"))?;
    let status = Status::parse(Column(7, "runs.status").text(row)?);
    Ok(RunView {
        run: RunRef::new(tenant.clone(), run),
        root,
        parent: parent(row)?,
        status: status.ok_or_else(|| Failure::damaged("runs.status holds no status"))?,
        head: append::head(row)?,
        started_at: Timestamp::from_micros(Column(8, "runs.started_at").int(row)?),
        updated_at: Timestamp::from_micros(Column(9, "runs.updated_at").int(row)?),
        steps: count(Column(10, "runs.steps"), row)?,
        pending: count(Column(11, "runs.pending"), row)?,
        unknown: count(Column(12, "runs.unknown"), row)?,
        drifts: count(Column(13, "runs.drifts"), row)?,
        last_step: step(Column(14, "runs.last_step"), row)?,
        failed_step: step(Column(15, "runs.failed_step"), row)?,
        labels: read_labels(Column(16, "runs.labels").text(row)?.as_bytes())?,
        queued: queued(row)?,
    })
}

fn run_id(column: Column, row: &Row) -> Result<Option<RunId>, Failure> {
    let text = column.maybe_text(row)?;
    text.map(RunId::parse).transpose().map_err(|_| Failure::damaged(format!("{} holds no run id", column.1)))
}

fn step(column: Column, row: &Row) -> Result<Option<StepKey>, Failure> {
    let text = column.maybe_text(row)?;
    text.map(StepKey::parse).transpose().map_err(|_| Failure::damaged(format!("{} holds no step key", column.1)))
}

fn count(column: Column, row: &Row) -> Result<u64, Failure> {
    u64::try_from(column.int(row)?).map_err(|_| Failure::damaged(format!("{} is negative", column.1)))
}

fn parent(row: &Row) -> Result<Option<ParentLink>, Failure> {
    let run = run_id(Column(4, "runs.parent_run"), row)?;
    let seq = Column(5, "runs.parent_seq").maybe_int(row)?;
    let hash = Column(6, "runs.parent_hash").maybe_array(row)?;
    match (run, seq, hash) {
        (None, None, None) => Ok(None),
        (Some(run), Some(seq), Some(hash)) => {
            Ok(Some(ParentLink { run, seq: Seq::new(seq.cast_unsigned()), hash: ChainHash::from_bytes(hash) }))
        }
        _ => Err(Failure::damaged("runs holds a part of a parent")),
    }
}

fn queued(row: &Row) -> Result<Option<Queued>, Failure> {
    let queue = Column(17, "runs.queue").maybe_text(row)?;
    let priority = Column(18, "runs.priority").maybe_int(row)?;
    let due_at = Column(19, "runs.due_at").maybe_int(row)?;
    match (queue, priority, due_at) {
        (None, None, None) => Ok(None),
        (Some(queue), Some(priority), Some(due_at)) => {
            Ok(Some(Queued { queue: queue.into(), priority, due_at: Timestamp::from_micros(due_at) }))
        }
        _ => Err(Failure::damaged("runs holds a part of a place in a queue")),
    }
}

fn labels_text(labels: &BTreeMap<LabelKey, String>) -> Result<String, Failure> {
    if labels.is_empty() {
        return Ok("{}".into());
    }
    let object = labels.iter().map(|(key, value)| (key.as_str().to_owned(), Value::from(value.as_str())));
    let text = json::to_canonical(&Value::Object(object.collect()))
        .map_err(|_| Failure::damaged("labels do not fit into one document"))?;
    Ok(String::from_utf8(text).expect("canonical JSON is UTF-8"))
}

fn read_labels(text: &[u8]) -> Result<BTreeMap<LabelKey, String>, Failure> {
    if text == b"{}" {
        return Ok(BTreeMap::new());
    }
    let damaged = || Failure::damaged("runs.labels holds no labels");
    let Ok(Value::Object(object)) = json::parse(text) else { return Err(damaged()) };
    let mut labels = BTreeMap::new();
    for (key, value) in object {
        let (Ok(key), Value::String(value)) = (LabelKey::parse(key), value) else { return Err(damaged()) };
        labels.insert(key, value);
    }
    // Another spelling of the same labels is a change all the same.
    if labels_text(&labels)?.as_bytes() == text { Ok(labels) } else { Err(damaged()) }
}
