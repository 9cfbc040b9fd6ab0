//! What the demonstration reads from a ledger once its workers are gone. It opens files for reading only.

use std::path::Path;

use artana_core::{Event, RunState, Tenant, cycle::ToolCycle, event::Body};
use artana_kernel::{Error, Kernel, VerifyReport};
use artana_store_sqlite::SqliteStore;

use super::payment::{RUN, STEP};
use crate::{doubt::Doubt, failure::Failure, speller::Speller};

/// What stands in a ledger.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) report: VerifyReport,
    pub(super) events: Vec<Event>,
    pub(super) outcome: &'static str,
    pub(super) doubt: Option<Doubt>,
}

/// Verifies a run without opening it.
pub(super) async fn verify(ledger: &Path, tenant: &Tenant) -> Result<VerifyReport, Failure> {
    let kernel = kernel(ledger).await?;
    let report = kernel.verify(tenant, RUN).await;
    kernel.close().await?;
    Ok(report?)
}

/// Verifies and reads a run.
pub(super) async fn read(ledger: &Path, tenant: &Tenant, speller: &Speller) -> Result<Found, Failure> {
    let kernel = kernel(ledger).await?;
    let found = found(&kernel, tenant, speller).await;
    kernel.close().await?;
    Ok(found?)
}

async fn kernel(ledger: &Path) -> Result<Kernel, Failure> {
    let store = SqliteStore::options().read_only(true).open(ledger).await?;
    Kernel::builder(store).build().map_err(|error| Failure::invalid(error.code(), error.to_string()))
}

async fn found(kernel: &Kernel, tenant: &Tenant, speller: &Speller) -> Result<Found, Error> {
    let run = kernel.open_run(tenant, RUN).await?;
    let mut events = Vec::new();
    let mut stream = run.events();
    while let Some(event) = stream.try_next().await? {
        events.push(event);
    }
    let report = kernel.verify(tenant, RUN).await?;
    let step = artana_core::StepKey::parse(STEP)?;
    let look = |state: &RunState| {
        let cycle = state.tool_step(&step).map(|step| &step.cycle);
        (outcome(cycle, &events), Doubt::of(state, &step, speller))
    };
    let (outcome, doubt) = run.latest(look).await?;
    Ok(Found { report, events, outcome, doubt })
}

/// Says what became of the charge, by the word of the ledger alone.
fn outcome(cycle: Option<&ToolCycle>, events: &[Event]) -> &'static str {
    let resolved = events.iter().any(|event| matches!(event.body(), Body::ToolResolved(_)));
    match cycle {
        Some(ToolCycle::Succeeded(_)) if resolved => "reconciled",
        Some(cycle) => cycle.name(),
        None => "absent",
    }
}
