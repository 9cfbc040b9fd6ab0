//! The payment of the demonstration: what is charged, through which tool, under which names.

use std::time::Duration;

use artana_core::Tenant;
use artana_kernel::{ClosureTool, tool};
use artana_ports::{ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wire::{self, Reply, Request};

pub(super) const RUN: &str = "invoice-1042";
pub(super) const STEP: &str = "charge_step";
pub(super) const TOOL: &str = "charge_credit_card";
const CAPABILITY: &str = "payments:charge";

/// What is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct ChargeArgs {
    pub(super) card: String,
    pub(super) amount_cents: u64,
    pub(super) currency: String,
}

/// What the provider says about a charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Receipt {
    pub(super) charge_id: String,
    pub(super) amount_cents: u64,
    pub(super) currency: String,
}

pub(super) fn args() -> ChargeArgs {
    ChargeArgs { card: "tok_visa_4242".into(), amount_cents: 4200, currency: "EUR".into() }
}

pub(super) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).capability(CAPABILITY)
}

/// The tool: it charges under the step's idempotency key, and can ask what became of that key.
pub(super) fn charge_credit_card(port: u16) -> ClosureTool<ChargeArgs, Receipt> {
    tool(TOOL)
        .description("Charges a card through the payment provider.")
        .capability(CAPABILITY)
        .idempotent(Duration::from_secs(24 * 60 * 60))
        .handler(move |args: ChargeArgs, cx: ToolContext| async move {
            let request = Request::Charge { key: cx.idempotency_key().into(), args };
            let charged = ask(port, request).await?.charge;
            charged.map(|charge| charge.receipt).ok_or_else(|| ToolError::unknown("the provider gave no receipt"))
        })
        .probe(move |_args: ChargeArgs, cx: ToolContext| async move {
            let found = ask(port, Request::Lookup { key: cx.idempotency_key().into() }).await?;
            Ok(found.charge.map(|charge| charge.receipt))
        })
}

/// Whatever goes wrong on the way, the provider may have charged: every error leaves a doubt.
async fn ask(port: u16, request: Request) -> Result<Reply, ToolError> {
    Ok(tokio::task::spawn_blocking(move || wire::ask(port, &request)).await??)
}
