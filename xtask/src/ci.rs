//! The one door: everything that must hold before a change goes in, step by step, with a table at the end.
//!
//! It says first what it needs, installs nothing, goes on after a failure, and skips nothing silently.

mod counts;
mod plan;
mod skips;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::exec::{run, run_listening, works};
use crate::table::table;
use crate::{conformance, docs, run_tidy};
use counts::Counts;
use plan::{Action, Step, Tools};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Ok,
    Failed,
    Skipped,
}

/// One row of the table.
struct Row {
    name: &'static str,
    ended: Ended,
    took: Duration,
    note: String,
    tests: Counts,
}

/// Runs the steps named in `only`, or all of them; whether everything held.
///
/// # Errors
/// When something it needs is missing, or a name is no step's.
pub(crate) fn ci(only: &[String]) -> Result<bool> {
    let tools = Tools::here();
    let steps = plan::steps(tools);
    if only == ["--list"] {
        steps.iter().for_each(|step| println!("{:20}  {}", step.name, step.what));
        return Ok(true);
    }
    if let Some(unknown) = only.iter().find(|name| !steps.iter().any(|step| step.name == *name)) {
        bail!("ci has no step `{unknown}`: cargo xtask ci --list names them");
    }
    needs(tools)?;
    let wanted = |step: &Step| only.is_empty() || only.iter().any(|name| name == step.name);
    let started = Instant::now();
    let rows: Vec<Row> = steps.into_iter().filter(wanted).map(perform).collect();
    println!("\n{}", report(&rows, started.elapsed()));
    Ok(rows.iter().all(|row| row.ended != Ended::Failed))
}

/// Says what is needed and what is used where it is installed.
fn needs(tools: Tools) -> Result<()> {
    let required = [
        ("rustfmt", works("cargo", &["fmt", "--version"])),
        ("clippy", works("cargo", &["clippy", "--version"])),
        ("a C compiler (cc)", works("cc", &["--version"])),
    ];
    let optional = [
        ("cargo-nextest", tools.nextest, "cargo test runs the tests"),
        ("cargo-deny", tools.deny, "advisories go unchecked; tidy holds licences, bans and sources"),
        ("cargo-semver-checks", tools.semver, "the public API is not compared with the last release"),
        ("a Postgres server", postgres(), "the suites on Postgres say that they did not run, and fail where CI is set"),
    ];
    for (name, found) in required {
        eprintln!("ci needs {name}: {}", if found { "found" } else { "MISSING" });
    }
    for (name, found, without) in optional {
        eprintln!("ci uses {name}: {}", if found { "found" } else { without });
    }
    if let Some((name, _)) = required.iter().find(|(_, found)| !found) {
        bail!("{name} is missing, and ci installs nothing");
    }
    Ok(())
}

/// Whether the suites on Postgres will find a server, by the means of their own harness.
fn postgres() -> bool {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    std::env::var_os("ARTANA_PG_URL").is_some()
        || installed.map(|version| version.path().join("bin/initdb")).any(|initdb| initdb.is_file())
        || works("initdb", &["--version"])
}

fn perform(step: Step) -> Row {
    eprintln!("\n── {}: {}", step.name, step.what);
    let started = Instant::now();
    let mut tests = Counts::default();
    let answer = match step.action {
        Action::Skip(reason) => {
            eprintln!("skipped: {reason}");
            return Row { name: step.name, ended: Ended::Skipped, took: Duration::ZERO, note: reason, tests };
        }
        Action::Tidy => run_tidy().map(|tidy| (tidy, String::new())),
        Action::Pages => docs::check().map(|right| (right, String::new())),
        Action::Conformance => conformance::run(),
        Action::Command(mut command) => run(&mut command).map(|ok| (ok, String::new())),
        Action::Tests(mut command) => skips::heard(|file| {
            command.env(skips::VARIABLE, file);
            let ok = run_listening(&mut command, |line| tests.hear(line))?;
            Ok(ok && !tests.is_empty())
        })
        .map(|(ok, skipped)| (ok, format!("{tests}{skipped}"))),
    };
    let (ok, note) = answer.unwrap_or_else(|error| (false, format!("{error:#}")));
    let ended = if ok { Ended::Ok } else { Ended::Failed };
    Row { name: step.name, ended, took: started.elapsed(), note, tests }
}

/// The table, the tests counted, and the verdict with the names of what failed.
fn report(rows: &[Row], took: Duration) -> String {
    let line = |row: &Row| {
        let (ended, took) = match row.ended {
            Ended::Ok => ("ok", seconds(row.took)),
            Ended::Failed => ("FAILED", seconds(row.took)),
            Ended::Skipped => ("skipped", "-".to_owned()),
        };
        vec![row.name.to_owned(), ended.to_owned(), took, row.note.clone()]
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    let tests = rows.iter().fold(Counts::default(), |sum, row| sum.plus(row.tests));
    let failed: Vec<&str> = rows.iter().filter(|row| row.ended == Ended::Failed).map(|row| row.name).collect();
    let verdict = if failed.is_empty() { "ok".to_owned() } else { format!("FAILED: {}", failed.join(", ")) };
    let table = table(&["step", "result", "time", "notes"], &lines);
    format!("{table}\n\ntests: {tests}\nci: {verdict} ({})", seconds(took))
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn ended(action: Action) -> (Ended, String) {
        let row = perform(Step { name: "step", what: "what", action });
        (row.ended, row.note)
    }

    #[test]
    fn a_step_ends_as_its_command_does() {
        assert_eq!(ended(Action::Command(sh("true"))).0, Ended::Ok);
        assert_eq!(ended(Action::Command(sh("exit 3"))).0, Ended::Failed);
        let (how, note) = ended(Action::Command(Command::new("no-such-program-anywhere")));
        assert!(how == Ended::Failed && note.contains("no-such-program-anywhere"), "{note}");
    }

    #[test]
    fn a_test_step_that_ran_no_test_fails() {
        assert_eq!(ended(Action::Tests(sh("true"))), (Ended::Failed, "0 passed, 0 failed, 0 skipped".to_owned()));
    }

    #[test]
    fn tests_that_say_that_they_did_not_run_are_counted() {
        let script = r#"for why in here here there; do echo "not $why" >>"$ARTANA_SKIPS"; done
            echo 'test result: ok. 3 passed; 0 failed'"#;
        let note = "3 passed, 0 failed, 0 skipped; 3 of them did not run: not here (2), not there (1)";
        assert_eq!(ended(Action::Tests(sh(script))), (Ended::Ok, note.to_owned()));
    }

    #[test]
    fn a_skip_keeps_its_reason() {
        assert_eq!(ended(Action::Skip("not installed".to_owned())), (Ended::Skipped, "not installed".to_owned()));
    }

    #[test]
    fn the_report_ends_with_the_count_and_what_failed() {
        let row = |name, ended| Row {
            name,
            ended,
            took: Duration::from_millis(1500),
            note: "why".to_owned(),
            tests: Counts { passed: 2, failed: 0, skipped: 0 },
        };
        let rows = [row("fmt", Ended::Ok), row("clippy", Ended::Failed), row("deny", Ended::Skipped)];
        let expect = "\
step    result   time   notes
fmt     ok       1.5 s  why
clippy  FAILED   1.5 s  why
deny    skipped  -      why

tests: 6 passed, 0 failed, 0 skipped
ci: FAILED: clippy (3.0 s)";
        assert_eq!(report(&rows, Duration::from_secs(3)), expect);
    }
}
