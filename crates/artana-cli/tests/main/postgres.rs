//! A ledger on a Postgres server, looked at and steered as one in a file is.

use artana_kernel::Kernel;
use artana_store_postgres::{Durability, PostgresStore};
use artana_testkit::postgres::Database;

use crate::support::{Done, World, runtime, tenant};

async fn furnish(address: &str) {
    let store = PostgresStore::connect(address).durability(Durability::AsTheServer).await.unwrap();
    let kernel = Kernel::builder(store).build().unwrap();
    kernel.start_run(&tenant(), "done").await.unwrap().finish().await.unwrap();
    kernel.start_run(&tenant(), "open").await.unwrap();
    kernel.close().await.unwrap();
}

#[test]
fn a_ledger_on_a_server_is_listed_verified_and_steered() {
    let Some(database) = Database::fresh() else { return };
    let world = World::empty();
    let artana =
        |line: &str| -> Done { world.run(["--store", database.url()].into_iter().chain(line.split_whitespace())) };
    let missing = artana("run list");
    assert_eq!((missing.code, missing.out.as_str()), (5, ""), "{missing:?}");
    assert_eq!(database.run("SELECT count(*) FROM pg_namespace WHERE nspname = 'artana'"), "0", "nothing was made");

    runtime().block_on(furnish(database.url()));
    let listed = artana("run list");
    assert!(listed.code == 0 && listed.out.starts_with("done\tcompleted\t"), "{listed:?}");
    assert_eq!(artana("run cancel open --by ada --reason enough").code, 0);
    for run in ["done", "open"] {
        let verified = artana(&format!("run verify-ledger {run}"));
        assert_eq!(verified.code, 0, "{verified:?}");
    }
    let info = artana("store info");
    assert!(info.code == 0 && info.out.contains("postgres") && info.out.contains("synchronous_commit\ton"), "{info:?}");
    let number = |name: &str| {
        let line = info.out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
        line.unwrap().parse::<u64>().unwrap()
    };
    assert!(number("schema") == 3 && number("store_bytes") > 8192 && number("round_trip_us") > 0, "{info:?}");
    let pretty = artana("store info --pretty");
    assert!(pretty.out.lines().any(|line| line.starts_with("round_trip ") && line.ends_with('s')), "{pretty:?}");
    let doctor = artana("store doctor");
    assert_eq!(doctor.code, 0);
    for found in ["fine\tleases\tno run is held", "fine\tsize\t", "fine\tconnections\t", "fine\tround trip\t"] {
        assert!(doctor.out.contains(found), "{doctor:?}");
    }
    let notices = doctor.out.lines().filter(|line| line.starts_with("notice\tdurability\t")).count();
    assert_eq!(notices, if database.is_private() { 2 } else { notices }, "{doctor:?}");
    let noticed = doctor.out.contains("notice\t");
    assert_eq!(artana("store doctor --strict").code, i32::from(noticed), "{doctor:?}");
}

#[test]
fn an_older_binary_reads_and_verifies_a_newer_ledger_on_a_server_and_writes_nothing() {
    let Some(database) = Database::fresh() else { return };
    runtime().block_on(furnish(database.url()));
    database.run("INSERT INTO artana.migrations (version) VALUES (99)");
    let world = World::empty();
    let artana =
        |line: &str| -> Done { world.run(["--store", database.url()].into_iter().chain(line.split_whitespace())) };
    for line in [
        "run list",
        "run verify-ledger done",
        "run verify-ledger --all",
        "run explain open",
        "run events done",
        "run export done -o done.jsonl",
        "store info",
        "store doctor",
    ] {
        let done = artana(line);
        assert_eq!(done.code, 0, "{line}: {done:?}");
    }
    let before = database.run("SELECT schema_to_xml('artana', true, false, '')");
    for line in [
        "run cancel open --by a --reason b",
        "run pause open --by a --reason b",
        "store migrate",
        "store migrate --check",
    ] {
        let refused = artana(line);
        assert!(refused.code == 5 && refused.err.contains("artana::store_too_new"), "{line}: {refused:?}");
        assert!(refused.err.contains("next: "), "{refused:?}");
    }
    assert_eq!(database.run("SELECT schema_to_xml('artana', true, false, '')"), before, "nothing was written");
}

#[test]
fn a_root_certificate_is_read_where_other_programs_find_it() {
    let world = World::empty();
    let told = |root: &str| {
        let mut command = world.command(["--store", "postgres://u@127.0.0.1:1/d?sslmode=require", "run", "list"]);
        let output = command.env("PGSSLROOTCERT", root).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, error) = told("nothing.pem");
    assert!(code == 2 && error.contains("PGSSLROOTCERT names no file"), "{error}");
    std::fs::write(world.folder.path().join("letter.pem"), "no certificate").unwrap();
    let (code, error) = told("letter.pem");
    assert!(code == 5 && error.contains("artana::store_insecure"), "{error}");
}
