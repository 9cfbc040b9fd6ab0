//! Runs a command in the workspace and passes its output on, line by line, while someone may listen.
//!
//! It never swallows or reorders what one stream of a child says.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::{io, thread};

use anyhow::{Context, Result};

/// A `cargo` command in the workspace's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(crate::root());
    command
}

/// Runs `command` with our own streams; whether it succeeded.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn run(command: &mut Command) -> Result<bool> {
    tell(command);
    Ok(command.status().with_context(|| format!("starting {command:?}"))?.success())
}

/// Runs `command`, passes both its streams on and shows each line to `listen`; whether it succeeded.
///
/// # Errors
/// When it cannot be started or its output cannot be passed on.
pub(crate) fn run_listening(command: &mut Command, listen: impl FnMut(&str) + Send) -> Result<bool> {
    tell(command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
    let out = child.stdout.take().expect("its stdout is a pipe");
    let err = child.stderr.take().expect("its stderr is a pipe");
    let listen = &Mutex::new(listen);
    thread::scope(|scope| {
        let errors = scope.spawn(move || pass_on(err, io::stderr(), listen));
        pass_on(out, io::stdout(), listen)?;
        errors.join().expect("passing lines on does not panic")
    })?;
    Ok(child.wait()?.success())
}

fn pass_on(from: impl Read, mut to: impl Write, listen: &Mutex<impl FnMut(&str)>) -> Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        let text = without_colour(&String::from_utf8_lossy(&line));
        (listen.lock().expect("a listener does not panic"))(text.trim_end());
        line.clear();
    }
    Ok(())
}

/// Whether a program exists and these arguments work with it; says nothing.
pub(crate) fn works(program: &str, arguments: &[&str]) -> bool {
    let silent = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    silent.is_ok_and(|status| status.success())
}

fn tell(command: &Command) {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let line: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    eprintln!("$ {}", line.join(" "));
}

/// `line` without the escape sequences that colour it.
fn without_colour(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let after =
        |part: &str| part.find(|c: char| c.is_ascii_alphabetic()).map_or(String::new(), |at| part[at + 1..].into());
    parts.fold(first, |text, part| text + &after(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_are_heard_and_the_exit_told() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo heard on stdout; echo heard on stderr >&2; exit 3"]);
        let succeeded = run_listening(&mut command, |line| lines.push(line.to_owned())).expect("sh starts");
        lines.sort();
        assert_eq!((succeeded, lines), (false, vec!["heard on stderr".to_owned(), "heard on stdout".to_owned()]));
    }

    #[test]
    fn a_program_that_is_not_there_does_not_work() {
        assert!(works("sh", &["-c", "true"]) && !works("sh", &["-c", "false"]));
        assert!(!works("no-such-program-anywhere", &[]));
    }

    #[test]
    fn colour_is_not_text() {
        assert_eq!(without_colour("\u{1b}[32;1m     Summary\u{1b}[0m [1s] 3 tests"), "     Summary [1s] 3 tests");
    }
}
