//! `run fork`, `run tree` and `run diff` over forks of forks, forks that were never started, and broken ones.

use std::sync::Arc;

use artana_core::{Tenant, conversation::Role};
use artana_kernel::Kernel;
use artana_ports::{Media, Message, ModelAnswer, Part, Source};
use artana_store_sqlite::SqliteStore;
use artana_testkit::{
    ScriptedModel,
    fault::{Action, FaultStore, Faults},
};
use insta::assert_snapshot;
use serde_json::Value;

use crate::{
    stories::answering,
    support::{Done, World, runtime},
};

fn json(done: &Done) -> Vec<Value> {
    done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_fork_made_by_hand_says_its_id_and_what_comes_next() {
    let world = World::storied();
    assert_snapshot!("fork", world.told_in_time("run fork finished --at charge --by ann"));
    assert_snapshot!("fork_again_json", world.told_in_time("run fork finished --at charge --by bob --json"));
    assert_snapshot!("fork_named", world.told_in_time("run fork finished --at summary --by ann --id mine --pretty"));
    assert_eq!(world.artana("run fork finished --at summary --by ann --id mine").code, 0, "the same fork is found");
    assert_snapshot!("fork_of_what_is_not_there", world.told_in_time("run fork finished --at nothing --by ann"));
    assert_snapshot!("fork_under_a_taken_id", world.told_in_time("run fork finished --at charge --by ann --id failed"));
    let done = world.artana("run fork forked --at collect/page-2 --by ann --json");
    let fork = &json(&done)[0];
    assert_eq!((done.code, &fork["parent"], &fork["run"]), (0, &"finished".into(), &"finished~3".into()));
    for id in ["finished~1", "finished~2", "finished~3", "mine"] {
        assert_eq!(world.artana(&format!("run verify-ledger {id}")).code, 0, "{id}");
        assert_eq!(world.artana(&format!("run explain {id}")).code, 0, "{id}");
    }
    assert_eq!(world.artana("run fork finished --at charge").code, 2, "nobody forks anonymously");
    assert_eq!(world.artana("run fork nobody --at charge --by ann").code, 4);
}

#[test]
fn a_fork_of_a_long_id_has_an_id_too() {
    let world = World::empty();
    let long = "ü".repeat(128);
    runtime().block_on(async {
        let teller = world.teller(1, answering()).await;
        let run = teller.start(&long).await;
        run.step("summary").model("demo/one").prompt("hi").await.unwrap();
        teller.kernel.close().await.unwrap();
    });
    for number in ["~1", "~2"] {
        let done = world.run(["run", "fork", &long, "--at", "summary", "--by", "ann", "--json"]);
        let id = json(&done)[0]["run"].as_str().unwrap().to_owned();
        assert!(id.len() <= 256 && id.ends_with(number) && id.starts_with(&"ü".repeat(120)), "{id}");
    }
}

/// A tree of three generations, with a fork that was announced and never started, and a broken one.
fn grown() -> World {
    let world = World::storied();
    for line in [
        "run fork forked --at extra --by bob --id grandchild",
        "run fork forked --at summary --by bob --id other",
        "run fork finished --at charge --by ann --id uncle",
    ] {
        assert_eq!(world.artana(line).code, 0, "{line}");
    }
    runtime().block_on(async {
        let faults = Faults::record();
        faults.plan("append.before", Action::Hook(Arc::new(|_| {})));
        faults.plan("append.before", Action::Fail);
        let store = Arc::new(SqliteStore::open(world.ledger()).await.unwrap());
        let kernel = Kernel::builder(FaultStore::new(store, faults)).build().unwrap();
        let run = kernel.open_run(&Tenant::new("default"), "forked").await.unwrap();
        run.fork_at("extra", "stillborn", "bob").await.unwrap_err();
        kernel.close().await.unwrap();
    });
    world
}

#[test]
fn a_tree_shows_parents_above_and_forks_below() {
    let world = grown();
    for run in ["finished", "forked", "grandchild"] {
        assert_snapshot!(format!("tree_{run}"), world.told_in_time(&format!("run tree {run}")));
        assert_snapshot!(format!("tree_{run}_pretty"), world.told_in_time(&format!("run tree {run} --pretty")));
    }
    let rows = json(&world.artana("run tree forked --json"));
    let line: Vec<_> = rows.iter().map(|row| (row["run"].as_str().unwrap(), row["parent"].as_str())).collect();
    let expected = [
        ("finished", None),
        ("forked", Some("finished")),
        ("grandchild", Some("forked")),
        ("other", Some("forked")),
        ("stillborn", Some("forked")),
    ];
    assert_eq!(line, expected);
    assert_eq!(world.artana("run tree stillborn").code, 4, "what was never started is no run");
}

#[test]
fn a_fork_that_was_never_started_is_said_to_be_missing_and_can_be_started() {
    let world = grown();
    assert_snapshot!("missing", world.told_in_time("run explain forked"));
    let told = world.artana("run explain forked").out;
    let way = told.lines().find(|line| line.starts_with("next\tto start its fork stillborn")).unwrap();
    let command = way.split('\t').nth(2).unwrap();
    let words = command.split_whitespace().skip(1).map(|word| if word == "YOU" { "ann" } else { word });
    assert_eq!(world.run(words).code, 0, "{command}");
    assert_eq!(world.artana("run explain stillborn").code, 0);
    assert!(!world.artana("run explain forked").out.contains("never started"));
}

#[test]
fn a_fork_falls_with_what_it_shares() {
    let world = World::storied();
    world.replace(b"collected", b"colledted");
    assert_snapshot!("broken_ancestor", world.told_in_time("run explain forked"));
    let told = json(&world.artana("run explain finished --json"));
    assert_eq!((&told[0]["events"], &told[0]["broken"]["seq"]), (&5.into(), &6.into()));
}

#[test]
fn a_broken_fork_hides_no_other() {
    let world = grown();
    runtime().block_on(async {
        let teller = world.teller(9, answering()).await;
        let run = teller.kernel.open_run(&Tenant::new("default"), "uncle").await.unwrap();
        run.set_artifact("uncles-own", &1, 1).await.unwrap();
        teller.kernel.close().await.unwrap();
    });
    world.replace(b"uncles-own", b"uncles-oxn");
    let done = world.artana("run tree finished --json");
    let rows = json(&done);
    let of = |id: &str| rows.iter().find(|row| row["run"] == id).unwrap()["status"].clone();
    assert_eq!((done.code, of("uncle"), of("grandchild")), (1, "broken".into(), "running".into()));
    assert_eq!(world.artana("run explain uncle").code, 1);
}

#[test]
fn the_difference_of_a_fork_is_exactly_what_it_did_otherwise() {
    let world = grown();
    let done = world.artana("run diff forked grandchild --json");
    let rows = json(&done);
    let told: Vec<_> = rows.iter().map(|row| (row["verdict"].as_str().unwrap(), row["step"].as_str())).collect();
    let expected = [
        ("shared", Some("collect/page-1")),
        ("shared", Some("collect/page-2")),
        ("shared", Some("summary")),
        ("only_a", Some("extra")),
    ];
    assert_eq!((told.as_slice(), done.code), (&expected[..], 1));
    assert_eq!(rows[2]["run"], "forked", "each is shared once, by the run that holds it");
    let done = world.artana("run diff finished grandchild --json");
    let rows = json(&done);
    assert_eq!(rows[0]["run"], "finished");
    assert_eq!((rows[2]["verdict"].as_str(), rows[2]["asked"][0]["field"].as_str()), (Some("differs"), Some("model")));
}

/// Two runs of one program, whose model answers the second one `other`wise.
fn twice(other: &'static str) -> World {
    let world = World::empty();
    let asked = std::sync::atomic::AtomicU32::new(0);
    let model = move |_| {
        ScriptedModel::function(move |_, _| {
            let first = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            Ok(ModelAnswer::text(if first { r#"{"item": "tea", "count": 1}"# } else { other }))
        })
    };
    runtime().block_on(async {
        let teller = world.teller(1, model).await;
        for id in ["a", "b"] {
            let run = teller.start(id).await;
            let image = Media { media_type: "image/png".into(), source: Source::Bytes(vec![1, 2]) };
            let look = Message { role: Role::User, parts: vec![Part::Text("look".into()), Part::Image(image)] };
            run.step("ask").model("demo/one").message(look).await.unwrap();
            run.step("charge").tool(&teller.charge, &"card".to_owned()).await.unwrap();
        }
        teller.kernel.close().await.unwrap();
    });
    world
}

#[test]
fn two_runs_that_did_the_same_are_the_same() {
    let world = twice(r#"{"count": 1, "item": "tea"}"#);
    let done = world.artana("run diff a b");
    assert_eq!(
        (done.out.as_str(), done.code),
        ("same\task\tmodel\t-\t-\t-\t-\t-\nsame\tcharge\ttool\t-\t-\t-\t-\t-\n", 0)
    );
}

#[test]
fn another_answer_is_named_by_its_place() {
    let world = twice(r#"{"item": "tea", "count": 2}"#);
    let done = world.artana("run diff a b");
    assert!(done.code == 1 && done.out.starts_with("differs\task\tmodel\t-\tanswer\t/count\t-\t-\n"), "{done:?}");
    let done = world.artana("run diff a b --content");
    assert!(done.out.starts_with("differs\task\tmodel\t-\tanswer\t/count\t1\t2\n"), "{done:?}");
    let world = twice("two teapots");
    let done = world.artana("run diff a b");
    assert!(done.code == 1 && done.out.starts_with("differs\task\tmodel\t-\tanswer\t-\t-\t-\n"), "{done:?}");
}

#[test]
fn values_are_shown_when_they_are_asked_for() {
    let world = World::storied();
    for format in ["", "_pretty", "_json"] {
        let line = format!("run diff finished forked --content {}", format.replace('_', "--"));
        assert_snapshot!(format!("diff_content{format}"), world.told_in_time(line.trim()));
    }
    let line = "run diff failed unknown --content --pretty";
    assert_snapshot!("diff_content_of_strangers", world.told_in_time(line));
}
