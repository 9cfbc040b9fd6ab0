//! What a harness promises, against a store in memory and a clock under control.

mod budget;
mod child_harness;
mod children;
mod crash;
mod drafts;
mod fenced;
mod incremental;
mod keys;
mod lifecycle;
mod many;
mod progress;
mod review;
mod rules;
mod test_driven;
mod traces;
mod worker;
mod world;
