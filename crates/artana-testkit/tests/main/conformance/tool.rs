//! A tool made of closures keeps every law of tools, at the provider that keeps a book.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use artana_conformance::{
    Need,
    tool::{Bench, Manner, ToolFactory, run_laws},
};
use artana_kernel::{ClosureTool, tool};
use artana_ports::{ToolContext, ToolError, ToolPort};
use artana_testkit::provider::{self, Provider, ProviderFault};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Order {
    cents: u32,
    known: bool,
    lines: Vec<Line>,
    note: Option<String>,
    to: Payee,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Line {
    count: u8,
    sku: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Payee {
    name: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Charge {
    charge: String,
}

/// A provider, and what else goes wrong around it.
#[derive(Debug, Clone, Default)]
struct Outside {
    provider: Provider,
    rejects: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
}

impl Outside {
    fn charge(&self, order: &Order, cx: &ToolContext) -> Result<Charge, ToolError> {
        if self.rejects.swap(false, Ordering::SeqCst) {
            return Err(ToolError::permanent("the card is not ours"));
        }
        match self.provider.charge(cx.idempotency_key(), &json!(order)) {
            Ok(receipt) => Ok(serde_json::from_slice(&receipt.reply)?),
            Err(ProviderFault::Refused) => Err(ToolError::transient("refused")),
            Err(ProviderFault::ReplyLost) => Err(ToolError::unknown("the reply was lost")),
        }
    }

    fn find(&self, cx: &ToolContext) -> Result<Option<Charge>, ToolError> {
        if self.silent.load(Ordering::SeqCst) {
            return Err(ToolError::unknown("the provider does not answer"));
        }
        let receipt = self.provider.lookup(cx.idempotency_key());
        Ok(receipt.map(|receipt| serde_json::from_slice(&receipt.reply)).transpose()?)
    }
}

#[derive(Debug)]
pub(super) struct Closures;

#[async_trait]
impl ToolFactory for Closures {
    fn name(&self) -> &'static str {
        "closure"
    }

    async fn bench(&self) -> Box<dyn Bench> {
        let outside = Outside::default();
        let (calls, probes) = (outside.clone(), outside.clone());
        let charge = tool("charge").side_effect().description("Charges a card.");
        let charge = charge.handler(move |order: Order, cx: ToolContext| {
            let answer = calls.charge(&order, &cx);
            async move { answer }
        });
        let charge = charge.probe(move |_, cx: ToolContext| {
            let found = probes.find(&cx);
            async move { found }
        });
        Box::new(Desk { charge, outside })
    }

    fn lacks(&self, need: Need) -> Option<&str> {
        (need == Need::EffectIds).then_some("a closure returns its result alone")
    }
}

#[derive(Debug)]
struct Desk {
    charge: ClosureTool<Order, Charge>,
    outside: Outside,
}

impl Bench for Desk {
    fn tool(&self) -> Arc<dyn ToolPort> {
        Arc::new(self.charge.clone())
    }

    fn args(&self) -> Vec<Value> {
        let order = |cents, note: Option<&str>| {
            let lines = json!([{"count": 1, "sku": "x"}]);
            let mut order = json!({"cents": cents, "known": true, "lines": lines, "to": {"name": "Ann"}});
            if let Some(note) = note {
                order["note"] = note.into();
            }
            order
        };
        vec![order(5, Some("in a hurry")), order(7, None)]
    }

    fn misfit(&self) -> Value {
        json!({"charge": 7})
    }

    fn next(&self, manner: Manner) {
        let next = match manner {
            Manner::Reject => return self.outside.rejects.store(true, Ordering::SeqCst),
            Manner::Refuse => provider::Manner::Refuse,
            Manner::LoseReply => provider::Manner::LoseReply,
            Manner::Garble => provider::Manner::Garbage,
        };
        self.outside.provider.next_calls([next]);
    }

    fn effects(&self) -> Vec<String> {
        self.outside.provider.book().into_iter().map(|entry| entry.key).collect()
    }

    fn lose_lookups(&self) {
        self.outside.silent.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closures() {
    run_laws(&Closures).await.assert_all_passed();
}
