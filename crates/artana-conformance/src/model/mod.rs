//! The laws every model adapter keeps, tried against a fake provider that the adapter's author brings.
//!
//! # For the author of an adapter
//!
//! Put a fake provider behind the adapter: one that speaks the provider's own protocol, but does what a
//! [`Scripted`] says. It reads each request back as the [`ModelRequest`] it stands for, hands that to
//! [`Scripted::receive`], and carries out the [`Reply`] it gets. Then run the laws:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use artana_conformance::{Need, model::{ModelFactory, Scripted, run_laws}};
//! # use artana_ports::ModelPort;
//! # use async_trait::async_trait;
//! # struct Fake { url: String }
//! # impl Fake { async fn serve(_: Scripted) -> Self { std::future::pending().await } }
//! # struct MyModel;
//! # impl MyModel { fn connect(_: &str, _: &str) -> Arc<dyn ModelPort> { unreachable!() } }
//! #[derive(Debug)]
//! struct MyFactory;
//!
//! #[async_trait]
//! impl ModelFactory for MyFactory {
//!     fn name(&self) -> &str {
//!         "mine"
//!     }
//!
//!     async fn model(&self, script: Scripted) -> Arc<dyn ModelPort> {
//!         let credential = script.credential().to_owned();
//!         let fake = Fake::serve(script).await;
//!         MyModel::connect(&fake.url, &credential)
//!     }
//!
//!     fn lacks(&self, need: Need) -> Option<&str> {
//!         match need {
//!             Need::Seed => Some("the provider takes none"),
//!             _ => None,
//!         }
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() {
//!     run_laws(&MyFactory).await.assert_all_passed();
//! }
//! ```
//!
//! Each law gets an adapter and a script of its own. A law whose need the adapter [lacks](ModelFactory::lacks) is
//! skipped, with the reason. Panicking is a breach of whatever law was tried.
//!
//! [`ModelRequest`]: artana_ports::ModelRequest

mod factory;
mod laws;
mod run;
pub mod saboteur;
mod script;
mod trial;

pub use factory::ModelFactory;
pub use laws::all as laws;
pub use run::{judge, run_laws};
pub use script::{Failure, Incoming, Reply, Scripted};
pub use trial::ModelTrial;
