//! Licences: each package's SPDX expression must be satisfied by the allowed ones.
//!
//! It reads expressions, never licence files: a package that has only a file is refused by name.

use cargo_metadata::{Metadata, Package};
use spdx::{Expression, Licensee, ParseMode};

use super::Problem;
use super::deny::Licenses;

const RULE: &str = "licences";

/// Judges the licence of every package, transitive ones and our own included.
pub(crate) fn check(metadata: &Metadata, list: &Licenses) -> Vec<Problem> {
    let (allowed, unknown): (Vec<_>, Vec<_>) =
        list.allow.iter().map(|name| Licensee::parse(name)).partition(Result::is_ok);
    let allowed: Vec<Licensee> = allowed.into_iter().flatten().collect();
    let mut problems: Vec<Problem> = unknown
        .into_iter()
        .filter_map(Result::err)
        .map(|error| Problem::new(RULE, "deny.toml", format!("names a licence SPDX does not know: {error}")))
        .collect();
    problems.extend(metadata.packages.iter().filter_map(|package| judge(package, &allowed)));
    problems
}

fn judge(package: &Package, allowed: &[Licensee]) -> Option<Problem> {
    let place = format!("{} {}", package.name, package.version);
    let Some(text) = &package.license else {
        return Some(Problem::new(RULE, place, "declares no licence expression"));
    };
    // Older packages write `MIT/Apache-2.0`, which means OR.
    let Ok(expression) = Expression::parse_mode(text, ParseMode::LAX) else {
        return Some(Problem::new(RULE, place, format!("its licence `{text}` is no SPDX expression")));
    };
    let satisfied = expression.evaluate(|wanted| allowed.iter().any(|have| have.satisfies(wanted)));
    (!satisfied).then(|| Problem::new(RULE, place, format!("its licence `{text}` is not allowed by deny.toml")))
}

#[cfg(test)]
mod tests {
    use super::super::deny::tests::ours;
    use super::super::tests::bites;
    use super::*;
    use crate::workspace::planted::Planted;

    fn judged(licence: &str) -> Vec<Problem> {
        let head = "[package]\nname = \"planted\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        let planted = Planted::new().package("planted", &format!("{head}{licence}\n"));
        check(&planted.load().metadata, &ours().licenses)
    }

    #[test]
    fn allowed_expressions_pass() {
        for text in ["MIT", "MIT/Apache-2.0", "GPL-3.0-only OR MIT", "(MIT OR GPL-2.0-only) AND Unicode-3.0"] {
            assert_eq!(judged(&format!("license = \"{text}\"")), [], "{text}");
        }
    }

    #[test]
    fn a_forbidden_licence_is_named_with_its_package() {
        bites(&judged("license = \"GPL-3.0-only\""), &["planted 0.1.0", "`GPL-3.0-only` is not allowed"]);
    }

    #[test]
    fn and_needs_both_sides() {
        bites(&judged("license = \"MIT AND GPL-3.0-only\""), &["`MIT AND GPL-3.0-only` is not allowed"]);
    }

    #[test]
    fn an_exception_is_not_the_plain_licence() {
        bites(&judged("license = \"Apache-2.0 WITH LLVM-exception\""), &["is not allowed"]);
    }

    #[test]
    fn no_licence_is_refused() {
        bites(&judged(""), &["planted 0.1.0", "declares no licence"]);
        bites(&judged("license = \"whatever I like\""), &["is no SPDX expression"]);
    }

    #[test]
    fn an_unknown_allowed_licence_is_refused() {
        let mut list = ours().licenses;
        list.allow.push("No-Such-1.0".to_owned());
        let planted = Planted::new().member("planted", "");
        bites(&check(&planted.load().metadata, &list), &["deny.toml", "SPDX does not know"]);
    }
}
