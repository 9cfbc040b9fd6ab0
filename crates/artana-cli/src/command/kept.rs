//! `run artifacts` and `run summaries`: what the application keeps in a run. Values are content and are shown only
//! when they are asked for.

use std::collections::BTreeMap;

use artana_core::{ContentRef, Event, Name, Seq, Timestamp, event::Body, json};
use artana_kernel::Run;
use serde_json::Value;

use super::{Context, lineage};
use crate::{
    args::KeptArgs,
    failure::{Exit, Failure},
    out::note,
    row::Row,
    text::{json_line, json_lines, shown},
};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Artifacts,
    /// Summaries, checkpoints and notes.
    Summaries,
}

impl What {
    fn verb(self) -> &'static str {
        match self {
            Self::Artifacts => "artifacts",
            Self::Summaries => "summaries",
        }
    }
    fn kept(self) -> &'static str {
        match self {
            Self::Artifacts => "artifact",
            Self::Summaries => "summary, checkpoint or note",
        }
    }
}

/// One value that was recorded.
struct Entry {
    kind: &'static str,
    name: Name,
    schema_version: Option<u32>,
    value: ContentRef,
    seq: Seq,
    at: Timestamp,
    /// The run that holds it, and whether that is an ancestor.
    run: String,
    shared: bool,
    /// 1 for the first value of the name.
    version: u64,
    /// How many there are.
    versions: u64,
}

pub(super) async fn perform(cx: &mut Context, what: What, args: &KeptArgs) -> Result<Exit, Failure> {
    let run = cx.open(&args.run).await?;
    let mut entries = entries(cx, what, args).await?;
    if let Some(name) = &args.name
        && entries.is_empty()
    {
        return Err(nothing(cx, what, args, name));
    }
    if !args.all {
        entries.retain(|entry| entry.version == entry.versions);
    }
    let only = matches!((&entries[..], &args.name), ([_], Some(_))) && args.content;
    if only && !cx.out.is_json() {
        let value = value(cx, &run, &entries[0]).await?.ok_or_else(|| erased(&entries[0]))?;
        cx.out.line(json_line(&value));
        return Ok(Exit::Fine);
    }
    let mut values = Vec::new();
    if args.content {
        for entry in &entries {
            values.push(value(cx, &run, entry).await?);
        }
    }
    show(cx, what, &entries, values);
    if entries.is_empty() && cx.out.is_person() {
        note(&format!("run {} has no {}", args.run, what.kept()));
    }
    Ok(Exit::Fine)
}

/// People get the values below the table, which has no room for them.
fn show(cx: &mut Context, what: What, entries: &[Entry], values: Vec<Option<Value>>) {
    let rows = entries.iter().map(|entry| row(what, entry));
    if cx.out.is_person() || values.is_empty() {
        cx.out.rows(&rows.collect::<Vec<_>>());
    } else {
        cx.out.rows(&rows.zip(&values).map(|(row, value)| row.with("value", value.clone())).collect::<Vec<_>>());
        return;
    }
    for (entry, value) in entries.iter().zip(values) {
        cx.out.line("");
        cx.out.heading(&shown(&format!("{} {}, version {}", entry.kind, entry.name, entry.version)));
        match value {
            Some(value) => json_lines(&value).iter().for_each(|line| cx.out.line(format!("  {line}"))),
            None => cx.out.line("  (erased)"),
        }
    }
}

/// Reads what was kept, in the order it was first kept; a fork has what its ancestors kept before it left.
async fn entries(cx: &Context, what: What, args: &KeptArgs) -> Result<Vec<Entry>, Failure> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut versions: BTreeMap<(&'static str, Name), u64> = BTreeMap::new();
    for member in lineage::of(cx, &args.run).await? {
        let (id, shared) = (member.run.id().to_owned(), member.cut.is_some());
        let look = |event: &Event| {
            let Some(mut entry) = entry(what, event, &id, shared) else { return };
            if args.name.as_ref().is_some_and(|name| name != entry.name.as_str()) {
                return;
            }
            let known = versions.entry((entry.kind, entry.name.clone())).or_default();
            *known += 1;
            entry.version = *known;
            entries.push(entry);
        };
        member.read(look).await.map_err(|error| cx.explain(&id, error))?;
    }
    for entry in &mut entries {
        entry.versions = versions[&(entry.kind, entry.name.clone())];
    }
    Ok(entries)
}

fn entry(what: What, event: &Event, run: &str, shared: bool) -> Option<Entry> {
    let (kind, name, schema_version, value) = match (what, event.body()) {
        (What::Artifacts, Body::ArtifactSet(set)) => ("artifact", &set.name, Some(set.schema_version), set.value),
        (What::Summaries, Body::SummaryWritten(written)) => ("summary", &written.kind, None, written.value),
        (What::Summaries, Body::Checkpoint(reached)) => ("checkpoint", &reached.name, None, reached.value),
        (What::Summaries, Body::Note(note)) => ("note", &note.topic, None, note.value),
        _ => return None,
    };
    let (seq, at, name, run) = (event.seq(), event.at(), name.clone(), run.to_owned());
    Some(Entry { kind, name, schema_version, value, seq, at, run, shared, version: 0, versions: 0 })
}

fn row(what: What, entry: &Entry) -> Row {
    let row = match what {
        What::Artifacts => Row::default().with("name", entry.name.as_str()).with("schema", entry.schema_version),
        What::Summaries => Row::default().with("kind", entry.kind).with("name", entry.name.as_str()),
    };
    row.with("version", entry.version)
        .or_shown(
            "versions",
            entry.versions,
            if entry.versions == entry.version { String::new() } else { entry.versions.to_string() },
        )
        .with("bytes", entry.value.len)
        .time("time", entry.at)
        .with("seq", entry.seq.get())
        .or_shown("run", entry.run.as_str(), if entry.shared { entry.run.as_str() } else { "" })
}

/// Reads a value; nothing where it was erased.
async fn value(cx: &Context, run: &Run, entry: &Entry) -> Result<Option<Value>, Failure> {
    let bytes = run.content(&entry.value).await.map_err(|error| cx.explain(run.id(), error))?;
    Ok(bytes.map(|bytes| json::parse(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into())))
}

fn erased(entry: &Entry) -> Failure {
    Failure::invalid("artana::content_erased", format!("the value of {} was erased", entry.name))
}

fn nothing(cx: &Context, what: What, args: &KeptArgs, name: &str) -> Failure {
    let message = format!("run {} has no {} named {name}", args.run, what.kept());
    Failure::new(Exit::NotFound, "artana::nothing_kept", message).next(cx.speller.command(&[
        "run",
        what.verb(),
        &args.run,
    ]))
}
