//! Links: every relative link in a Markdown file leads to something that exists.

use super::Problem;
use super::modules::join;
use crate::workspace::Workspace;

const RULE: &str = "links";

/// Follows every relative link.
pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in workspace.ending(".md") {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in links(text) {
            let file = target.split('#').next().unwrap_or_default();
            let absolute = file.strip_prefix('/').map_or_else(|| join(folder, file), |file| join("", file));
            if !file.is_empty() && !workspace.exists(&absolute) {
                problems.push(Problem::new(
                    RULE,
                    format!("{path}:{line}"),
                    format!("links to {target}, which is not there"),
                ));
            }
        }
    }
    problems
}

/// The targets of `[text](target)` outside code, each with its line; those with a scheme are left out.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let in_code = line[..at].matches('`').count() % 2 == 1;
            let target = line[at + 2..].split([')', ' ']).next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !in_code && !elsewhere {
                found.push((number + 1, target));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::bites;
    use super::*;
    use crate::workspace::planted::Planted;

    fn check(text: &str) -> Vec<Problem> {
        super::check(&Planted::new().member("artana-core", "").file("docs/a.md", text).file("docs/b.md", "").load())
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named_with_its_line() {
        bites(&check("\nsee [c](c.md#part)"), &["docs/a.md:2", "links to c.md#part"]);
        bites(&check("[up](../docs/c.md)"), &["docs/a.md:1"]);
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text =
            "[b](b.md) [b](./b.md#x) [top](../Cargo.toml) [all](../docs) [here](#a) [out](https://example.org/x)";
        assert_eq!(check(text), []);
    }

    #[test]
    fn code_is_no_link() {
        assert_eq!(check("`[a](no.md)`\n```\n[a](no.md)\n```\n"), []);
    }
}
