//! Runs the conformance laws of every adapter and shows them as a matrix, law by adapter.
//!
//! The suites report one line of standard output per law they judged:
//!
//! ```text
//! conformance {"adapter":"sqlite","law":"append/head","verdict":"pass"}
//! ```
//!
//! A verdict is `pass`, `fail`, or `skip` with a `reason`: what the law asks is nothing the adapter offers.
//! A law that one adapter reports and another does not is missing there, and missing is failing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Deserialize;

use crate::exec::{cargo, run_listening};
use crate::table::table;

/// Adapters that must report. A new adapter's suite adds its column by itself; here it is made to stay.
const ADAPTERS: [&str; 2] = ["memory", "sqlite"];

/// The suites, built as the tests of the workspace are, so that nothing is built twice.
const COMMAND: [&str; 7] = ["test", "--workspace", "--test", "*", "--", "--nocapture", "conformance"];

/// One law judged on one adapter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
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
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    cells: BTreeMap<(String, String), (Verdict, Option<String>)>,
    wrong: Vec<String>,
}

/// Runs the suites; prints the matrix and what is wrong with it. The note says how many laws held.
///
/// # Errors
/// When the suites cannot be started.
pub(crate) fn run() -> Result<(bool, String)> {
    let mut matrix = Matrix::default();
    let succeeded = run_listening(&mut cargo(&COMMAND), |line| matrix.hear(line))?;
    println!("{}", matrix.show());
    let wrong = matrix.wrong();
    for message in &wrong {
        println!("conformance: {message}");
    }
    let note = format!("{} laws, {} adapters", matrix.laws().len(), matrix.adapters().len());
    Ok((succeeded && wrong.is_empty(), note))
}

impl Matrix {
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
        if report.verdict == Verdict::Skip && report.reason.is_none() {
            self.wrong.push(format!("{} skips {} without a reason", report.adapter, report.law));
        }
        let cell = self.cells.entry((report.law, report.adapter)).or_insert((report.verdict, None));
        if cell.0 != Verdict::Fail {
            *cell = (report.verdict, report.reason);
        }
    }

    fn laws(&self) -> BTreeSet<&str> {
        self.cells.keys().map(|(law, _)| law.as_str()).collect()
    }

    fn adapters(&self) -> BTreeSet<&str> {
        self.cells.keys().map(|(_, adapter)| adapter.as_str()).chain(ADAPTERS).collect()
    }

    fn cell(&self, law: &str, adapter: &str) -> &'static str {
        match self.cells.get(&(law.to_owned(), adapter.to_owned())) {
            None => "MISSING",
            Some((Verdict::Pass, _)) => "pass",
            Some((Verdict::Fail, _)) => "FAIL",
            Some((Verdict::Skip, _)) => "skip",
        }
    }

    /// The matrix as text.
    fn show(&self) -> String {
        let adapters = self.adapters();
        let head: Vec<&str> = ["law"].into_iter().chain(adapters.iter().copied()).collect();
        let row = |law: &&str| {
            let cells = adapters.iter().map(|adapter| self.cell(law, adapter).to_owned());
            [(*law).to_owned()].into_iter().chain(cells).collect()
        };
        let rows: Vec<Vec<String>> = self.laws().iter().map(row).collect();
        let skipped = self.cells.iter().filter(|(_, (verdict, _))| *verdict == Verdict::Skip);
        let skips = skipped.map(|((law, adapter), (_, reason))| {
            format!("\n{adapter} skips {law}: {}", reason.as_deref().unwrap_or("no reason given"))
        });
        table(&head, &rows) + &skips.collect::<String>()
    }

    /// Everything that keeps the matrix from being whole.
    fn wrong(&self) -> Vec<String> {
        let mut wrong = self.wrong.clone();
        if self.cells.is_empty() {
            wrong.push("no adapter reported a law".to_owned());
        }
        for law in self.laws() {
            for adapter in self.adapters() {
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

    fn heard(lines: &[&str]) -> Matrix {
        let mut matrix = Matrix::default();
        lines.iter().for_each(|line| matrix.hear(line));
        matrix
    }

    fn line(adapter: &str, law: &str, verdict: &str) -> String {
        format!(r#"conformance {{"adapter":"{adapter}","law":"{law}","verdict":"{verdict}"}}"#)
    }

    #[test]
    fn a_whole_matrix_has_nothing_wrong() {
        let lines = [line("memory", "append/head", "pass"), line("sqlite", "append/head", "pass")];
        let matrix = heard(&[&lines[0], "test conformance ... ok", &format!("test x ... {}", lines[1])]);
        assert_eq!(matrix.wrong(), Vec::<String>::new());
        assert_eq!(matrix.show(), "law          memory  sqlite\nappend/head  pass    pass");
    }

    #[test]
    fn a_missing_law_is_shown_and_named() {
        let matrix = heard(&[&line("memory", "read/page", "pass")]);
        assert_eq!(matrix.wrong(), ["read/page did not run on sqlite"]);
        assert!(matrix.show().contains("MISSING"));
    }

    #[test]
    fn a_failure_is_named_and_stays() {
        let (fail, pass) = (line("memory", "a", "fail"), line("memory", "a", "pass"));
        let matrix = heard(&[&fail, &pass, &line("sqlite", "a", "pass")]);
        assert_eq!(matrix.wrong(), ["a fails on memory"]);
    }

    #[test]
    fn a_skip_tells_its_reason_or_is_wrong() {
        let skip = r#"conformance {"adapter":"memory","law":"a","verdict":"skip","reason":"one process"}"#;
        let matrix = heard(&[skip, &line("sqlite", "a", "pass")]);
        assert_eq!(matrix.wrong(), Vec::<String>::new());
        assert!(matrix.show().ends_with("memory skips a: one process"));
        let silent = heard(&[&line("memory", "a", "skip"), &line("sqlite", "a", "pass")]);
        assert_eq!(silent.wrong(), ["memory skips a without a reason"]);
    }

    #[test]
    fn nothing_reported_is_wrong_and_so_is_a_report_nobody_understands() {
        assert_eq!(heard(&[]).wrong(), ["no adapter reported a law"]);
        assert!(heard(&[r#"conformance {"adapter":1}"#]).wrong()[0].starts_with("cannot read"));
    }
}
