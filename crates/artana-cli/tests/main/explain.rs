//! What `run explain` says of a run that ended, or stopped, in each way there is. Snapshots: a change here is a
//! change for users.

use insta::assert_snapshot;

use crate::{
    stories::STORIES,
    support::{SECRET, World},
};

#[test]
fn every_story_in_a_pipe_for_a_person_and_as_json() {
    let world = World::storied();
    for (run, code) in STORIES {
        let line = format!("run explain {run}");
        assert_eq!(world.artana(&line).code, code, "{run}");
        assert_snapshot!(format!("{run}"), world.told_in_time(&line));
        assert_snapshot!(format!("{run}_pretty"), world.told_in_time(&format!("{line} --pretty")));
        assert_snapshot!(format!("{run}_json"), world.told_in_time(&format!("{line} --json")));
    }
}

#[test]
fn nothing_that_was_said_is_told_unasked() {
    let world = World::storied();
    for (run, _) in STORIES {
        for format in ["", " --json", " --pretty"] {
            let done = world.artana(&format!("run explain {run}{format}"));
            assert!(!done.out.contains(SECRET) && !done.err.contains(SECRET), "{run}{format}: {done:?}");
        }
    }
    for (run, words) in [
        ("failed", vec!["slow down canary", "it is of no use canary"]),
        ("cancelled", vec!["enough canary"]),
        ("drifted", vec!["one canary", "two canary"]),
    ] {
        for format in ["", " --json", " --pretty"] {
            let told = world.artana(&format!("run explain {run} --content{format}")).out;
            let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
            for word in &words {
                assert!(told.contains(word), "{run}{format}: {word}: {told}");
            }
        }
    }
}
