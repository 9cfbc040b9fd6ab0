//! Opens the store that was named, or migrates it. Opening creates nothing, and an address is never repeated: it may
//! hold a password.

use std::{env, fs, path::PathBuf};

use artana_kernel::Kernel;
use artana_store_postgres::{Durability, PostgresOptions, PostgresStore};
use artana_store_sqlite::{Migrated, SqliteStore};

use crate::failure::Failure;

/// Names a file of root certificates.
const ROOT: &str = "PGSSLROOTCERT";

/// What a command wants of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// To look at it.
    Read,
    /// To append to what is there.
    Append,
}

/// Where a store is.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// In this file.
    Sqlite(PathBuf),
    /// On the server of this address.
    Postgres(&'a str),
}

/// Opens a kernel without tools over a store that exists.
pub(crate) async fn kernel(address: &str, access: Access) -> Result<Kernel, Failure> {
    let read_only = access == Access::Read;
    let builder = match place_of(address)? {
        Place::Sqlite(path) => {
            Kernel::builder(SqliteStore::options().migrate_on_open(false).read_only(read_only).open(path).await?)
        }
        Place::Postgres(address) => {
            // What a person decides is recorded as durably as the programs' own events are, on whatever server they use.
            let options = server(address)?.durability(Durability::AsTheServer);
            Kernel::builder(options.migrate_on_open(false).read_only(read_only).await?)
        }
    };
    builder.build().map_err(|error| Failure::invalid(error.code(), error.to_string()))
}

/// Names a server. The root that has to have signed its certificate stands where other programs for Postgres look.
fn server(address: &str) -> Result<PostgresOptions, Failure> {
    let options = PostgresStore::connect(address);
    let Some(path) = env::var_os(ROOT).filter(|path| !path.is_empty()) else { return Ok(options) };
    let unreadable = |_| Failure::usage(format!("{ROOT} names no file that can be read"));
    Ok(options.tls_roots(fs::read(path).map_err(unreadable)?))
}

/// Makes the store, or brings its schema up to date.
pub(crate) async fn migrate(address: &str) -> Result<Migrated, Failure> {
    Ok(match place_of(address)? {
        Place::Sqlite(path) => SqliteStore::options().migrate(path).await?,
        Place::Postgres(address) => server(address)?.migrate().await?,
    })
}

/// Says what migrating the store would do.
pub(crate) async fn pending(address: &str) -> Result<Migrated, Failure> {
    Ok(match place_of(address)? {
        Place::Sqlite(path) => SqliteStore::options().pending(path).await?,
        Place::Postgres(address) => server(address)?.pending().await?,
    })
}

/// Reads where a store is. A path is taken as it is: nothing in it is decoded.
fn place_of(address: &str) -> Result<Place<'_>, Failure> {
    const HINT: &str =
        "name the store with --store sqlite://PATH, --store postgres://USER@HOST/DATABASE or ARTANA_STORE";
    match address.split_once("://") {
        Some(("sqlite", "")) => Err(Failure::usage("the store's address names no file").next(HINT)),
        Some(("sqlite", path)) => Ok(Place::Sqlite(path.into())),
        Some(("postgres" | "postgresql", _)) => Ok(Place::Postgres(address)),
        _ => Err(Failure::usage("the store's address is neither sqlite://PATH nor postgres://…").next(HINT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn addresses_are_told_apart() {
        assert_eq!(place_of("sqlite://artana.db").ok(), Some(Place::Sqlite("artana.db".into())));
        assert_eq!(place_of("sqlite:///var/a%20b.db").ok(), Some(Place::Sqlite("/var/a%20b.db".into())));
        let address = "postgres://u:secret@h/d";
        assert_eq!(place_of(address).ok(), Some(Place::Postgres(address)));
        let exit = |address| place_of(address).map_err(|failure| failure.exit()).err();
        assert_eq!(exit("sqlite://"), Some(Exit::Usage));
        assert_eq!(exit("artana.db"), Some(Exit::Usage));
        assert_eq!(exit("mysql://u:secret@h/d"), Some(Exit::Usage));
    }
}
