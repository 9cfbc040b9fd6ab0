//! A ledger on a Postgres server, looked at and steered as one in a file is.

use artana_kernel::Kernel;
use artana_store_postgres::PostgresStore;
use artana_testkit::postgres::Database;

use crate::support::{Done, World, runtime, tenant};

async fn furnish(address: &str) {
    let kernel = Kernel::builder(PostgresStore::connect(address).await.unwrap()).build().unwrap();
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
    assert_eq!(artana("store doctor").code, 0);
}
