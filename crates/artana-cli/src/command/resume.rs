//! `run resume`: lifts pauses of a run in somebody's name, and says what it still waits for.

use artana_core::EventId;
use artana_kernel::{Error, Run, Ticket};

use super::Context;
use crate::{
    args::ResumeArgs,
    failure::{Exit, Failure},
    out::note,
    row::Row,
    said,
    speller::Speller,
    words::count,
};

pub(super) async fn perform(cx: &mut Context, args: &ResumeArgs) -> Result<Exit, Failure> {
    let input = said::value("--input", args.input.as_deref())?;
    let ticket = args.ticket.as_deref().map(EventId::parse).transpose().map_err(Error::from)?;
    let run = cx.open(&args.run).await?;
    let (before, _) = open(cx, &run).await?;
    let alone = ticket.is_none();
    let resumed = match ticket {
        Some(ticket) => run.resume_with(ticket, &args.by, &input).await,
        None => run.resume(&args.by).await,
    };
    resumed.map_err(|error| cx.explain(&args.run, error))?;
    let (after, status) = open(cx, &run).await?;
    let row = Row::default()
        .with("run", args.run.as_str())
        .with("status", status.as_str())
        .with("by", args.by.as_str())
        .with("lifted", before.saturating_sub(after))
        .with("left", after);
    cx.out.record(&row);
    tell_left(cx, &args.run, after);
    if alone {
        tell_asked(cx, &run).await?;
    }
    Ok(Exit::Fine)
}

/// Says how the questions of the run's own code are answered, which nobody did by letting it go on.
async fn tell_asked(cx: &Context, run: &Run) -> Result<(), Failure> {
    let open = run.pauses().await.map_err(|error| cx.explain(run.id(), error))?;
    for (ticket, _) in open.iter().filter(|(ticket, _)| ticket.step.is_some()) {
        let step = ticket.step.as_ref().map_or_else(String::new, ToString::to_string);
        note(&format!("step {step} waits for an answer: {}", answer(&cx.speller, ticket)));
    }
    Ok(())
}

/// Returns the command that answers a question of a run's own code.
pub(super) fn answer(speller: &Speller, ticket: &Ticket) -> String {
    let (run, id) = (ticket.run.run.as_str(), ticket.id.to_string());
    format!("{} --input 'JSON'", speller.by_you(&["run", "resume", run, "--ticket", &id]))
}

/// Counts the pauses that nobody has lifted, and says where the run stands.
pub(super) async fn open(cx: &Context, run: &Run) -> Result<(u64, artana_core::Status), Failure> {
    let looked = run.latest(|state| (state.pauses().len() as u64, state.status())).await;
    looked.map_err(|error| cx.explain(run.id(), error))
}

/// Says what still stops a run.
pub(super) fn tell_left(cx: &Context, run: &str, left: u64) {
    if left > 0 {
        let explain = cx.speller.command(&["run", "explain", run]);
        note(&format!("the run is still stopped by {}: {explain}", count(left, "pause")));
    }
}
