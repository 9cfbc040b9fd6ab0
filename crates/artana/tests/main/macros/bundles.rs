//! Bundles: the marked methods of a type as tools that share its value.

use std::sync::{Arc, Mutex};

use artana::{
    Kernel, NoArgs, State, States, ToolBundle, ToolContext, ToolError, ToolResult, TypedTool, core::event::Effect,
    ports::ToolPort, tools,
};
use artana_testkit::MemoryStore;

use super::{ORDER, Order, context, run};

#[derive(Default)]
struct Mailer {
    sent: Mutex<Vec<String>>,
}

#[tools]
impl Mailer {
    /// Sends the bill for an order.
    #[tool(effect = "side_effect", capability = "mail", probe = Self::look_up)]
    async fn send(&self, order: Order, cx: ToolContext, from: State<String>) -> ToolResult<String> {
        let letter = self.letter(&order, &from);
        self.sent().push(cx.idempotency_key().to_owned());
        if order.cents == 13 { Err(ToolError::unknown("lost")) } else { Ok(letter) }
    }

    async fn look_up(&self, order: Order, cx: ToolContext, from: State<String>) -> ToolResult<Option<String>> {
        let letter = self.letter(&order, &from);
        Ok(self.sent().iter().any(|key| key == cx.idempotency_key()).then_some(letter))
    }

    /// Counts what was sent.
    #[tool(name = "mail count")]
    async fn count(&self) -> ToolResult<usize> {
        Ok(self.sent().len())
    }

    #[artana::tool]
    pub(crate) async fn r#type(&self, _cx: ToolContext) -> ToolResult<String> {
        Ok("letters".to_owned())
    }

    #[cfg(any())]
    #[tool]
    async fn absent(&self, order: Missing) -> ToolResult<u64> {
        Ok(order.cents)
    }

    fn letter(&self, order: &Order, from: &str) -> String {
        format!("{} cents to {from}", order.cents)
    }

    fn sent(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.sent.lock().expect("nobody panics with it")
    }
}

fn made(bundle: impl ToolBundle) -> Vec<Arc<dyn ToolPort>> {
    Arc::new(bundle).into_tools(&States::new().with("Ada".to_owned())).expect("nothing is missing")
}

#[test]
fn marked_methods_are_tools_and_others_are_not() {
    let tools = made(Mailer::default());
    let told: Vec<_> = tools.iter().map(|t| (t.spec().signature.name.as_str(), &*t.spec().description)).collect();
    let expected = [("send", "Sends the bill for an order."), ("mail count", "Counts what was sent."), ("type", "")];
    assert_eq!(told, expected);
    let effects: Vec<_> = tools.iter().map(|tool| (tool.spec().effect, tool.spec().probe)).collect();
    assert_eq!(effects, [(Effect::SideEffect, true), (Effect::Read, false), (Effect::Read, false)]);
    let constants = [Mailer::SEND.name(), Mailer::COUNT.name(), Mailer::TYPE.name()];
    assert_eq!(constants, expected.map(|(name, _)| name));
}

#[tokio::test]
async fn tools_of_a_bundle_share_its_value_with_the_program() {
    let mailer = Arc::new(Mailer::default());
    let kernel =
        Kernel::builder(MemoryStore::new()).tools(Arc::clone(&mailer)).state("Ada".to_owned()).build().unwrap();
    let run = kernel.run(&super::shop().capability("mail"), "r").await.unwrap();
    let letter: String = run.step("a").tool(Mailer::SEND, &ORDER).await.unwrap().into_output();
    assert_eq!(letter, "1200 cents to Ada");
    assert!(run.step("a").tool(Mailer::SEND, &ORDER).await.unwrap().is_replayed());
    assert_eq!(run.step("b").tool(Mailer::COUNT, &NoArgs).await.unwrap().output(), &1);
    assert_eq!(mailer.count().await, Ok(1), "a tool stays a method");
}

#[tokio::test]
async fn a_probe_of_a_bundle_is_a_method() {
    let kernel = Kernel::builder(MemoryStore::new()).tools(Mailer::default()).state("Ada".to_owned()).build().unwrap();
    let run = kernel.run(&super::shop().capability("mail"), "r").await.unwrap();
    let lost = Order { cents: 13 };
    assert!(run.step("a").tool(Mailer::SEND, &lost).await.unwrap_err().needs_reconciliation());
    assert_eq!(run.step("a").reconcile(Mailer::SEND, &lost).await.unwrap().output(), "13 cents to Ada");
    assert_eq!(run.step("b").tool(Mailer::COUNT, &NoArgs).await.unwrap().output(), &1);
}

#[tokio::test]
async fn a_bundle_that_is_not_registered_has_a_name_and_no_tool() {
    let kernel = Kernel::builder(MemoryStore::new()).build().unwrap();
    let refused = run(&kernel).await.step("a").tool(Mailer::COUNT, &NoArgs).await.unwrap_err();
    assert_eq!(refused.code(), "artana::unknown_tool");
    assert_eq!(format!("{:?}", Mailer::COUNT), r#"ToolRef("mail count")"#);
}

struct Needy;

#[tools]
impl Needy {
    #[tool]
    async fn first(&self, _a: State<u8>, _b: State<u16>) -> ToolResult<()> {
        Ok(())
    }

    #[tool]
    async fn second(&self, _a: State<u16>) -> ToolResult<()> {
        Ok(())
    }
}

#[test]
fn every_state_a_bundle_misses_is_named() {
    let refused = Kernel::builder(MemoryStore::new()).tools(Needy).build().unwrap_err();
    let told: Vec<_> = refused.problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    let expected = [("first", "u8"), ("first", "u16"), ("second", "u16")];
    assert_eq!(told, expected.map(|(tool, kind)| format!("tool {tool} asks for a state of the type {kind}")));
}

trait Transport: Send + Sync + 'static {
    fn post(&self, order: &Order) -> String;
}

struct Post<T>(T);

#[tools]
impl<T> Post<T>
where
    T: Transport,
{
    #[tool(effect = "side_effect")]
    async fn post(&self, order: Order, _: ToolContext) -> ToolResult<String> {
        Ok(self.0.post(&order))
    }
}

struct Pigeon;

impl Transport for Pigeon {
    fn post(&self, order: &Order) -> String {
        format!("{} cents by pigeon", order.cents)
    }
}

#[tokio::test]
async fn a_bundle_may_be_generic() {
    let kernel = Kernel::builder(MemoryStore::new()).tools(Post(Pigeon)).build().unwrap();
    let posted = run(&kernel).await.step("a").tool(Post::<Pigeon>::POST, &ORDER).await.unwrap();
    assert_eq!(posted.output(), "1200 cents by pigeon");
    assert_eq!(Post(Pigeon).post(ORDER, context()).await, Ok("1200 cents by pigeon".to_owned()));
}
