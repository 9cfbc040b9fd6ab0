//! What the verbs show of runs with models, forks and kept values: in a pipe, for a person, and as JSON.
//! Snapshots: a change here is a change for users.

use insta::assert_snapshot;

use crate::support::{SECRET, World};

const VERBS: [(&str, &str); 29] = [
    ("list", "run list"),
    ("list_drifted", "run list --drift yes --label team=billing --since 2024-10-04"),
    ("list_forks", "run list --parent finished --drift no"),
    ("list_nobody", "run list --parent nobody"),
    ("status", "run status drifted"),
    ("events", "run events forked"),
    ("steps", "run steps finished"),
    ("steps_forked", "run steps forked"),
    ("steps_in_doubt", "run steps unknown"),
    ("steps_under_way", "run steps abandoned"),
    ("artifacts", "run artifacts finished"),
    ("artifacts_all", "run artifacts finished --all"),
    ("artifacts_forked", "run artifacts forked"),
    ("artifacts_none", "run artifacts finished nothing"),
    ("summaries", "run summaries finished"),
    ("summaries_all", "run summaries finished --all"),
    ("summaries_forked", "run summaries forked"),
    ("summaries_empty", "run summaries failed"),
    ("cost", "run cost"),
    ("cost_of_one", "run cost finished"),
    ("cost_of_tree", "run cost finished --tree"),
    ("cost_of_a_model", "run cost --model demo/free --since 2024-10-04 --until 2024-10-05"),
    ("cost_of_a_broken_run", "run cost tampered"),
    ("diff_of_a_fork", "run diff finished forked"),
    ("diff_of_itself", "run diff finished finished"),
    ("diff_of_strangers", "run diff failed unknown"),
    ("tree", "run tree finished"),
    ("tree_of_a_fork", "run tree forked"),
    ("tail_after", "run tail finished --after 17"),
];

#[test]
fn every_verb_in_a_pipe_for_a_person_and_as_json() {
    let world = World::storied();
    for (name, line) in VERBS {
        assert_snapshot!(name, world.told_in_time(line));
        assert_snapshot!(format!("{name}_pretty"), world.told_in_time(&format!("{line} --pretty")));
        assert_snapshot!(format!("{name}_json"), world.told_in_time(&format!("{line} --json")));
    }
}

#[test]
fn what_was_said_in_steps_is_shown_where_that_is_asked_for() {
    let world = World::storied();
    for (name, run) in [("finished", "finished"), ("in_doubt", "unknown"), ("forked", "forked")] {
        let (name, line) = (format!("steps_content_{name}"), format!("run steps {run} --content"));
        assert_snapshot!(name.clone(), world.told_in_time(&line));
        assert_snapshot!(format!("{name}_pretty"), world.told_in_time(&format!("{line} --pretty")));
        assert_snapshot!(format!("{name}_json"), world.told_in_time(&format!("{line} --json")));
    }
}

#[test]
fn nothing_that_was_said_is_shown_unasked() {
    let world = World::storied();
    for (_, line) in VERBS {
        for format in ["", " --json", " --pretty"] {
            let done = world.artana(&format!("{line}{format}"));
            assert!(!done.out.contains(SECRET) && !done.err.contains(SECRET), "{line}{format}: {done:?}");
        }
    }
}

#[test]
fn a_page_is_as_wide_and_as_colourful_as_it_is_asked_to_be() {
    let world = World::storied();
    let told = |name: &str, value: &str| {
        let mut command = world.command(["run", "list", "--pretty"]);
        let output = command.env_remove("NO_COLOR").env("TERM", "xterm").env(name, value).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let plain = told("COLUMNS", "160");
    assert!(plain.contains("STARTED") && !plain.contains("left out") && !plain.contains('\u{1b}'), "{plain}");
    let narrow = told("COLUMNS", "60");
    assert!(!narrow.contains("STARTED") && narrow.contains("left out"), "{narrow}");
    assert!(told("CLICOLOR_FORCE", "1").contains("\u{1b}["));
    assert!(!told("CLICOLOR_FORCE", "0").contains('\u{1b}'));
    let mut command = world.command(["run", "list", "--pretty"]);
    let output = command.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains('\u{1b}'));
}
