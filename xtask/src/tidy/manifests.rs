//! Manifests: what every crate declares, and that what is built is what was locked.

use cargo_metadata::Package;
use toml::Table;

use super::Problem;
use crate::workspace::Workspace;

const RULE: &str = "manifests";

/// Judges every crate's manifest, and the lock file.
pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let members = workspace.members();
    let mut problems: Vec<Problem> = members.into_iter().flat_map(|member| one_crate(workspace, member)).collect();
    problems.extend(lock(workspace).map(|message| Problem::new(RULE, "Cargo.lock", message)));
    problems
}

fn one_crate(workspace: &Workspace, member: &Package) -> Vec<Problem> {
    let path = format!("{}/Cargo.toml", workspace.folder(member));
    let wrong = |message: String| Problem::new(RULE, path.clone(), message);
    let mut problems = Vec::new();
    let declared = [
        ("description", member.description.is_some()),
        ("license", member.license.is_some()),
        ("rust-version", member.rust_version.is_some()),
    ];
    problems.extend(declared.iter().filter(|(_, has)| !has).map(|(field, _)| wrong(format!("declares no {field}"))));
    let manifest: Table = workspace.text(&path).and_then(|text| text.parse().ok()).unwrap_or_default();
    if !inherits(manifest.get("lints")) {
        problems.push(wrong("does not take the lints of the workspace: [lints] workspace = true".to_owned()));
    }
    problems.extend(
        own_versions(&manifest)
            .into_iter()
            .map(|name| wrong(format!("gives {name} a version of its own: declare it in [workspace.dependencies]"))),
    );
    problems
}

fn inherits(entry: Option<&toml::Value>) -> bool {
    entry.and_then(|entry| entry.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
}

/// Dependencies with a version here; a path without a version is fine, which is how tests point upwards.
fn own_versions(manifest: &Table) -> Vec<String> {
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let platforms = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
    let places = platforms.filter_map(|(_, value)| value.as_table()).chain([manifest]);
    let entries = places.flat_map(|place| tables.iter().filter_map(|table| place.get(*table)?.as_table())).flatten();
    let versioned =
        |value: &toml::Value| value.is_str() || value.get("version").is_some() || value.get("git").is_some();
    entries.filter(|(_, value)| versioned(value)).map(|(name, _)| name.clone()).collect()
}

fn lock(workspace: &Workspace) -> Option<&'static str> {
    if !workspace.exists("Cargo.lock") {
        return Some("is missing: it is committed, so that everyone builds the same");
    }
    let ignored = workspace.text(".gitignore").unwrap_or_default();
    let is_lock = |line: &str| line.trim().trim_start_matches('/') == "Cargo.lock";
    ignored
        .lines()
        .any(is_lock)
        .then_some("is ignored by .gitignore: it is committed, so that everyone builds the same")
}

#[cfg(test)]
mod tests {
    use super::super::tests::bites;
    use super::*;
    use crate::workspace::planted::Planted;

    #[test]
    fn a_bare_manifest_is_named_field_by_field() {
        let bare = "[package]\nname = \"bare\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        let problems = check(&Planted::new().package("bare", bare).load());
        for field in ["no description", "no license", "no rust-version", "lints of the workspace"] {
            bites(&problems, &["crates/bare/Cargo.toml", field]);
        }
    }

    #[test]
    fn a_whole_manifest_passes() {
        assert_eq!(check(&Planted::new().member("artana-core", "").load()), []);
    }

    #[test]
    fn a_version_of_its_own_is_named() {
        let line = "[target.'cfg(unix)'.dependencies]\nother = { path = \"../other\", version = \"0.1\" }\n";
        let problems = check(&Planted::new().member("artana-core", line).member("other", "").load());
        bites(&problems, &["crates/artana-core/Cargo.toml", "gives other a version of its own"]);
    }

    #[test]
    fn an_ignored_lock_file_is_named() {
        let planted = Planted::new().member("artana-core", "").file(".gitignore", "/Cargo.lock\n");
        bites(&check(&planted.load()), &["Cargo.lock", "is ignored"]);
    }
}
