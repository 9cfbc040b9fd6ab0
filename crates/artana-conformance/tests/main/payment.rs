//! A tool that pays, written by hand against the port, and a bank with a book. It keeps all laws of tools, and is
//! small enough to be read as an example.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use artana_conformance::tool::{Bench, Manner, ToolFactory};
use artana_core::{
    Digest, ToolName, ToolVersion,
    event::{Effect, ToolSignature},
    json as canonical,
};
use artana_ports::{ArgsError, Probed, RetryPolicy, Risk, ToolContext, ToolError, ToolOutput, ToolPort, ToolSpec};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize)]
struct Order {
    cents: u32,
    known: bool,
    lines: Vec<Line>,
    to: Payee,
}

#[derive(Serialize, Deserialize)]
struct Line {
    count: u8,
    sku: String,
}

#[derive(Serialize, Deserialize)]
struct Payee {
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    paid: u32,
    receipt: String,
}

#[derive(Debug, Default, Clone)]
struct Bank(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    next: Option<Manner>,
    silent: bool,
    effects: Vec<String>,
    receipts: BTreeMap<String, (String, u32)>,
}

impl Bank {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Pays once under a key, and says what the receipt is.
    fn pay(&mut self, key: &str, cents: u32) -> (String, u32) {
        if let Some(receipt) = self.receipts.get(key) {
            return receipt.clone();
        }
        self.effects.push(key.to_owned());
        let receipt = (format!("r_{}", self.effects.len()), cents);
        self.receipts.insert(key.to_owned(), receipt.clone());
        receipt
    }
}

#[derive(Debug)]
struct Pay {
    spec: ToolSpec,
    bank: Bank,
}

fn spec() -> ToolSpec {
    let args_schema = json!({"type": "object", "required": ["cents", "known", "lines", "to"]});
    let schema = canonical::to_canonical(&args_schema).expect("a shallow schema");
    ToolSpec {
        signature: ToolSignature {
            name: ToolName::parse("pay").expect("fit"),
            version: ToolVersion::parse("1").expect("fit"),
            schema_version: 1,
            schema_hash: Digest::of_schema(&schema),
        },
        description: "Pays.".into(),
        args_schema,
        result_schema: json!({"type": "object"}),
        effect: Effect::SideEffect,
        capability: None,
        risk: Risk::High,
        timeout: Duration::from_secs(1),
        settle: Duration::ZERO,
        retry: RetryPolicy::default(),
        accepts: Vec::new(),
        max_result: 1024,
        probe: true,
    }
}

fn receipt((receipt, paid): (String, u32)) -> ToolOutput {
    let result = json!(Receipt { paid, receipt: receipt.clone() }).to_string();
    ToolOutput { effect_id: Some(receipt), ..ToolOutput::new(result) }
}

#[async_trait]
impl ToolPort for Pay {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn check_args(&self, args: &Value) -> Result<(), ArgsError> {
        // What was read and written again is what was given, or something was passed over or taken for another.
        let read = Order::deserialize(args).ok().and_then(|order| serde_json::to_value(order).ok());
        if read.as_ref() == Some(args) { Ok(()) } else { Err(ArgsError { problem: "they are no order".into() }) }
    }

    fn fits_result(&self, result: &Value) -> bool {
        Receipt::deserialize(result).is_ok()
    }

    async fn call(&self, args: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let order = Order::deserialize(args).map_err(ToolError::permanent)?;
        let mut book = self.bank.book();
        let manner = book.next.take();
        match manner {
            Some(Manner::Refuse) => return Err(ToolError::transient("the bank is busy")),
            Some(Manner::Reject) => return Err(ToolError::permanent("the bank says no")),
            _ => {}
        }
        let paid = book.pay(cx.idempotency_key(), order.cents);
        match manner {
            Some(Manner::LoseReply) => Err(ToolError::unknown("the reply was lost")),
            Some(Manner::Garble) => Err(ToolError::unknown("the reply makes no sense")),
            _ => Ok(receipt(paid)),
        }
    }

    async fn probe(&self, _: Value, cx: ToolContext) -> Result<Probed, ToolError> {
        let book = self.bank.book();
        if book.silent {
            return Err(ToolError::unknown("the bank does not answer"));
        }
        Ok(match book.receipts.get(cx.idempotency_key()) {
            Some(paid) => Probed::Landed(receipt(paid.clone())),
            None => Probed::NotLanded,
        })
    }
}

#[derive(Debug)]
pub(crate) struct Payments;

#[async_trait]
impl ToolFactory for Payments {
    fn name(&self) -> &'static str {
        "payment"
    }

    async fn bench(&self) -> Box<dyn Bench> {
        let bank = Bank::default();
        Box::new(Desk { tool: Arc::new(Pay { spec: spec(), bank: bank.clone() }), bank })
    }
}

#[derive(Debug)]
struct Desk {
    tool: Arc<Pay>,
    bank: Bank,
}

impl Bench for Desk {
    fn tool(&self) -> Arc<dyn ToolPort> {
        Arc::clone(&self.tool) as Arc<dyn ToolPort>
    }

    fn args(&self) -> Vec<Value> {
        let order =
            |cents| json!({"cents": cents, "known": true, "lines": [{"count": 1, "sku": "x"}], "to": {"name": "Ann"}});
        vec![order(5), order(7)]
    }

    fn misfit(&self) -> Value {
        json!({"receipt": "r_1"})
    }

    fn next(&self, manner: Manner) {
        self.bank.book().next = Some(manner);
    }

    fn effects(&self) -> Vec<String> {
        self.bank.book().effects.clone()
    }

    fn lose_lookups(&self) {
        self.bank.book().silent = true;
    }

    fn effect_id(&self, key: &str) -> Option<String> {
        self.bank.book().receipts.get(key).map(|(receipt, _)| receipt.clone())
    }
}
