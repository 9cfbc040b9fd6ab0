//! The payment provider: a process that charges, keeps its own book, and whose answers to charges
//! never arrive. It ends when the process that started it does.

use std::{
    io::{self, BufReader, Read},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use super::{
    book::{Book, Entered},
    trouble,
    wire::{Reply, Request, Says, read_line, say, write_line},
};
use crate::{
    args::ProviderArgs,
    failure::{Exit, Failure},
};

/// Takes requests until standard input ends.
pub(crate) fn provide(args: &ProviderArgs) -> Result<Exit, Failure> {
    end_with_parent();
    let unusable = |error: io::Error| trouble("the provider cannot begin", error);
    let book = Arc::new(Mutex::new(Book::open(&args.book).map_err(unusable)?));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(unusable)?;
    let port = listener.local_addr().map_err(unusable)?.port();
    say(&Says::Listening { port }).map_err(unusable)?;
    for stream in listener.incoming().flatten() {
        let book = Arc::clone(&book);
        // A caller that broke off is no concern of the others.
        thread::spawn(move || serve(&book, stream).ok());
    }
    Ok(Exit::Fine)
}

/// Ends this process when its standard input does: then the process that started it is gone.
pub(super) fn end_with_parent() {
    thread::spawn(|| {
        io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
        process::exit(1);
    });
}

fn serve(book: &Mutex<Book>, mut stream: TcpStream) -> io::Result<()> {
    let Some(request) = read_line(&mut BufReader::new(&stream))? else { return Ok(()) };
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    let (charge, entered) = match request {
        Request::Charge { key, args } => book.charge(key, args).map(|(charge, entered)| (Some(charge), entered))?,
        Request::Lookup { key } => (book.find(&key).cloned(), Entered::Before),
    };
    drop(book);
    match (&charge, entered) {
        (Some(charge), Entered::New) => hold_back(&charge.key, &mut stream),
        _ => write_line(&mut stream, &Reply { charge }),
    }
}

/// Says that the card is charged, and keeps the caller waiting for the answer for as long as it lives.
fn hold_back(key: &str, stream: &mut TcpStream) -> io::Result<()> {
    say(&Says::Charged { key: key.into() })?;
    stream.read(&mut [0]).map(drop)
}
