//! The server of the tests: each test has a database of its own, and nothing outlives the process.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use artana_testkit::postgres::{Database, OwnServer, skipped};

const CHILD: &str = "ARTANA_TEST_CHILD";
const CHILD_TEST: &str = "postgres::a_process_that_is_killed_leaves_no_server_and_no_folder";

#[test]
fn each_database_is_empty_and_its_own() {
    let (Some(one), Some(two)) = (Database::fresh(), Database::fresh()) else { return };
    one.run("CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    assert_eq!(one.run("SELECT n, current_database() FROM t"), format!("7|{}", one.name()));
    assert_eq!(two.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    assert_eq!(two.run("SHOW server_encoding"), "UTF8");
}

/// Whatever a test does to its database goes with it, under a runner too that has all tests in one process.
#[test]
fn nothing_of_a_database_is_there_for_the_next_test() {
    const LEFT: &str = "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'other'), \
        (SELECT count(*) FROM pg_tables WHERE schemaname = 'public'), current_setting('work_mem'), \
        (SELECT count(*) FROM pg_default_acl)";
    let Some(one) = Database::fresh() else { return };
    let before = one.run(LEFT);
    one.run(
        "CREATE SCHEMA other; CREATE TABLE t (n int); ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC",
    );
    one.run(&format!("ALTER DATABASE {} SET work_mem = '77MB'", one.name()));
    assert_eq!(one.run(LEFT), "1|1|77MB|1");
    let name = one.name().to_owned();
    drop(one);
    let two = Database::fresh().expect("there is a server");
    assert_eq!((two.run(LEFT), two.name() == name), (before, false));
    assert_eq!(two.run(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")), "0");
}

#[test]
fn a_copy_has_what_was_prepared_and_is_its_own() {
    let Some(prepared) = Database::fresh() else { return };
    prepared.run("CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    let (one, two) = (prepared.copied(), prepared.copied());
    one.run("INSERT INTO t VALUES (8)");
    assert_eq!(one.run("SELECT sum(n) FROM t"), "15");
    assert_eq!((two.run("SELECT sum(n) FROM t"), prepared.run("SELECT sum(n) FROM t")), ("7".into(), "7".into()));
}

/// A server that is shared outlives whoever fails on it.
#[test]
fn a_test_that_panics_leaves_no_database_on_a_shared_server() {
    const DATABASES: &str = "SELECT count(*) FROM pg_database WHERE datname LIKE 'artana_test_%'";
    const TEST: &str = "postgres::a_test_that_panics_leaves_no_database_on_a_shared_server";
    if std::env::var_os(CHILD).is_some() {
        let database = Database::fresh().expect("there is a server");
        assert_eq!(database.run(DATABASES), "unlikely", "on purpose");
    }
    let Some(server) = OwnServer::start(&[], &[]) else { return };
    let this = std::env::current_exe().expect("this binary");
    let mut child = Command::new(this);
    child.args([TEST, "--exact", "--nocapture"]).env(CHILD, "1").env("ARTANA_PG_URL", server.url());
    let failed = child.output().expect("a process");
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success() && said.contains("on purpose") && said.contains(r#"left: "1""#), "{said}");
    assert_eq!(server.run(DATABASES), "0");
}

#[test]
fn a_server_that_was_killed_starts_again_with_what_it_had() {
    let Some(server) = OwnServer::start(&[], &[]) else { return };
    server.run("CREATE TABLE t (n int)");
    let folder = server.run("SHOW data_directory");
    for n in 1..=4 {
        server.run(&format!("INSERT INTO t VALUES ({n})"));
        let address = server.url();
        if n % 2 == 0 {
            server.kill()
        } else {
            server.stop()
        }
        server.start_again();
        assert_eq!((server.url(), server.run("SELECT count(*) FROM t")), (address, n.to_string()));
    }
    drop(server);
    let begun = Instant::now();
    while std::path::Path::new(&folder).exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{folder} is left behind");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_process_that_is_killed_leaves_no_server_and_no_folder() {
    if std::env::var_os(CHILD).is_some() {
        let Some(database) = Database::fresh() else { return };
        println!("child {}", database.run("SHOW data_directory"));
        loop {
            thread::park();
        }
    }
    let Some(database) = Database::fresh() else { return };
    if !database.is_private() {
        return skipped("a shared server does not end with a test");
    }
    let this = std::env::current_exe().expect("this binary");
    let mut child = Command::new(this)
        .args([CHILD_TEST, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let line = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("child ")?.1.to_owned()));
    let data = std::path::PathBuf::from(line.expect("where the data is"));
    let file = std::fs::read_to_string(data.join("postmaster.pid")).expect("the server's file");
    let server = format!("/proc/{}", file.lines().next().expect("its process"));
    child.kill().expect("kills");
    child.wait().expect("an end");

    let deadline = Instant::now() + Duration::from_secs(60);
    while std::path::Path::new(&server).exists() || data.parent().expect("a folder").exists() {
        assert!(Instant::now() < deadline, "{server} or {} is still there", data.display());
        thread::sleep(Duration::from_millis(5));
    }
}
