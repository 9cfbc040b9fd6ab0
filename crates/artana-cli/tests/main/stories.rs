//! A ledger of runs that each ended, or stopped, in another way: nine of them, with models and tools, times and
//! money. Clock and randomness are given, so that the same ledger comes out every time.

use std::{sync::Arc, time::Duration};

use artana_core::{
    ModelId, StepKey, Tenant, Usd,
    cost::{Price, PriceTable},
    decide::ReplayPolicy,
    event::Usage,
};
use artana_kernel::{ClosureTool, Kernel, Run, tool};
use artana_ports::{EventStore, ModelAnswer, ModelError, ToolContext, ToolError};
use artana_store_sqlite::SqliteStore;
use artana_testkit::{ScriptedModel, SeededEntropy, SimClock};
use serde_json::json;

use crate::support::{SECRET, World, runtime};

/// The runs, and how `run explain` ends for each.
pub(crate) const STORIES: [(&str, i32); 9] = [
    ("finished", 0),
    ("failed", 1),
    ("drifted", 0),
    ("forked", 0),
    ("unknown", 3),
    ("abandoned", 0),
    ("cancelled", 0),
    ("empty", 0),
    ("tampered", 1),
];

/// Takes the place of every word that a person, a model or a tool says.
fn said(what: &str) -> String {
    format!("{what} {SECRET}")
}

/// A process of the application.
pub(crate) struct Teller {
    pub(crate) kernel: Kernel,
    pub(crate) clock: SimClock,
    pub(crate) charge: ClosureTool<String, String>,
}

impl World {
    /// A ledger with all stories in it.
    pub(crate) fn storied() -> Self {
        let world = Self::empty();
        runtime().block_on(async {
            let teller = world.teller(1, answering()).await;
            finished(&teller).await;
            drifted(&teller).await;
            cancelled(&teller).await;
            teller.start("empty").await;
            tampered(&teller).await;
            teller.kernel.close().await.unwrap();
            failed(&world).await;
            unknown(&world).await;
        });
        abandoned(&world);
        world.replace(b"ledger-entry", b"ledger-entro");
        world
    }

    /// Opens a process over the ledger. A later one has a higher number, and its clock goes on from there.
    pub(crate) async fn teller(&self, number: u64, model: impl FnOnce(SimClock) -> ScriptedModel) -> Teller {
        let clock = SimClock::new();
        clock.advance(Duration::from_secs(3600 * (number - 1)));
        let charge = charging(clock.clone());
        let kernel = Kernel::builder(SqliteStore::open(self.ledger()).await.unwrap())
            .clock(Arc::new(clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(number)))
            .model(model(clock.clone()))
            .prices(prices())
            .tool(charge.clone())
            .build()
            .unwrap();
        Teller { kernel, clock, charge }
    }
}

impl Teller {
    pub(crate) async fn start(&self, id: &str) -> Run {
        self.clock.advance(Duration::from_secs(60));
        let tenant = Tenant::new("default").capability("payments:charge").label("team", "billing");
        self.kernel.start_run(&tenant, id).await.unwrap()
    }
}

/// One model has a price, the other has none.
fn prices() -> PriceTable {
    let price = Price { cached: Usd::cents(30), input: Usd::dollars(3), output: Usd::dollars(15) };
    PriceTable::new([(ModelId::parse("demo/one").unwrap(), price)])
}

/// A model that takes a second and a half, and says how many messages it was sent.
pub(crate) fn answering() -> impl FnOnce(SimClock) -> ScriptedModel {
    |clock| {
        ScriptedModel::function(move |request, _| {
            clock.advance(Duration::from_millis(1500));
            let text = json!({"text": said("answer"), "messages": request.messages.len()}).to_string();
            let usage = Usage { cached: 20, input: 120, output: 45, reasoning: 5 };
            Ok(ModelAnswer { usage, ..ModelAnswer::text(text) })
        })
    }
}

fn charging(clock: SimClock) -> ClosureTool<String, String> {
    let declared = tool("charge_credit_card").capability("payments:charge").idempotent(Duration::from_secs(86_400));
    declared.handler(move |card: String, _cx: ToolContext| {
        clock.advance(Duration::from_millis(300));
        async move {
            if card.starts_with("lost") { Err(ToolError::unknown(said("timeout"))) } else { Ok(said("receipt")) }
        }
    })
}

async fn finished(teller: &Teller) {
    let run = teller.start("finished").await;
    let ask = |step: &str, prompt: &str| run.step(step).model("demo/one").prompt(said(prompt)).into_future();
    ask("collect/page-1", "read page 1").await.unwrap();
    ask("collect/page-2", "read page 2").await.unwrap();
    run.checkpoint("collected", &json!({"pages": said("two")})).await.unwrap();
    run.step("summary").model("demo/free").prompt(said("sum it up")).await.unwrap();
    run.step("charge").tool(&teller.charge, &said("card")).await.unwrap();
    run.set_artifact("invoice", &json!({"total": said("12")}), 1).await.unwrap();
    run.set_artifact("invoice", &json!({"total": said("13")}), 2).await.unwrap();
    run.set_artifact("letter", &said("dear customer"), 1).await.unwrap();
    run.summary("daily", &said("first")).await.unwrap();
    run.summary("daily", &said("second")).await.unwrap();
    run.note("remark", &said("nothing to see")).await.unwrap();
    run.finish().await.unwrap();
    teller.clock.advance(Duration::from_secs(60));
    let fork = run.fork_at("summary", "forked", "ann").await.unwrap();
    fork.step("summary").model("demo/one").prompt(said("sum it up briefly")).await.unwrap();
    fork.step("extra").model("demo/one").prompt(said("and now?")).await.unwrap();
    fork.set_artifact("letter", &said("dear friend"), 1).await.unwrap();
}

async fn drifted(teller: &Teller) {
    let run = teller.start("drifted").await;
    let ask = |prompt: &str| run.step("summary").model("demo/one").prompt(said(prompt));
    ask("one").await.unwrap();
    ask("two").replay(ReplayPolicy::AllowPromptDrift).await.unwrap();
    let other = run.step("summary").model("demo/free").prompt(said("three"));
    other.replay(ReplayPolicy::ForkOnDrift).await.unwrap();
    run.finish().await.unwrap();
}

async fn cancelled(teller: &Teller) {
    let run = teller.start("cancelled").await;
    run.step("charge").tool(&teller.charge, &said("card")).await.unwrap();
    run.cancel("ann", &said("enough")).await.unwrap();
}

async fn tampered(teller: &Teller) {
    let run = teller.start("tampered").await;
    run.step("summary").model("demo/one").prompt(said("sum it up")).await.unwrap();
    run.set_artifact("ledger-entry", &said("value"), 1).await.unwrap();
    run.finish().await.unwrap();
}

async fn failed(world: &World) {
    let slow_down = || ModelError::http(429, said("slow down")).retry_after(Duration::from_secs(9));
    let teller = world.teller(2, |_| ScriptedModel::failing(slow_down())).await;
    let run = teller.start("failed").await;
    run.step("charge").tool(&teller.charge, &said("card")).await.unwrap();
    run.step("summary").model("demo/one").prompt(said("sum it up")).retries(0).await.unwrap_err();
    run.fail(&said("it is of no use")).await.unwrap();
    teller.kernel.close().await.unwrap();
}

async fn unknown(world: &World) {
    let teller = world.teller(3, answering()).await;
    let run = teller.start("unknown").await;
    run.step("summary").model("demo/one").prompt(said("sum it up")).await.unwrap();
    run.step("charge").tool(&teller.charge, &said("lost card")).await.unwrap_err();
    teller.kernel.close().await.unwrap();
}

/// The model never answers, and its asker's life ends in the middle: with the runtime, and in the store.
fn abandoned(world: &World) {
    let runtime = runtime();
    let owner = runtime.block_on(async {
        let forever = |clock: SimClock| ScriptedModel::text("late").slow_by(Arc::new(clock), Duration::MAX);
        let teller = world.teller(4, forever).await;
        let run = teller.start("abandoned").await;
        let step = run.step("summary").model("demo/one").prompt(said("sum it up"));
        tokio::spawn(step.into_future());
        while run.view().await.unwrap().pending == 0 {
            tokio::task::yield_now().await;
        }
        let key = StepKey::parse("summary").unwrap();
        run.latest(|state| state.owner(&key)).await.unwrap().unwrap()
    });
    drop(runtime);
    crate::support::runtime().block_on(async {
        let store = SqliteStore::open(world.ledger()).await.unwrap();
        store.retire(owner).await.unwrap();
        store.close().await.unwrap();
    });
}
