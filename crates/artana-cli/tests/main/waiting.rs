//! What the verbs show of workflows that wait, sleep, are stopped, undo what they did, or have children: in a pipe,
//! for a person, and as JSON. Snapshots: a change here is a change for users.

use insta::assert_snapshot;

use crate::{
    programs::PROGRAMS,
    support::{SECRET, World},
};

const VERBS: [(&str, &str); 8] = [
    ("list_waiting", "run list --status sleeping --status paused --status queued"),
    ("list_cancelling", "run list --status cancelling"),
    ("status", "run status asks"),
    ("tree", "run tree parent"),
    ("tree_of_a_child", "run tree parent/parts/one"),
    ("diff", "run diff undone cancelling"),
    ("diff_of_relatives", "run diff parent waits-for-child"),
    ("diff_of_waits", "run diff raced sleeps"),
];

fn every_look(world: &World, name: &str, line: &str) {
    assert_snapshot!(name.to_owned(), world.told_in_time(line));
    assert_snapshot!(format!("{name}_pretty"), world.told_in_time(&format!("{line} --pretty")));
    assert_snapshot!(format!("{name}_json"), world.told_in_time(&format!("{line} --json")));
}

#[test]
fn every_program_in_a_pipe_for_a_person_and_as_json() {
    let world = World::programmed();
    for (run, code) in PROGRAMS {
        assert_eq!(world.artana(&format!("run explain {run}")).code, code, "{run}");
        for verb in ["explain", "steps", "progress"] {
            // How long the rest takes depends on the clock on the wall.
            if (verb, run) == ("progress", "migration") {
                continue;
            }
            every_look(&world, &format!("{verb}_{run}"), &format!("run {verb} {run}"));
        }
    }
    for (name, line) in VERBS {
        every_look(&world, name, line);
    }
    assert_eq!(world.artana("run verify-ledger --all").code, 0);
}

#[test]
fn progress_counts_tasks_where_there_are_some() {
    let world = World::programmed();
    let told: serde_json::Value = serde_json::from_str(&world.artana("run progress migration --json").out).unwrap();
    assert_eq!((&told["percent"], &told["done"], &told["total"]), (&33.into(), &1.into(), &3.into()));
    assert_eq!((&told["current"], &told["completed"]), (&"migrate".into(), &serde_json::json!(["backup"])));
    assert!(told["eta_us"].is_u64(), "{told}");
    let pretty = world.artana("run progress migration --pretty").out;
    assert!(
        pretty.contains("\npercent     ██████░░░░░░░░░░░░░░ 33%, 1 of 3 tasks done\ncurrent     migrate\n"),
        "{pretty}"
    );
    assert!(
        world
            .artana("run progress migration")
            .out
            .starts_with("migration\tsleeping\t33\t1\t3\tmigrate\t[\"backup\"]\t")
    );
}

#[test]
fn nothing_that_was_said_is_shown_unasked() {
    let world = World::programmed();
    let runs =
        PROGRAMS.iter().flat_map(|(run, _)| ["explain", "steps", "progress"].map(|verb| format!("run {verb} {run}")));
    for line in runs.chain(VERBS.iter().map(|(_, line)| (*line).to_owned())) {
        for format in ["", " --json", " --pretty"] {
            let done = world.artana(&format!("{line}{format}"));
            assert!(!done.out.contains(SECRET) && !done.err.contains(SECRET), "{line}{format}: {done:?}");
        }
    }
    for format in ["", " --json", " --pretty"] {
        let told = world.artana(&format!("run explain stopped --content{format}")).out;
        assert!(told.contains("hold on canary") && told.contains("under audit canary"), "{format}: {told}");
    }
}
