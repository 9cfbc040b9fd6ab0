//! A worker: opens the run, calls the tool, and goes on from whatever it finds there. The first and
//! the second worker are the same code; only the ledger tells them apart.

use std::time::Duration;

use artana_kernel::{Error, Kernel, ReconcileCall, Run};
use artana_store_sqlite::SqliteStore;

use super::{
    payment::{RUN, STEP, args, charge_credit_card, tenant},
    provider::end_with_parent,
    trouble,
    wire::{Says, say},
};
use crate::{
    args::WorkerArgs,
    failure::{Exit, Failure},
};

/// How long a worker that died blocks its step.
const TIME_TO_LIVE: Duration = Duration::from_secs(1);
/// How often a worker asks again whether the one before it is gone.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Works until the run has ended or its step is in doubt.
pub(crate) async fn work(worker: &WorkerArgs, tenant_name: &str) -> Result<Exit, Failure> {
    end_with_parent();
    let store = SqliteStore::open(&worker.ledger).await?;
    let tool = charge_credit_card(worker.provider);
    let kernel = Kernel::builder(store).tool(tool.clone()).time_to_live(TIME_TO_LIVE).build();
    let kernel = kernel.map_err(|error| Failure::invalid(error.code(), error.to_string()))?;
    let done = match kernel.run(&tenant(tenant_name), RUN).await {
        Ok(run) => charge(&run, worker).await,
        Err(error) => Err(error.into()),
    };
    kernel.close().await?;
    if let Err(failure) = &done {
        tell(&Says::Failed { why: failure.to_string() })?;
    }
    done
}

async fn charge(run: &Run, worker: &WorkerArgs) -> Result<Exit, Failure> {
    let tool = charge_credit_card(worker.provider);
    let step = run.step(STEP);
    let mut waiting = false;
    let doubt = loop {
        match step.tool(&tool, &args()).await {
            Ok(_) => break None,
            Err(Error::InFlight { .. }) => {
                if !waiting {
                    tell(&Says::InFlight)?;
                }
                waiting = true;
                tokio::time::sleep(ASK_AGAIN).await;
            }
            Err(error) if error.needs_reconciliation() => break Some(error),
            Err(error) => return Err(error.into()),
        }
    };
    if let Some(doubt) = doubt {
        tell(&Says::Unknown { why: doubt.to_string() })?;
        if !worker.reconcile {
            return Ok(Exit::NeedsHuman);
        }
        let ask: ReconcileCall<_> = step.reconcile(&tool, &args());
        tell(&Says::Reconciled { charge_id: ask.await?.into_output().charge_id })?;
    }
    run.finish().await?;
    tell(&Says::Finished)?;
    Ok(Exit::Fine)
}

fn tell(says: &Says) -> Result<(), Failure> {
    say(says).map_err(|error| trouble("a worker cannot be heard", error))
}
