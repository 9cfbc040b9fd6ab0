//! A workflow that waits for a person, for three days if need be.
//!
//! A refund is proposed and waits for approval. The kernel that proposed it is closed, and nothing of it is left but its
//! file. Days later somebody approves with another amount, and another kernel goes on from the file where the first one
//! stopped, with what the person said. A second refund is never approved: after three days it is refused by itself. All
//! of that is one process with a clock on which days pass; another process would read the same file. No key, no network.

pub(crate) mod kept;

use std::{error::Error, fmt, sync::Arc, time::Duration};

use artana::{Status, Ticket, prelude::*};
use artana_testkit::SimClock;
use serde::{Deserialize, Serialize};

use kept::{Ledger, Look, open};

/// What a person decides.
#[derive(Debug, Serialize, Deserialize)]
struct Approval {
    cents: u64,
}

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// Where the two runs stood while they waited.
    pub(crate) waited: [Status; 2],
    /// What became of the refunds.
    pub(crate) told: [String; 2],
    /// Whether the ledgers verify.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "while nobody had decided, the runs were {} and {}", self.waited[0], self.waited[1])?;
        writeln!(f, "approved after two days: {}", self.told[0])?;
        writeln!(f, "never approved: {}", self.told[1])?;
        write!(f, "the ledgers verify: {}", self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look =
    Look { tenant: "demo", verbs: &["list", "explain refund-1", "explain refund-2", "events refund-1"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::of("workflow_human_approval", "refunds.db")?;
    let proof = run(ledger.address()).await?;
    println!("{proof}");
    ledger.say(&LOOK);
    Ok(())
}

async fn refund(cx: WorkflowContext, proposed: u64) -> Result<String, Failure> {
    let asked = cx.pause::<Approval>("approval", format!("Refund {proposed} cents?"));
    let patience = cx.sleep("patience", Duration::from_secs(3 * 24 * 60 * 60));
    match cx.race(asked, patience).await {
        Either::Left(approval) => Ok(format!("refunded {} cents", approval?.cents)),
        Either::Right(_) => Ok("refused: nobody approved it".into()),
    }
}

/// Opens a kernel of its own on the file, on a clock that days pass on.
async fn opened(ledger: &str, clock: &SimClock) -> Result<Kernel, Box<dyn Error>> {
    Ok(Kernel::builder_shared(open(ledger).await?).clock(Arc::new(clock.clone())).build()?)
}

/// Proposes a refund, with a kernel that is closed then.
async fn proposed(ledger: &str, clock: &SimClock, id: &str) -> Result<(Ticket, Status), Box<dyn Error>> {
    let (kernel, demo) = (opened(ledger, clock).await?, Tenant::new("demo"));
    let left = kernel.workflow(&demo, id, |cx| refund(cx, 5000)).await?;
    let WorkflowOutcome::Paused(ticket) = left else { return Err("it waits for a person".into()) };
    let status = kernel.open_run(&demo, id).await?.status().await?;
    kernel.close().await?;
    Ok((ticket, status))
}

/// Runs the example on a file that does not exist yet.
pub(crate) async fn run(ledger: &str) -> Result<Proof, Box<dyn Error>> {
    let (clock, demo) = (SimClock::new(), Tenant::new("demo"));
    let (ticket, first) = proposed(ledger, &clock, "refund-1").await?;
    let (_, second) = proposed(ledger, &clock, "refund-2").await?;

    clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
    let kernel = opened(ledger, &clock).await?;
    let approved = kernel.open_run(&demo, "refund-1").await?;
    approved.resume_with(ticket.id, "ann@example", &Approval { cents: 4200 }).await?;

    clock.advance(Duration::from_secs(24 * 60 * 60));
    let mut told = Vec::new();
    let mut verified = true;
    for id in ["refund-1", "refund-2"] {
        let outcome = kernel.workflow(&demo, id, |cx| refund(cx, 5000)).await?;
        told.push(outcome.completed().ok_or("it has been decided")?);
        verified &= kernel.verify(&demo, id).await?.is_ok();
    }
    kernel.close().await?;
    let told = told.try_into().map_err(|_| "two refunds were decided")?;
    Ok(Proof { waited: [first, second], told, verified })
}
