//! `run tail`: the last events of a run and, if wanted, those that follow until it ends.

use artana_core::{Seq, event::Body};
use artana_kernel::{Error, Run};

use super::{Context, events};
use crate::{
    args::TailArgs,
    failure::{Exit, Failure},
    out::Out,
};

pub(super) async fn perform(cx: &mut Context, args: &TailArgs) -> Result<Exit, Failure> {
    let run = cx.open(&args.run).await?;
    match tail(&mut cx.out, &run, args).await {
        Ok(()) => Ok(Exit::Fine),
        Err(error) => Err(cx.explain(&args.run, error)),
    }
}

/// What the run was when it was looked at decides whether there is anything to wait for. Whoever interrupts has
/// seen whole lines: each is passed on before the next event is waited for.
async fn tail(out: &mut Out, run: &Run, args: &TailArgs) -> Result<(), Error> {
    let view = run.view().await?;
    let last = Seq::new(view.head.seq.get().saturating_sub(args.lines));
    let after = args.after.map_or(last, Seq::new);
    if !args.follow || view.status.is_finished() {
        return events::print(out, run.events_after(after)).await;
    }
    let mut follow = run.follow(after);
    while out.is_open() {
        let Some(event) = follow.next().await? else { break };
        events::print_record(out, event.record());
        if event.seq() >= view.head.seq {
            out.flush();
        }
        if matches!(event.body(), Body::RunFinished(_)) {
            break;
        }
    }
    out.flush();
    Ok(())
}
