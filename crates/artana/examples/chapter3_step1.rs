//! Step 1: two-phase tools and reconciliation.
//!
//! The provider charges the card and its reply is lost. The kernel does not guess: the step is
//! unknown until somebody finds out. Reconciling asks the provider by the idempotency key, and the
//! provider's own book, not the ledger, shows that there was one charge. No key, no network.

pub(crate) mod kept;

use std::{error::Error, fmt};

use artana::prelude::*;
use artana_testkit::provider::{Manner, Provider, ProviderFault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use kept::{Ledger, Look, open};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct ChargeArgs {
    card: String,
    cents: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Receipt {
    charge: String,
}

/// Charges a card through the payment gateway.
#[tool(capability = "payments:charge", effect = "idempotent", retention = "24h", probe = look_up)]
async fn charge_credit_card(args: ChargeArgs, cx: ToolContext, gateway: State<Provider>) -> ToolResult<Receipt> {
    // The gateway says what it knows: a refusal came before the effect, a lost reply may have come after it.
    let done = gateway.charge(cx.idempotency_key(), &json!(args)).map_err(|fault| match fault {
        ProviderFault::Refused => ToolError::transient(fault),
        ProviderFault::ReplyLost => ToolError::unknown(fault),
    })?;
    Ok(Receipt { charge: done.effect_id })
}

/// Asks the gateway what became of the key.
async fn look_up(_: ChargeArgs, cx: ToolContext, gateway: State<Provider>) -> ToolResult<Option<Receipt>> {
    Ok(gateway.lookup(cx.idempotency_key()).map(|found| Receipt { charge: found.effect_id }))
}

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The code of the error the first call ended with.
    pub(crate) first: Option<&'static str>,
    /// Whether the ledger answers the call afterwards, and as the reconciliation did.
    pub(crate) replayed: bool,
    /// How often the tool's body ran.
    pub(crate) calls: u64,
    /// How many charges the provider's own book holds.
    pub(crate) charges: usize,
    /// Whether every charge in the book stands under the step's idempotency key.
    pub(crate) one_key: bool,
    /// Whether the ledger verifies.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the first call:      {}", self.first.unwrap_or("charged"))?;
        writeln!(f, "the tool ran:        {} time(s)", self.calls)?;
        writeln!(f, "the provider's book: {} charge(s), all under one key: {}", self.charges, self.one_key)?;
        writeln!(f, "asked again:         the same answer from the ledger: {}", self.replayed)?;
        write!(f, "the ledger verifies: {}", self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look = Look { tenant: "shop", verbs: &["list", "explain order-7", "steps order-7 --content"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::of("chapter3_step1", "payments.db")?;
    let proof = run(ledger.address()).await?;
    println!("{proof}");
    ledger.say(&LOOK);
    Ok(())
}

pub(crate) async fn run(ledger: &str) -> Result<Proof, Box<dyn Error>> {
    let gateway = Provider::new();
    gateway.next_calls([Manner::LoseReply]);
    let kernel = Kernel::builder_shared(open(ledger).await?).state(gateway.clone()).tool(charge_credit_card).build()?;
    let tenant = Tenant::new("shop").capability("payments:charge");
    let run = kernel.run(&tenant, "order-7").await?;
    let args = ChargeArgs { card: "tok_visa".into(), cents: 1200 };

    let first = run.step("charge_step").tool(charge_credit_card, &args).await;
    match &first {
        Err(e) if e.needs_reconciliation() => println!("Reconciliation required: {e}"),
        Err(e) => println!("Refused: {e}"),
        Ok(done) => println!("Charged: {:?}", done.output()),
    }
    let receipt = run.step("charge_step").reconcile(charge_credit_card, &args).await?;
    println!("Reconciled: {:?}", receipt.output());

    let again = run.step("charge_step").tool(charge_credit_card, &args).await?;
    println!("Asked again: {:?}, from the ledger: {}", again.output(), again.is_replayed());
    run.finish().await?;

    let key = run.step("charge_step").idempotency_key("charge_credit_card")?;
    let proof = Proof {
        first: first.err().map(|error| error.code()),
        replayed: again.is_replayed() && again.output() == receipt.output(),
        calls: gateway.calls(),
        charges: gateway.book().len(),
        one_key: gateway.book().iter().all(|entry| entry.key == key),
        verified: run.verify().await?.is_ok(),
    };
    kernel.close().await?;
    Ok(proof)
}
