//! Layers: who may import whom, compared with the table below.
//!
//! It judges declared dependencies, so that an optional or platform-dependent edge counts as well.

use cargo_metadata::{Dependency, DependencyKind, Package};

use super::Problem;
use crate::workspace::Workspace;

const RULE: &str = "layers";

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Imports only from lower layers.
    Layer(u8),
    /// Stands above all layers: imports anything, and nobody imports it.
    Tool,
}

use Place::{Layer, Tool};

/// The table of the architecture. A crate that is not here does not build.
const TABLE: [(&str, Place); 21] = [
    ("artana-core", Layer(0)),
    ("artana-ports", Layer(1)),
    ("artana-macros", Layer(1)),
    ("artana-kernel", Layer(2)),
    ("artana-middleware", Layer(2)),
    ("artana-store-sql", Layer(2)),
    ("artana-store-sqlite", Layer(2)),
    ("artana-store-postgres", Layer(2)),
    ("artana-model-genai", Layer(2)),
    ("artana-mcp", Layer(2)),
    ("artana-conformance", Layer(2)),
    ("artana-testkit", Layer(3)),
    ("artana-agent", Layer(3)),
    ("artana-harness", Layer(3)),
    ("artana", Layer(4)),
    ("artana-cli", Layer(5)),
    ("artana-tests", Tool),
    ("artana-core-only", Tool),
    ("artana-bench", Tool),
    ("artana-fuzz", Tool),
    ("xtask", Tool),
];

/// The neighbours that may be imported, and by whom alone: what the stores on SQL share stands beneath them and beneath
/// nothing else.
const SHARED: [(&str, &str); 2] =
    [("artana-store-sqlite", "artana-store-sql"), ("artana-store-postgres", "artana-store-sql")];

/// What tests may import from above: the laws and the simulators.
const UPWARD_IN_TESTS: [&str; 2] = ["artana-conformance", "artana-testkit"];

/// The package that proves one crate is enough for a reader, and that crate.
const ALONE: (&str, &str) = ("artana-core-only", "artana-core");

/// What may not be among the crates core is built from, however indirectly: runtimes, randomness, IO.
const NEVER_IN_CORE: [&str; 12] = [
    "async-std",
    "fastrand",
    "getrandom",
    "hyper",
    "mio",
    "rand",
    "rand_core",
    "reqwest",
    "rusqlite",
    "smol",
    "tokio",
    "uuid",
];

/// Judges every edge between crates of the workspace, and what core is built from.
pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for member in workspace.members() {
        let manifest = format!("{}/Cargo.toml", workspace.folder(member));
        let wrong = |message: String| Problem::new(RULE, manifest.clone(), message);
        let Some(from) = place(&member.name) else {
            problems.push(wrong(format!("{} is not in the table: add it to xtask/src/tidy/layers.rs", member.name)));
            continue;
        };
        problems.extend(member.dependencies.iter().filter_map(|to| judge(member, from, to)).map(wrong));
    }
    problems.extend(core_stays_pure(workspace));
    problems
}

fn place(name: &str) -> Option<Place> {
    TABLE.iter().find(|(known, _)| *known == name).map(|(_, place)| *place)
}

/// What is wrong with one edge, if anything is.
fn judge(member: &Package, from: Place, to: &Dependency) -> Option<String> {
    let name = &member.name;
    if *name == ALONE.0 && to.name != ALONE.1 {
        return Some(format!("{name} imports {}: it proves that {} alone is enough", to.name, ALONE.1));
    }
    let target = place(&to.name).filter(|_| to.path.is_some())?;
    let (Layer(height), Layer(depth)) = (from, target) else {
        return (target == Tool).then(|| format!("{name} imports {}: nobody imports a tool", to.name));
    };
    if SHARED.contains(&(name.as_str(), to.name.as_str())) {
        return None;
    }
    if height > depth || (*name == to.name && to.kind == DependencyKind::Development) {
        return None;
    }
    if to.kind == DependencyKind::Development && UPWARD_IN_TESTS.contains(&to.name.as_str()) {
        let versioned = !to.req.comparators.is_empty();
        return versioned.then(|| {
            format!("the dev-dependency of {name} on {} points upwards: name its path alone, or neither can be published first", to.name)
        });
    }
    Some(format!("{name} (L{height}) imports {} (L{depth}): edges go only downwards", to.name))
}

/// Core must not be built from anything that can learn the time, draw a random number or do IO.
fn core_stays_pure(workspace: &Workspace) -> Vec<Problem> {
    let Some(core) = workspace.members().into_iter().find(|member| member.name == "artana-core") else {
        return Vec::new();
    };
    let reached = built_from(workspace, core);
    let impure = reached.into_iter().filter(|package| NEVER_IN_CORE.contains(&package.name.as_str()));
    let tell = |p: &Package| Problem::new(RULE, "artana-core", format!("is built from {}: core stays pure", p.name));
    impure.map(tell).collect()
}

/// Every package that is linked into `root`, tests and build scripts left out.
fn built_from<'a>(workspace: &'a Workspace, root: &'a Package) -> Vec<&'a Package> {
    let resolve = workspace.metadata.resolve.as_ref().expect("metadata was asked for with its resolution");
    let mut reached = vec![&root.id];
    let mut next = 0;
    while let Some(&id) = reached.get(next) {
        next += 1;
        let linked = resolve[id].deps.iter().filter(|d| d.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal));
        for dependency in linked {
            if !reached.contains(&&dependency.pkg) {
                reached.push(&dependency.pkg);
            }
        }
    }
    reached.into_iter().skip(1).map(|id| &workspace.metadata[id]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::bites;
    use super::*;
    use crate::workspace::planted::Planted;

    fn edge(from: &str, table: &str, to: &str) -> Vec<Problem> {
        let line = format!("[{table}]\n{to} = {{ path = \"../{to}\" }}\n");
        check(&Planted::new().member(from, &line).member(to, "").load())
    }

    #[test]
    fn a_downward_edge_is_fine() {
        assert_eq!(edge("artana-kernel", "dependencies", "artana-core"), []);
    }

    #[test]
    fn an_upward_edge_is_named() {
        let problems = edge("artana-core", "dependencies", "artana-kernel");
        bites(&problems, &["crates/artana-core/Cargo.toml", "artana-core (L0) imports artana-kernel (L2)"]);
    }

    #[test]
    fn neighbours_do_not_import_each_other() {
        let problems = edge("artana-store-sqlite", "dependencies", "artana-kernel");
        bites(&problems, &["artana-store-sqlite (L2) imports artana-kernel (L2)"]);
    }

    #[test]
    fn what_the_stores_share_is_theirs_alone() {
        assert_eq!(edge("artana-store-sqlite", "dependencies", "artana-store-sql"), []);
        bites(&edge("artana-kernel", "dependencies", "artana-store-sql"), &["edges go only downwards"]);
        bites(&edge("artana-store-sql", "dependencies", "artana-store-sqlite"), &["edges go only downwards"]);
    }

    #[test]
    fn a_build_dependency_counts() {
        bites(&edge("artana-ports", "build-dependencies", "artana-kernel"), &["edges go only downwards"]);
    }

    #[test]
    fn an_optional_edge_counts() {
        let line = "[dependencies]\nartana = { path = \"../artana\", optional = true }\n";
        let problems = check(&Planted::new().member("artana-kernel", line).member("artana", "").load());
        bites(&problems, &["artana-kernel (L2) imports artana (L4)"]);
    }

    #[test]
    fn tests_may_import_the_testkit_by_path_alone() {
        assert_eq!(edge("artana-kernel", "dev-dependencies", "artana-testkit"), []);
        let line = "[dev-dependencies]\nartana-testkit = { path = \"../artana-testkit\", version = \"0.1\" }\n";
        let problems = check(&Planted::new().member("artana-kernel", line).member("artana-testkit", "").load());
        bites(&problems, &["name its path alone"]);
    }

    #[test]
    fn a_crates_own_tests_may_ask_for_its_features() {
        let line =
            "[features]\nharness = []\n\n[dev-dependencies]\nartana = { path = \".\", features = [\"harness\"] }\n";
        assert_eq!(check(&Planted::new().member("artana", line).load()), []);
    }

    #[test]
    fn tests_may_not_import_the_command_line() {
        bites(&edge("artana-kernel", "dev-dependencies", "artana-cli"), &["edges go only downwards"]);
    }

    #[test]
    fn nobody_imports_a_tool() {
        bites(&edge("artana-cli", "dependencies", "artana-bench"), &["nobody imports a tool"]);
    }

    #[test]
    fn an_unknown_crate_must_be_added() {
        let problems = check(&Planted::new().member("artana-extra", "").load());
        bites(&problems, &["artana-extra is not in the table"]);
    }

    #[test]
    fn the_core_only_reader_has_core_only() {
        assert_eq!(edge("artana-core-only", "dependencies", "artana-core"), []);
        bites(&edge("artana-core-only", "dependencies", "artana-ports"), &["artana-core alone is enough"]);
    }

    #[test]
    fn core_is_built_from_nothing_that_draws_random_numbers() {
        let line = "[dependencies]\nrand = { path = \"../rand\" }\n";
        let problems = check(&Planted::new().member("artana-core", line).member("rand", "").load());
        bites(&problems, &["artana-core", "is built from rand"]);
    }
}
