//! The README's programs are the examples, word for word; those are compiled and run by their tests.

const README: &str = include_str!("../../../../README.md");

/// The code of every block that a reader would compile.
fn rust_blocks() -> Vec<&'static str> {
    let opened = README.split("```rust").skip(1);
    opened.map(|rest| rest.split_once('\n').and_then(|(_, rest)| rest.split_once("```")).unwrap().0).collect()
}

#[test]
fn the_hello_of_the_readme_is_the_example() {
    let example = include_str!("../../examples/hello.rs");
    let code = example.split_once("\n\n").unwrap().1.replace("pub(crate) ", "");
    assert_eq!(rust_blocks(), [code], "README.md does not show crates/artana/examples/hello.rs as it is");
}
