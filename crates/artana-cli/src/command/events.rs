//! `run events`: a run's events as they are stored, those of a broken run too. Payloads hold structure
//! and digests, never content.

use artana_core::{Record, export::Line};
use artana_kernel::{Error, Events, ExportOptions};

use super::Context;
use crate::{
    failure::{Exit, Failure},
    out::Out,
    row::Row,
    text::{shown, time},
};

pub(super) async fn perform(cx: &mut Context, id: &str) -> Result<Exit, Failure> {
    let printed = match cx.kernel.open_run(&cx.tenant, id).await {
        Ok(run) => print(&mut cx.out, run.events()).await,
        Err(error @ Error::Damaged { .. }) => {
            print_rows(cx, id).await?;
            Err(error)
        }
        Err(error) => Err(error),
    };
    printed.map(|()| Exit::Fine).map_err(|error| cx.explain(id, error))
}

/// Prints the rows of a broken run as they are stored.
async fn print_rows(cx: &mut Context, id: &str) -> Result<(), Error> {
    let mut export = cx.kernel.export(&cx.tenant, id, ExportOptions::default()).await?;
    while cx.out.is_open()
        && let Some(line) = export.next_line().await?
    {
        if let Ok(Line::Event(record)) = Line::parse(line.as_bytes())
            && *record.run == *id
        {
            print_record(&mut cx.out, &record);
        }
    }
    Ok(())
}

/// Prints events as they come.
pub(super) async fn print(out: &mut Out, mut events: Events) -> Result<(), Error> {
    while out.is_open() {
        let Some(event) = events.try_next().await? else { break };
        print_record(out, event.record());
    }
    out.flush();
    Ok(())
}

pub(super) fn print_record(out: &mut Out, record: &Record) {
    if out.is_person() {
        out.line(line(record));
    } else {
        out.row(&row(record));
    }
}

fn row(record: &Record) -> Row {
    Row::default()
        .with("seq", record.seq.get())
        .with("time", time(record.at))
        .with("kind", lossy(record.kind.as_bytes()))
        .with("step", record.step.as_ref().map(|step| lossy(step.as_bytes())))
        .with("hash", record.hash.to_string())
        .with("payload", lossy(&record.payload))
}

/// Returns an event in columns, for people. Hashes are for programs.
fn line(record: &Record) -> String {
    let step = record.step.as_ref().map_or("-".into(), |step| shown(&lossy(step.as_bytes())));
    let (at, kind) = (time(record.at), shown(&lossy(record.kind.as_bytes())));
    format!("{:>5}  {at}  {kind:24}  {step:16}  {}", record.seq, shown(&lossy(&record.payload)))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
