//! Work is counted: what a step appends and reads, and that it does not grow with the run.

use artana_testkit::Counts;

use crate::world::{FIVE, Process, World, call, code, world};

pub(crate) async fn spent(world: &World, work: impl Future<Output = ()>) -> Counts {
    let before = world.counts();
    work.await;
    let after = world.counts();
    let mut spent = Counts::default();
    spent.appends = after.appends - before.appends;
    spent.events = after.events - before.events;
    spent.reads = after.reads - before.reads;
    spent.rows = after.rows - before.rows;
    spent.heads = after.heads - before.heads;
    spent.contents = after.contents - before.contents;
    spent.keys = after.keys - before.keys;
    spent.holders = after.holders - before.holders;
    spent.views = after.views - before.views;
    spent.listings = after.listings - before.listings;
    spent.beats = after.beats - before.beats;
    spent.lookups = after.lookups - before.lookups;
    spent
}

fn only_appends(appends: u64) -> Counts {
    let mut counts = Counts::default();
    counts.appends = appends;
    counts.events = 2;
    counts
}

async fn warm(world: &World, steps: usize) -> (Process, artana_kernel::Run) {
    let process = world.process();
    let run = process.run("r").await;
    for n in 0..steps {
        call(&run, &format!("s{n}"), "mail").await.unwrap();
    }
    (process, run)
}

#[tokio::test]
async fn a_fresh_step_reads_nothing_however_long_the_run() {
    for steps in [10, 1_000] {
        let world = world();
        let (_process, run) = warm(&world, steps).await;
        for (tool, appends) in [("look", 1), ("pay", 2), ("send", 2), ("mail", 2)] {
            let spent = spent(&world, async { drop(call(&run, tool, tool).await.unwrap()) }).await;
            assert_eq!(spent, only_appends(appends), "{tool} after {steps} steps");
        }
    }
}

#[tokio::test]
async fn a_finished_step_repeated_costs_one_read_of_its_content() {
    let world = world();
    let (_process, run) = warm(&world, 10).await;
    let first = call(&run, "a", "mail").await.unwrap();
    let ledger = world.events(&run).await;
    let mut expected = Counts::default();
    expected.contents = 1;
    for _ in 0..1_000 {
        let spent = spent(&world, async {
            let again = call(&run, "a", "mail").await.unwrap();
            assert!(again.is_replayed() && again.raw() == first.raw());
        });
        assert_eq!(spent.await, expected);
    }
    assert_eq!(world.effects(), 11);
    assert_eq!(world.events(&run).await.len(), ledger.len());
}

#[tokio::test]
async fn refusals_write_nothing() {
    let world = world();
    let (_process, run) = warm(&world, 1).await;
    let spent = spent(&world, async {
        assert_eq!(code(run.step("x").tool_json("mail", "{}").await), "artana::invalid_arguments");
        assert_eq!(code(run.step("").tool_json("mail", FIVE).await), "artana::invalid_id");
        assert_eq!(code(run.step("a\nb").tool_json("mail", FIVE).await), "artana::invalid_id");
        assert_eq!(code(run.step("x".repeat(257)).tool_json("mail", FIVE).await), "artana::invalid_id");
    });
    assert_eq!(spent.await, Counts::default());
}

#[tokio::test]
async fn a_tool_that_is_not_registered_costs_one_look_at_what_others_did() {
    let world = world();
    let (_process, run) = warm(&world, 1).await;
    let spent = spent(&world, async {
        assert_eq!(code(run.step("x").tool_json("nothing", FIVE).await), "artana::unknown_tool");
    });
    let mut expected = Counts::default();
    expected.reads = 1;
    assert_eq!(spent.await, expected);
}
