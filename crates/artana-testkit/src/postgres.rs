//! A private Postgres server for tests, and an empty database for each. It needs the server's programs and `psql`,
//! not a running service. Nothing is left behind, however a test ends: what watches over the server ends it when
//! the process that asked for it is gone. A database is copied from one that nobody can have changed, or from one
//! that a test prepared; it is never lent again, so that nothing of one test is there for another.
//!
//! Where there is no server and `CI` is not set, a test says so and passes without having run.

mod cluster;
mod programs;

use std::{
    env,
    fs::OpenOptions,
    io::Write,
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use cluster::{Cluster, Extra};
use programs::{psql, try_psql};

/// Names a server to be used instead of a private one: the address of a database from which others may be made.
const OVERRIDE: &str = "ARTANA_PG_URL";

/// Names a file to which each test that did not run adds a line. A runner hides what a test says that passes.
const SKIPS: &str = "ARTANA_SKIPS";

/// The database that every server has, and that nobody can change by mistake. Copies of it may have an order of their
/// own; here bytes are compared.
const PRISTINE: &str = "template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'";

/// How a private server copies a database, where it can choose: as files, which is quicker for one that waits for no disk.
const AS_FILES: &str = "SELECT CASE WHEN current_setting('server_version_num')::int >= 150000 \
    THEN 'STRATEGY file_copy' ELSE '' END";

/// Sends away whoever is in this database.
const SEND_AWAY: &str = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// A database that belongs to one test. Dropping it removes it from its server.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    server: &'static Server,
}

impl Database {
    /// Makes an empty database, starting this process's server for the first one. `None`, said loudly, where no
    /// server can be had; that is a skipped test.
    ///
    /// # Panics
    ///
    /// When a server is there and makes no database; and when there is none and `CI` is set.
    #[must_use]
    pub fn fresh() -> Option<Self> {
        let server = match Server::of_this_process() {
            Ok(server) => server,
            Err(why) => {
                skipped(&why);
                return None;
            }
        };
        Some(Self::copied_from(server, PRISTINE))
    }

    /// Makes another database with all that is in this one, which is quicker than making it anew: prepare one, and
    /// copy it for each case. Whoever is in this one is sent away. What was set for this database as a whole, by
    /// `ALTER DATABASE`, is no part of it.
    ///
    /// # Panics
    ///
    /// When the server makes no database, which it does not while somebody comes into this one.
    #[must_use]
    pub fn copied(&self) -> Self {
        self.run(SEND_AWAY);
        Self::copied_from(self.server, &self.name)
    }

    fn copied_from(server: &'static Server, template: &str) -> Self {
        let name = unused_name();
        server.run(&format!("CREATE DATABASE {name} TEMPLATE {template} {}", server.copying));
        Self { url: with_database(&server.url, &name), name, server }
    }

    /// Borrows the address of the database, as `postgres://…`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Borrows the name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says whether the server is this process's own, on this machine and on a Unix socket.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.server.private.is_some()
    }

    /// Runs statements in the database behind a store's back, as the owner of everything, and returns the answers
    /// without headings, a line a row and a bar between columns.
    ///
    /// # Panics
    ///
    /// When a statement fails.
    pub fn run(&self, sql: &str) -> String {
        psql(&self.server.psql, &self.url, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = self.server.try_run(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A test that panics has said enough.
        assert!(dropped.is_ok() || std::thread::panicking(), "{} stays: {dropped:?}", self.name);
    }
}

/// A server of its own for one test: with other settings, reachable by TCP, or to be killed. Dropping it ends it and
/// clears up.
#[derive(Debug)]
pub struct OwnServer {
    cluster: Cluster,
    psql: PathBuf,
    port: u16,
}

impl OwnServer {
    /// Starts one. It listens on a port of 127.0.0.1 as well as on a socket. Each setting is a name and a value in
    /// the server's own spelling; files lie beside the data, readable by the server alone. `None`, said loudly, where
    /// no server can be had; that is a skipped test.
    ///
    /// # Panics
    ///
    /// When a server is installed and does not start; and when there is none and `CI` is set.
    #[must_use]
    pub fn start(settings: &[(&str, &str)], files: &[(&str, &str)]) -> Option<Self> {
        let programs = match programs::folder() {
            Ok(programs) => programs,
            Err(why) => {
                skipped(&why);
                return None;
            }
        };
        let port = free_port();
        let mut lines = format!("listen_addresses = '127.0.0.1'\nport = {port}\n");
        settings.iter().for_each(|(name, value)| lines += &format!("{name} = {value}\n"));
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let cluster = Cluster::start(&programs, &Extra { settings: lines, files, port: Some(port) });
        let cluster = cluster.unwrap_or_else(|why| panic!("a server with these settings: {why}"));
        Some(Self { cluster, psql: programs::client(&programs), port })
    }

    /// Returns its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address of its database on the socket. It stays the same when the server is started again.
    #[must_use]
    pub fn url(&self) -> String {
        self.cluster.url()
    }

    /// Returns the address of its database by TCP, with a host that leads to this machine and options such as
    /// `sslmode=require`.
    #[must_use]
    pub fn tcp_url(&self, host: &str, options: &str) -> String {
        format!("postgres://artana@{host}:{}/postgres?{options}", self.port)
    }

    /// Runs statements as the owner of everything, and returns the answers as [`Database::run`] does.
    ///
    /// # Panics
    ///
    /// When a statement fails.
    pub fn run(&self, sql: &str) -> String {
        psql(&self.psql, &self.cluster.url(), sql)
    }

    /// Kills the server's first process with the signal that nothing can refuse, and waits for its end. The processes
    /// that serve connections notice and end by themselves.
    ///
    /// # Panics
    ///
    /// When what watches over the server is gone.
    pub fn kill(&self) {
        self.cluster.kill();
    }

    /// Has the server end at once, without finishing anything, and waits for its end.
    ///
    /// # Panics
    ///
    /// When what watches over the server is gone.
    pub fn stop(&self) {
        self.cluster.stop();
    }

    /// Starts the server that was killed or stopped again, on the same files and the same socket, and waits until it
    /// lets somebody in.
    ///
    /// # Panics
    ///
    /// When it does not start within a minute.
    pub fn start_again(&self) {
        self.cluster.start_again();
    }
}

/// Says that a test did not run, where that may be. The variable `ARTANA_SKIPS` names a file that is told as well.
///
/// # Panics
///
/// When `CI` is set: there every test has to run.
pub fn skipped(why: &str) {
    assert!(env::var_os("CI").is_none(), "this test has to run where CI is set: {why}");
    eprintln!("SKIPPED, not run: {why}; set {OVERRIDE} to the address of a server to run what needs no private one");
    let Some(file) = env::var_os(SKIPS) else { return };
    let told = OpenOptions::new().create(true).append(true).open(file);
    told.and_then(|mut file| file.write_all(format!("{why}\n").as_bytes())).expect("the file of skips is told");
}

/// Finds a port that nobody listens on.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The server of this process.
#[derive(Debug)]
struct Server {
    url: String,
    psql: PathBuf,
    /// Ends with the process: its pipe closes then.
    private: Option<Cluster>,
    /// How it copies a database, in its own words.
    copying: String,
}

impl Server {
    fn of_this_process() -> Result<&'static Self, String> {
        static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref().map_err(Clone::clone)
    }

    fn start() -> Result<Self, String> {
        if let Ok(url) = env::var(OVERRIDE) {
            let psql = programs::folder().map_or_else(|_| "psql".into(), |folder| programs::client(&folder));
            return Ok(Self { url, psql, private: None, copying: String::new() });
        }
        let programs = programs::folder()?;
        let cluster = Cluster::start(&programs, &Extra::default())?;
        let (url, psql) = (cluster.url(), programs::client(&programs));
        let copying = programs::psql(&psql, &url, AS_FILES);
        Ok(Self { url, psql, private: Some(cluster), copying })
    }

    fn run(&self, sql: &str) {
        psql(&self.psql, &self.url, sql);
    }

    fn try_run(&self, sql: &str) -> Result<String, String> {
        try_psql(&self.psql, &self.url, sql)
    }
}

/// Names a database that no other test has, on this server or on one that is shared.
fn unused_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!("artana_test_{}_{since}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// Replaces the database in an address.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) = url.split_once('?').map_or((url, None), |(address, options)| (address, Some(options)));
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    let options = options.map_or(String::new(), |options| format!("?{options}"));
    format!("{scheme}://{host}/{name}{options}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_of_an_address_is_replaced() {
        for (url, replaced) in [
            ("postgres://u:p@host:5/old", "postgres://u:p@host:5/new"),
            ("postgresql://host", "postgresql://host/new"),
            ("postgres:///old?host=/tmp/x&user=u", "postgres:///new?host=/tmp/x&user=u"),
        ] {
            assert_eq!(with_database(url, "new"), replaced);
        }
    }
}
