//! What the processes of the demonstration say to each other: JSON, a line each.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{book::Charge, payment::ChargeArgs};

/// What the provider is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Request {
    /// Charge, unless the key was charged before.
    Charge { key: String, args: ChargeArgs },
    /// Say what became of a key.
    Lookup { key: String },
}

/// What the provider answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) charge: Option<Charge>,
}

/// What a helper process tells the one that started it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub(super) enum Says {
    /// The provider takes requests.
    Listening { port: u16 },
    /// The provider has charged, and holds its answer back.
    Charged { key: String },
    /// A worker found the step under way in another process.
    InFlight,
    /// A worker found the effect in doubt.
    Unknown { why: String },
    /// A worker's tool found out.
    Reconciled { charge_id: String },
    /// A worker ended the run.
    Finished,
    /// A worker gave up.
    Failed { why: String },
}

/// Says something on standard output.
pub(super) fn say(says: &Says) -> io::Result<()> {
    write_line(&mut io::stdout().lock(), says)
}

/// Asks the provider.
pub(super) fn ask(port: u16, request: &Request) -> io::Result<Reply> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    write_line(&mut stream, request)?;
    read_line(&mut BufReader::new(stream))?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

pub(super) fn write_line(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads a line; `None` where the other end is gone.
pub(super) fn read_line<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&line)?))
}
