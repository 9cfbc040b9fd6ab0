//! `store migrate`: makes the store or brings its schema up to date, or says what that would do. It opens no kernel:
//! what has to be migrated first cannot be used yet.

use artana_store_sqlite::Migrated;
use serde_json::json;

use crate::{
    args::MigrateArgs,
    failure::{Exit, Failure},
    open,
    out::Out,
    row::Row,
};

/// A program that is handed an open store cannot migrate it.
pub(super) fn needs_address() -> Failure {
    Failure::usage("this program opens its store itself, and cannot migrate it from here")
        .next("artana --store URL store migrate")
        .next("in a program of your own: the options of the store have migrate(), and migrate_on_open(false)")
}

pub(crate) async fn perform(address: &str, args: &MigrateArgs, mut out: Out) -> Result<Exit, Failure> {
    let migrated = if args.check { open::pending(address).await } else { open::migrate(address).await }?;
    let Migrated { from, to, migrations, .. } = migrated;
    let shown = if migrations.is_empty() { "nothing: it is up to date".to_owned() } else { migrations.join(", ") };
    let word = if args.check { "pending" } else { "applied" };
    let row = Row::default().with("from", from).with("to", to).or_shown(word, json!(migrations), shown);
    out.record(&row);
    out.finish()?;
    Ok(if args.check && !migrations.is_empty() { Exit::Invalid } else { Exit::Fine })
}
