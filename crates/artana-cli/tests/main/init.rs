//! `artana init`: the project it writes is built and run for real; a folder that holds anything is left as it is.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use insta::assert_snapshot;

use crate::support::{BINARY, World};

/// A folder inside the build's own, so that the toolchain of the checkout is found from it.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// Builds with what the tests were built with: the versions, the profile, and the artifacts where they fit.
fn cargo(project: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    let target = Path::new(BINARY).ancestors().nth(2).unwrap();
    cargo.arg("run").args(["--quiet", "--offline"]).current_dir(project).env("CARGO_TARGET_DIR", target);
    cargo.args(["--config", r#"profile.dev.package."*".opt-level=1"#]);
    cargo.args(["--config", r#"profile.dev.debug="line-tables-only""#]);
    cargo
}

#[test]
fn the_project_builds_runs_and_answers_from_its_ledger() {
    let project = folder("init-orders");
    let world = World::empty();
    let done = world.run(["init", project.to_str().unwrap(), "--profile", "dev", "--source", "path"]);
    assert_eq!(done.code, 0, "{done:?}");
    fs::copy(checkout().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let run = || {
        let output = cargo(&project).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (first, second) = (run(), run());
    assert!(first.contains("(the model is asked)") && first.contains("(the tool runs)"), "{first}");
    assert!(!second.contains("(the model is asked)") && !second.contains("(the tool runs)"), "{second}");
    assert_eq!(second.matches("[from the ledger]").count(), 2, "{second}");
    assert!(first.ends_with("the ledger holds: true\n"), "{first}");
    let mut look = Command::new(BINARY);
    let explained = look.args(["run", "explain", "order-1"]).current_dir(&project).output().unwrap();
    assert_eq!(explained.status.code(), Some(0), "the README's commands work from the project's folder");
    assert!(String::from_utf8_lossy(&explained.stdout).contains("status\tcompleted"));
    fs::remove_dir_all(project).unwrap();
}

#[test]
fn what_is_written_and_said() {
    let world = World::empty();
    for (name, line) in [
        ("git", "init orders --source git"),
        ("registry_json", "init other --source registry --json"),
        ("again", "init orders --source git"),
        ("enforced", "init third --profile enforced"),
        ("enforced_json", "init third --profile enforced --json"),
        ("no_such_profile", "init third --profile strict"),
        ("no_such_source", "init third --source ftp"),
    ] {
        assert_snapshot!(name, world.told(line));
    }
    assert!(!world.folder.path().join("third").exists(), "what is refused leaves nothing behind");
    assert_snapshot!("manifest", fs::read_to_string(world.folder.path().join("orders/Cargo.toml")).unwrap());
    let readme = fs::read_to_string(world.folder.path().join("orders/README.md")).unwrap();
    assert!(readme.starts_with("# orders\n"), "{readme}");
}

#[test]
fn a_folder_that_holds_anything_is_left_as_it_is() {
    let world = World::empty();
    fs::write(world.folder.path().join("notes.txt"), "mine").unwrap();
    for line in ["init", "init .", "init --source git"] {
        let done = world.artana(line);
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{line}: {done:?}");
    }
    assert_eq!(world.files().len(), 1);
    let here = World::empty();
    let done = here.artana("init --source git --json");
    let told: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, &told["next"]), (0, &"cargo run".into()), "{done:?}");
    assert_eq!(here.files().len(), 4);
}

#[test]
fn without_a_source_the_one_that_works_is_taken_and_said() {
    let world = World::empty();
    let done = world.artana("init orders");
    assert!(done.code == 0 && done.out.contains("source\tpath\n"), "{done:?}");
    assert!(done.err.contains("not on the registry yet"), "{done:?}");
}

#[test]
fn completions_for_every_shell_name_every_command() {
    let world = World::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = world.artana(&format!("completions {shell}"));
        assert_eq!((done.code, done.err.as_str()), (0, ""), "{shell}");
        for word in ["explain", "verify-ledger", "summaries", "completions", "content"] {
            assert!(done.out.contains(word), "{shell}: {word}");
        }
        assert!(!done.out.contains("demo-provider"), "{shell}: nobody is meant to type that");
    }
    assert_eq!(world.artana("completions tcsh").code, 2);
    assert_eq!(world.files().len(), 0);
}
