//! A provider of payments in a thread of its own, reached over loopback, with a book in a file that it
//! syncs before it answers. The book is the truth about which effects happened; it knows nothing of runs.
//!
//! One line asks, one line answers, then the connection ends: `charge <key> <amount>` happens each time
//! it is asked, `register <key> <amount>` once for each key, `find <key>` and `count` only look.
//! Connections are served one after the other, so that what a killed process had sent is settled
//! before its successor is heard.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread,
};

/// Longest line anybody sends.
const MAX_LINE: u64 = 1024;

/// An effect that happened, as the book has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was asked: `charge` or `register`.
    pub verb: String,
    /// The idempotency key it was asked under.
    pub key: String,
    /// The amount.
    pub amount: u64,
    /// The provider's own id of the effect.
    pub id: String,
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ').map(str::to_owned);
        let (verb, key) = (words.next()?, words.next()?);
        Some(Self { verb, key, amount: words.next()?.parse().ok()?, id: words.next()? })
    }
}

/// The provider, for whoever started it.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    book: PathBuf,
}

impl Provider {
    /// Opens a provider with a new book. Its thread ends with the process.
    ///
    /// # Errors
    ///
    /// What the system answers when the file or the port cannot be had.
    pub fn open(book: impl Into<PathBuf>) -> io::Result<Self> {
        let book = book.into();
        let file = OpenOptions::new().create_new(true).append(true).open(&book)?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || Desk { book: file, entries: Vec::new() }.serve(&listener));
        Ok(Self { address, book })
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads every effect that happened from the book's file.
    ///
    /// # Errors
    ///
    /// What the system answers, and `InvalidData` when a line is no entry.
    pub fn book(&self) -> io::Result<Vec<Entry>> {
        read_book(&self.book)
    }
}

fn read_book(path: &Path) -> io::Result<Vec<Entry>> {
    let text = fs::read_to_string(path)?;
    let entries = text.lines().map(|line| Entry::parse(line).ok_or(io::ErrorKind::InvalidData));
    Ok(entries.collect::<Result<_, _>>()?)
}

struct Desk {
    book: File,
    entries: Vec<Entry>,
}

impl Desk {
    fn serve(mut self, listener: &TcpListener) {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let read = BufReader::new(&stream).take(MAX_LINE).read_line(&mut line);
            if read.is_err() || !line.ends_with('\n') {
                // Whoever asked died in the middle of the question.
                continue;
            }
            let answer = self.answer(line.trim_end());
            // Whoever asked may have died since.
            let _ = stream.write_all(answer.as_bytes());
        }
    }

    fn answer(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["charge", key, amount] => self.perform("charge", key, amount),
            ["register", key, amount] => match self.find(key) {
                Some(id) => Some(id),
                None => self.perform("register", key, amount),
            },
            ["find", key] => Some(self.find(key).unwrap_or_else(|| "none".into())),
            ["count"] => Some(self.entries.len().to_string()),
            _ => None,
        };
        answer.map_or_else(|| "refused\n".into(), |answer| format!("ok {answer}\n"))
    }

    fn find(&self, key: &str) -> Option<String> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.id.clone())
    }

    /// Enters an effect in the book, durably, and returns its id.
    fn perform(&mut self, verb: &str, key: &str, amount: &str) -> Option<String> {
        let id = format!("{verb}_{}", self.entries.len() + 1);
        let line = format!("{verb} {key} {amount} {id}");
        let entry = Entry::parse(&line)?;
        self.book.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.book.sync_data()).ok()?;
        self.entries.push(entry);
        Some(id)
    }
}

/// The way to a provider, for whoever wants something of it. It blocks.
#[derive(Debug, Clone, Copy)]
pub struct Client(SocketAddr);

impl Client {
    /// Will reach a provider here.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self(address)
    }

    /// Asks, and returns the answer.
    ///
    /// # Errors
    ///
    /// What the system answers, and `InvalidInput` when the provider refused.
    pub fn ask(self, line: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.0)?;
        stream.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let answer = answer.trim_end().strip_prefix("ok ");
        answer.map(str::to_owned).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_happens_each_time_and_a_registration_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let provider = Provider::open(folder.path().join("book")).expect("a provider");
        let client = Client::new(provider.address());
        let ask = |line| client.ask(line).expect("an answer");
        assert_eq!(ask("find a"), "none");
        assert_eq!((ask("charge a 5"), ask("charge a 5")), ("charge_1".into(), "charge_2".into()));
        assert_eq!((ask("register b 7"), ask("register b 7")), ("register_3".into(), "register_3".into()));
        assert_eq!((ask("find a"), ask("count")), ("charge_1".into(), "3".into()));
        assert!(client.ask("charge a").is_err());
        let book = provider.book().expect("a book");
        assert_eq!(book.iter().map(|entry| entry.amount).collect::<Vec<_>>(), [5, 5, 7]);
    }
}
