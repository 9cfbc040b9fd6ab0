//! Words that must not be in the product: paths of one machine, and how the work on it was organised.

use super::Problem;
use crate::workspace::Workspace;

const RULE: &str = "words";

/// Each word in two parts, so that this file passes its own rule, and why it must not appear.
const FORBIDDEN: [(&str, &str, &str); 6] = [
    ("/wo", "rk/", "is a path of one machine"),
    ("/ro", "ot/", "is a path of one machine"),
    ("/tmp/ba", "sh_jobs", "is a path of one machine"),
    ("shared/", "design", "is a place no reader has"),
    ("artif", "actory", "is a mirror of one network"),
    ("issues ", "show", "is how the work is tracked, not what the product is"),
];

/// Judges every text file of the tree.
pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    workspace.texts().flat_map(|(path, text)| file(path, text)).collect()
}

fn file(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = || format!("{path}:{}", number + 1);
        let line = line.to_lowercase();
        let found =
            FORBIDDEN.iter().map(|(a, b, why)| (format!("{a}{b}"), why)).filter(|(word, _)| line.contains(word));
        problems.extend(found.map(|(word, why)| Problem::new(RULE, place(), format!("`{word}` {why}"))));
        if numbered_issue(&line) {
            problems.push(Problem::new(RULE, place(), "names an issue by number: say what is meant instead"));
        }
    }
    problems
}

/// Whether a line speaks of the work by number: the word, blanks or `#`, a digit.
fn numbered_issue(line: &str) -> bool {
    let follows = |rest: &str| {
        rest.starts_with([' ', '#']) && rest.trim_start_matches([' ', '#']).starts_with(|c: char| c.is_ascii_digit())
    };
    line.match_indices("issue").any(|(at, word)| follows(&line[at + word.len()..]))
}

#[cfg(test)]
mod tests {
    use super::super::tests::bites;
    use super::*;

    #[test]
    fn each_word_is_named_with_its_line() {
        for (a, b, _) in FORBIDDEN {
            let word = format!("{a}{b}");
            bites(&file("docs/x.md", &format!("first\nsee {} here", word.to_uppercase())), &["docs/x.md:2", &word]);
        }
    }

    #[test]
    fn an_issue_by_number_is_named() {
        let spoken = ["Iss", "ue 12"].concat();
        bites(&file("a.rs", &format!("// done for {spoken}")), &["a.rs:1", "issue by number"]);
        assert_eq!(file("a.rs", "// the issuer issues 3 receipts, an issue of trust"), []);
    }
}
