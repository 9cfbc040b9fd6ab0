//! Judges an adapter law by law and reports. A law that panics or does not end is broken, not fatal.

use std::{fmt, sync::Arc, time::Duration};

use artana_ports::Clock;

use crate::{Law, ManualClock, StoreFactory, Trial, laws};

/// How long, in real time, a law may take before it counts as hanging.
const LAW_LIMIT: Duration = Duration::from_secs(120);
/// How often a law looks, a millisecond apart, for what should come at once.
const PATIENCE: u32 = 10_000;

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
    /// The law.
    pub law: Law,
    /// How it came out.
    pub verdict: Verdict,
}

/// All laws judged on one adapter.
#[derive(Debug, Clone)]
pub struct Report {
    /// The adapter's name.
    pub adapter: String,
    /// Every law, in the order of the suite.
    pub judged: Vec<Judged>,
}

impl Report {
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
        let Law { name, says, .. } = self.law;
        match &self.verdict {
            Verdict::Pass => write!(f, "{name} holds"),
            Verdict::Fail(why) => write!(f, "{name} is broken: {why}\n    {says}"),
            Verdict::Skip(why) => write!(f, "{name} is skipped: {why}"),
        }
    }
}

/// Judges an adapter by all laws and prints one line for each.
pub async fn run_laws(factory: &dyn StoreFactory) -> Report {
    let mut report = Report { adapter: factory.name().to_owned(), judged: Vec::new() };
    for law in laws() {
        let verdict = judge(law, factory, PATIENCE).await;
        println!("conformance {}", line(factory.name(), law.name, &verdict));
        report.judged.push(Judged { law: *law, verdict });
    }
    report
}

/// Judges an adapter by one law. `patience` is how often to look, a millisecond apart, for what should come
/// at once; a busy machine looks later, not less often.
pub async fn judge(law: &Law, factory: &dyn StoreFactory, patience: u32) -> Verdict {
    if let Some(reason) = factory.single_handle().filter(|_| law.needs_two_handles) {
        return Verdict::Skip(reason.to_owned());
    }
    let clock = Arc::new(ManualClock::default());
    let place = factory.place(Arc::clone(&clock) as Arc<dyn Clock>).await;
    let store = place.open().await;
    let trial = Arc::new(Trial::new(store, clock, place, patience));
    // A task of its own, so that a panic ends the law and not the suite.
    let task = tokio::spawn((law.body)(trial));
    match tokio::time::timeout(LAW_LIMIT, task).await {
        Ok(Ok(Ok(()))) => Verdict::Pass,
        Ok(Ok(Err(breach))) => Verdict::Fail(breach.to_string()),
        Ok(Err(panicked)) => Verdict::Fail(format!("a panic: {panicked}")),
        Err(_) => Verdict::Fail(format!("it did not end within {} s", LAW_LIMIT.as_secs())),
    }
}

fn line(adapter: &str, law: &str, verdict: &Verdict) -> String {
    let (word, reason) = match verdict {
        Verdict::Pass => ("pass", None),
        Verdict::Fail(why) => ("fail", Some(why)),
        Verdict::Skip(why) => ("skip", Some(why)),
    };
    let reason = reason.map_or(String::new(), |why| format!(r#","reason":{}"#, quoted(why)));
    format!(r#"{{"adapter":{},"law":{},"verdict":"{word}"{reason}}}"#, quoted(adapter), quoted(law))
}

/// Writes a JSON string.
fn quoted(text: &str) -> String {
    let escaped = text.chars().flat_map(|c| -> Vec<char> {
        match c {
            '"' | '\\' => vec!['\\', c],
            c if c.is_control() => format!("\\u{:04x}", u32::from(c)).chars().collect(),
            c => vec![c],
        }
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_json() {
        assert_eq!(line("a", "x/y", &Verdict::Pass), r#"{"adapter":"a","law":"x/y","verdict":"pass"}"#);
        let skip = Verdict::Skip("a \"quoted\"\nreason".to_owned());
        let expected = r#"{"adapter":"a","law":"x/y","verdict":"skip","reason":"a \"quoted\"\u000areason"}"#;
        assert_eq!(line("a", "x/y", &skip), expected);
    }
}
