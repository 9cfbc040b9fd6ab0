//! `run enqueue`: enqueues a run of code by its name, for a worker that has the code. None is needed here. It makes no
//! store: a run in a file that no worker looks at is never begun.

use artana_kernel::Error;

use super::Context;
use crate::{
    args::EnqueueArgs,
    failure::{Exit, Failure},
    filter,
    out::note,
    row::Row,
    said,
    text::time,
};

pub(super) async fn perform(cx: &mut Context, args: &EnqueueArgs) -> Result<Exit, Failure> {
    let input = said::value("--input", args.input.as_deref())?;
    let mut enqueue = cx.kernel.enqueue(&cx.tenant, &args.name, &input).priority(args.priority);
    if let Some(delay) = &args.delay {
        enqueue = enqueue.delay(filter::duration("--delay", delay)?);
    }
    if let Some(id) = &args.id {
        enqueue = enqueue.id(id);
    }
    if let Some(queue) = &args.queue {
        enqueue = enqueue.queue(queue);
    }
    if let Some(by) = &args.deduplicate {
        enqueue = enqueue.deduplicate(by);
    }
    let run = enqueue.await.map_err(|error| refused(cx, error))?;
    let look = |state: &artana_core::RunState| (state.status(), state.enqueued().cloned());
    let (status, place) = run.latest(look).await.map_err(|error| cx.explain(run.id(), error))?;
    let place = place.as_ref();
    let row = Row::default()
        .with("run", run.id())
        .with("tenant", run.name().tenant.as_str())
        .with("status", status.as_str())
        .with("name", args.name.as_str())
        .with("queue", place.map(|place| place.queue.as_str()))
        .with("priority", place.map(|place| place.priority))
        .with("due", place.map(|place| time(place.due)))
        .with("next", cx.speller.command(&["run", "explain", run.id()]));
    cx.out.record(&row);
    let known = cx.kernel.registered();
    if !known.is_empty() && !known.iter().any(|name| name.as_str() == args.name) {
        let known: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
        note(&format!("this program has no code of that name, but {}: it waits for one that has", known.join(", ")));
    }
    Ok(Exit::Fine)
}

fn refused(cx: &Context, error: Error) -> Failure {
    match error {
        Error::RunExists { run } => {
            let explain = cx.speller.command(&["run", "explain", run.run.as_str()]);
            Failure::from(Error::RunExists { run }).next("name another id with --id, or leave it out").next(explain)
        }
        error => error.into(),
    }
}
