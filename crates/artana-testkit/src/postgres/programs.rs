//! Finds the programs of a Postgres installation, and runs `psql`.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Where distributions keep the programs of each version.
const INSTALLED: &str = "/usr/lib/postgresql";

/// Finds the folder that holds `initdb` and its siblings.
pub(super) fn folder() -> Result<PathBuf, String> {
    let told = Command::new("pg_config").arg("--bindir").output().ok().filter(|output| output.status.success());
    let told = told.and_then(|output| String::from_utf8(output.stdout).ok()).map(|text| PathBuf::from(text.trim()));
    let in_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    told.into_iter()
        .chain(installed())
        .chain(in_path)
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .ok_or_else(|| format!("no Postgres server: neither pg_config, {INSTALLED} nor PATH leads to initdb"))
}

/// Finds `psql`, which some distributions keep elsewhere.
pub(super) fn client(folder: &Path) -> PathBuf {
    Some(folder.join("psql")).filter(|psql| psql.is_file()).unwrap_or_else(|| "psql".into())
}

/// The folders of the installed versions, the newest first.
fn installed() -> Vec<PathBuf> {
    let versions = std::fs::read_dir(INSTALLED).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// Runs statements and returns what they answer.
///
/// # Panics
///
/// When a statement fails.
pub(super) fn psql(program: &Path, url: &str, sql: &str) -> String {
    try_psql(program, url, sql).unwrap_or_else(|why| panic!("psql: {why}"))
}

/// Runs statements and returns what they answer, or what is wrong with one.
pub(super) fn try_psql(program: &Path, url: &str, sql: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
    output(command.args(["--command", sql, url])).map(|answer| answer.trim_end().to_owned())
}

/// Runs a program to its end; what it complains of, if it fails.
pub(super) fn output(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !status.success() {
        return Err(String::from_utf8_lossy(&stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}
