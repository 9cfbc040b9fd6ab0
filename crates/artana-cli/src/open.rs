//! Opens the store that was named. Nothing is created here, and an address is never repeated: it may
//! hold a password.

use std::path::PathBuf;

use artana_kernel::Kernel;
use artana_store_sqlite::SqliteStore;

use crate::failure::{Exit, Failure};

/// What a command wants of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// To look at it.
    Read,
    /// To append to what is there.
    Append,
}

/// Opens a kernel without tools over a store that exists.
pub(crate) async fn kernel(address: &str, access: Access) -> Result<Kernel, Failure> {
    let path = path_of(address)?;
    let options = SqliteStore::options().create(false).read_only(access == Access::Read);
    let store = options.open(path).await?;
    Kernel::builder(store).build().map_err(|error| Failure::invalid(error.code(), error.to_string()))
}

/// Reads the path out of an address. A path is taken as it is: nothing in it is decoded.
fn path_of(address: &str) -> Result<PathBuf, Failure> {
    const HINT: &str = "name the store with --store sqlite://PATH or ARTANA_STORE";
    match address.split_once("://") {
        Some(("sqlite", "")) => Err(Failure::usage("the store's address names no file").next(HINT)),
        Some(("sqlite", path)) => Ok(path.into()),
        Some(("postgres" | "postgresql", _)) => {
            let message = "this build of artana has no Postgres; it keeps ledgers in SQLite files";
            Err(Failure::new(Exit::StoreUnavailable, "artana::store_unsupported", message).next(HINT))
        }
        _ => Err(Failure::usage("the store's address is not sqlite://PATH").next(HINT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        assert_eq!(path_of("sqlite://artana.db").ok(), Some("artana.db".into()));
        assert_eq!(path_of("sqlite:///var/a%20b.db").ok(), Some("/var/a%20b.db".into()));
        let exit = |address| path_of(address).map_err(|failure| failure.exit()).err();
        assert_eq!(exit("sqlite://"), Some(Exit::Usage));
        assert_eq!(exit("artana.db"), Some(Exit::Usage));
        assert_eq!(exit("mysql://u:secret@h/d"), Some(Exit::Usage));
        assert_eq!(exit("postgres://u:secret@h/d"), Some(Exit::StoreUnavailable));
    }
}
