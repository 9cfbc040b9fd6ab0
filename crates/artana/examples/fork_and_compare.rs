//! A fork, and the two runs side by side.
//!
//! A run asks a model, refunds a customer, and asks a model for the letter. Then the letter is asked for with
//! another prompt, in a fork: the same program runs there from its beginning, what came before is answered from
//! the parent, and the provider of refunds is not called again. A second fork leaves the run before the refund,
//! and is refused it: the effect is the parent's. No key, no network.

pub(crate) mod kept;

use std::{error::Error, fmt};

use artana::{CostQuery, Drift, Error as Refused, Field, ModelAnswer, core::StepKey, prelude::*};
use artana_testkit::{ScriptedModel, provider::Provider};
use serde_json::json;

use kept::{Ledger, Look, open};

/// Refunds a customer. The provider sees the same key on every attempt, and refunds once for a key.
#[tool(effect = "idempotent", retention = "24h")]
async fn refund(cents: u64, cx: ToolContext, provider: State<Provider>) -> ToolResult<String> {
    Ok(provider.charge(cx.idempotency_key(), &json!(cents)).map_err(ToolError::unknown)?.effect_id)
}

/// The steps of the program, in its order.
const STEPS: [&str; 3] = ["classify", "refund", "letter"];

/// The program. It returns the run that holds the letter, and whether everything was answered from the ledgers.
async fn handle(run: &Run, question: &str, tone: &str) -> Result<(Run, bool), Refused> {
    let topic = run.step("classify").model("demo/one").prompt(question).await?;
    let refunded = run.step("refund").tool(refund, &1200).await?;
    let prompt = format!("Write a {tone} letter about the refund {}.", refunded.output());
    let letter = run.step("letter").model("demo/one").prompt(prompt).replay(ReplayPolicy::ForkOnDrift).await?;
    let replayed = topic.is_replayed() && refunded.is_replayed() && letter.is_replayed();
    Ok((letter.run().clone(), replayed))
}

/// One step of two runs.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) step: &'static str,
    /// What came of it in the run, and in the fork.
    pub(crate) told: [String; 2],
    /// What the two asked differently: fields and places.
    pub(crate) asked: String,
    /// Whether the fork has the step from its parent.
    pub(crate) shared: bool,
}

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The run and its fork, step by step.
    pub(crate) steps: Vec<Compared>,
    /// Whether the program, run in the fork from its beginning, was answered from the ledgers alone.
    pub(crate) replayed: bool,
    /// The code of the error the second fork's refund ended with.
    pub(crate) refused: Option<&'static str>,
    /// How many refunds the provider's own book holds, and how often the provider was called.
    pub(crate) refunds: (usize, u64),
    /// How often models were asked in the whole family, by the ledgers and by the model's own count.
    pub(crate) asked: (u64, usize),
    /// Whether the run and its forks verify.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Compared { step, told: [run, fork], asked, shared } in &self.steps {
            let whose = if *shared { "shared".into() } else { format!("asked otherwise: {asked}") };
            writeln!(f, "{step:<8}  {run:<17}  {fork:<19}  {whose}")?;
        }
        writeln!(f, "the program in the fork is answered from the ledgers: {}", self.replayed)?;
        writeln!(f, "a fork from before the refund is refused it: {}", self.refused.unwrap_or("no"))?;
        writeln!(f, "the provider's book: {} refund(s), {} call(s)", self.refunds.0, self.refunds.1)?;
        writeln!(f, "models asked: {} time(s) by the ledgers, {} by the model", self.asked.0, self.asked.1)?;
        write!(f, "the run and its forks verify: {}", self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look =
    Look { tenant: "shop", verbs: &["tree ticket-7", "diff ticket-7 ticket-7-again", "cost ticket-7 --tree"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::of("fork_and_compare", "tickets.db")?;
    let proof = run(ledger.address()).await?;
    println!("{proof}");
    ledger.say(&LOOK);
    Ok(())
}

pub(crate) async fn run(ledger: &str) -> Result<Proof, Box<dyn Error>> {
    let (model, provider) = (writer(), Provider::new());
    let kernel = Kernel::builder_shared(open(ledger).await?)
        .model(model.clone())
        .state(provider.clone())
        .tool(refund)
        .build()?;
    let shop = Tenant::new("shop");
    let run = kernel.run(&shop, "ticket-7").await?;
    handle(&run, "What is this about?", "formal").await?;

    // The letter is asked for otherwise. It is written in a fork, where the program can go on from its beginning.
    let (fork, _) = handle(&run, "What is this about?", "friendly").await?;
    let (_, replayed) = handle(&fork, "What is this about?", "friendly").await?;

    // A person wants another beginning. What the parent did after it stays the parent's.
    let earlier = run.fork_at("classify", "ticket-7-again", "ada").await?;
    let refused = handle(&earlier, "Is anybody angry?", "formal").await.err().map(|error| error.code());

    let mut verified = true;
    for run in [&run, &fork, &earlier] {
        verified &= run.verify().await?.is_ok();
    }
    let costs = kernel.cost(&CostQuery::tree(&shop, "ticket-7")).await?.costs;
    let proof = Proof {
        steps: compare(&run, &fork).await?,
        replayed,
        refused,
        refunds: (provider.book().len(), provider.calls()),
        asked: (costs.total().calls, model.calls()),
        verified,
    };
    kernel.close().await?;
    Ok(proof)
}

/// Puts two runs side by side. A step that another run holds is one that the fork shares.
async fn compare(run: &Run, fork: &Run) -> Result<Vec<Compared>, Box<dyn Error>> {
    let mut steps = Vec::new();
    for step in STEPS {
        let (left, right) = (run.words(step).await?, fork.words(step).await?);
        let differs = |field: &&Field| left.asked.get(field) != right.asked.get(field);
        let fields = left.asked.keys().filter(differs).copied().collect();
        let asked = Drift::between(&fields, &left.asked, &right.asked).to_string();
        let key = StepKey::parse(step)?;
        let shared = fork.latest(|state| state.holder(&key).is_some()).await?;
        let told = [left, right].map(|words| words.told.map_or_else(String::new, |told| told.to_string()));
        steps.push(Compared { step, told, asked, shared });
    }
    Ok(steps)
}

/// A model that writes what it is asked for.
fn writer() -> ScriptedModel {
    ScriptedModel::function(|request, _| {
        let asked = format!("{:?}", request.messages);
        let tone = ["formal", "friendly"].into_iter().find(|tone| asked.contains(tone));
        Ok(ModelAnswer::text(tone.map_or("a complaint".into(), |tone| format!("a {tone} letter"))))
    })
}
