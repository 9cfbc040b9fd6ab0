//! `store info`: what the store is and how durable it is opened.

use std::time::Duration;

use super::Context;
use crate::{failure::Exit, row::Row, text::took};

pub(super) fn perform(cx: &mut Context) -> Exit {
    let info = cx.kernel.store_info();
    let row = Row::default().with("kind", info.kind).with("durability", info.durability);
    let row = info.facts.into_iter().fold(row, fact);
    cx.out.record(&row);
    Exit::Fine
}

/// A fact that is a duration is shown to people with its unit.
fn fact(row: Row, (name, value): (&'static str, String)) -> Row {
    match value.parse().ok().filter(|_: &u64| name.ends_with("_us")) {
        Some(micros) => row.or_shown(name, micros, took(Duration::from_micros(micros))),
        None => row.with(name, value),
    }
}
