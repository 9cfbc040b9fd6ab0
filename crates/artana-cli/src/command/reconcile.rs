//! `run reconcile`: has the step's own tool find out what happened. A program without the tool
//! says so, and names the ways a person has.

use artana_core::{RunState, StepKey, Tenant};
use artana_kernel::{Error, Run};

use super::Context;
use crate::{
    failure::{Exit, Failure},
    row::Row,
};

pub(super) async fn perform(cx: &mut Context, id: &str, step: &str) -> Result<Exit, Failure> {
    let run = cx.open(id).await?;
    match reconcile(cx, &run, step).await {
        Ok(row) => {
            cx.out.record(&row);
            Ok(Exit::Fine)
        }
        Err(error) => {
            let lacking = matches!(error, Error::UnknownTool { .. });
            let failure = cx.explain_step(&run, step, error).await;
            Err(if lacking && failure.is_in_doubt() { failure.for_a_person() } else { failure })
        }
    }
}

/// The step is asked for again exactly as it is recorded, by whoever may do what the run may.
async fn reconcile(cx: &Context, run: &Run, step: &str) -> Result<Row, Error> {
    let key = StepKey::parse(step)?;
    let recorded = |state: &RunState| {
        let found = state.tool_step(&key).map(|step| (step.tool.name.clone(), step.args));
        let tenant = |tenant: Tenant, capability: &artana_core::Capability| tenant.capability(capability.as_str());
        (found, state.capabilities().iter().fold(cx.tenant.clone(), tenant))
    };
    let (found, tenant) = run.latest(recorded).await?;
    let nothing = || Error::NothingRecorded { run: run.name().clone(), step: key.clone() };
    let (tool, args) = found.ok_or_else(nothing)?;
    let erased = || Error::ContentErased { run: run.name().clone(), step: key.clone() };
    let args = run.content(&args).await?.ok_or_else(erased)?;
    let run = cx.kernel.open_run(&tenant, run.id()).await?;
    let answer = run.step(step).reconcile_json(tool.as_str(), args).await?;
    let row = Row::default()
        .with("run", run.id())
        .with("step", step)
        .with("outcome", "succeeded")
        .with("attempts", answer.attempts())
        .with("request", answer.request().to_string());
    Ok(row.with("status", run.status().await?.as_str()))
}
