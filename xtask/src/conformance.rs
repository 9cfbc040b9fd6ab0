//! Runs the conformance laws of every adapter and shows them as matrices, one for each port, law by adapter.
//!
//! The suites report one line of standard output per law they judged:
//!
//! ```text
//! conformance {"port":"store","adapter":"sqlite","law":"append/head","verdict":"pass"}
//! ```
//!
//! A verdict is `pass`, `fail`, or `skip` with a `reason`: what the law asks is nothing the adapter offers.
//! A law that one adapter of a port reports and another does not is missing there, and missing is failing. So is a
//! port of which nobody reports anything.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Deserialize;

use crate::exec::{cargo, run_listening};
use crate::table::table;

/// Adapters that must report, by port. A new adapter's suite adds its column by itself; here it is made to stay.
/// What wraps an adapter is one itself: `faults` injects them, and `timed` is what benchmarks measure with.
const ADAPTERS: [(&str, &str); 9] = [
    ("store", "memory"),
    ("store", "sqlite"),
    ("store", "postgres"),
    ("store", "faults"),
    ("store", "timed"),
    ("model", "scripted"),
    ("model", "faults"),
    ("tool", "closure"),
    ("tool", "faults"),
];

/// The suites, built as the tests of the workspace are, so that nothing is built twice.
const COMMAND: [&str; 7] = ["test", "--workspace", "--test", "*", "--", "--nocapture", "conformance"];

/// One law judged on one adapter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    port: String,
    adapter: String,
    law: String,
    verdict: Verdict,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Pass,
    Fail,
    Skip,
}

/// What the suites reported so far.
#[derive(Debug)]
pub(crate) struct Matrices {
    by_port: BTreeMap<String, Matrix>,
    wrong: Vec<String>,
}

/// The laws of one port on its adapters.
#[derive(Debug, Default)]
struct Matrix {
    adapters: BTreeSet<String>,
    cells: BTreeMap<(String, String), (Verdict, Option<String>)>,
}

/// Runs the suites; prints the matrices and what is wrong with them. The note says how many laws held.
///
/// # Errors
/// When the suites cannot be started.
pub(crate) fn run() -> Result<(bool, String)> {
    let mut matrices = Matrices::of(&ADAPTERS);
    let succeeded = run_listening(&mut cargo(&COMMAND), |line| matrices.hear(line))?;
    println!("{}", matrices.show());
    let wrong = matrices.wrong();
    for message in &wrong {
        println!("conformance: {message}");
    }
    Ok((succeeded && wrong.is_empty(), matrices.note()))
}

impl Matrices {
    /// Begins with the adapters that must report.
    fn of(adapters: &[(&str, &str)]) -> Self {
        let mut by_port: BTreeMap<String, Matrix> = BTreeMap::new();
        for (port, adapter) in adapters {
            by_port.entry((*port).to_owned()).or_default().adapters.insert((*adapter).to_owned());
        }
        Self { by_port, wrong: Vec::new() }
    }

    /// Takes a line of a suite's output; one that reports nothing is passed over.
    fn hear(&mut self, line: &str) {
        let Some((_, report)) = line.split_once("conformance {") else { return };
        let text = format!("{{{report}");
        match serde_json::Deserializer::from_str(&text).into_iter::<Report>().next() {
            Some(Ok(report)) => self.enter(report),
            Some(Err(error)) => self.wrong.push(format!("cannot read `{line}`: {error}")),
            None => {}
        }
    }

    /// Enters one report; of two for one cell the worse stays.
    fn enter(&mut self, report: Report) {
        let Report { port, adapter, law, verdict, reason } = report;
        if verdict == Verdict::Skip && reason.is_none() {
            self.wrong.push(format!("{adapter} skips {law} without a reason"));
        }
        let matrix = self.by_port.entry(port).or_default();
        matrix.adapters.insert(adapter.clone());
        let cell = matrix.cells.entry((law, adapter)).or_insert((verdict, None));
        if cell.0 != Verdict::Fail {
            *cell = (verdict, reason);
        }
    }

    /// The matrices as text, each under the name of its port.
    fn show(&self) -> String {
        let shown = self.by_port.iter().map(|(port, matrix)| format!("{port}\n{}", matrix.show()));
        shown.collect::<Vec<_>>().join("\n\n")
    }

    /// Everything that keeps the matrices from being whole.
    fn wrong(&self) -> Vec<String> {
        let of_ports = self.by_port.iter().flat_map(|(port, matrix)| matrix.wrong(port));
        self.wrong.iter().cloned().chain(of_ports).collect()
    }

    fn note(&self) -> String {
        let of_port = |(port, matrix): (&String, &Matrix)| {
            format!("{port}: {} laws, {} adapters", matrix.laws().len(), matrix.adapters.len())
        };
        self.by_port.iter().map(of_port).collect::<Vec<_>>().join("; ")
    }
}

impl Matrix {
    fn laws(&self) -> BTreeSet<&str> {
        self.cells.keys().map(|(law, _)| law.as_str()).collect()
    }

    fn cell(&self, law: &str, adapter: &str) -> &'static str {
        match self.cells.get(&(law.to_owned(), adapter.to_owned())) {
            None => "MISSING",
            Some((Verdict::Pass, _)) => "pass",
            Some((Verdict::Fail, _)) => "FAIL",
            Some((Verdict::Skip, _)) => "skip",
        }
    }

    fn show(&self) -> String {
        let head: Vec<&str> = ["law"].into_iter().chain(self.adapters.iter().map(String::as_str)).collect();
        let row = |law: &&str| {
            let cells = self.adapters.iter().map(|adapter| self.cell(law, adapter).to_owned());
            [(*law).to_owned()].into_iter().chain(cells).collect()
        };
        let rows: Vec<Vec<String>> = self.laws().iter().map(row).collect();
        let skipped = self.cells.iter().filter(|(_, (verdict, _))| *verdict == Verdict::Skip);
        let skips = skipped.map(|((law, adapter), (_, reason))| {
            format!("\n{adapter} skips {law}: {}", reason.as_deref().unwrap_or("no reason given"))
        });
        table(&head, &rows) + &skips.collect::<String>()
    }

    fn wrong(&self, port: &str) -> Vec<String> {
        if self.cells.is_empty() {
            return vec![format!("no adapter of the {port} port reported a law")];
        }
        let mut wrong = Vec::new();
        for law in self.laws() {
            for adapter in &self.adapters {
                match self.cell(law, adapter) {
                    "MISSING" => wrong.push(format!("{law} did not run on {adapter}")),
                    "FAIL" => wrong.push(format!("{law} fails on {adapter}")),
                    _ => {}
                }
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADAPTERS: [(&str, &str); 3] = [("store", "memory"), ("store", "sqlite"), ("tool", "closure")];

    fn line(port: &str, adapter: &str, law: &str, verdict: &str) -> String {
        format!(r#"conformance {{"port":"{port}","adapter":"{adapter}","law":"{law}","verdict":"{verdict}"}}"#)
    }

    fn store(adapter: &str, law: &str, verdict: &str) -> String {
        line("store", adapter, law, verdict)
    }

    /// Hears lines, and that the tool keeps a law.
    fn heard(lines: &[&str]) -> Matrices {
        let mut matrices = Matrices::of(&ADAPTERS);
        lines.iter().for_each(|line| matrices.hear(line));
        matrices.hear(&line("tool", "closure", "call/once", "pass"));
        matrices
    }

    #[test]
    fn whole_matrices_have_nothing_wrong() {
        let lines = [store("memory", "append/head", "pass"), store("sqlite", "append/head", "pass")];
        let matrices = heard(&[&lines[0], "test conformance ... ok", &format!("test x ... {}", lines[1])]);
        assert_eq!(matrices.wrong(), Vec::<String>::new());
        let store = "store\nlaw          memory  sqlite\nappend/head  pass    pass";
        assert_eq!(matrices.show(), format!("{store}\n\ntool\nlaw        closure\ncall/once  pass"));
        assert_eq!(matrices.note(), "store: 1 laws, 2 adapters; tool: 1 laws, 1 adapters");
    }

    #[test]
    fn a_missing_law_is_shown_and_named_in_its_port_alone() {
        let matrices = heard(&[&store("memory", "read/page", "pass")]);
        assert_eq!(matrices.wrong(), ["read/page did not run on sqlite"]);
        assert!(matrices.show().contains("MISSING"));
    }

    #[test]
    fn a_missing_port_and_a_missing_adapter_are_named() {
        let mut matrices = Matrices::of(&ADAPTERS);
        assert_eq!(
            matrices.wrong(),
            ["no adapter of the store port reported a law", "no adapter of the tool port reported a law"]
        );
        matrices.hear(&line("tool", "by_hand", "call/once", "pass"));
        matrices.hear(&line("model", "new", "answer/text", "pass"));
        assert_eq!(matrices.wrong()[1..], ["call/once did not run on closure"]);
    }

    #[test]
    fn a_failure_is_named_and_stays() {
        let (fail, pass) = (store("memory", "a", "fail"), store("memory", "a", "pass"));
        let matrices = heard(&[&fail, &pass, &store("sqlite", "a", "pass")]);
        assert_eq!(matrices.wrong(), ["a fails on memory"]);
    }

    #[test]
    fn a_skip_tells_its_reason_or_is_wrong() {
        let skip =
            r#"conformance {"port":"store","adapter":"memory","law":"a","verdict":"skip","reason":"one process"}"#;
        let matrices = heard(&[skip, &store("sqlite", "a", "pass")]);
        assert_eq!(matrices.wrong(), Vec::<String>::new());
        assert!(matrices.show().contains("\nmemory skips a: one process\n"));
        let silent = heard(&[&store("memory", "a", "skip"), &store("sqlite", "a", "pass")]);
        assert_eq!(silent.wrong(), ["memory skips a without a reason"]);
    }

    #[test]
    fn a_report_nobody_understands_is_wrong() {
        assert!(heard(&[r#"conformance {"adapter":1}"#]).wrong()[0].starts_with("cannot read"));
        let without_a_port = r#"conformance {"adapter":"memory","law":"a","verdict":"pass"}"#;
        assert!(heard(&[without_a_port]).wrong()[0].starts_with("cannot read"));
    }
}
