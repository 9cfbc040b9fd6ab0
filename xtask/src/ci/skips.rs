//! Counts the tests that found that they cannot run here. They pass, and a runner hides what a passing test says, so
//! they tell a file as well, a line each.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::Path,
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Result;

/// Names the file to the tests.
pub(super) const VARIABLE: &str = "ARTANA_SKIPS";

/// Does something that may run tests which tell this file, and returns what they told it.
///
/// # Errors
/// What it answers, and when the file cannot be read.
pub(super) fn heard<T>(run: impl FnOnce(&Path) -> Result<T>) -> Result<(T, String)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let file = env::temp_dir().join(format!("artana-skips-{}-{number}", process::id()));
    let done = run(&file);
    let told = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        told => told?,
    };
    fs::remove_file(&file).or_else(|error| if told.is_empty() { Ok(()) } else { Err(error) })?;
    Ok((done?, summed(&told)))
}

/// Says how many there were, and why.
fn summed(told: &str) -> String {
    let mut reasons = BTreeMap::<&str, usize>::new();
    told.lines().for_each(|why| *reasons.entry(why).or_default() += 1);
    if reasons.is_empty() {
        return String::new();
    }
    let all: usize = reasons.values().sum();
    let reasons: Vec<String> = reasons.into_iter().map(|(why, times)| format!("{why} ({times})")).collect();
    format!("; {all} of them did not run: {}", reasons.join(", "))
}
