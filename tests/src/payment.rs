//! The workflows that processes drive while they are stopped and go on again, and the tools they call. Processes and
//! the tests that judge them share it.

use std::{fmt, sync::Arc, time::Duration};

use artana_core::event::ModelCategory;
use artana_kernel::{ClosureTool, Error, Failure, Kernel, WorkflowContext, tool};
use artana_ports::{ModelAnswer, ModelContext, ModelError, ModelPort, ModelRequest, ToolContext, ToolError, ToolPort};
use async_trait::async_trait;

use crate::provider::Client;

/// A charge of which the provider can be asked, and a registration of which it honours the key.
pub const PAYMENT: &str = "payment";
/// A charge of which nobody can be asked.
pub const LETTER: &str = "letter";

/// A model that is asked, and something that is done once.
pub const ADVICE: &str = "advice";

/// The steps of a payment with an effect outside, each with its tool.
pub const PAID: [(&str, &str); 2] = [("pay", "charge"), ("note", "register")];
/// The step of a letter.
pub const POSTED: (&str, &str) = ("post", "stamp");

/// Names in the provider's book each time that the model was asked for a run.
#[must_use]
pub fn asked(run: &str) -> String {
    format!("asked/{run}")
}

/// Names in the provider's book each time that something was done for a run that is done once.
#[must_use]
pub fn filed(run: &str) -> String {
    format!("filed/{run}")
}

/// The step of an advice in which something is done once. When a person says that it was not done, the next turn comes.
#[must_use]
pub fn filing(turn: u32) -> String {
    format!("file/{turn}")
}

/// How long a call may take, and how long its effect may need to be seen.
const TIMEOUT: Duration = Duration::from_millis(400);
const SETTLE: Duration = Duration::from_millis(100);
/// How long a provider remembers a registration's key.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

type Pays = ClosureTool<u64, String>;
/// Runs inside a call, after the last look and before anything is sent.
pub type Inside = Arc<dyn Fn(&'static str) + Send + Sync>;

/// The tools of the workflows, and the way to the provider.
#[derive(Clone)]
pub struct Payments {
    client: Client,
    charge: Pays,
    register: Pays,
    stamp: Pays,
}

impl fmt::Debug for Payments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payments").finish_non_exhaustive()
    }
}

impl Payments {
    /// Makes tools that ask a provider, and pass `inside` on the way.
    #[must_use]
    pub fn new(client: Client, inside: Inside) -> Self {
        let call = |name: &'static str, verb: &'static str| {
            let inside = Arc::clone(&inside);
            move |amount: u64, cx: ToolContext| {
                let (inside, key) = (Arc::clone(&inside), cx.idempotency_key().to_owned());
                async move {
                    inside(name);
                    Ok::<_, ToolError>(client.ask(&format!("{verb} {key} {amount}"))?)
                }
            }
        };
        let find = move |_: u64, cx: ToolContext| async move {
            let found = client.ask(&format!("find {}", cx.idempotency_key()))?;
            Ok::<_, ToolError>((found != "none").then_some(found))
        };
        let quick = |name: &str| tool(name).timeout(TIMEOUT).settle(SETTLE);
        Self {
            client,
            charge: quick("charge").side_effect().handler(call("charge", "charge")).probe(find),
            register: quick("register").idempotent(RETENTION).handler(call("register", "register")),
            stamp: quick("stamp").side_effect().handler(call("stamp", "charge")),
        }
    }

    /// Lends the tools, to be registered.
    #[must_use]
    pub fn ports(&self) -> [Arc<dyn ToolPort>; 3] {
        [Arc::new(self.charge.clone()), Arc::new(self.register.clone()), Arc::new(self.stamp.clone())]
    }

    /// Lends the model, which has the provider note that it was asked.
    #[must_use]
    pub fn model(&self) -> Arc<dyn ModelPort> {
        Arc::new(Adviser(self.client))
    }

    /// Registers all workflows.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn register(&self, kernel: &Kernel) -> Result<(), Error> {
        let tools = self.clone();
        kernel.register(PAYMENT, move |cx, n| tools.clone().payment(cx, n))?;
        let tools = self.clone();
        kernel.register(LETTER, move |cx, n| tools.clone().letter(cx, n))?;
        let tools = self.clone();
        kernel.register(ADVICE, move |cx, n| tools.clone().advice(cx, n))
    }

    async fn payment(self, cx: WorkflowContext, n: u64) -> Result<u64, Failure> {
        let price = cx.step("price").compute(move || async move { Ok(n) }).await?;
        cx.step(PAID[0].0).reconcile(&self.charge, &price).await?;
        cx.step(PAID[1].0).reconcile(&self.register, &price).await?;
        Ok(price)
    }

    async fn letter(self, cx: WorkflowContext, n: u64) -> Result<u64, Failure> {
        cx.step(POSTED.0).tool(&self.stamp, &n).await?;
        Ok(n)
    }

    async fn advice(self, cx: WorkflowContext, n: u64) -> Result<u64, Failure> {
        cx.step("think").model("demo/one").prompt("What is to be done?").await?;
        for turn in 0.. {
            let (client, key) = (self.client, filed(cx.run().id()));
            let files = move || async move { Ok(client.ask(&format!("charge {key} {n}"))?) };
            if cx.step(filing(turn)).once(files).await.is_ok() {
                break;
            }
        }
        Ok(n)
    }
}

/// A model that answers the same to everything.
#[derive(Debug)]
struct Adviser(Client);

#[async_trait]
impl ModelPort for Adviser {
    async fn ask(&self, _: &ModelRequest, cx: &ModelContext) -> Result<ModelAnswer, ModelError> {
        let noted = self.0.ask(&format!("charge {} 1", asked(cx.run.run.as_str())));
        let noted = noted.map_err(|error| ModelError::new(ModelCategory::Network, error.to_string()))?;
        Ok(ModelAnswer::text(noted))
    }
}
