//! A model of one's own: an adapter written by hand, its prices, and what it cost.
//!
//! The "provider" is a table of rules in this file. The adapter does what one of a real provider does: it streams
//! where somebody listens, counts tokens, names the answer, and says of each failure what may be done about it.
//! Deadlines, retries, records and prices are the kernel's. No key, no network.

pub(crate) mod kept;

use std::{
    error::Error,
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use artana::{
    CostQuery, Delta, Error as Failed, ModelAnswer, ModelContext, ModelError, ModelId, ModelPort, ModelRequest, Part,
    Price, PriceTable, Streamed, prelude::*,
};
use async_trait::async_trait;

use kept::{Ledger, Look, open};

/// Knows an answer to each of a few words.
#[derive(Debug, Default)]
struct Rules {
    asked: AtomicUsize,
}

const RULES: [(&str, &str); 2] =
    [("refund", "A refund takes three working days."), ("invoice", "Invoices are sent on the first of the month.")];

#[async_trait]
impl ModelPort for Rules {
    async fn ask(&self, request: &ModelRequest, cx: &ModelContext) -> Result<ModelAnswer, ModelError> {
        if request.model.as_str() != "local/rules" {
            return Err(ModelError::http(404, "there is no such model"));
        }
        // The first call of all meets the rate limit, as happens on a busy day.
        if self.asked.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(ModelError::http(429, "slow down").retry_after(Duration::from_millis(1)));
        }
        let question = words(request);
        let Some((_, answer)) = RULES.iter().find(|(word, _)| question.contains(word)) else {
            return Err(ModelError::http(422, "no rule speaks of this"));
        };
        for word in answer.split_inclusive(' ') {
            cx.deltas.send(Delta::Text(word.to_owned()));
            tokio::task::yield_now().await;
        }
        let answered = ModelAnswer { response_id: Some(format!("rule-{}", cx.request)), ..ModelAnswer::text(*answer) };
        Ok(answered.usage(tokens(&question), tokens(answer)))
    }
}

/// All that the request says in text.
fn words(request: &ModelRequest) -> String {
    let text = |part: &Part| match part {
        Part::Text(text) => Some(text.clone()),
        _ => None,
    };
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    parts.filter_map(text).collect::<Vec<_>>().join("\n")
}

fn tokens(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// What came of one step: the pieces, how often the model was asked, and the whole.
    pub(crate) streamed: (Vec<String>, u32, String),
    /// The same of the step asked again.
    pub(crate) replayed: (Vec<String>, u32, String),
    /// The category and the status of a refusal.
    pub(crate) refused: (&'static str, Option<u16>),
    /// Of the run: calls, failures, tokens in and out, and what they cost.
    pub(crate) costs: (u64, u64, u64, u64, Usd),
    /// Whether the ledger verifies.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, (pieces, cycles, whole)) in [("streamed:", &self.streamed), ("replayed:", &self.replayed)] {
            writeln!(f, "{name} {} piece(s), {cycles} cycle(s), {whole}", pieces.len())?;
        }
        writeln!(
            f,
            "refused:  {}, status {}",
            self.refused.0,
            self.refused.1.map_or("none".into(), |s| s.to_string())
        )?;
        let (calls, failed, input, output, cost) = &self.costs;
        writeln!(f, "cost:     {calls} call(s), {failed} failed, {input} tokens in, {output} out, {cost}")?;
        write!(f, "the ledger verifies: {}", self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look = Look { tenant: "shop", verbs: &["list", "steps chat-1", "cost chat-1"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::of("custom_model", "rules.db")?;
    let proof = run(ledger.address()).await?;
    println!("{proof}");
    ledger.say(&LOOK);
    Ok(())
}

pub(crate) async fn run(ledger: &str) -> Result<Proof, Box<dyn Error>> {
    let price = Price::per_million(Usd::cents(50), Usd::dollars(2));
    let kernel = Kernel::builder_shared(open(ledger).await?)
        .provider("local", Rules::default())
        .prices(PriceTable::new([(ModelId::parse("local/rules")?, price)]))
        .build()?;
    let shop = Tenant::new("shop");
    let run = kernel.run(&shop, "chat-1").await?;

    let streamed = stream(&run).await?;
    let replayed = stream(&run).await?;
    let refused = match run.step("weather").model("local/rules").prompt("What is the weather?").await {
        Err(Failed::ModelFailed(failed)) => (failed.category.as_str(), failed.status),
        Err(other) => return Err(other.into()),
        Ok(_) => ("answered", None),
    };
    run.finish().await?;

    let total = kernel.cost(&CostQuery::run(&shop, "chat-1").model("local/rules")).await?.costs.total();
    let proof = Proof {
        streamed,
        replayed,
        refused,
        costs: (total.calls, total.failed, total.usage.input, total.usage.output, total.cost),
        verified: run.verify().await?.is_ok(),
    };
    kernel.close().await?;
    Ok(proof)
}

/// Asks in one step, and prints pieces as they arrive. They are not durable; the reply at the end is.
async fn stream(run: &Run) -> Result<(Vec<String>, u32, String), Failed> {
    let call = run.step("refund").model("local/rules").prompt("When do I get my refund?").transient_retries(1);
    let (mut stream, mut pieces) = (call.stream(), Vec::new());
    while let Some(item) = stream.try_next().await? {
        match item {
            Streamed::Delta(Delta::Text(piece)) => {
                println!("{piece}");
                pieces.push(piece);
            }
            Streamed::Delta(Delta::Reasoning(_)) => {}
            Streamed::Restarted => pieces.clear(),
            Streamed::Reply(reply) => return Ok((pieces, reply.cycles(), reply.into_output())),
        }
    }
    unreachable!("a stream ends with its reply or an error")
}
