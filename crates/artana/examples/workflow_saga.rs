//! A saga: what was booked is given back when a later step fails.
//!
//! A trip is a flight, a hotel and a payment. The card is declined, so the workflow fails, and what it had registered
//! to undo is undone, the last first. The provider's own book shows each booking and each cancellation once, although
//! the workflow is run three times. No key, no network.

pub(crate) mod kept;

use std::{error::Error, fmt};

use artana::{Rollback, Status, prelude::*};
use artana_testkit::provider::Provider;
use serde_json::json;

use kept::{Ledger, Look, open};

/// Books something, or cancels a booking.
#[tool(effect = "idempotent", retention = "24h")]
async fn book(what: String, cx: ToolContext, agency: State<Provider>) -> ToolResult<String> {
    let booked = agency.charge(cx.idempotency_key(), &json!(what)).map_err(ToolError::unknown)?;
    Ok(booked.effect_id)
}

/// Charges the card, which is declined.
#[tool(effect = "side_effect")]
async fn pay(cents: u64, _cx: ToolContext) -> ToolResult<String> {
    Err(ToolError::permanent(format!("the card does not cover {cents} cents")))
}

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The code with which the workflow ended, each time it was run.
    pub(crate) failed: Vec<&'static str>,
    /// What the agency's book holds, in order.
    pub(crate) book: Vec<String>,
    /// Where the run stands.
    pub(crate) status: Status,
    /// Whether the ledger verifies.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the workflow ended with: {}", self.failed.join(", "))?;
        for (at, entry) in (1..).zip(&self.book) {
            writeln!(f, "the agency's book, {at}: {entry}")?;
        }
        write!(f, "the run is {}; its ledger verifies: {}", self.status, self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look = Look { tenant: "demo", verbs: &["list", "explain trip-7", "steps trip-7"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::of("workflow_saga", "trips.db")?;
    let proof = run(ledger.address()).await?;
    println!("{proof}");
    ledger.say(&LOOK);
    Ok(())
}

/// Gives a booking back.
async fn cancel(cx: Rollback, what: &'static str) -> Result<(), Failure> {
    cx.step("cancel").tool(book, &format!("cancel the {what}")).await?;
    Ok(())
}

async fn trip(cx: WorkflowContext) -> Result<String, Failure> {
    for what in ["flight", "hotel"] {
        // Registered before it is booked, so that nothing is booked without a way back.
        cx.on_rollback(format!("undo/{what}"), move |cx| cancel(cx, what)).await?;
        cx.step(format!("book/{what}")).tool(book, &format!("book the {what}")).await?;
    }
    Ok(cx.step("pay").tool(pay, &120_000).await?.into_output())
}

/// Runs the example on a file that does not exist yet.
pub(crate) async fn run(ledger: &str) -> Result<Proof, Box<dyn Error>> {
    let (agency, demo) = (Provider::new(), Tenant::new("demo"));
    let kernel = Kernel::builder_shared(open(ledger).await?).state(agency.clone()).tool(book).tool(pay).build()?;
    let mut failed = Vec::new();
    for _ in 0..3 {
        failed.extend(kernel.workflow(&demo, "trip-7", trip).await.err().map(|error| error.code()));
    }
    let booked = agency.book().into_iter().map(|entry| entry.request.as_str().unwrap_or_default().to_owned()).collect();
    let trip = kernel.open_run(&demo, "trip-7").await?;
    let (status, report) = (trip.status().await?, trip.verify().await?);
    kernel.close().await?;
    Ok(Proof { failed, book: booked, status, verified: report.is_ok() })
}
