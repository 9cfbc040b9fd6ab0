//! The steps of ci, in order: the cheap ones first, and one build shared by as many as can share it.
//!
//! It decides what is run and what is skipped for which reason; it runs nothing but version queries.

use std::process::{Command, Stdio};

use crate::exec::{cargo, works};

/// What a step does.
pub(super) enum Action {
    Tidy,
    Pages,
    Conformance,
    Command(Command),
    /// A command that runs tests: they are counted, and none at all is a failure.
    Tests(Command),
    /// Nothing, for this reason.
    Skip(String),
}

/// One step.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) action: Action,
}

/// Which of the optional tools are installed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tools {
    pub(super) nextest: bool,
    pub(super) deny: bool,
    pub(super) semver: bool,
}

impl Tools {
    /// Asks each for its version.
    pub(super) fn here() -> Self {
        let installed = |name: &str| works("cargo", &[name, "--version"]);
        Self { nextest: installed("nextest"), deny: installed("deny"), semver: installed("semver-checks") }
    }
}

/// All steps. Clippy, the tests and the conformance suites name the whole workspace, so that Cargo resolves
/// the same features for each and builds every dependency once.
pub(super) fn steps(tools: Tools) -> Vec<Step> {
    let step = |name, what, action| Step { name, what, action };
    let mut docs = cargo(&["doc", "--workspace", "--no-deps", "--lib"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let bare = ["clippy", "--package", "artana", "--no-default-features", "--", "-D", "warnings"];
    vec![
        step("fmt", "every file is formatted", Action::Command(cargo(&["fmt", "--all", "--check"]))),
        step("tidy", "layers, licences, bans, sources, file hygiene, links", Action::Tidy),
        step("pages", "docs/events.md and docs/transitions.md are what the code says", Action::Pages),
        step("clippy", "lints of all targets with default features", Action::Command(cargo(&clippy))),
        step("clippy-bare", "lints of the facade without features", Action::Command(cargo(&bare))),
        step(
            "test",
            "all tests, and the examples build",
            Action::Tests(tests(tools, &["--workspace"], &["--all-targets"])),
        ),
        step("doctest", "the examples in the documentation", Action::Tests(cargo(&["test", "--workspace", "--doc"]))),
        step(
            "core-preserve-order",
            "core when another crate makes serde_json keep the order",
            Action::Tests(preserved(tools)),
        ),
        step("conformance", "the laws, adapter by adapter", Action::Conformance),
        step("docs", "documentation without warnings", Action::Command(docs)),
        step("deny", "advisories, licences, bans, sources", deny(tools)),
        step("semver", "the public API against the last release", semver(tools)),
    ]
}

/// Runs tests with nextest where it is installed; `plain` is what `cargo test` needs to leave doctests out.
fn tests(tools: Tools, which: &[&str], plain: &[&str]) -> Command {
    let mut command = if tools.nextest { cargo(&["nextest", "run"]) } else { cargo(&["test", "--no-fail-fast"]) };
    command.args(which);
    if !tools.nextest {
        command.args(plain);
    }
    command
}

/// A crate that turns on serde_json's `preserve_order` turns it on for core too: nothing core writes may change.
fn preserved(tools: Tools) -> Command {
    tests(tools, &["--package", "artana-core", "--features", "test-preserve-order"], &["--lib", "--tests"])
}

fn deny(tools: Tools) -> Action {
    if !tools.deny {
        return Action::Skip("cargo-deny is not installed; tidy held licences, bans and sources".to_owned());
    }
    Action::Command(cargo(&["deny", "check"]))
}

fn semver(tools: Tools) -> Action {
    if !tools.semver {
        return Action::Skip("cargo-semver-checks is not installed".to_owned());
    }
    match last_release() {
        Some(tag) => Action::Command(cargo(&["semver-checks", "--workspace", "--baseline-rev", &tag])),
        None => Action::Skip("there is no release to compare with".to_owned()),
    }
}

/// The newest tag that names a version.
fn last_release() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]).current_dir(crate::root());
    let answer = git.stderr(Stdio::null()).output().ok()?;
    let tag = String::from_utf8(answer.stdout).ok()?.trim().to_owned();
    (answer.status.success() && !tag.is_empty()).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(name: &str, installed: bool) -> Action {
        let tools = Tools { nextest: installed, deny: installed, semver: installed };
        steps(tools).into_iter().find(|step| step.name == name).expect("there is such a step").action
    }

    fn words(action: &Action) -> Vec<String> {
        let (Action::Command(command) | Action::Tests(command)) = action else { return Vec::new() };
        command.get_args().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn tests_run_with_or_without_nextest() {
        assert_eq!(words(&action("test", true)), ["nextest", "run", "--workspace"]);
        assert_eq!(words(&action("test", false)), ["test", "--no-fail-fast", "--workspace", "--all-targets"]);
    }

    #[test]
    fn what_is_not_installed_is_skipped_with_a_reason() {
        for name in ["deny", "semver"] {
            let Action::Skip(reason) = action(name, false) else { panic!("{name} is skipped") };
            assert!(reason.contains("is not installed"), "{reason}");
        }
        assert_eq!(words(&action("deny", true)), ["deny", "check"]);
    }

    #[test]
    fn warnings_are_denied_everywhere() {
        for name in ["clippy", "clippy-bare"] {
            assert!(words(&action(name, true)).ends_with(&["-D".to_owned(), "warnings".to_owned()]), "{name}");
        }
    }
}
