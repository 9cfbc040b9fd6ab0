//! Bans: a driver appears in one crate, and a banned crate only behind its wrappers.
//!
//! The list is `deny.toml`'s; the table here only sees to it that no driver's ban is dropped or widened there.

use std::collections::BTreeSet;

use cargo_metadata::Metadata;

use super::Problem;
use super::deny::{Ban, Bans};

const RULE: &str = "bans";

/// Each driver and the one crate that may contain it.
const DRIVERS: [(&str, &str); 6] = [
    ("rusqlite", "artana-store-sqlite"),
    ("tokio-postgres", "artana-store-postgres"),
    ("deadpool-postgres", "artana-store-postgres"),
    ("genai", "artana-model-genai"),
    ("rmcp", "artana-mcp"),
    ("clap", "artana-cli"),
];

/// Packages nobody can import, which may therefore hold a driver without leaking it: the bench measures it
/// beside the kernel, the tests read and tamper behind the store's back.
const NOBODY_IMPORTS: [&str; 2] = ["artana-bench", "artana-tests"];

/// Judges every edge of the graph by the bans, and the bans by the table of drivers.
pub(crate) fn check(metadata: &Metadata, bans: &Bans) -> Vec<Problem> {
    let mut problems: Vec<Problem> = DRIVERS.iter().filter_map(|driver| ban_holds(*driver, bans)).collect();
    for (from, to) in edges(metadata) {
        let banned = bans.deny.iter().filter(|ban| ban.name == to && !ban.wrappers.contains(&from));
        problems.extend(banned.map(|ban| Problem::new(RULE, from.clone(), tell(ban))));
    }
    problems
}

fn tell(ban: &Ban) -> String {
    match ban.wrappers.as_slice() {
        [] => format!("imports {}, which is banned: {}", ban.name, ban.reason),
        wrappers => format!("imports {}, which only {} may: {}", ban.name, wrappers.join(", "), ban.reason),
    }
}

/// What is wrong with the ban on one driver, if anything is.
fn ban_holds((driver, owner): (&str, &str), bans: &Bans) -> Option<Problem> {
    let wrong = |message: String| Some(Problem::new(RULE, "deny.toml", message));
    let Some(ban) = bans.deny.iter().find(|ban| ban.name == driver) else {
        return wrong(format!("does not ban the driver {driver}: only {owner} may import it"));
    };
    let ours = |name: &&String| name.starts_with("artana") && !NOBODY_IMPORTS.contains(&name.as_str());
    let extra = ban.wrappers.iter().filter(ours).find(|name| name.as_str() != owner)?;
    wrong(format!("lets {extra} import the driver {driver}: a driver appears in one crate, here {owner}"))
}

/// Who depends on whom, in whatever way and on whatever platform: what is declared by our own crates, and
/// what was resolved of all others, whose optional edges are not ours to judge.
fn edges(metadata: &Metadata) -> BTreeSet<(String, String)> {
    let named = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let declared = metadata
        .workspace_packages()
        .into_iter()
        .flat_map(|from| from.dependencies.iter().map(move |to| named(&from.name, &to.name)));
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let resolved = nodes.flat_map(|node| {
        let from = &metadata[&node.id].name;
        node.dependencies.iter().map(move |to| named(from, &metadata[to].name))
    });
    declared.chain(resolved).collect()
}

#[cfg(test)]
mod tests {
    use super::super::deny::tests::ours;
    use super::super::tests::bites;
    use super::*;
    use crate::workspace::planted::Planted;

    fn edge(from: &str, table: &str, to: &str) -> Vec<Problem> {
        let line = format!("[{table}]\n{to} = {{ path = \"../{to}\" }}\n");
        check(&Planted::new().member(from, &line).member(to, "").load().metadata, &ours().bans)
    }

    #[test]
    fn the_owner_and_the_bench_may() {
        assert_eq!(edge("artana-store-sqlite", "dependencies", "rusqlite"), []);
        assert_eq!(edge("artana-bench", "dependencies", "rusqlite"), []);
    }

    #[test]
    fn anyone_else_is_named_with_the_reason() {
        let problems = edge("artana-kernel", "dependencies", "rusqlite");
        bites(&problems, &["artana-kernel", "imports rusqlite", "SQLite is reached through artana-store-sqlite"]);
    }

    #[test]
    fn a_dev_dependency_counts() {
        bites(&edge("artana-ports", "dev-dependencies", "clap"), &["artana-ports", "imports clap"]);
    }

    #[test]
    fn a_crate_from_outside_counts() {
        bites(&edge("some-sqlite-helper", "dependencies", "rusqlite"), &["some-sqlite-helper", "imports rusqlite"]);
    }

    #[test]
    fn a_ban_without_wrappers_bans_everyone() {
        bites(&edge("artana-kernel", "dependencies", "md5"), &["imports md5, which is banned"]);
    }

    #[test]
    fn a_dropped_or_widened_ban_is_named() {
        let metadata = Planted::new().member("artana-core", "").load().metadata;
        let mut bans = ours().bans;
        bans.deny.retain(|ban| ban.name != "genai");
        let clap = bans.deny.iter_mut().find(|ban| ban.name == "clap").expect("clap is banned");
        clap.wrappers.push("artana-kernel".to_owned());
        let problems = check(&metadata, &bans);
        bites(&problems, &["does not ban the driver genai"]);
        bites(&problems, &["lets artana-kernel import the driver clap"]);
    }
}
