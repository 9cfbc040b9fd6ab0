//! Where an example leaves its ledger: in the folder that its first argument names, at the server of an address, or in
//! a folder that is gone afterwards. Says which commands show what it left. What an example does, it does on either store.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use artana::{
    ports::{EventStore, StoreError},
    prelude::*,
};
use tempfile::TempDir;

/// Opens the ledger of an address, in a file or on a server: all that there is to swap.
pub(crate) async fn open(address: &str) -> Result<Arc<dyn EventStore>, StoreError> {
    match address.strip_prefix("sqlite://") {
        Some(path) => Ok(Arc::new(SqliteStore::open(path).await?)),
        None => Ok(Arc::new(PostgresStore::connect(address).await?)),
    }
}

/// The ledger of an example.
pub(crate) struct Ledger {
    example: &'static str,
    address: String,
    temporary: Option<TempDir>,
}

/// What there is to look at afterwards.
pub(crate) struct Look {
    pub(crate) tenant: &'static str,
    /// Verbs of the command line, each with its run.
    pub(crate) verbs: &'static [&'static str],
}

impl Ledger {
    /// Names a file in the folder that the program was given, or the database. The example begins with a ledger that
    /// is not there yet.
    pub(crate) fn of(example: &'static str, file: &str) -> io::Result<Self> {
        let named = env::args_os().nth(1);
        match named.as_ref().and_then(|named| named.to_str()).filter(|named| named.contains("://")) {
            Some(address) => Ok(Self { example, address: address.to_owned(), temporary: None }),
            None => Self::inside(named.map(PathBuf::from), example, file),
        }
    }

    pub(crate) fn inside(folder: Option<PathBuf>, example: &'static str, file: &str) -> io::Result<Self> {
        let Some(folder) = folder else {
            let temporary = tempfile::tempdir()?;
            let address = in_file(&temporary.path().join(file));
            return Ok(Self { example, address, temporary: Some(temporary) });
        };
        let path = folder.join(file);
        if path.exists() {
            return Err(io::Error::other(format!("{} is there already; name a new folder", path.display())));
        }
        fs::create_dir_all(folder)?;
        Ok(Self { example, address: in_file(&path), temporary: None })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Spells the commands that show what was left, or the one that leaves something.
    pub(crate) fn next(&self, look: &Look) -> Vec<String> {
        if self.temporary.is_some() {
            let again = format!("cargo run -p artana --example {} -- FOLDER", self.example);
            return vec![format!(
                "The ledger is gone now. To keep it, name a folder or a postgres:// address: {again}"
            )];
        }
        let said = format!("The ledger is kept. Its tenant is {}. To look at it:", look.tenant);
        let store = self.address.replace('\'', r"'\''");
        let command =
            |verb: &&str| format!("  cargo run -p artana-cli -- --store '{store}' --tenant {} run {verb}", look.tenant);
        [said].into_iter().chain(look.verbs.iter().map(command)).collect()
    }

    /// Says so: commands to standard output, a hint beside it.
    pub(crate) fn say(&self, look: &Look) {
        for line in self.next(look) {
            if self.temporary.is_some() { eprintln!("{line}") } else { println!("{line}") }
        }
    }
}

fn in_file(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}
