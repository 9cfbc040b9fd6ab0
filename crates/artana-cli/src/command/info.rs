//! `store info`: what the store is and how durable it is opened.

use super::Context;
use crate::{failure::Exit, row::Row};

pub(super) fn perform(cx: &mut Context) -> Exit {
    let info = cx.kernel.store_info();
    let row = Row::default().with("kind", info.kind).with("durability", info.durability);
    let row = info.facts.into_iter().fold(row, |row, (name, value)| row.with(name, value));
    cx.out.record(&row);
    Exit::Fine
}
