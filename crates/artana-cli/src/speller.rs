//! Spells commands that work as they are printed: this program, this store, this tenant.

use std::env;

use artana_core::StepKey;

use crate::text::{quoted, shown};

/// The store where nothing else is said.
pub(crate) const DEFAULT_STORE: &str = "sqlite://artana.db";
/// The tenant where nothing else is said.
pub(crate) const DEFAULT_TENANT: &str = "default";

/// How this program is called.
#[derive(Debug, Clone)]
pub(crate) struct Speller {
    words: Vec<String>,
}

impl Speller {
    /// Names the stock binary as it was called.
    pub(crate) fn stock(store: &str, tenant: &str) -> Self {
        let program = env::args_os().next().map_or("artana".into(), |name| name.to_string_lossy().into_owned());
        Self::new(&program, Some(store), tenant)
    }

    /// Names a program; `store` only where the program takes one.
    pub(crate) fn new(program: &str, store: Option<&str>, tenant: &str) -> Self {
        let mut words = vec![quoted(program)];
        if let Some(store) = store.filter(|store| *store != DEFAULT_STORE) {
            words.extend(["--store".into(), quoted(store)]);
        }
        if tenant != DEFAULT_TENANT {
            words.extend(["--tenant".into(), quoted(tenant)]);
        }
        Self { words }
    }

    /// Spells a command of fixed words and names.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        let words = self.words.iter().cloned().chain(words.iter().map(|word| quoted(word)));
        shown(&words.collect::<Vec<_>>().join(" "))
    }

    /// Spells a command that records in whose name it is given.
    pub(crate) fn by_you(&self, words: &[&str]) -> String {
        format!("{} --by YOU", self.command(words))
    }

    /// Spells the resolution of a step; `found` is `--failed`, or `--succeeded` and what to put after it.
    pub(crate) fn resolve(&self, run: &str, step: &StepKey, found: &str) -> String {
        let command = self.command(&["run", "resolve", run, "--step", step.as_str()]);
        format!("{command} {found} --by YOU --reason 'what you found there'")
    }
}
