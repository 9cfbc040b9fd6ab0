//! The verbs over a user's own kernel: with the tool at hand, `run reconcile` finds out.

use std::process::ExitCode;

use artana_kernel::Kernel;
use artana_ports::ToolError;
use artana_store_sqlite::SqliteStore;

use crate::support::{World, charge, kernel, runtime};

fn own(world: &World, line: &str) -> ExitCode {
    runtime().block_on(async {
        let kernel = kernel(&world.ledger(), &charge(Err(|| ToolError::unknown("lost")))).await;
        artana_cli::main_with(kernel, line.split_whitespace()).await
    })
}

#[test]
fn a_program_with_the_tool_reconciles() {
    let world = World::furnished();
    assert_eq!(own(&world, "app run reconcile doubt --step charge"), ExitCode::SUCCESS);
    let steps = world.artana("run steps doubt").out;
    assert!(steps.starts_with("charge\ttool\tcharge_credit_card\t1\tsucceeded\t1\t"), "{steps}");
    assert_eq!(own(&world, "app run reconcile doubt --step charge"), ExitCode::SUCCESS, "the ledger answers");
    assert_eq!(world.artana("run verify-ledger doubt").code, 0);
    assert_eq!(own(&world, "app run status nobody"), ExitCode::from(4));
    assert_eq!(own(&world, "app --store sqlite://x run list"), ExitCode::from(2), "the store is the program's own");
}

#[test]
fn a_program_over_a_closed_kernel_says_so() {
    let world = World::furnished();
    let exit = runtime().block_on(async {
        let store = SqliteStore::open(world.ledger()).await.unwrap();
        let kernel = Kernel::builder(store).build().unwrap();
        kernel.close().await.unwrap();
        artana_cli::main_with(kernel, ["app", "run", "list"]).await
    });
    assert_eq!(exit, ExitCode::from(1));
}
