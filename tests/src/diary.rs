//! Which closures ran and in which process, line by line in a file that outlives the processes. A line is one write to
//! the end of the file, so that it is there whole or not at all whenever the process is killed, and lines of several
//! processes do not mix.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    process,
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

    /// Writes that a closure runs in this process.
    ///
    /// # Errors
    ///
    /// What the system answers.
    pub fn note(&self, kind: &str, run: &str, step: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.0)?;
        file.write_all(format!("{kind} {run} {step} {}\n", process::id()).as_bytes())
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
        self.each(|line, _| *times.entry(line).or_default() += 1)?;
        Ok(times)
    }

    /// Reads how many closures ran in each process.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn processes(&self) -> io::Result<BTreeMap<u32, usize>> {
        let mut lines = BTreeMap::new();
        self.each(|_, process| *lines.entry(process).or_default() += 1)?;
        Ok(lines)
    }

    fn each(&self, mut take: impl FnMut(Line, u32)) -> io::Result<()> {
        if self.bytes()? == 0 {
            return Ok(());
        }
        for line in fs::read_to_string(&self.0)?.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [kind, run, step, process] = words[..] else { return Err(io::ErrorKind::InvalidData.into()) };
            let process = process.parse().map_err(|_| io::ErrorKind::InvalidData)?;
            take((kind.into(), run.into(), step.into()), process);
        }
        Ok(())
    }
}
