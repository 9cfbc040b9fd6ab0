//! The laws that adapters of Artana's ports keep, and the runners that judge an adapter by them. A law speaks to an
//! adapter through its port only.
//!
//! | port | what is judged | with what |
//! |---|---|---|
//! | [`EventStore`](artana_ports::EventStore) | a store: [`run_laws`] | a [`StoreFactory`] |
//! | [`ModelPort`](artana_ports::ModelPort) | an adapter of models: [`model::run_laws`] | a [`model::ModelFactory`], with a fake provider |
//! | [`ToolPort`](artana_ports::ToolPort) | what makes tools: [`tool::run_laws`] | a [`tool::ToolFactory`], with a fake of the outside |
//!
//! A law has a name, a sentence and a function. For each the runner prints
//!
//! ```text
//! conformance {"port":"store","adapter":"mine","law":"append/hash_is_compared","verdict":"pass"}
//! ```
//!
//! The verdict is `pass`, `fail` with what was expected and what came instead, or `skip` with the reason why the
//! adapter does not offer what the law [needs](Need). A law that panics or does not end is broken.
//!
//! Each law has a saboteur, in [`saboteur`], [`model::saboteur`] and [`tool::saboteur`]: an adapter that is wrong in
//! one way, which this law alone notices.
//!
//! # For the author of a store
//!
//! Say how an empty place for data is made and how a store is opened on it, and run the laws:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use artana_conformance::{Place, StoreFactory, run_laws};
//! # use artana_ports::{Clock, EventStore};
//! # use async_trait::async_trait;
//! # #[derive(Debug)] struct MyStore;
//! # impl MyStore { async fn open(_: &str, _: Arc<dyn Clock>) -> Arc<dyn EventStore> { std::future::pending().await } }
//! #[derive(Debug)]
//! struct MyFactory;
//!
//! #[async_trait]
//! impl StoreFactory for MyFactory {
//!     fn name(&self) -> &str {
//!         "mine"
//!     }
//!
//!     async fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
//!         Box::new(MyPlace { path: String::from("a path nobody used before"), clock })
//!     }
//! }
//!
//! #[derive(Debug)]
//! struct MyPlace {
//!     path: String,
//!     clock: Arc<dyn Clock>,
//! }
//!
//! #[async_trait]
//! impl Place for MyPlace {
//!     async fn open(&self) -> Arc<dyn EventStore> {
//!         MyStore::open(&self.path, Arc::clone(&self.clock)).await
//!     }
//!
//!     async fn make_newer(&self) {
//!         todo!("what a newer version's migration leaves behind")
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() {
//!     run_laws(&MyFactory).await.assert_all_passed();
//! }
//! ```
//!
//! The clock is the store's clock: the store must ask it for every instant it compares, and the laws move it by
//! hand. Each law gets a place of its own; its files may go when the [`Place`] is dropped. A law that opens the place twice is
//! skipped where [`StoreFactory::single_handle`] gives a reason, and one about a newer schema where
//! [`StoreFactory::schemaless`] does. A store whose data ends with the process needs no factory of its own: [`InProcess`].
//!
//! What a store judges is written once, as functions of what it looked up:
//! [`Lease::after`](artana_ports::Lease::after), [`Heartbeat::end`](artana_ports::Heartbeat::end),
//! [`Account`](artana_ports::Account), [`Rate::count`](artana_ports::Rate::count),
//! [`DueQuery::choose`](artana_ports::DueQuery::choose) and [`RunQuery::page`](artana_ports::RunQuery::page). A store
//! that judges in a language of its own states the same rules there, and the laws compare.

mod clock;
mod factory;
mod history;
mod in_process;
mod law;
mod laws;
pub mod model;
mod run;
mod sabotage;
pub mod saboteur;
pub mod sample;
pub mod tool;
mod trial;
mod writer;

pub use clock::ManualClock;
pub use factory::{Place, StoreFactory};
pub use in_process::InProcess;
pub use law::{Breach, Law, Need};
pub use laws::all as laws;
pub use run::{Judged, Report, Verdict, judge, run_laws, skip_laws};
pub use trial::Trial;
