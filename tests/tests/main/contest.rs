//! Many workers, each a kernel with a connection of its own, want the same thousand effects: each happens once, and all
//! get the same answers.

use std::{sync::Arc, time::Duration};

use artana_core::{Seq, Tenant};
use artana_kernel::{ClosureTool, Error, Kernel, Run, tool};
use artana_ports::{ToolContext, ToolError};
use artana_store_postgres::{Durability, PostgresStore};
use artana_testkit::{
    postgres::Database,
    provider::{Keys, Provider},
};
use artana_tests::work::TENANT;
use serde_json::json;

use crate::oracle::verified;

const WORKERS: usize = 64;
const RUNS: usize = 20;
const STEPS: usize = 50;
/// Workers begin at so many places, so that eight want each step at the same time.
const PLACES: usize = 8;

/// A tool that charges at a provider for whom every call is another effect.
fn charging(provider: Provider) -> ClosureTool<u64, String> {
    tool("charge").side_effect().timeout(Duration::from_secs(60)).handler(move |amount: u64, cx: ToolContext| {
        let provider = provider.clone();
        async move {
            tokio::task::yield_now().await;
            let receipt = provider.charge(cx.idempotency_key(), &json!(amount)).map_err(ToolError::unknown)?;
            Ok(receipt.effect_id)
        }
    })
}

async fn kernel(database: &Database, charge: &ClosureTool<u64, String>) -> Kernel {
    let store = PostgresStore::connect(database.url()).durability(Durability::AsTheServer);
    let store = store.pool(1..=1).wait(Duration::from_secs(60)).await;
    Kernel::builder(store.expect("a store")).tool(charge.clone()).build().expect("a kernel")
}

/// Takes a step; where somebody else is at it, waits for what comes of it.
async fn takes(run: &Run, step: &str, charge: &ClosureTool<u64, String>) -> String {
    loop {
        let before: Seq = run.view().await.expect("a view").head.seq;
        match run.step(step).tool(charge, &1).await {
            Ok(answer) => return answer.into_output(),
            Err(Error::InFlight { .. }) => run.wait_past(before).await.expect("it moves"),
            Err(error) => panic!("{step} of {}: {error}", run.id()),
        }
    }
}

/// Takes all steps of all runs, and returns the answers in the order of runs and steps.
async fn works(kernel: Kernel, charge: ClosureTool<u64, String>, number: usize) -> Vec<String> {
    let tenant = Tenant::new(TENANT);
    let mut answers = vec![Vec::new(); RUNS];
    for turn in 0..RUNS {
        let at = (turn + number % PLACES * RUNS / PLACES) % RUNS;
        let run = kernel.run(&tenant, &format!("run-{at}")).await.expect("a run");
        for step in 0..STEPS {
            answers[at].push(takes(&run, &format!("pay-{step}"), &charge).await);
        }
    }
    kernel.close().await.expect("closes");
    answers.concat()
}

#[tokio::test]
async fn sixty_four_workers_at_a_thousand_steps_cause_a_thousand_effects() {
    let Some(database) = Database::fresh() else { return };
    let provider = Provider::new().keys(Keys::Ignored);
    let charge = charging(provider.clone());
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        workers.push(tokio::spawn(works(kernel(&database, &charge).await, charge.clone(), number)));
    }
    let mut answers = Vec::new();
    for worker in workers {
        answers.push(worker.await.expect("no panic"));
    }
    let book = provider.book();
    assert_eq!(book.len(), RUNS * STEPS, "one effect for each step");
    assert!(book.iter().all(|entry| provider.effects(&entry.key) == 1), "each under a key of its own");
    assert!(answers.iter().all(|all| *all == answers[0]), "all get the same answers");
    assert_eq!(answers[0].len(), RUNS * STEPS);
    let (kernel, tenant) = (Arc::new(kernel(&database, &charge).await), Tenant::new(TENANT));
    for run in 0..RUNS {
        let events = verified(&kernel, &tenant, &format!("run-{run}")).await;
        assert_eq!(events, 1 + 2 * STEPS as u64, "a request and an outcome for each step, and nothing else");
    }
    kernel.close().await.expect("closes");
}
