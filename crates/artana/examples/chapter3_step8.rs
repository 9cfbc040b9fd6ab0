//! Step 8: swap the store.
//!
//! The same business runs on a file and on a database server. Which one is said by an address, in one function; what
//! does the work never hears of it. Without an address it is a file. No key, no network but the one to the server.
//!
//! ```text
//! cargo run -p artana --example chapter3_step8
//! cargo run -p artana --example chapter3_step8 -- sqlite:///tmp/march.db
//! cargo run -p artana --example chapter3_step8 -- postgres://artana@localhost/artana
//! ```

pub(crate) mod kept;

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use artana::{ClosureTool, ports::EventStore, prelude::*};

use kept::{Ledger, Look, open};

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The kind of the store.
    pub(crate) store: &'static str,
    /// How durable an acknowledged append is there, in the store's own words.
    pub(crate) durability: String,
    /// What the business came to, the first time and the second.
    pub(crate) cents: [u64; 2],
    /// How many invoices were sent by then.
    pub(crate) sent: [usize; 2],
    /// The kinds of the run's events.
    pub(crate) kinds: Vec<String>,
    /// Whether the ledger verifies.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "on {}: {}", self.store, self.durability)?;
        for (cents, sent) in self.cents.iter().zip(self.sent) {
            writeln!(f, "invoiced {cents} cents, {sent} sent so far")?;
        }
        write!(f, "{} events; the ledger verifies: {}", self.kinds.len(), self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look = Look { tenant: "shop", verbs: &["events march", "verify march"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::of("chapter3_step8", "march.db")?;
    println!("{}", run(open(ledger.address()).await?).await?);
    ledger.say(&LOOK);
    Ok(())
}

/// The business. It knows a kernel.
async fn invoice(kernel: &Kernel, send: &ClosureTool<u64, String>) -> Result<u64, artana::Error> {
    let send = send.clone();
    let march = |cx: WorkflowContext| async move {
        let mut cents = 0;
        for (customer, amount) in [("ada", 1200), ("grace", 3400)] {
            cx.step(format!("invoice/{customer}")).reconcile(&send, &amount).await?;
            cents += amount;
        }
        cx.sleep("until it is due", Duration::from_millis(10)).await?;
        Ok(cents)
    };
    loop {
        match kernel.workflow(&Tenant::new("shop"), "march", march.clone()).await? {
            WorkflowOutcome::Completed(cents) => return Ok(cents),
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

pub(crate) async fn run(store: Arc<dyn EventStore>) -> Result<Proof, Box<dyn Error>> {
    let counter = Arc::new(AtomicUsize::new(0));
    let sent = Arc::clone(&counter);
    let send = tool("send_invoice").idempotent(Duration::from_secs(60)).handler(move |cents: u64, _: ToolContext| {
        sent.fetch_add(1, Ordering::Relaxed);
        async move { Ok(format!("sent, over {cents} cents")) }
    });
    let kernel = Kernel::builder_shared(store).tool(send.clone()).build()?;
    let (mut cents, mut sent) = ([0; 2], [0; 2]);
    for (cents, sent) in cents.iter_mut().zip(&mut sent) {
        *cents = invoice(&kernel, &send).await?;
        *sent = counter.load(Ordering::Relaxed);
    }
    let run = kernel.open_run(&Tenant::new("shop"), "march").await?;
    let (mut events, mut kinds) = (run.events(), Vec::new());
    while let Some(event) = events.try_next().await? {
        kinds.push(event.kind().to_owned());
    }
    let info = kernel.store_info();
    let verified = run.verify().await?.is_ok();
    kernel.close().await?;
    Ok(Proof { store: info.kind, durability: info.durability, cents, sent, kinds, verified })
}
