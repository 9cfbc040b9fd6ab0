//! Tests of the core through its public door: vectors, golden events, decisions, fold, verification, export.

mod codec;
mod cost;
mod decide;
mod decide_code;
mod decide_family;
mod decide_model;
mod drift;
mod explain;
mod export;
mod fold;
mod format_page;
mod golden;
mod support;
mod vectors;
mod verify;
mod workflows;
