//! The workflows that processes drive while they are stopped and go on again, and the tools they call. Processes and
//! the tests that judge them share it.

use std::{fmt, sync::Arc, time::Duration};

use artana_kernel::{ClosureTool, Error, Failure, Kernel, WorkflowContext, tool};
use artana_ports::{ToolContext, ToolError, ToolPort};

use crate::provider::Client;

/// A charge of which the provider can be asked, and a registration of which it honours the key.
pub const PAYMENT: &str = "payment";
/// A charge of which nobody can be asked.
pub const LETTER: &str = "letter";

/// The steps of a payment with an effect outside, each with its tool.
pub const PAID: [(&str, &str); 2] = [("pay", "charge"), ("note", "register")];
/// The step of a letter.
pub const POSTED: (&str, &str) = ("post", "stamp");

/// How long a call may take, and how long its effect may need to be seen.
const TIMEOUT: Duration = Duration::from_millis(400);
const SETTLE: Duration = Duration::from_millis(100);
/// How long a provider remembers a registration's key.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

type Pays = ClosureTool<u64, String>;
/// Runs inside a call, after the last look and before anything is sent.
pub type Inside = Arc<dyn Fn(&'static str) + Send + Sync>;

/// The tools of both workflows.
#[derive(Clone)]
pub struct Payments {
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

    /// Registers both workflows.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn register(&self, kernel: &Kernel) -> Result<(), Error> {
        let tools = self.clone();
        kernel.register(PAYMENT, move |cx, n| tools.clone().payment(cx, n))?;
        let tools = self.clone();
        kernel.register(LETTER, move |cx, n| tools.clone().letter(cx, n))
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
}
