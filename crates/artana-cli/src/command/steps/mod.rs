//! `run steps`: what each step is, where it stands, and what it took: a tree of scopes for people, lines in the
//! order the steps began for everybody else. What a fork shares is shown with the run that holds it, and what a
//! child does stands under the step that it does.

mod read;
mod show;

use artana_core::{RunId, Timestamp, cost::ModelCost};
use serde_json::Value;

use super::Context;
use crate::{
    args::StepsArgs,
    failure::{Exit, Failure},
};

/// A step, or a signal that the run's code waits for.
#[derive(Debug)]
struct Shown {
    /// The step's key, or the signal's name.
    key: String,
    is_step: bool,
    kind: &'static str,
    /// What is called.
    name: Option<String>,
    version: Option<String>,
    state: &'static str,
    attempts: Option<u32>,
    began: Timestamp,
    ended: Option<Timestamp>,
    /// What it used in the run that is asked for.
    used: Option<ModelCost>,
    /// The ancestor that holds it.
    holder: Option<RunId>,
    /// Until when it sleeps.
    due: Option<Timestamp>,
    /// Who lifted the pause, or sent the signal.
    by: Option<String>,
    /// The step that was asked last before this was registered to undo something.
    after: Option<String>,
    /// The run.
    run: String,
    /// The steps of the child.
    below: Vec<Shown>,
    /// What was said, where that is wanted.
    said: Option<Said>,
}

/// What was said in a step; null where nothing was, or it was erased.
#[derive(Debug, Default)]
struct Said {
    asked: Value,
    told: Value,
}

pub(super) async fn perform(cx: &mut Context, args: &StepsArgs) -> Result<Exit, Failure> {
    let steps = read::steps(cx, &args.run, read::Look { depth: 0, content: args.content }).await?;
    let rows = if cx.out.is_person() { show::tree(&steps) } else { show::lines(&steps) };
    cx.out.rows(&rows);
    if cx.out.is_person() {
        show::said(&mut cx.out, &steps);
    }
    let broken = show::in_order(&steps).iter().any(|shown| shown.state == "broken");
    Ok(if broken { Exit::Invalid } else { Exit::Fine })
}
