//! Tidy: the rules of the house that neither rustc nor clippy can hold.
//!
//! Each rule is one file with one `check`, a function of the [`Workspace`] that answers with what is wrong.
//! Tidy builds nothing and changes nothing, so that it stays fast enough to run before every commit.

mod bans;
mod clippy_fence;
mod code;
mod deny;
mod hygiene;
mod layers;
mod licences;
mod links;
mod manifests;
mod modules;
mod sources;
mod words;

use std::fmt;

use crate::workspace::Workspace;

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// The file, with its line where one is known, or the package.
    place: String,
    rule: &'static str,
    message: String,
}

impl Problem {
    fn new(rule: &'static str, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), rule, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.place, self.message, self.rule)
    }
}

/// Everything that is wrong with the workspace, in order of place.
pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let rules: [fn(&Workspace) -> Vec<Problem>; 8] = [
        layers::check,
        deny::check,
        clippy_fence::check,
        manifests::check,
        hygiene::check,
        modules::check,
        words::check,
        links::check,
    ];
    let mut problems: Vec<Problem> = rules.iter().flat_map(|rule| rule(workspace)).collect();
    problems.sort();
    problems
}

#[cfg(test)]
mod tests {
    use crate::workspace::planted;

    #[test]
    fn this_workspace_is_tidy() {
        let problems = super::check(&planted::this_one());
        let listed: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(listed.is_empty(), "{}", listed.join("\n"));
    }

    /// Asserts that `problems` holds one whose text contains every word.
    #[track_caller]
    pub(super) fn bites(problems: &[super::Problem], words: &[&str]) {
        let found = problems.iter().map(ToString::to_string).any(|p| words.iter().all(|word| p.contains(word)));
        assert!(found, "nothing names {words:?} among {problems:#?}");
    }
}
