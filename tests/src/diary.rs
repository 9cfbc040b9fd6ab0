//! Which closures ran, line by line in a file that outlives their processes. A line is one write to the end of the
//! file, so that it is there whole or not at all whenever the process is killed, and lines of several processes do
//! not mix.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::PathBuf,
};

/// A closure that ran: `compute` or `once`, its run, and the key of its step.
pub type Line = (String, String, String);

/// A file of closures that ran.
#[derive(Debug, Clone)]
pub struct Diary(PathBuf);

impl Diary {
    /// Will write to this file, and read from it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Writes that a closure runs.
    ///
    /// # Errors
    ///
    /// What the system answers.
    pub fn note(&self, kind: &str, run: &str, step: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.0)?;
        file.write_all(format!("{kind} {run} {step}\n").as_bytes())
    }

    /// Returns how many bytes there are: more whenever something ran.
    ///
    /// # Errors
    ///
    /// What the system answers, but for a file that nobody has begun.
    pub fn bytes(&self) -> io::Result<u64> {
        match fs::metadata(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            found => found.map(|file| file.len()),
        }
    }

    /// Reads how often each closure ran.
    ///
    /// # Errors
    ///
    /// What the system answers, and `InvalidData` when a line is not one of ours.
    pub fn read(&self) -> io::Result<BTreeMap<Line, usize>> {
        let mut times = BTreeMap::new();
        if self.bytes()? == 0 {
            return Ok(times);
        }
        for line in fs::read_to_string(&self.0)?.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [kind, run, step] = words[..] else { return Err(io::ErrorKind::InvalidData.into()) };
            *times.entry((kind.into(), run.into(), step.into())).or_default() += 1;
        }
        Ok(times)
    }
}
