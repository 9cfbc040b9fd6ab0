//! The laws every tool keeps, tried on one tool and a fake of the outside world it acts on.
//!
//! # For the author of an adapter
//!
//! What makes tools, such as closures, a macro or a protocol, is judged by one tool made with it: a tool that acts
//! on the outside, with a fake of the outside behind it. Say how such a [`Bench`] is made, and run the laws:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use artana_conformance::{Need, tool::{Bench, Manner, ToolFactory, run_laws}};
//! # use artana_ports::ToolPort;
//! # use async_trait::async_trait;
//! # use serde_json::{Value, json};
//! # #[derive(Debug, Clone)] struct Payments;
//! # impl Payments {
//! #     fn new() -> Self { Self }
//! #     fn plan(&self, _: Manner) {}
//! #     fn book(&self) -> Vec<String> { Vec::new() }
//! #     fn stop_answering(&self) {}
//! # }
//! # fn my_tool(_: &Payments) -> Arc<dyn ToolPort> { unreachable!() }
//! #[derive(Debug)]
//! struct MyFactory;
//!
//! #[async_trait]
//! impl ToolFactory for MyFactory {
//!     fn name(&self) -> &str {
//!         "mine"
//!     }
//!
//!     async fn bench(&self) -> Box<dyn Bench> {
//!         let outside = Payments::new();
//!         Box::new(MyBench { tool: my_tool(&outside), outside })
//!     }
//! }
//!
//! #[derive(Debug)]
//! struct MyBench {
//!     tool: Arc<dyn ToolPort>,
//!     outside: Payments,
//! }
//!
//! impl Bench for MyBench {
//!     fn tool(&self) -> Arc<dyn ToolPort> {
//!         Arc::clone(&self.tool)
//!     }
//!
//!     fn args(&self) -> Vec<Value> {
//!         let payment = |cents: u32| json!({"cents": cents, "to": {"name": "Ann", "known": true}, "lines": ["x"]});
//!         vec![payment(5), payment(7)]
//!     }
//!
//!     fn misfit(&self) -> Value {
//!         json!({"no": "receipt"})
//!     }
//!
//!     fn next(&self, manner: Manner) {
//!         self.outside.plan(manner);
//!     }
//!
//!     fn effects(&self) -> Vec<String> {
//!         self.outside.book()
//!     }
//!
//!     fn lose_lookups(&self) {
//!         self.outside.stop_answering();
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() {
//!     run_laws(&MyFactory).await.assert_all_passed();
//! }
//! ```
//!
//! Each law gets a bench of its own. A law whose need the adapter [lacks](ToolFactory::lacks) is skipped, with the
//! reason. Panicking is a breach of whatever law was tried: a failure is told, never thrown.

mod factory;
mod laws;
mod run;
pub mod saboteur;
mod trial;

pub use factory::{Bench, Manner, ToolFactory};
pub use laws::all as laws;
pub use run::{judge, run_laws};
pub use trial::ToolTrial;
