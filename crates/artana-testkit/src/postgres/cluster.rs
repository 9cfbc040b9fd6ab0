//! One private server in a folder of its own, reached by a Unix socket. It runs as an unprivileged user where this
//! process is root, because Postgres refuses to be root's.

use std::{
    fs,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::programs::output;

/// The owner of everything in the cluster.
const OWNER: &str = "artana";

/// How long a server may take to start; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the server, waits for the end of its input, ends the server by its process id, and clears up. Its input is
/// a pipe from the process that asked for the server, so it ends with that process, whatever ended it.
const WATCH: &str = r#"
"$1/postgres" -D "$2/data" -c config_file="$2/data/postgresql.conf" >"$2/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server"
cd /
rm -rf "$2"
"#;

/// Everything a test does not measure is switched off: nothing here has to survive a power cut.
const SETTINGS: &str = "
listen_addresses = ''
unix_socket_permissions = 0777
max_connections = 200
fsync = off
full_page_writes = off
synchronous_commit = on
shared_buffers = 32MB
max_wal_size = 256MB
autovacuum = off
jit = off
log_min_messages = warning
";

/// What one server has that others have not.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// Lines of its configuration, which count more than those of all.
    pub(super) settings: String,
    /// Files beside its data, by name, which only the server may read.
    pub(super) files: Vec<(String, String)>,
    /// The port, in place of the usual one.
    pub(super) port: Option<u16>,
}

/// A server that runs as long as this process, or until it is dropped.
#[derive(Debug)]
pub(super) struct Cluster {
    folder: PathBuf,
    port: Option<u16>,
    _watch: Child,
}

/// Root's number.
const ROOT: u32 = 0;

/// Whom the server runs as.
#[derive(Debug, Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Cluster {
    /// Makes a cluster and starts its server.
    pub(super) fn start(programs: &Path, extra: &Extra) -> Result<Self, String> {
        let (folder, owner) = new_folder()?;
        if let Err(why) = initialise(programs, &folder, owner).and_then(|()| add(extra, &folder, owner)) {
            fs::remove_dir_all(&folder).ok();
            return Err(why);
        }
        let mut watch = as_owner(Path::new("/bin/sh"), owner, &folder);
        watch.arg("-c").arg(WATCH).arg("watch").arg(programs).arg(&folder);
        // A group of its own: what interrupts the test must not interrupt the clearing up.
        watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let watch = watch.spawn().map_err(|error| format!("/bin/sh: {error}"))?;
        let cluster = Self { folder, port: extra.port, _watch: watch };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// The address of the database that every cluster has.
    pub(super) fn url(&self) -> String {
        let port = self.port.map_or(String::new(), |port| format!("&port={port}"));
        format!("postgres:///postgres?host={}&user={OWNER}{port}", self.folder.display())
    }

    /// Waits until the server says, in the file by which its programs know it, that it is ready.
    fn wait_until_ready(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let state = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|word| word.trim() == "ready") {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(format!("the Postgres server did not start within {} s: {log}", PATIENCE.as_secs()))
    }
}

/// Makes the files of a cluster.
fn initialise(programs: &Path, folder: &Path, owner: Option<Owner>) -> Result<(), String> {
    let mut initdb = as_owner(&programs.join("initdb"), owner, folder);
    initdb.arg("--pgdata").arg(folder.join("data"));
    initdb.args(["--no-sync", "--no-instructions", "--encoding=UTF8", "--no-locale", "--auth=trust"]);
    output(initdb.args(["--wal-segsize=1", "--username", OWNER]))?;
    let settings = format!("{SETTINGS}unix_socket_directories = '{}'\n", folder.display());
    let file = folder.join("data/postgresql.conf");
    fs::write(&file, settings).map_err(|error| format!("{}: {error}", file.display()))
}

/// Adds what one server has that others have not.
fn add(extra: &Extra, folder: &Path, owner: Option<Owner>) -> Result<(), String> {
    let data = folder.join("data");
    for (name, contents) in &extra.files {
        let file = data.join(name);
        let wrong = |error: std::io::Error| format!("{}: {error}", file.display());
        fs::write(&file, contents).map_err(wrong)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).map_err(wrong)?;
        if let Some(Owner { uid, gid }) = owner {
            chown(&file, Some(uid), Some(gid)).map_err(wrong)?;
        }
    }
    let file = data.join("postgresql.conf");
    let wrong = |error: std::io::Error| format!("{}: {error}", file.display());
    let settings = fs::read_to_string(&file).map_err(wrong)? + &extra.settings;
    fs::write(&file, settings).map_err(wrong)
}

/// Makes a folder that only its owner may enter; and says who that is, if not this process's user. The path is
/// short: that of a socket has at most 107 bytes.
fn new_folder() -> Result<(PathBuf, Option<Owner>), String> {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().subsec_nanos();
    let temp = std::env::temp_dir();
    let temp = if temp.as_os_str().len() > 60 { PathBuf::from("/tmp") } else { temp };
    let folder = temp.join(format!("artana-pg-{}-{since:x}", std::process::id()));
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::DirBuilder::new().mode(0o700).create(&folder).map_err(wrong)?;
    if fs::metadata(&folder).map_err(wrong)?.uid() != ROOT {
        return Ok((folder, None));
    }
    let owner = unprivileged()?;
    chown(&folder, Some(owner.uid), Some(owner.gid)).map_err(wrong)?;
    Ok((folder, Some(owner)))
}

/// Finds a user without rights for the server of a process that has all of them.
fn unprivileged() -> Result<Owner, String> {
    let users = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        Some(Owner { uid: ids.next()?.ok()?, gid: ids.next()?.ok()? })
    };
    let found = ["postgres", "nobody"].into_iter().find_map(of);
    found.ok_or_else(|| "Postgres refuses to run as root, and there is no user postgres or nobody".to_owned())
}

/// Prepares a program to run as the owner, inside the folder, in an environment that says nothing of other servers.
fn as_owner(program: &Path, owner: Option<Owner>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("HOME", folder).env("LC_ALL", "C").env_remove("PGDATA").env_remove("PGPORT");
    if let Some(Owner { uid, gid }) = owner {
        command.uid(uid).gid(gid);
    }
    command
}
