//! Step 7: audit.
//!
//! Prints a run's events, verifies the run where it is stored, exports it, and verifies the export
//! with nothing but the pure core, as an auditor would. Then one word of a copy is changed, and the
//! verifier names the event. No key, no network.

pub(crate) mod kept;

use std::{error::Error, fmt};

use artana::{ExportOptions, Level, core::export, prelude::*};

use kept::{Ledger, Look, open};

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The kinds of the run's events, in order.
    pub(crate) kinds: Vec<String>,
    /// How far the word of the verification in the store goes.
    pub(crate) level: Level,
    /// What the export's verifier says of the export.
    pub(crate) exported: export::Level,
    /// The break it finds in the changed copy, and where.
    pub(crate) tampered: Option<String>,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "in the store:   {} events, {}", self.kinds.len(), self.level)?;
        writeln!(f, "the export:     {}", self.exported)?;
        write!(f, "a changed copy: {}", self.tampered.as_deref().unwrap_or("nothing found"))
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look = Look { tenant: "shop", verbs: &["events march", "verify march"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::of("chapter3_step7", "invoices.db")?;
    let proof = run(ledger.address()).await?;
    println!("{proof}");
    ledger.say(&LOOK);
    Ok(())
}

pub(crate) async fn run(ledger: &str) -> Result<Proof, Box<dyn Error>> {
    let send = tool("send_invoice")
        .side_effect()
        .handler(|customer: String, _cx: ToolContext| async move { Ok(format!("sent to {customer}")) });
    let kernel = Kernel::builder_shared(open(ledger).await?).tool(send.clone()).build()?;
    let tenant = Tenant::new("shop");
    let run = kernel.run(&tenant, "march").await?;
    let invoices = run.scope("invoice");
    for customer in ["ada", "grace"] {
        invoices.step(customer).tool(&send, &customer.to_owned()).await?;
    }
    run.finish().await?;

    let mut kinds = Vec::new();
    let mut events = run.events(); // a stream, read in pages
    while let Some(event) = events.try_next().await? {
        println!("{:>4} {}", event.seq(), event.kind());
        kinds.push(event.kind().to_owned());
    }
    let report = run.verify().await?; // level, head, first break if any

    let lines = exported(&kernel, &tenant).await?;
    let audit = export::verify(&lines)?;

    let changed = lines.iter().map(|line| line.replace("invoice/grace", "invoice/alice"));
    let found = export::verify(changed)?;
    let tampered = found.first_break().map(|(_, broken)| format!("{} at sequence {}", broken.kind, broken.seq));
    kernel.close().await?;
    Ok(Proof { kinds, level: report.level, exported: audit.level(), tampered })
}

async fn exported(kernel: &Kernel, tenant: &Tenant) -> Result<Vec<String>, artana::Error> {
    let mut export = kernel.export(tenant, "march", ExportOptions { content: true, key: true }).await?;
    let mut lines = Vec::new();
    while let Some(line) = export.next_line().await? {
        lines.push(line);
    }
    Ok(lines)
}
