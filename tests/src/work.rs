//! What a worker does in every run: four steps whose tools have every kind of effect. Workers and the
//! tests that judge them share it, so that a test can name each step a finished run must have.

use std::{fmt, sync::Arc, time::Duration};

use artana_core::Timestamp;
use artana_kernel::{ClosureTool, Error, Run, StepHandle, ToolAnswer, tool};
use artana_ports::{Clock, SystemClock, ToolContext, ToolError, ToolPort};
use async_trait::async_trait;

use crate::provider::Client;

/// The tenant of all runs.
pub const TENANT: &str = "acme";

/// The steps of a run, in order, each with its tool.
pub const STEPS: [(&str, &str); 4] =
    [("look", "count"), ("pay/first", "charge"), ("note/down", "register"), ("pay/second", "charge")];

/// How long a provider remembers a registration's key.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How much later each successor's clock runs, so that whoever was killed before it counts as dead
/// and its calls as settled. It is longer than any time-to-live and any tool's timeout.
pub const GENERATION: Duration = Duration::from_secs(60);

/// A clock that runs ahead of the system's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ahead(pub Duration);

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().after(self.0)
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

/// The tools of a worker; they take an amount and return what the provider answered.
#[derive(Debug, Clone)]
pub struct Tools {
    count: ClosureTool<u64, String>,
    charge: ClosureTool<u64, String>,
    register: ClosureTool<u64, String>,
}

impl Tools {
    /// Makes tools that ask a provider.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self::within(client, Duration::from_secs(5), Duration::from_secs(1))
    }

    /// Makes tools whose calls are over after this time, and settled after the other.
    #[must_use]
    pub fn within(client: Client, timeout: Duration, settle: Duration) -> Self {
        let call = |verb: &'static str| {
            move |amount: u64, cx: ToolContext| async move {
                let key = cx.idempotency_key();
                Ok::<_, ToolError>(client.ask(&format!("{verb} {key} {amount}"))?)
            }
        };
        let look = move |_: u64, _: ToolContext| async move { Ok::<_, ToolError>(client.ask("count")?) };
        let find = move |_: u64, cx: ToolContext| async move {
            let found = client.ask(&format!("find {}", cx.idempotency_key()))?;
            Ok::<_, ToolError>((found != "none").then_some(found))
        };
        let quick = |name: &str| tool(name).timeout(timeout).settle(settle);
        Self {
            count: quick("count").handler(look),
            charge: quick("charge").side_effect().handler(call("charge")).probe(find),
            register: quick("register").idempotent(RETENTION).handler(call("register")),
        }
    }

    /// Lends all of them, to be registered.
    #[must_use]
    pub fn ports(&self) -> [Arc<dyn ToolPort>; 3] {
        let Self { count, charge, register } = self.clone();
        [Arc::new(count), Arc::new(charge), Arc::new(register)]
    }

    /// Borrows a tool.
    #[must_use]
    pub fn named(&self, name: &str) -> &ClosureTool<u64, String> {
        match name {
            "count" => &self.count,
            "charge" => &self.charge,
            _ => &self.register,
        }
    }

    /// Calls a tool under a step, and finds out what became of it where it is in doubt.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub async fn settle(&self, step: &StepHandle, name: &str, amount: u64) -> Result<String, Error> {
        let tool = self.named(name);
        let answer = match step.tool(tool, &amount).await {
            Err(error) if error.needs_reconciliation() => step.reconcile(tool, &amount).await,
            answer => answer,
        };
        answer.map(ToolAnswer::into_output)
    }

    /// Takes a run through all steps to its end, telling of each what came of it.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub async fn drive(&self, run: &Run, mut tell: impl FnMut(fmt::Arguments<'_>)) -> Result<(), Error> {
        for (amount, (step, name)) in (1..).zip(STEPS) {
            let answer = self.settle(&run.step(step), name, amount).await?;
            tell(format_args!("ack {} {step} {answer}", run.id()));
        }
        run.finish().await?;
        tell(format_args!("done {}", run.id()));
        Ok(())
    }
}
