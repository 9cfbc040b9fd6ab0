//! Sources: where packages come from. A folder outside the workspace is a source like any other.

use cargo_metadata::{Metadata, Package};

use super::Problem;
use super::deny::Sources;

const RULE: &str = "sources";

/// Judges where every package comes from.
pub(crate) fn check(metadata: &Metadata, list: &Sources) -> Vec<Problem> {
    metadata.packages.iter().filter_map(|package| judge(metadata, package, list)).collect()
}

fn judge(metadata: &Metadata, package: &Package, list: &Sources) -> Option<Problem> {
    let place = format!("{} {}", package.name, package.version);
    let refuse = |message: String| Some(Problem::new(RULE, place.clone(), message));
    let Some(source) = &package.source else {
        let inside = metadata.workspace_members.contains(&package.id);
        return if inside { None } else { refuse(format!("comes from {}, which is no member", package.manifest_path)) };
    };
    let known = match source.repr.split_once('+') {
        Some(("registry" | "sparse", url)) => list.allow_registry.iter().any(|allowed| allowed == url),
        Some(("git", url)) => list.allow_git.iter().any(|allowed| url.split(['?', '#']).next() == Some(allowed)),
        _ => false,
    };
    if known { None } else { refuse(format!("comes from `{source}`, which deny.toml does not allow")) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;
    use tempfile::TempDir;

    use super::super::deny::tests::ours;
    use super::super::tests::bites;
    use super::*;
    use crate::workspace::planted::{self, Planted};

    /// The metadata of this workspace, with `anyhow` said to come from `source`.
    fn anyhow_from(source: &str) -> Vec<Problem> {
        let mut value = serde_json::to_value(planted::this_one().metadata).expect("metadata is JSON");
        let packages = value["packages"].as_array_mut().expect("metadata lists packages");
        let anyhow = packages.iter_mut().find(|package| package["name"] == "anyhow").expect("xtask uses anyhow");
        anyhow["source"] = Value::from(source);
        check(&serde_json::from_value(value).expect("still metadata"), &ours().sources)
    }

    #[test]
    fn crates_io_is_allowed() {
        assert_eq!(anyhow_from("registry+https://github.com/rust-lang/crates.io-index"), []);
    }

    #[test]
    fn another_registry_is_named_with_its_package() {
        let problems = anyhow_from("registry+https://crates.example/index");
        bites(&problems, &["anyhow 1.", "`registry+https://crates.example/index`"]);
        bites(&anyhow_from("sparse+https://crates.example/index/"), &["crates.example"]);
    }

    #[test]
    fn a_git_source_is_named_with_its_package() {
        bites(
            &anyhow_from("git+https://example.org/fork?branch=x#0123"),
            &["anyhow 1.", "git+https://example.org/fork"],
        );
    }

    #[test]
    fn an_allowed_git_source_is_taken_whole() {
        let mut list = ours().sources;
        list.allow_git.push("https://example.org/fork".to_owned());
        let mut value = serde_json::to_value(planted::this_one().metadata).expect("metadata is JSON");
        value["packages"][0]["source"] = Value::from("git+https://example.org/fork-of-a-fork#0123");
        let problems = check(&serde_json::from_value(value).expect("still metadata"), &list);
        bites(&problems, &["fork-of-a-fork"]);
    }

    #[test]
    fn a_folder_outside_the_workspace_is_refused() {
        let outside = TempDir::new().expect("a temporary folder");
        let stray = "[package]\nname = \"stray\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        fs::write(outside.path().join("Cargo.toml"), stray).expect("a manifest");
        fs::create_dir(outside.path().join("src")).expect("a folder");
        fs::write(outside.path().join("src/lib.rs"), "//! Planted.\n").expect("a file");
        let line = format!("[dependencies]\nstray = {{ path = \"{}\" }}\n", outside.path().display());
        let metadata = Planted::new().member("artana-core", &line).load().metadata;
        bites(&check(&metadata, &ours().sources), &["stray 0.1.0", "which is no member"]);
    }
}
