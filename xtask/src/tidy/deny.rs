//! Reads `deny.toml`, the one list of what may be built on, and holds its licences, bans and sources.
//!
//! A setting that tidy would not check is refused, so that it and cargo-deny never disagree in silence.
//! Advisories need a database from the network: they are cargo-deny's alone.

use serde::Deserialize;

use super::{Problem, bans, licences, sources};
use crate::workspace::Workspace;

const FILE: &str = "deny.toml";

/// The parts of `deny.toml` that tidy holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deny {
    /// What the graph is taken of; tidy always takes all of it.
    #[serde(rename = "graph")]
    _graph: toml::Table,
    #[serde(rename = "advisories")]
    _advisories: toml::Table,
    pub(crate) licenses: Licenses,
    pub(crate) bans: Bans,
    pub(crate) sources: Sources,
}

/// Which licences satisfy an expression.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Licenses {
    pub(crate) allow: Vec<String>,
    /// How sure cargo-deny must be of a licence it read from a file; tidy reads expressions alone.
    #[serde(rename = "confidence-threshold")]
    _confidence: f64,
}

/// Which crates only some others may depend on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Bans {
    #[serde(rename = "multiple-versions")]
    _multiple_versions: Allow,
    #[serde(rename = "wildcards")]
    _wildcards: Allow,
    pub(crate) deny: Vec<Ban>,
}

/// One banned crate and the crates excepted from the ban.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ban {
    #[serde(rename = "crate")]
    pub(crate) name: String,
    pub(crate) wrappers: Vec<String>,
    pub(crate) reason: String,
}

/// Where packages may come from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Sources {
    #[serde(rename = "unknown-registry")]
    _unknown_registry: Denied,
    #[serde(rename = "unknown-git")]
    _unknown_git: Denied,
    pub(crate) allow_registry: Vec<String>,
    pub(crate) allow_git: Vec<String>,
}

/// A level that tidy does not check, and so must not be set.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Allow {
    Allow,
}

/// A level that tidy checks, and so must be set.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Denied {
    Deny,
}

/// Reads the list and judges every package by it.
pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let Some(text) = workspace.text(FILE) else {
        return vec![Problem::new("deny", FILE, "is missing")];
    };
    match toml::from_str::<Deny>(text) {
        Ok(deny) => [
            licences::check(&workspace.metadata, &deny.licenses),
            bans::check(&workspace.metadata, &deny.bans),
            sources::check(&workspace.metadata, &deny.sources),
        ]
        .concat(),
        Err(error) => vec![Problem::new("deny", FILE, format!("is not what tidy can hold: {error}"))],
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::tests::bites;
    use super::*;
    use crate::workspace::planted::Planted;

    /// The list this workspace lives by.
    pub(crate) fn ours() -> Deny {
        toml::from_str(include_str!("../../../deny.toml")).expect("deny.toml parses")
    }

    #[test]
    fn a_missing_list_is_named() {
        bites(&check(&Planted::new().member("artana-core", "").load()), &["deny.toml", "is missing"]);
    }

    #[test]
    fn a_setting_tidy_would_not_check_is_refused() {
        let text = include_str!("../../../deny.toml").replace("[bans]", "[bans]\nskip = []");
        let planted = Planted::new().member("artana-core", "").file("deny.toml", &text);
        bites(&check(&planted.load()), &["unknown field `skip`"]);
    }

    #[test]
    fn a_source_policy_that_only_warns_is_refused() {
        let text = include_str!("../../../deny.toml").replace("unknown-git = \"deny\"", "unknown-git = \"warn\"");
        let planted = Planted::new().member("artana-core", "").file("deny.toml", &text);
        bites(&check(&planted.load()), &["unknown variant `warn`"]);
    }
}
