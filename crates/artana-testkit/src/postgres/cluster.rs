//! One private server in a folder of its own, reached by a Unix socket. It runs as an unprivileged user where this
//! process is root, because Postgres refuses to be root's.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::programs::output;

/// The owner of everything in the cluster.
const OWNER: &str = "artana";

/// Starts the server, does with it what it is told to, and at the end of its input ends the server by its process id
/// and clears up. Its input is a pipe from the process that asked for the server, so the server ends with that process,
/// whatever ended it. After each thing it says how it went.
///
/// A server that was killed leaves processes behind, which notice and end by themselves; until then no other one starts.
const WATCH: &str = r#"
programs=$1 folder=$2 server=
launch() {
    "$programs/postgres" -D "$folder/data" -c config_file="$folder/data/postgresql.conf" \
        >>"$folder/log" 2>&1 </dev/null &
    server=$!
}
is_ready() {
    case "$(sed -n '1p;8p' "$folder/data/postmaster.pid" 2>/dev/null | tr -d ' \n')" in
        "${server}ready" | "${server}standby") ;;
        *) false ;;
    esac
}
start() {
    launch
    looks=0
    until is_ready; do
        looks=$((looks + 1))
        if [ "$looks" -gt 6000 ]; then echo late; return; fi
        if ! kill -0 "$server" 2>/dev/null; then launch; fi
        sleep 0.01
    done
    echo ready
}
end() {
    if [ -n "$server" ]; then kill "$1" "$server"; wait "$server"; fi
    server=
}
start
while read -r word; do
    case $word in
        kill) end -KILL; echo ended ;;
        stop) end -QUIT; echo ended ;;
        start) start ;;
    esac
done
end -QUIT
cd /
rm -rf "$folder"
"#;

/// Everything a test does not measure is switched off: nothing here has to survive a power cut.
const SETTINGS: &str = "
listen_addresses = ''
unix_socket_permissions = 0777
max_connections = 400
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
    watch: Mutex<Watch>,
}

/// What watches over a server, and the pipes to and from it.
#[derive(Debug)]
struct Watch {
    _process: Child,
    told: ChildStdin,
    says: BufReader<ChildStdout>,
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
        watch.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut process = watch.spawn().map_err(|error| format!("/bin/sh: {error}"))?;
        let told = process.stdin.take().expect("its input is a pipe");
        let says = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let cluster = Self { folder, port: extra.port, watch: Mutex::new(Watch { _process: process, told, says }) };
        cluster.lock().hears("ready").map_err(|why| cluster.complaint(&why))?;
        Ok(cluster)
    }

    /// The address of the database that every cluster has.
    pub(super) fn url(&self) -> String {
        let port = self.port.map_or(String::new(), |port| format!("&port={port}"));
        format!("postgres:///postgres?host={}&user={OWNER}{port}", self.folder.display())
    }

    /// Kills the server's first process. Its others end when they notice.
    pub(super) fn kill(&self) {
        self.tells("kill", "ended");
    }

    /// Ends the server at once, and all that it does.
    pub(super) fn stop(&self) {
        self.tells("stop", "ended");
    }

    /// Starts a server that was ended.
    pub(super) fn start_again(&self) {
        self.tells("start", "ready");
    }

    fn tells(&self, word: &str, answer: &str) {
        let done = self.lock().tells(word, answer);
        done.unwrap_or_else(|why| panic!("{}", self.complaint(&why)));
    }

    fn complaint(&self, why: &str) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        format!("the Postgres server did not do as it was told: {why}: {log}")
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    fn tells(&mut self, word: &str, answer: &str) -> Result<(), String> {
        writeln!(self.told, "{word}").map_err(|error| error.to_string())?;
        self.hears(answer)
    }

    fn hears(&mut self, answer: &str) -> Result<(), String> {
        let mut line = String::new();
        self.says.read_line(&mut line).map_err(|error| error.to_string())?;
        if line.trim() == answer { Ok(()) } else { Err(format!("{answer} was expected, and {line:?} came")) }
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
