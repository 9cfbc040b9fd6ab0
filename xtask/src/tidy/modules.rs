//! Forgotten modules: a Rust file that no `mod` reaches is never built, and a test in it never runs.
//!
//! It also holds every crate to one integration test binary, which links once instead of once per file.

use std::collections::BTreeSet;

use cargo_metadata::{Package, TargetKind};

use super::Problem;
use super::code::blank;
use crate::workspace::Workspace;

const RULE: &str = "modules";

/// Folders whose Rust files are data of a test, such as programs that must not compile.
const DATA: [&str; 2] = ["/fixtures/", "/ui/"];

/// Judges every crate.
pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    workspace.members().into_iter().flat_map(|member| one_crate(workspace, member)).collect()
}

fn one_crate(workspace: &Workspace, member: &Package) -> Vec<Problem> {
    let targets = workspace.targets(member);
    let tests: Vec<&str> =
        targets.iter().filter(|(_, kinds)| kinds.contains(&TargetKind::Test)).map(|(path, _)| path.as_str()).collect();
    let mut problems = Vec::new();
    if tests.len() > 1 {
        let message = format!("has {} test binaries ({}): make them modules of one", tests.len(), tests.join(", "));
        problems.push(Problem::new(RULE, member.name.to_string(), message));
    }
    let mut reached = BTreeSet::new();
    for (root, _) in &targets {
        reach(workspace, root, &folder_of(root), &mut reached);
    }
    let ours = |path: &str| workspace.owner(path).is_some_and(|owner| owner.id == member.id);
    let files = workspace.ending(".rs").map(|(path, _)| path).filter(|path| ours(path));
    let forgotten = files.filter(|path| !reached.contains(*path) && !DATA.iter().any(|data| path.contains(data)));
    problems.extend(forgotten.map(|path| Problem::new(RULE, path, "is forgotten: no `mod` of a target reaches it")));
    problems
}

/// Adds `file` and every file its `mod` items lead to; its children lie in `children`.
fn reach(workspace: &Workspace, file: &str, children: &str, reached: &mut BTreeSet<String>) {
    let Some(text) = workspace.text(file) else { return };
    if !reached.insert(file.to_owned()) {
        return;
    }
    for module in declared(text) {
        if let Some(path) = module.path {
            let path = join(&folder_of(file), &path);
            reach(workspace, &path, &folder_of(&path), reached);
            continue;
        }
        let inside = join(children, &module.name);
        reach(workspace, &format!("{inside}.rs"), &inside, reached);
        reach(workspace, &format!("{inside}/mod.rs"), &inside, reached);
    }
}

/// One `mod name;`, with the path its attribute gives. `name` holds the modules around it: `outer/name`.
struct Declared {
    name: String,
    path: Option<String>,
}

fn declared(text: &str) -> Vec<Declared> {
    let code = blank(text);
    let (mut found, mut path, mut depth, mut around) = (Vec::new(), None, 0_usize, Vec::new());
    for (line, original) in code.lines().zip(text.lines()) {
        path = attribute(original).or(path);
        if let Some(name) = module_name(line) {
            if line.trim_end().ends_with(';') {
                let inside: Vec<&str> = around.iter().map(|(name, _): &(String, usize)| name.as_str()).collect();
                let name = [&inside[..], &[name]].concat().join("/");
                found.push(Declared { name, path: path.take() });
            } else if line.contains('{') && !line.contains('}') {
                around.push((name.to_owned(), depth));
            }
        }
        depth += line.matches('{').count();
        depth = depth.saturating_sub(line.matches('}').count());
        around.retain(|(_, opened_at)| depth > *opened_at);
    }
    found
}

/// The name in `mod name`, with whatever visibility.
fn module_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (before, after) =
        if let Some(after) = line.strip_prefix("mod ") { ("", after) } else { line.split_once(" mod ")? };
    let item = before.is_empty() || before.ends_with("pub") || before.ends_with(')') || before.ends_with(']');
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
    (item && end > 0).then(|| &after[..end])
}

fn attribute(line: &str) -> Option<String> {
    let quoted = line.trim_start().strip_prefix("#[path = \"")?;
    Some(quoted.split('"').next()?.to_owned())
}

fn folder_of(path: &str) -> String {
    path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
}

/// `path` as seen from `folder`, both from the root.
pub(super) fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::tests::bites;
    use super::*;
    use crate::workspace::planted::Planted;

    fn planted() -> Planted {
        Planted::new().member("artana-core", "")
    }

    #[test]
    fn a_forgotten_test_is_named() {
        let planted = planted()
            .file("crates/artana-core/tests/main.rs", "//! Tests.\nmod found;\n")
            .file("crates/artana-core/tests/found.rs", "//! Found.\n")
            .file("crates/artana-core/tests/main/lost.rs", "//! Lost.\n");
        let problems = check(&planted.load());
        bites(&problems, &["crates/artana-core/tests/main/lost.rs", "is forgotten"]);
        assert_eq!(problems.iter().filter(|p| p.message.contains("forgotten")).count(), 1);
    }

    #[test]
    fn a_second_test_binary_is_named() {
        let planted = planted()
            .file("crates/artana-core/tests/main.rs", "//! Tests.\n")
            .file("crates/artana-core/tests/other.rs", "//! Another.\n");
        bites(&check(&planted.load()), &["artana-core", "2 test binaries", "tests/other.rs"]);
    }

    #[test]
    fn modules_are_followed_wherever_they_lie() {
        let lib = "//! Lib.\nmod a;\npub(crate) mod b;\nmod out {\n    mod c;\n}\n#[path = \"odd/name.rs\"]\nmod d;\n";
        let planted = planted()
            .file("crates/artana-core/src/lib.rs", lib)
            .file("crates/artana-core/src/a.rs", "//! A.\nmod inner;\n")
            .file("crates/artana-core/src/a/inner.rs", "//! Inner.\n")
            .file("crates/artana-core/src/b/mod.rs", "//! B.\n")
            .file("crates/artana-core/src/out/c.rs", "//! C.\n")
            .file("crates/artana-core/src/odd/name.rs", "//! D.\n");
        assert_eq!(check(&planted.load()), []);
    }

    #[test]
    fn a_module_in_a_comment_reaches_nothing() {
        let planted = planted()
            .file("crates/artana-core/src/lib.rs", "//! Lib.\n// mod a;\n")
            .file("crates/artana-core/src/a.rs", "//! A.\n");
        bites(&check(&planted.load()), &["src/a.rs", "is forgotten"]);
    }

    #[test]
    fn data_of_a_test_is_no_module() {
        let planted = planted().file("crates/artana-core/tests/fixtures/wrong.rs", "fn main() { 1 + }");
        assert_eq!(check(&planted.load()), []);
    }
}
