//! The clippy fence around core: its `clippy.toml` must ban what core may not know, each with a reason.
//!
//! Clippy reads the nearest file alone, so core's must repeat the settings of the workspace as they are.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Problem;
use crate::workspace::Workspace;

const RULE: &str = "clippy fence";
const ROOT: &str = "clippy.toml";
const CORE: &str = "crates/artana-core/clippy.toml";

/// Bans that core's file must contain: ambient time, random seeds, environment, unordered maps.
const REQUIRED: [&str; 7] = [
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "std::env::var",
    "std::env::var_os",
    "std::hash::RandomState::new",
    "std::collections::HashMap",
    "std::collections::HashSet",
];

/// Compares both files.
pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let read = |path| workspace.text(path).and_then(|text| text.parse::<Table>().ok());
    let (Some(root), Some(core)) = (read(ROOT), read(CORE)) else {
        return vec![Problem::new(RULE, CORE, format!("it and {ROOT} must both be there"))];
    };
    judge(&root, &core).into_iter().map(|message| Problem::new(RULE, CORE, message)).collect()
}

fn judge(root: &Table, core: &Table) -> Vec<String> {
    let bans: Vec<&Value> = core
        .iter()
        .filter(|(key, _)| key.starts_with("disallowed-"))
        .filter_map(|(_, list)| list.as_array())
        .flatten()
        .collect();
    let text = |ban: &Value, key: &str| ban.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let banned: BTreeSet<String> = bans.iter().map(|ban| text(ban, "path")).collect();
    let forgotten = REQUIRED.iter().filter(|path| !banned.contains(**path)).map(|path| format!("does not ban {path}"));
    let silent = bans
        .iter()
        .filter(|ban| text(ban, "reason").is_empty())
        .map(|ban| format!("bans {} without a reason", text(ban, "path")));
    let dropped = root.iter().filter(|(key, value)| !key.starts_with("disallowed-") && core.get(*key) != Some(value));
    let dropped = dropped.map(|(key, _)| format!("does not repeat `{key}` as {ROOT} has it"));
    forgotten.chain(silent).chain(dropped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl Fn(&str) -> String) -> Vec<String> {
        let root = include_str!("../../../clippy.toml").parse().expect("clippy.toml parses");
        let core = change(include_str!("../../../crates/artana-core/clippy.toml"));
        judge(&root, &core.parse().expect("core's clippy.toml parses"))
    }

    #[test]
    fn the_fence_stands() {
        assert_eq!(check(str::to_owned), Vec::<String>::new());
    }

    #[test]
    fn a_dropped_ban_is_named() {
        let problems = check(|text| text.replace("std::collections::HashMap", "std::collections::LinkedList"));
        assert_eq!(problems, ["does not ban std::collections::HashMap"]);
    }

    #[test]
    fn a_ban_without_a_reason_is_named() {
        let problems = check(|text| text.replace(", reason = \"its order is random: use BTreeSet\"", ""));
        assert!(problems[0].contains("HashSet") && problems[0].contains("without a reason"), "{problems:?}");
    }

    #[test]
    fn a_setting_that_differs_is_named() {
        let problems = check(|text| text.replace("too-many-lines-threshold = 70", "too-many-lines-threshold = 700"));
        assert_eq!(problems, ["does not repeat `too-many-lines-threshold` as clippy.toml has it"]);
    }
}
