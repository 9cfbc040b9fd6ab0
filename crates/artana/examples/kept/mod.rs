//! Where an example leaves its ledger: in the folder that its first argument names, or in one that is gone
//! afterwards. Says which commands show what it left.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The ledger of an example.
pub(crate) struct Ledger {
    example: &'static str,
    path: PathBuf,
    temporary: Option<TempDir>,
}

/// What there is to look at afterwards.
pub(crate) struct Look {
    pub(crate) tenant: &'static str,
    /// Verbs of the command line, each with its run.
    pub(crate) verbs: &'static [&'static str],
}

impl Ledger {
    /// Names a file in the folder that the program was given. The example begins with a ledger that is not there yet.
    pub(crate) fn of(example: &'static str, file: &str) -> io::Result<Self> {
        Self::inside(env::args_os().nth(1).map(PathBuf::from), example, file)
    }

    pub(crate) fn inside(folder: Option<PathBuf>, example: &'static str, file: &str) -> io::Result<Self> {
        let Some(folder) = folder else {
            let temporary = tempfile::tempdir()?;
            return Ok(Self { example, path: temporary.path().join(file), temporary: Some(temporary) });
        };
        let path = folder.join(file);
        if path.exists() {
            return Err(io::Error::other(format!("{} is there already; name a new folder", path.display())));
        }
        fs::create_dir_all(folder)?;
        Ok(Self { example, path, temporary: None })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Spells the commands that show what was left, or the one that leaves something.
    pub(crate) fn next(&self, look: &Look) -> Vec<String> {
        if self.temporary.is_some() {
            let again = format!("cargo run -p artana --example {} -- FOLDER", self.example);
            return vec![format!("The ledger is gone now. To keep it, name a folder: {again}")];
        }
        let said = format!("The ledger is kept. Its tenant is {}. To look at it:", look.tenant);
        let store = format!("sqlite://{}", self.path.display()).replace('\'', r"'\''");
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
