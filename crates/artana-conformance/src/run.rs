//! Judges an adapter law by law and reports. A law that panics or does not end is broken, not fatal.

use std::{fmt, sync::Arc, time::Duration};

use artana_ports::Clock;

use crate::{Law, ManualClock, Need, StoreFactory, Trial, laws};

/// How long, in real time, a law may take before it counts as hanging.
const LAW_LIMIT: Duration = Duration::from_secs(120);
/// How often a law looks, a millisecond apart, for what should come at once.
pub(crate) const PATIENCE: u32 = 10_000;
/// How often a law looks for what should not come at all.
pub(crate) const GLANCES: u32 = 25;

/// How a law came out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a law is kept, broken, or asks for something the adapter does not offer")]
pub enum Verdict {
    /// The adapter keeps it.
    Pass,
    /// The adapter breaks it, and how.
    Fail(String),
    /// The law asks for something the adapter does not offer, and why.
    Skip(String),
}

/// A law and how it came out.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The law's name.
    pub law: &'static str,
    /// What it says.
    pub says: &'static str,
    /// How it came out.
    pub verdict: Verdict,
}

/// All laws of a port judged on one adapter.
#[derive(Debug, Clone)]
pub struct Report {
    /// The port: `store`, `model` or `tool`.
    pub port: &'static str,
    /// The adapter's name.
    pub adapter: String,
    /// Every law, in the order of the suite.
    pub judged: Vec<Judged>,
}

impl Report {
    pub(crate) fn new(port: &'static str, adapter: &str) -> Self {
        Self { port, adapter: adapter.to_owned(), judged: Vec::new() }
    }

    /// Enters how a law came out, and prints a line of it.
    pub(crate) fn enter<T>(&mut self, law: &Law<T>, verdict: Verdict) {
        println!("conformance {}", line(self.port, &self.adapter, law.name, &verdict));
        self.judged.push(Judged { law: law.name, says: law.says, verdict });
    }

    /// Returns the broken laws.
    pub fn broken(&self) -> impl Iterator<Item = &Judged> {
        self.judged.iter().filter(|judged| matches!(judged.verdict, Verdict::Fail(_)))
    }

    /// Checks that no law is broken.
    ///
    /// # Panics
    ///
    /// When one is; the message names all that are.
    pub fn assert_all_passed(&self) {
        let broken: Vec<String> = self.broken().map(|judged| judged.to_string()).collect();
        assert!(broken.is_empty(), "{} breaks {} laws:\n{}", self.adapter, broken.len(), broken.join("\n"));
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { law, says, verdict } = self;
        match verdict {
            Verdict::Pass => write!(f, "{law} holds"),
            Verdict::Fail(why) => write!(f, "{law} is broken: {why}\n    {says}"),
            Verdict::Skip(why) => write!(f, "{law} is skipped: {why}"),
        }
    }
}

/// Judges a store's adapter by all laws and prints one line for each.
pub async fn run_laws(factory: &dyn StoreFactory) -> Report {
    let mut report = Report::new("store", factory.name());
    for law in laws() {
        report.enter(law, judge(law, factory, PATIENCE).await);
    }
    report
}

/// Says of every law that a store's adapter could not be judged here, and why: a test that did not run is no test
/// that passed.
pub fn skip_laws(adapter: &str, why: &str) {
    let mut report = Report::new("store", adapter);
    for law in laws() {
        report.enter(law, Verdict::Skip(why.to_owned()));
    }
}

/// Judges a store's adapter by one law. `patience` is how often to look, a millisecond apart, for what should
/// come at once; a busy machine looks later, not less often.
pub async fn judge(law: &Law, factory: &dyn StoreFactory, patience: u32) -> Verdict {
    let lacks = |need| match need {
        Need::TwoHandles => factory.single_handle(),
        Need::Schema => factory.schemaless(),
        _ => None,
    };
    if let Some(why) = law.lacking(lacks) {
        return Verdict::Skip(why);
    }
    let clock = Arc::new(ManualClock::default());
    let place = factory.place(Arc::clone(&clock) as Arc<dyn Clock>).await;
    let store = place.open().await;
    attempt(law, Trial::new(store, clock, place, patience)).await
}

/// Tries a law.
pub(crate) async fn attempt<T: Send + Sync>(law: &Law<T>, trial: T) -> Verdict {
    // A task of its own, so that a panic ends the law and not the suite.
    let task = tokio::spawn((law.body)(Arc::new(trial)));
    match tokio::time::timeout(LAW_LIMIT, task).await {
        Ok(Ok(Ok(()))) => Verdict::Pass,
        Ok(Ok(Err(breach))) => Verdict::Fail(breach.to_string()),
        Ok(Err(panicked)) => Verdict::Fail(format!("a panic: {panicked}")),
        Err(_) => Verdict::Fail(format!("it did not end within {} s", LAW_LIMIT.as_secs())),
    }
}

fn line(port: &str, adapter: &str, law: &str, verdict: &Verdict) -> String {
    let (word, reason) = match verdict {
        Verdict::Pass => ("pass", None),
        Verdict::Fail(why) => ("fail", Some(why)),
        Verdict::Skip(why) => ("skip", Some(why)),
    };
    let reason = reason.map_or(String::new(), |why| format!(r#","reason":{}"#, quoted(why)));
    let (port, adapter, law) = (quoted(port), quoted(adapter), quoted(law));
    format!(r#"{{"port":{port},"adapter":{adapter},"law":{law},"verdict":"{word}"{reason}}}"#)
}

/// Writes a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_json() {
        let pass = r#"{"port":"store","adapter":"a","law":"x/y","verdict":"pass"}"#;
        assert_eq!(line("store", "a", "x/y", &Verdict::Pass), pass);
        let skip = Verdict::Skip("a \"quoted\"\nreason".to_owned());
        let expected = r#"{"port":"tool","adapter":"a","law":"x/y","verdict":"skip","reason":"a \"quoted\"\nreason"}"#;
        assert_eq!(line("tool", "a", "x/y", &skip), expected);
    }
}
