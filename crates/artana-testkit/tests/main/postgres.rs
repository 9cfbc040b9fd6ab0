//! The server of the tests: each test has a database of its own, and nothing outlives the process.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use artana_testkit::postgres::{Database, OwnServer};

const CHILD: &str = "ARTANA_TEST_CHILD";
const CHILD_TEST: &str = "postgres::a_process_that_is_killed_leaves_no_server_and_no_folder";

#[test]
fn each_database_is_empty_and_its_own() {
    let (Some(one), Some(two)) = (Database::fresh(), Database::fresh()) else { return };
    one.run("CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    assert_eq!(one.run("SELECT n, current_database() FROM t"), format!("7|{}", one.name()));
    assert_eq!(two.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    assert_eq!(two.run("SHOW server_encoding"), "UTF8");
    drop(one);
    let three = Database::fresh().expect("there is a server");
    assert_eq!(three.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
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
    if Database::fresh().is_none_or(|database| !database.is_private()) {
        return;
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
