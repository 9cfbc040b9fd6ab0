//! What the documents call evidence exists: every test and every law they name stands in the file they
//! link to, every promise has one, and every crate is on the map at its layer.

use std::{fs, path::PathBuf};

const GUARANTEES: &str = "docs/guarantees.md";
const ARCHITECTURE: &str = "ARCHITECTURE.md";

fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every link to Rust code whose text is a name in code: the name, and the file from the top of the tree.
fn named(document: &str, text: &str) -> Vec<(String, String)> {
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (at, _) in text.match_indices("[`") {
        let Some((name, rest)) = text[at + 2..].split_once("`](") else { continue };
        let target = rest.split(')').next().unwrap_or_default();
        let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_/".contains(c));
        if is_name && name.contains(['_', '/']) && target.ends_with(".rs") {
            let target = target.strip_prefix("../").map_or_else(|| join(folder, target), str::to_owned);
            found.push((name.to_owned(), target));
        }
    }
    found
}

fn join(folder: &str, target: &str) -> String {
    if folder.is_empty() { target.to_owned() } else { format!("{folder}/{target}") }
}

/// A law stands in its table under its name; a test is a function right below its attribute.
fn holds(source: &str, name: &str) -> bool {
    if name.contains('/') {
        return source.contains(&format!("\"{name}\":"));
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
    for document in [GUARANTEES, ARCHITECTURE] {
        let named = named(document, &read(document));
        assert!(named.len() > 20, "{document} names {} tests; is it still read rightly?", named.len());
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
    assert!(holds(source, "a_test") && holds(source, "read/a_law"));
    assert!(!holds(source, "no_test") && !holds(source, "read/no_law") && !holds(source, "a_tes"));
}
