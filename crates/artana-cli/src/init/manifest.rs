//! The manifest of a new project: its name, and where it gets Artana from. Writes nothing.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Whether the version of this program is on the registry. The first release changes it.
const IS_RELEASED: bool = false;

const UNRELEASED: &str = "artana is not on the registry yet";

/// Names that Cargo or the language has taken, or that the project itself depends on.
const TAKEN: [&str; 44] = [
    "alloc",
    "artana",
    "as",
    "async",
    "async-trait",
    "await",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "fn",
    "for",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "match",
    "mod",
    "move",
    "mut",
    "pub",
    "ref",
    "return",
    "schemars",
    "serde",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "tokio",
    "trait",
    "true",
    "type",
    "unsafe",
    "use",
    "while",
];

/// Where a project gets Artana from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The checkout this program was built from.
    Path(PathBuf),
    /// The repository.
    Git,
    /// The registry.
    Registry,
}

impl Source {
    /// Chooses what was asked for or, where nothing was, what works today; and says what should be known of it.
    pub(super) fn chosen(asked: Option<&str>) -> Result<(Self, Option<String>), Failure> {
        match (asked, checkout()) {
            (Some("path"), Some(checkout)) => Ok((Self::Path(checkout), None)),
            (Some("path"), None) => {
                Err(Failure::usage("the checkout this program was built from is not here any more")
                    .next("leave --source out, or name git or registry"))
            }
            (Some("git"), _) => Ok((Self::Git, None)),
            (Some("registry"), _) if IS_RELEASED => Ok((Self::Registry, None)),
            (Some("registry"), _) => Ok((Self::Registry, Some(format!("{UNRELEASED}: the project builds once it is")))),
            (Some(_), _) => Err(Failure::usage("there is no such source; there are path, git and registry")),
            (None, _) if IS_RELEASED => Ok((Self::Registry, None)),
            (None, Some(checkout)) => {
                let why = format!("{UNRELEASED}: the project builds on the checkout this program was built from");
                Ok((Self::Path(checkout), Some(why)))
            }
            (None, None) => Ok((Self::Git, Some(format!("{UNRELEASED}: the project builds on the repository")))),
        }
    }

    /// Returns the source's name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Path(_) => "path",
            Self::Git => "git",
            Self::Registry => "registry",
        }
    }

    fn dependency(&self) -> Result<String, Failure> {
        Ok(match self {
            Self::Path(checkout) => {
                let crates = checkout.join("crates").join("artana");
                let path = crates.to_str().ok_or_else(|| Failure::usage("the checkout's path is not text"))?;
                format!("{{ path = {} }}", text(path))
            }
            Self::Git => format!("{{ git = {} }}", text(env!("CARGO_PKG_REPOSITORY"))),
            Self::Registry => text(env!("CARGO_PKG_VERSION")),
        })
    }
}

/// Returns the checkout this program was built from, if it is still there.
fn checkout() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    checkout.join("crates/artana/Cargo.toml").is_file().then(|| checkout.to_owned())
}

/// Writes a manifest. Its own workspace keeps the project out of any that it may lie in.
pub(super) fn of(name: &str, source: &Source) -> Result<String, Failure> {
    Ok(format!(
        r#"[package]
name = {}
version = "0.1.0"
edition = "2024"
publish = false

[dependencies]
artana = {}
async-trait = "0.1"
schemars = "1"
serde = {{ version = "1", features = ["derive"] }}
tokio = {{ version = "1", features = ["macros", "rt"] }}

[workspace]
"#,
        text(name),
        source.dependency()?
    ))
}

/// Writes a text as TOML has it, which takes JSON's escapes.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Makes a package's name of a folder's.
pub(super) fn name_of(folder: &Path) -> String {
    let folder = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = folder.chars().map(fit).collect();
    let name = name.trim_matches('-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    match name {
        "" => "artana-project".into(),
        name if !begins || TAKEN.contains(&name) => format!("project-{name}"),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_cargo_takes() {
        for (folder, name) in [
            ("/a/orders", "orders"),
            ("/a/My Orders!", "my-orders"),
            ("/a/7th", "project-7th"),
            ("/a/test", "project-test"),
            ("/a/artana", "project-artana"),
            ("/a/_x", "project-_x"),
            ("/a/…", "artana-project"),
            ("/", "artana-project"),
        ] {
            assert_eq!(name_of(Path::new(folder)), name, "{folder}");
        }
    }

    #[test]
    fn every_source_has_its_dependency() {
        let line = |source: Source| {
            let manifest = of("x", &source).expect("a path in text");
            manifest.lines().find(|line| line.starts_with("artana = ")).expect("a dependency").to_owned()
        };
        assert_eq!(line(Source::Registry), concat!("artana = \"", env!("CARGO_PKG_VERSION"), "\""));
        assert!(line(Source::Git).starts_with("artana = { git = \"https://"));
        let odd = Source::Path(PathBuf::from("/a \"b\\c"));
        let expected = format!("artana = {{ path = {} }}", r#""/a \"b\\c/crates/artana""#);
        assert_eq!(line(odd), expected);
    }
}
