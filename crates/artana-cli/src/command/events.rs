//! `run events`: a run's events as they are stored. Payloads hold structure and digests, never content.

use artana_core::{Event, Seq};
use artana_kernel::Events;

use super::Context;
use crate::{
    failure::{Exit, Failure},
    out::Out,
    row::Row,
    text::{shown, time},
};

pub(super) async fn perform(cx: &mut Context, id: &str) -> Result<Exit, Failure> {
    let events = cx.open(id).await?.events();
    if let Err(error) = print(&mut cx.out, events).await {
        return Err(cx.explain(id, error));
    }
    Ok(Exit::Fine)
}

/// Prints events as they come, and returns the position of the last one.
pub(super) async fn print(out: &mut Out, mut events: Events) -> Result<Option<Seq>, artana_kernel::Error> {
    let mut last = None;
    while out.is_open() {
        let Some(event) = events.try_next().await? else { break };
        if out.is_person() {
            out.line(line(&event));
        } else {
            out.row(&row(&event));
        }
        last = Some(event.seq());
    }
    out.flush();
    Ok(last)
}

fn row(event: &Event) -> Row {
    let payload = String::from_utf8_lossy(&event.record().payload);
    Row::default()
        .with("seq", event.seq().get())
        .with("time", time(event.at()))
        .with("kind", event.kind())
        .with("step", event.step().map(|step| step.as_str()))
        .with("hash", event.record().hash.to_string())
        .with("payload", payload.into_owned())
}

/// Returns an event in columns, for people. Hashes are for programs.
fn line(event: &Event) -> String {
    let step = event.step().map_or("-", |step| step.as_str());
    let payload = String::from_utf8_lossy(&event.record().payload);
    let (at, kind) = (time(event.at()), shown(event.kind()));
    format!("{:>5}  {at}  {kind:24}  {:16}  {}", event.seq(), shown(step), shown(&payload))
}
