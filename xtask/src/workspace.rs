//! What tidy looks at: the files of the tree and what `cargo metadata` says of them, read once.
//!
//! It reads and never judges: every rule is a function of a [`Workspace`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package, TargetKind};

/// Folders that hold nothing of ours: version control and what builds leave behind.
const SKIPPED: [&str; 3] = [".git", "target", "proptest-regressions"];

/// The tree under one workspace root.
pub(crate) struct Workspace {
    /// Everything Cargo knows, with all features on.
    pub(crate) metadata: Metadata,
    /// Path from the root, with `/`, to its text; `None` for a file that is not UTF-8.
    files: BTreeMap<String, Option<String>>,
    folders: BTreeSet<String>,
}

impl Workspace {
    /// Reads the workspace whose root is `root`.
    ///
    /// # Errors
    /// When Cargo refuses the workspace or a file cannot be read.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .features(CargoOpt::AllFeatures)
            .exec()
            .context("cargo metadata")?;
        let mut workspace = Self { metadata, files: BTreeMap::new(), folders: BTreeSet::new() };
        workspace.walk(root, "").with_context(|| format!("reading {}", root.display()))?;
        Ok(workspace)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let (path, kind) = (format!("{prefix}{name}"), entry.file_type()?);
            // In a second work tree `.git` is a file.
            if !kind.is_dir() && name == ".git" {
                continue;
            }
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                self.walk(&entry.path(), &format!("{path}/"))?;
                self.folders.insert(path);
            } else if kind.is_file() {
                // A file may vanish between the listing and the reading: an editor's, or a running test's.
                match fs::read(entry.path()) {
                    Ok(bytes) => drop(self.files.insert(path, String::from_utf8(bytes).ok())),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error).context(path),
                }
            }
        }
        Ok(())
    }

    /// The workspace's own packages.
    pub(crate) fn members(&self) -> Vec<&Package> {
        self.metadata.workspace_packages()
    }

    /// The folder of a member, from the root, without a slash at its end.
    pub(crate) fn folder(&self, member: &Package) -> String {
        let manifest = self.relative(member.manifest_path.as_str());
        manifest.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned()
    }

    /// The member a file belongs to: the one whose folder is the nearest above it.
    pub(crate) fn owner(&self, path: &str) -> Option<&Package> {
        let above = |member: &&Package| path.starts_with(&format!("{}/", self.folder(member)));
        self.members().into_iter().filter(above).max_by_key(|member| self.folder(member).len())
    }

    /// The root source file of each target of a member, with the kinds of that target.
    pub(crate) fn targets(&self, member: &Package) -> Vec<(String, Vec<TargetKind>)> {
        member.targets.iter().map(|t| (self.relative(t.src_path.as_str()), t.kind.clone())).collect()
    }

    /// An absolute path of Cargo's, told from the root.
    pub(crate) fn relative(&self, path: &str) -> String {
        let path = path.strip_prefix(self.metadata.workspace_root.as_str()).unwrap_or(path);
        path.trim_start_matches('/').to_owned()
    }

    /// The text of one file, when it exists and is text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// All text files, in order of their paths.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The text files whose names end with `suffix`.
    pub(crate) fn ending(&self, suffix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(suffix))
    }

    /// Whether a file or folder of this name exists.
    pub(crate) fn exists(&self, path: &str) -> bool {
        path.is_empty() || self.files.contains_key(path) || self.folders.contains(path)
    }
}

#[cfg(test)]
pub(crate) mod planted {
    //! Small real workspaces in a temporary folder, each with one thing wrong.

    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::Workspace;

    /// A workspace being written.
    pub(crate) struct Planted(TempDir);

    impl Planted {
        /// A workspace without a crate.
        pub(crate) fn new() -> Self {
            let root = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n";
            Self(TempDir::new().expect("a temporary folder")).file("Cargo.toml", root)
        }

        /// Writes one file.
        pub(crate) fn file(self, path: &str, text: &str) -> Self {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
            self
        }

        /// Adds an ordinary crate; `rest` is what its manifest says beyond the package table.
        pub(crate) fn member(self, name: &str, rest: &str) -> Self {
            let head = "version = \"0.1.0\"\nedition = \"2024\"\nrust-version = \"1.95\"\ndescription = \"planted\"";
            let package = format!("[package]\nname = \"{name}\"\n{head}\nlicense = \"MIT\"\n\n");
            self.package(name, &format!("{package}{rest}\n[lints]\nworkspace = true\n"))
        }

        /// Adds a crate with a manifest of its own.
        pub(crate) fn package(self, name: &str, manifest: &str) -> Self {
            let root = self.read("Cargo.toml");
            let root = if root.contains("[workspace.lints") { root } else { root + "\n[workspace.lints.rust]\n" };
            self.file("Cargo.toml", &root)
                .file(&format!("crates/{name}/Cargo.toml"), manifest)
                .file(&format!("crates/{name}/src/lib.rs"), "//! Planted.\n")
        }

        fn read(&self, path: &str) -> String {
            fs::read_to_string(self.0.path().join(path)).expect("the file was planted")
        }

        /// Asks Cargo about it.
        pub(crate) fn load(&self) -> Workspace {
            Workspace::load(self.0.path()).expect("the planted workspace loads")
        }
    }

    /// The workspace this crate is part of.
    pub(crate) fn this_one() -> Workspace {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask has a parent");
        Workspace::load(root).expect("the workspace loads")
    }
}
