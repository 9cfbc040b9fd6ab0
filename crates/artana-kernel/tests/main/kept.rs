//! What an application keeps: the last value counts, the earlier ones stay, and every process reads the same.

use std::collections::{BTreeMap, HashMap};

use artana_core::{Name, Seq, event::Body};
use artana_kernel::{Error, Run};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    asking::{ask, echo},
    counted::spent,
    forks::{fork, parent},
    world::{World, code, world},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Draft {
    title: String,
    words: u32,
}

fn draft(words: u32) -> Draft {
    Draft { title: "Über „Ströme“".into(), words }
}

/// Keeps a value in one of the three ways.
async fn keep(run: &Run, way: &str, name: &str, value: &Draft) -> Result<(), Error> {
    match way {
        "artifact" => run.set_artifact(name, value, 2).await,
        "summary" => run.summary(name, value).await,
        _ => run.checkpoint(name, value).await,
    }
}

async fn kept(run: &Run, way: &str, name: &str) -> Result<Option<Draft>, Error> {
    match way {
        "artifact" => run.artifact(name).await,
        "summary" => run.latest_summary(name).await,
        _ => run.latest_checkpoint(name).await,
    }
}

const WAYS: [(&str, &str); 3] =
    [("artifact", "artifact_set"), ("summary", "summary_written"), ("checkpoint", "checkpoint")];

#[tokio::test]
async fn the_last_value_counts_the_history_stays_and_the_same_value_writes_nothing() {
    for (way, kind) in WAYS {
        let world = world();
        let (first, second) = (world.process(), world.process());
        let (run, elsewhere) = (first.run("r").await, second.run("r").await);
        assert_eq!(kept(&run, way, "draft").await.unwrap(), None);
        for words in [1, 2, 2, 3, 3, 1] {
            keep(&run, way, "draft", &draft(words)).await.unwrap();
            for run in [&run, &elsewhere] {
                assert_eq!(kept(run, way, "draft").await.unwrap(), Some(draft(words)), "{way}");
            }
        }
        keep(&elsewhere, way, "draft", &draft(1)).await.unwrap();
        assert_eq!(world.kinds(&run).await, [kind; 4]);
        keep(&elsewhere, way, "other", &draft(1)).await.unwrap();
        assert_eq!(kept(&run, way, "other").await.unwrap(), Some(draft(1)));
        for (other, _) in WAYS.iter().filter(|(other, _)| *other != way) {
            assert_eq!(kept(&run, other, "draft").await.unwrap(), None, "each way has names of its own");
        }
        let reopened = world.process().run("r").await;
        assert_eq!(kept(&reopened, way, "draft").await.unwrap(), Some(draft(1)));
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn what_is_kept_costs_one_append_and_read_and_the_same_again_one_read() {
    let world = world();
    let run = world.process().run("r").await;
    keep(&run, "artifact", "a", &draft(0)).await.unwrap();
    for (way, _) in WAYS {
        let counts = spent(&world, async { keep(&run, way, "b", &draft(1)).await.unwrap() }).await;
        assert_eq!((counts.appends, counts.events, counts.reads, counts.rows, counts.contents), (1, 1, 1, 0, 0));
        let counts = spent(&world, async { keep(&run, way, "b", &draft(1)).await.unwrap() }).await;
        assert_eq!((counts.appends, counts.reads), (0, 1));
        let counts = spent(&world, async { drop(kept(&run, way, "b").await.unwrap()) }).await;
        assert_eq!((counts.appends, counts.reads, counts.contents), (0, 1, 1));
    }
}

#[tokio::test]
async fn artifacts_are_listed_with_where_they_stand() {
    let world = world();
    let run = world.process().run("r").await;
    run.set_artifact("b", &1, 7).await.unwrap();
    run.set_artifact("a", &[1.5, 2.0], 1).await.unwrap();
    run.set_artifact("b", &1, 8).await.unwrap();
    let artifacts = run.artifacts().await.unwrap();
    let shown: Vec<_> = artifacts
        .iter()
        .map(|(name, kept)| (name.as_str(), kept.seq.get(), kept.schema_version, kept.versions))
        .collect();
    assert_eq!(shown, [("a", 3, 1, 1), ("b", 4, 8, 2)], "another version of the shape is another value");
    let events = world.events(&run).await;
    let values = events.iter().filter_map(|event| match event.body() {
        Body::ArtifactSet(set) => Some(set.value),
        _ => None,
    });
    let values: Vec<_> = values.collect();
    assert_eq!(values.len(), 3, "what was set before stays");
    assert_eq!(run.content(&values[0]).await.unwrap().unwrap(), b"1");
}

#[tokio::test]
async fn values_of_every_shape_come_back() {
    let world = world();
    let run = world.process().run("r").await;
    let map = BTreeMap::from([("a/b".to_owned(), vec![Some(1), None]), (String::new(), vec![])]);
    run.set_artifact("map", &map, 1).await.unwrap();
    assert_eq!(run.artifact("map").await.unwrap(), Some(map));
    for value in [json!(null), json!(u64::MAX), json!(i64::MIN), json!(1.0), json!("\u{0}ü"), json!([[]]), json!({})] {
        run.set_artifact("value", &value, 1).await.unwrap();
        assert_eq!(run.artifact::<Value>("value").await.unwrap(), Some(value));
    }
    // What Rust calls the same map writes nothing, in whatever order it is walked.
    let pairs: Vec<(String, u32)> = (0..50).map(|n| (format!("key{n}"), n)).collect();
    for order in [pairs.clone(), pairs.into_iter().rev().collect()] {
        run.summary("map", &order.into_iter().collect::<HashMap<_, _>>()).await.unwrap();
    }
    assert_eq!(world.kinds(&run).await.iter().filter(|kind| *kind == "summary_written").count(), 1);
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_with_nothing_written() {
    let world = world();
    let run = world.process().run("r").await;
    let before = world.counts();
    let deep = (0..70).fold(json!("canary"), |inner, _| json!([inner]));
    assert_eq!(code(run.set_artifact("a", &deep, 1).await), "artana::invalid_value");
    assert_eq!(code(run.summary("a", &u128::MAX).await), "artana::invalid_value");
    assert_eq!(code(run.checkpoint("a", &HashMap::from([((1, 2), "canary")])).await), "artana::invalid_value");
    assert_eq!(code(run.note("a", &deep).await), "artana::invalid_value");
    for name in ["", "a\nb", &"x".repeat(257)] {
        assert_eq!(code(run.set_artifact(name, &1, 1).await), "artana::invalid_id");
        assert_eq!(code(run.artifact::<u8>(name).await), "artana::invalid_id");
    }
    let refused = run.set_artifact("a", &deep, 1).await.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("canary"));
    assert_eq!(world.counts(), before);
    let large = "x".repeat(17 * 1024 * 1024);
    assert_eq!(code(run.set_artifact("a", &large, 1).await), "artana::invalid_value");
    assert_eq!((world.kinds(&run).await.len(), run.artifact::<String>("a").await.unwrap()), (0, None));
    run.set_artifact("a", &"small", 1).await.unwrap();
    world.verify(&run).await;
}

#[tokio::test]
async fn a_value_of_another_type_is_an_error_that_names_no_word_of_it() {
    let world = world();
    let run = world.process().run("r").await;
    for (way, _) in WAYS {
        keep(&run, way, "draft", &draft(1)).await.unwrap();
    }
    let refusals = [
        run.artifact::<u8>("draft").await.unwrap_err(),
        run.latest_summary::<Vec<u8>>("draft").await.unwrap_err(),
        run.latest_checkpoint::<BTreeMap<String, u32>>("draft").await.unwrap_err(),
    ];
    for (refused, seq) in refusals.into_iter().zip(2..) {
        let Error::KeptValue { name, seq: at, .. } = &refused else { panic!("{refused}") };
        assert_eq!((name.as_str(), *at, refused.code()), ("draft", Seq::new(seq), "artana::kept_value"));
        assert!(!format!("{refused} {refused:?}").contains("Ström"));
    }
    assert_eq!(kept(&run, "artifact", "draft").await.unwrap(), Some(draft(1)));
}

async fn ended(world: &World, how: &str) -> Run {
    let run = world.process().run(how).await;
    keep(&run, "artifact", "draft", &draft(1)).await.unwrap();
    match how {
        "finished" => run.finish().await.unwrap(),
        "failed" => drop(run.fail("x").await.unwrap()),
        _ => drop(run.cancel("ann", "x").await.unwrap()),
    }
    run
}

#[tokio::test]
async fn an_ended_run_keeps_nothing_new_and_takes_notes() {
    let world = world();
    for how in ["finished", "failed", "cancelled"] {
        let run = ended(&world, how).await;
        let elsewhere = world.process().run(how).await;
        for run in [&run, &elsewhere] {
            for (way, _) in WAYS {
                assert_eq!(code(keep(run, way, "draft", &draft(2)).await), "artana::ended", "{way}");
            }
            keep(run, "artifact", "draft", &draft(1)).await.unwrap();
            assert_eq!(kept(run, "artifact", "draft").await.unwrap(), Some(draft(1)));
            run.note("remark", &"afterwards").await.unwrap();
        }
        let kinds = world.kinds(&run).await;
        assert_eq!(kinds[kinds.len() - 3..], ["run_finished", "note", "note"], "equal notes are notes too");
        world.verify(&run).await;
    }
}

#[tokio::test]
async fn notes_are_taken_while_a_run_is_closing_and_prove_nothing() {
    let world = world();
    world.dies_at("tool.call.after", "r", "a", "mail").await;
    let process = world.process();
    let run = process.run("r").await;
    run.note("approval", &json!({ "approved": true })).await.unwrap();
    assert_eq!(code(crate::world::call(&run, "a", "mail").await), "artana::reconciliation_required");
    run.cancel("ann", "x").await.unwrap();
    run.note("approval", &json!({ "approved": true })).await.unwrap();
    assert_eq!(world.kinds(&run).await.iter().filter(|kind| *kind == "note").count(), 2);
    world.verify(&run).await;
}

#[tokio::test]
async fn a_fork_takes_over_what_was_kept_at_the_cut_and_goes_its_own_way() {
    let world = world();
    let process = world.asking(&echo());
    let run = process.run("r").await;
    keep(&run, "artifact", "before", &draft(1)).await.unwrap();
    keep(&run, "artifact", "changed", &draft(1)).await.unwrap();
    run.checkpoint("here", &1).await.unwrap();
    parent(&process).await;
    keep(&run, "artifact", "changed", &draft(2)).await.unwrap();
    keep(&run, "summary", "after", &draft(2)).await.unwrap();
    let child = fork(&run, "draft", "write better").await;
    let reopened = world.asking(&echo()).kernel.open_run(&crate::world::tenant(), child.id()).await.unwrap();
    for child in [&child, &reopened] {
        for name in ["before", "changed"] {
            assert_eq!(kept(child, "artifact", name).await.unwrap(), Some(draft(1)), "{name}");
        }
        assert_eq!(kept(child, "summary", "after").await.unwrap(), None);
        assert_eq!(child.latest_checkpoint::<u8>("here").await.unwrap(), Some(1));
    }
    let before = world.kinds(&child).await.len();
    keep(&child, "artifact", "changed", &draft(1)).await.unwrap();
    assert_eq!(world.kinds(&child).await.len(), before, "it holds that already");
    keep(&child, "artifact", "changed", &draft(3)).await.unwrap();
    assert_eq!(kept(&run, "artifact", "changed").await.unwrap(), Some(draft(2)));
    ask(&child, "next", "go on").await.unwrap();
    let grandchild = fork(&child, "next", "go on well").await;
    assert_eq!(kept(&grandchild, "artifact", "changed").await.unwrap(), Some(draft(3)));
    let versions = grandchild.artifacts().await.unwrap()[&Name::parse("changed").unwrap()].versions;
    assert_eq!(versions, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn values_kept_at_once_are_all_recorded_and_one_is_the_last() {
    let world = world();
    let processes = [world.process(), world.process(), world.process()];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..30 {
        let run = processes[n % 3].run("r").await;
        tasks.spawn(async move { run.set_artifact("a", &n, 1).await });
    }
    tasks.join_all().await.into_iter().collect::<Result<(), _>>().unwrap();
    let run = world.process().run("r").await;
    assert_eq!(world.kinds(&run).await, ["artifact_set"; 30]);
    let last = run.artifact::<usize>("a").await.unwrap();
    for process in &processes {
        assert_eq!(process.run("r").await.artifact::<usize>("a").await.unwrap(), last);
    }
    world.verify(&run).await;
}
