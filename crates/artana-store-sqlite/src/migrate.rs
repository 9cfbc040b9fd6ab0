//! Migrating a file that is not opened for anything else. Must not leave a file behind that was only looked at.

use std::path::Path;

use artana_ports::StoreError;
use artana_store_sql::{Identity, Migrated};

use crate::{
    SqliteOptions,
    connect::{Access, connect, not_a_store},
    error::Failure,
    reader::Source,
    schema,
    store::absolute,
};

/// Migrates a file.
pub(crate) async fn migrate(options: SqliteOptions, path: &Path) -> Result<Migrated, StoreError> {
    let path = absolute(path)?;
    if options.read_only {
        return Err(StoreError::ReadOnly);
    }
    let options = options.migrate_on_open(true);
    refuse_what_is_no_file(&path, options.create)?;
    let work = move || {
        let access = if options.create { Access::Create } else { Access::Write };
        let connection = connect(&path, access, options.busy_timeout)?;
        schema::prepare(&connection, &path, &options)
    };
    on_a_thread(work).await
}

/// Says what migrating a file would do.
pub(crate) async fn pending(options: SqliteOptions, path: &Path) -> Result<Migrated, StoreError> {
    let path = absolute(path)?;
    refuse_what_is_no_file(&path, options.create)?;
    let work = move || {
        if !path.exists() {
            return Ok(schema::MIGRATIONS.plan(Identity::Blank)?);
        }
        let source = Source { path: path.clone(), busy_timeout: options.busy_timeout, leave_at_rest: true };
        schema::plan(&source.open()?.connection, &path)
    };
    on_a_thread(work).await
}

fn refuse_what_is_no_file(path: &Path, create: bool) -> Result<(), StoreError> {
    if !create && !path.exists() {
        return Err(StoreError::Missing { place: path.display().to_string() });
    }
    if path.is_dir() {
        return Err(not_a_store(path, "it is a folder").into());
    }
    Ok(())
}

/// Waits for the disk on a thread that blocks nobody.
async fn on_a_thread(
    work: impl FnOnce() -> Result<Migrated, Failure> + Send + 'static,
) -> Result<Migrated, StoreError> {
    let stopped = |_| StoreError::Unavailable { reason: "the migration stopped midway; start it again".into() };
    Ok(tokio::task::spawn_blocking(work).await.map_err(stopped)??)
}
