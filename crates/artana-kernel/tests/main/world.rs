//! What every test starts from: one store, one clock, one provider, and processes that may die.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use artana_core::{Event, Seq, Tenant};
use artana_kernel::{ClosureTool, Error, Kernel, KernelBuilder, Run, ToolAnswer, ToolBuilder, tool};
use artana_ports::{EventStore, ToolContext, ToolError, ToolPort};
use artana_testkit::{
    Counts, MemoryStore, SeededEntropy, SimClock,
    fault::{Action, FaultStore, FaultTool, Faults},
    provider::{Provider, ProviderFault},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long a process counts as alive after its last sign of life.
pub(crate) const TTL: Duration = Duration::from_secs(15);
/// Arguments of every tool of the world.
pub(crate) const FIVE: &str = r#"{"cents":5}"#;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Amount {
    pub(crate) cents: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Receipt {
    pub(crate) charge: String,
}

/// A store, a clock and a provider that outlive every process.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: SimClock,
    pub(crate) provider: Provider,
    /// How often `look` was called.
    pub(crate) looks: Arc<AtomicU64>,
    processes: AtomicU64,
}

/// A kernel as one process has it, and the faults of its ports.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) kernel: Kernel,
    pub(crate) faults: Faults,
}

pub(crate) fn world() -> World {
    let clock = SimClock::new();
    World {
        store: MemoryStore::with_clock(Arc::new(clock.clone())),
        clock,
        provider: Provider::new(),
        looks: Arc::default(),
        processes: AtomicU64::new(1),
    }
}

pub(crate) fn tenant() -> Tenant {
    Tenant::new("acme")
}

impl World {
    /// Starts a process with the usual tools: `look` reads, `pay` is idempotent, `send` and `mail` are
    /// side effects with and without a probe.
    pub(crate) fn process(&self) -> Process {
        self.process_with(|builder, _| builder)
    }

    /// Starts a process with the usual tools and more.
    pub(crate) fn process_with(&self, more: impl FnOnce(KernelBuilder, &Faults) -> KernelBuilder) -> Process {
        let faults = Faults::record();
        let builder = self.bare(&faults);
        let builder = self.tools().into_iter().fold(builder, |b, t| b.tool(FaultTool::new(t, faults.clone())));
        Process { kernel: more(builder, &faults).build().expect("a sound kernel"), faults }
    }

    /// Starts a process with the usual tools on another store.
    pub(crate) fn process_on(
        &self,
        store: impl EventStore,
        more: impl FnOnce(KernelBuilder) -> KernelBuilder,
    ) -> Process {
        let faults = Faults::record();
        let builder = self.bare_on(store, &faults);
        let builder = self.tools().into_iter().fold(builder, |b, t| b.tool(FaultTool::new(t, faults.clone())));
        Process { kernel: more(builder).build().expect("a sound kernel"), faults }
    }

    /// Starts a process with only these tools.
    pub(crate) fn process_of(&self, tools: impl IntoIterator<Item = Arc<dyn ToolPort>>) -> Process {
        let faults = Faults::record();
        let builder = tools.into_iter().fold(self.bare(&faults), |b, t| b.tool(FaultTool::new(t, faults.clone())));
        Process { kernel: builder.build().expect("a sound kernel"), faults }
    }

    pub(crate) fn bare(&self, faults: &Faults) -> KernelBuilder {
        self.bare_on(self.store.clone(), faults)
    }

    fn bare_on(&self, store: impl EventStore, faults: &Faults) -> KernelBuilder {
        let seed = self.processes.fetch_add(1, Ordering::SeqCst);
        Kernel::builder(FaultStore::new(Arc::new(store), faults.clone()))
            .clock(Arc::new(self.clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(seed)))
            .time_to_live(TTL)
    }

    fn tools(&self) -> Vec<Arc<dyn ToolPort>> {
        vec![
            Arc::new(self.look()),
            Arc::new(self.charger(tool("pay").idempotent(Duration::from_secs(86_400)))),
            Arc::new(self.probed(tool("send").side_effect())),
            Arc::new(self.charger(tool("mail").side_effect())),
        ]
    }

    fn look(&self) -> ClosureTool<Amount, Value> {
        let looks = Arc::clone(&self.looks);
        tool("look").attempts(3, Duration::from_millis(100)).handler(move |amount: Amount, _| {
            looks.fetch_add(1, Ordering::SeqCst);
            async move { Ok(json!({ "seen": amount.cents })) }
        })
    }

    /// Finishes a tool that charges at the provider.
    pub(crate) fn charger(&self, builder: ToolBuilder) -> ClosureTool<Amount, Receipt> {
        let provider = self.provider.clone();
        builder.attempts(3, Duration::from_millis(100)).handler(move |amount: Amount, cx: ToolContext| {
            let answer = charge(&provider, &amount, &cx);
            async move { answer }
        })
    }

    /// Like [`World::charger`], with a probe that asks the provider.
    pub(crate) fn probed(&self, builder: ToolBuilder) -> ClosureTool<Amount, Receipt> {
        let provider = self.provider.clone();
        self.charger(builder).probe(move |_, cx: ToolContext| {
            let found = provider.lookup(cx.idempotency_key());
            async move { Ok(found.map(|receipt| Receipt { charge: receipt.effect_id })) }
        })
    }

    /// Polls a future and lets time pass, a second at a time, whenever nothing else moves.
    pub(crate) async fn pass_time<T>(&self, future: impl IntoFuture<Output = T>) -> T {
        let mut future = pin!(future.into_future());
        loop {
            for _ in 0..100 {
                tokio::select! {
                    biased;
                    out = &mut future => return out,
                    () = tokio::task::yield_now() => {}
                }
            }
            self.clock.advance(Duration::from_secs(1));
        }
    }

    /// Lets every other task run until it waits for something.
    pub(crate) async fn settle(&self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets every process that has died count as dead.
    pub(crate) fn mourn(&self) {
        self.clock.advance(TTL + Duration::from_secs(1));
    }

    /// Leaves a step under way by a process that died at a point, and lets it count as dead.
    pub(crate) async fn dies_at(&self, point: &'static str, run: &str, step: &str, tool: &str) {
        let process = self.process();
        let run = process.run(run).await;
        process.faults.plan(point, Action::Crash);
        let call = run.step(step).tool_json(tool, FIVE).into_future();
        tokio::spawn(call);
        process.faults.crashed().await;
        self.mourn();
    }

    pub(crate) fn counts(&self) -> Counts {
        self.store.counts()
    }

    pub(crate) fn effects(&self) -> usize {
        self.provider.book().len()
    }

    pub(crate) fn looks(&self) -> u64 {
        self.looks.load(Ordering::SeqCst)
    }

    /// Returns the kinds of a run's events after the first one.
    pub(crate) async fn kinds(&self, run: &Run) -> Vec<String> {
        let events = self.events(run).await;
        events.iter().skip(1).map(|event| event.kind().to_string()).collect()
    }

    pub(crate) async fn events(&self, run: &Run) -> Vec<Event> {
        let mut events = run.events();
        let mut all = Vec::new();
        while let Some(event) = events.try_next().await.expect("events can be read") {
            all.push(event);
        }
        all
    }

    /// Verifies a run and expects it to be sound.
    pub(crate) async fn verify(&self, run: &Run) {
        let report = run.verify().await.expect("the store answers");
        assert_eq!(report.first_break, None);
        let rows = self.store.read(run.name(), Seq::ZERO, 1024).await.expect("the store answers");
        for (at, row) in (1..).zip(&rows) {
            assert_eq!(row.seq, Seq::new(at), "sequences are contiguous");
        }
    }
}

impl Process {
    /// Opens or starts a run of the usual tenant.
    pub(crate) async fn run(&self, id: &str) -> Run {
        self.kernel.run(&tenant(), id).await.expect("the run opens")
    }
}

/// Calls a tool with the usual arguments.
pub(crate) async fn call(run: &Run, step: &str, tool: &str) -> Result<ToolAnswer<Value>, Error> {
    run.step(step).tool_json(tool, FIVE).await
}

/// Reconciles a step with the usual arguments.
pub(crate) async fn reconcile(run: &Run, step: &str, tool: &str) -> Result<ToolAnswer<Value>, Error> {
    run.step(step).reconcile_json(tool, FIVE).await
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    result.expect_err("an error was expected").code()
}

fn charge(provider: &Provider, amount: &Amount, cx: &ToolContext) -> Result<Receipt, ToolError> {
    match provider.charge(cx.idempotency_key(), &json!(amount)) {
        Ok(receipt) => Ok(serde_json::from_slice(&receipt.reply)?),
        Err(ProviderFault::Refused) => Err(ToolError::transient("refused")),
        Err(ProviderFault::ReplyLost) => Err(ToolError::unknown("reply lost")),
    }
}
