//! What the documents call evidence exists: every test and every law they name stands in the file they
//! link to, every promise has one, and every crate is on the map at its layer. The guide's programs are compiled
//! and run as doctests of the facade; that no page is left out is seen here.

use std::{fs, path::PathBuf};

const GUARANTEES: &str = "docs/guarantees.md";
const ARCHITECTURE: &str = "ARCHITECTURE.md";
const FROM_PYTHON: &str = "docs/from-python.md";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages of the guide, in the order of their names.
fn guide() -> Vec<String> {
    let files =
        fs::read_dir(root().join("docs/guide")).expect("a folder").map(|file| file.expect("a page").file_name());
    let mut pages: Vec<String> = files.map(|name| format!("docs/guide/{}", name.display())).collect();
    pages.sort();
    pages
}

/// Every link to Rust code whose text is a name in code: the name, and the file from the top of the tree. Examples
/// are no evidence by themselves.
fn named(document: &str, text: &str) -> Vec<(String, String)> {
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (at, _) in text.match_indices("[`") {
        let Some((name, rest)) = text[at + 2..].split_once("`](") else { continue };
        let target = rest.split(')').next().unwrap_or_default();
        let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_/".contains(c));
        let is_evidence = target.ends_with(".rs") && !target.contains("/examples/");
        if is_name && name.contains(['_', '/']) && is_evidence {
            found.push((name.to_owned(), join(folder, target)));
        }
    }
    found
}

fn join(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// A law stands in its table under its name; a test is a function right below its attribute.
fn holds(source: &str, name: &str) -> bool {
    if name.contains('/') {
        // What an adapter needs for the law, if it needs anything, stands in brackets.
        return [":", " ["].iter().any(|next| source.contains(&format!("\"{name}\"{next}")));
    }
    let mut lines = source.lines();
    let mut attributes = Vec::new();
    lines.any(|line| {
        let line = line.trim_start();
        if line.contains(&format!("fn {name}(")) {
            return attributes.iter().any(|attribute: &&str| attribute.contains("test"));
        }
        if line.starts_with("#[") {
            attributes.push(line)
        } else {
            attributes.clear()
        }
        false
    })
}

#[test]
fn every_named_test_exists() {
    let mut documents = guide();
    documents.extend([GUARANTEES, ARCHITECTURE, FROM_PYTHON].map(str::to_owned));
    for document in documents {
        let named = named(&document, &read(&document));
        let least = if [GUARANTEES, ARCHITECTURE].contains(&document.as_str()) { 20 } else { 5 };
        assert!(named.len() > least, "{document} names {} tests; is it still read rightly?", named.len());
        for (name, file) in named {
            assert!(holds(&read(&file), &name), "{document} names {name} in {file}, which has no such test or law");
        }
    }
}

#[test]
fn every_promise_has_its_test() {
    let text = read(GUARANTEES);
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [_, limit, tests] = cells[..] else { panic!("not three cells: {row}") };
        assert!(
            !limit.trim().is_empty() && !named(GUARANTEES, tests).is_empty(),
            "a promise without limit or test: {row}"
        );
    }
}

#[test]
fn every_invariant_has_its_test() {
    let text = read(ARCHITECTURE);
    let (_, invariants) = text.split_once("## Invariants").unwrap();
    let items: Vec<&str> = invariants.split(". **").skip(1).collect();
    assert_eq!(items.len(), 14);
    for item in items {
        assert!(!named(ARCHITECTURE, item).is_empty(), "an invariant without a test: {item}");
    }
}

#[test]
fn every_page_of_the_guide_ends_with_what_a_reader_can_do_and_its_tests() {
    let pages = guide();
    assert!(pages.len() >= 5, "{pages:?}");
    for page in pages.iter().map(String::as_str).chain([FROM_PYTHON]) {
        let text = read(page);
        let (_, can) = text.split_once("\n## What you can do now\n").unwrap_or_else(|| panic!("{page} ends otherwise"));
        let items: Vec<&str> = can.lines().filter(|line| line.starts_with("- ")).collect();
        assert!(items.len() >= 3 && !can.contains("\n## "), "{page}");
        for item in items {
            assert!(!named(page, item).is_empty(), "{page} promises without a test: {item}");
        }
    }
}

#[test]
fn every_page_of_the_guide_is_compiled_and_on_the_list() {
    // What needs the command line's crate is compiled there.
    let (facade, list) =
        (read("crates/artana/src/lib.rs") + &read("crates/artana-cli/src/lib.rs"), read("docs/README.md"));
    for page in guide().iter().map(String::as_str).chain([FROM_PYTHON]) {
        assert!(facade.contains(&format!(r#"include_str!("../../../{page}")"#)), "{page} is not compiled");
        assert!(list.contains(page.trim_start_matches("docs/")), "docs/README.md does not list {page}");
        let fences = read(page);
        let fences = fences.split("\n```").skip(1).step_by(2).map(|fence| fence.lines().next().unwrap_or_default());
        for fence in fences {
            // A worker works until it is told to end, so its program is compiled and not run.
            let known = ["rust", "rust,no_run", "text", "toml", "console", "python"];
            assert!(known.contains(&fence), "{page} has a block of {fence:?}");
        }
    }
}

#[test]
fn every_crate_is_on_the_map_at_its_layer() {
    let (map, table) = (read(ARCHITECTURE), read("xtask/src/tidy/layers.rs"));
    for folder in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        let (_, layer) = table.split_once(&format!("(\"{name}\", Layer(")).unwrap();
        let row = format!("| L{} | [`{name}`](crates/{name}/src/lib.rs) |", layer.split(')').next().unwrap());
        assert!(map.contains(&row), "{ARCHITECTURE} has no row {row}");
    }
}

#[test]
fn a_name_that_is_no_test_is_noticed() {
    let source = "#[test]\nfn a_test() {}\n\nfn no_test() {}\n\"read/a_law\": \"Says.\" => a;";
    let needy = "\"read/b_law\" [Two]: \"Says.\" => b;";
    assert!(holds(source, "a_test") && holds(source, "read/a_law") && holds(needy, "read/b_law"));
    assert!(!holds(source, "no_test") && !holds(source, "read/no_law") && !holds(source, "a_tes"));
    let text = "[`a_test`](../../tests/a.rs) [`b_test`](b.rs) [`Type`](c.rs) [`c_test`](c.md)";
    let files = [("a_test", "tests/a.rs"), ("b_test", "docs/guide/b.rs")];
    assert_eq!(named("docs/guide/x.md", text), files.map(|(name, file)| (name.to_owned(), file.to_owned())));
}
