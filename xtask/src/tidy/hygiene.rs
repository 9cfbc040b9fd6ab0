//! Hygiene of each Rust file: it says what it is for, stays small, and holds no stub and no silent exception.
//!
//! Clippy holds some of this as well; tidy sees also what a feature or a platform hides from clippy.

use super::Problem;
use super::code::{blank, in_tests};
use crate::workspace::Workspace;

const RULE: &str = "hygiene";

/// No file is longer: one that is does two things.
const MAX_LINES: usize = 500;

/// What no line of code may hold, and what to do instead.
const FORBIDDEN: [(&str, &str); 6] = [
    ("#[allow(", "write #[expect(lint, reason = \"…\")]: an exception that is no longer needed must show"),
    ("#![allow(", "write #![expect(lint, reason = \"…\")]: an exception that is no longer needed must show"),
    ("todo!(", "a stub is not done: write it or leave it out"),
    ("unimplemented!(", "a stub is not done: write it or leave it out"),
    ("dbg!(", "is for debugging"),
    ("#[ignore", "a test that does not run proves nothing: fix it or delete it"),
];

/// Judges every Rust file of the workspace's crates.
pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let files = workspace.ending(".rs").filter(|(path, _)| workspace.owner(path).is_some());
    files.flat_map(|(path, text)| file(path, text)).collect()
}

fn file(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !text.starts_with("//! ") {
        problems.push(Problem::new(RULE, path, "does not open with `//!` saying what it is for"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        problems.push(Problem::new(
            RULE,
            path,
            format!("has {lines} lines, more than {MAX_LINES}: it does two things"),
        ));
    }
    let code = blank(text);
    let test_lines = in_tests(&code);
    for (number, line) in code.lines().enumerate() {
        let place = || format!("{path}:{}", number + 1);
        let found = FORBIDDEN.iter().filter(|(word, _)| has_word(line, word));
        problems.extend(found.map(|(word, why)| Problem::new(RULE, place(), format!("`{word}`: {why}"))));
        if line.contains(".unwrap()") && !test_lines[number] && !is_test_file(path) {
            problems.push(Problem::new(RULE, place(), "`.unwrap()`: handle it, or `expect` with the invariant"));
        }
    }
    problems
}

/// Whether `word` stands in `line` and is not the end of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let starts = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| starts(at))
}

/// Whether a file is built for tests alone, by its place.
fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches" | "examples"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::bites;
    use super::*;

    const OPENING: &str = "//! What it is for.\n";

    fn check(path: &str, code: &str) -> Vec<Problem> {
        file(path, &format!("{OPENING}{code}"))
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        bites(&file("crates/a/src/x.rs", "fn a() {}\n"), &["crates/a/src/x.rs", "does not open with `//!`"]);
        assert_eq!(check("crates/a/src/x.rs", "fn a() {}\n"), []);
    }

    #[test]
    fn a_file_stays_small() {
        bites(&check("crates/a/src/x.rs", &"\n".repeat(500)), &["has 501 lines"]);
        assert_eq!(check("crates/a/src/x.rs", &"\n".repeat(499)), []);
    }

    #[test]
    fn stubs_and_silent_exceptions_are_named_with_their_line() {
        for (word, _) in FORBIDDEN {
            bites(&check("crates/a/tests/x.rs", &format!("\n{word}\n")), &["crates/a/tests/x.rs:3", word]);
        }
    }

    #[test]
    fn text_and_longer_names_are_not_code() {
        let code = "/// todo!() and .unwrap()\nfn a() { f(\"#[ignore]\"); my_dbg!(); }\n";
        assert_eq!(check("crates/a/src/x.rs", code), []);
    }

    #[test]
    fn unwrap_is_for_tests() {
        let code = "fn a() { b.unwrap() }\n#[cfg(test)]\nmod tests { fn a() { b.unwrap() } }\n";
        let problems = check("crates/a/src/x.rs", code);
        bites(&problems, &["crates/a/src/x.rs:2", ".unwrap()"]);
        assert_eq!(problems.len(), 1);
        assert_eq!(check("crates/a/tests/x.rs", code), []);
    }
}
