//! The README and the guide show real code and real output: the README's program is an example word for word,
//! and what the examples are said to print is what they print. That code compiles is seen by the facade's doctests.

use crate::examples::{chapter3_step1, chapter3_step2, chapter3_step7, custom_model, fork_and_compare};

const README: &str = include_str!("../../../../README.md");
const REPLAY: &str = include_str!("../../../../docs/guide/replay.md");

/// The insides of all fenced blocks of a language.
fn blocks(page: &'static str, language: &str) -> Vec<&'static str> {
    let fences: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    let inside = |block: &'static str| block.split_once('\n').filter(|(info, _)| *info == language);
    fences.into_iter().filter_map(inside).map(|(_, code)| code).collect()
}

#[test]
fn the_program_of_the_readme_is_the_example() {
    let example = include_str!("../../examples/hello.rs");
    let (_, code) = example.split_once("\n\n").unwrap();
    assert_eq!(blocks(README, "rust,no_run"), [code.replace("pub(crate) ", "")]);
    assert!(blocks(README, "rust").is_empty(), "a program that no example runs");
}

#[tokio::test]
async fn the_output_in_the_readme_is_what_the_examples_print() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    let lost = chapter3_step1::run(&ledger("a.db")).await.unwrap();
    let audit = chapter3_step7::run(&ledger("b.db")).await.unwrap();
    let fork = fork_and_compare::run(&ledger("c.db")).await.unwrap();
    let model = custom_model::run(&ledger("d.db")).await.unwrap();
    for printed in [format!("{lost}\n"), format!("{audit}\n"), format!("{fork}\n"), format!("{model}\n")] {
        assert!(blocks(README, "text").contains(&printed.as_str()), "README.md does not show:\n{printed}");
    }
    let drift = format!("{}\n", chapter3_step2::run(&ledger("e.db")).await.unwrap());
    assert!(blocks(REPLAY, "text").contains(&drift.as_str()), "replay.md does not show:\n{drift}");
}

/// The demonstration itself is tested with the command line, which no test here may import. What it says
/// stands in its source, up to the first figure of each line.
#[test]
fn the_demonstration_in_the_readme_speaks_as_the_command_does() {
    let shown = blocks(README, "text").into_iter().find(|block| block.contains("SIGKILL")).unwrap();
    let story = include_str!("../../../artana-cli/src/demo/story.rs");
    let chapters = shown.lines().filter_map(|line| line.trim_start().split_once(". ").filter(|(n, _)| n.len() < 3));
    let words: Vec<&str> = chapters.map(|(_, said)| said.split(|c: char| c.is_ascii_digit()).next().unwrap()).collect();
    assert_eq!(words.len(), 11);
    for said in words {
        assert!(story.contains(said.trim_end()), "the demonstration does not say: {said}");
    }
}
