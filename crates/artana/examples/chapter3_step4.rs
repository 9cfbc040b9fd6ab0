//! Step 4: a hybrid workflow.
//!
//! A question is understood by a model, answered by plain arithmetic, and written up by a model again. The first
//! life ends while the e-mail is being written: its runtime and all that it remembers are gone. The second one runs
//! the same code from its beginning: what is recorded is answered from the ledger, so the question is not asked and
//! the arithmetic not done again. The third one finds a finished workflow and runs nothing at all. No key, no network.

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

use artana::prelude::*;
use artana_testkit::ScriptedModel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use kept::{Ledger, Look, open};

#[derive(Debug, Deserialize, JsonSchema)]
struct Intent {
    question: String,
}

#[derive(Debug, Deserialize, Serialize)]
struct Math {
    revenue: u64,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Email {
    body: String,
}

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// What the workflow returned in the second life, and in the third.
    pub(crate) returned: [String; 2],
    /// How often models were asked, and the arithmetic was done, in each life.
    pub(crate) done: [(usize, usize); 3],
    /// Whether the ledger verifies.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (life, (asked, computed)) in ["first", "second", "third"].iter().zip(self.done) {
            writeln!(f, "in the {life} life: models asked {asked} time(s), arithmetic done {computed} time(s)")?;
        }
        writeln!(f, "returned: {}", self.returned[0])?;
        writeln!(f, "the third life was answered the same: {}", self.returned[0] == self.returned[1])?;
        write!(f, "the ledger verifies: {}", self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look =
    Look { tenant: "demo", verbs: &["list", "explain hybrid_run", "steps hybrid_run --content", "verify hybrid_run"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let ledger = Ledger::of("chapter3_step4", "hybrid.db")?;
    let proof = run(ledger.address()).await?;
    println!("{proof}");
    ledger.say(&LOOK);
    Ok(())
}

/// The workflow, whose arithmetic counts how often it is done.
async fn hybrid(kernel: &Kernel, computed: Arc<AtomicUsize>) -> Result<WorkflowOutcome<String>, artana::Error> {
    let heavy_math = move || async move {
        computed.fetch_add(1, Ordering::SeqCst);
        Ok(Math { revenue: (1..=12).map(|month| month * 100).sum() })
    };
    kernel
        .workflow(&Tenant::new("demo"), "hybrid_run", |cx| async move {
            let intent = cx.step("intent").model("demo/one").prompt("Extract intent").output::<Intent>().await?;
            let math = cx.step("compute").compute(heavy_math).await?;
            let prompt = format!("{}. Revenue: {}", intent.output().question, math.revenue);
            let email = cx.step("email").model("demo/one").prompt(prompt).output::<Email>().await?;
            Ok(email.into_output().body)
        })
        .await
}

async fn kernel(ledger: &str, model: &ScriptedModel) -> Result<Kernel, Box<dyn Error + Send + Sync>> {
    // A step whose process died is blocked for so long, and an example should not take longer.
    Ok(Kernel::builder_shared(open(ledger).await?)
        .model(model.clone())
        .time_to_live(Duration::from_millis(300))
        .build()?)
}

/// A life that ends while the model writes the e-mail. With its runtime go all its tasks.
fn first_life(ledger: &str) -> Result<(usize, usize), Box<dyn Error + Send + Sync>> {
    let intent = ScriptedModel::json(json!({"question": "What was last year's revenue?"}));
    let never = ScriptedModel::text("too late").slow(Duration::from_secs(86_400));
    let (model, computed) = (ScriptedModel::sequence([intent, never]), Arc::new(AtomicUsize::new(0)));
    let life = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    life.block_on(async {
        let kernel = kernel(ledger, &model).await?;
        let writing = async {
            while model.calls() < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            ended = hybrid(&kernel, Arc::clone(&computed)) => Err(format!("the e-mail was written: {ended:?}").into()),
            () = writing => Ok((model.calls(), computed.load(Ordering::SeqCst))),
        }
    })
}

/// A life that goes on to the end, or finds the workflow finished.
async fn next_life(ledger: &str) -> Result<(String, (usize, usize)), Box<dyn Error + Send + Sync>> {
    let model = ScriptedModel::json(json!({"body": "Dear board, last year's revenue was 7800."}));
    let (kernel, computed) = (kernel(ledger, &model).await?, Arc::new(AtomicUsize::new(0)));
    let outcome = loop {
        match hybrid(&kernel, Arc::clone(&computed)).await {
            // The first life's heartbeat has not run out yet.
            Err(artana::Error::Fenced { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            other => break other?,
        }
    };
    kernel.close().await?;
    let returned = outcome.completed().ok_or("the workflow waits for nothing")?;
    Ok((returned, (model.calls(), computed.load(Ordering::SeqCst))))
}

/// Runs the example on a file that does not exist yet.
pub(crate) async fn run(ledger: &str) -> Result<Proof, Box<dyn Error + Send + Sync>> {
    let first = ledger.to_owned();
    let first = tokio::task::spawn_blocking(move || first_life(&first)).await??;
    let (second, third) = (next_life(ledger).await?, next_life(ledger).await?);
    let kernel = kernel(ledger, &ScriptedModel::text("")).await?;
    let report = kernel.verify(&Tenant::new("demo"), "hybrid_run").await?;
    kernel.close().await?;
    Ok(Proof { returned: [second.0, third.0], done: [first, second.1, third.1], verified: report.is_ok() })
}
