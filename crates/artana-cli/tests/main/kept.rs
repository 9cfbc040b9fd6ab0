//! Values of artifacts and summaries: hidden until they are asked for, and then exactly what was kept.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    stories::answering,
    support::{SECRET, World, runtime},
};

#[test]
fn one_value_is_printed_as_json_and_nothing_else() {
    let world = World::storied();
    let told = |line: &str| -> Value { serde_json::from_str(&world.artana(line).out).unwrap() };
    assert_eq!(told("run artifacts finished invoice --content"), json!({"total": format!("13 {SECRET}")}));
    assert_eq!(told("run artifacts finished invoice --content --pretty"), json!({"total": format!("13 {SECRET}")}));
    assert_eq!(told("run summaries finished daily --content"), json!(format!("second {SECRET}")));
    let row = told("run artifacts finished invoice --content --json");
    assert_eq!((&row["value"]["total"], &row["seq"]), (&json!(format!("13 {SECRET}")), &json!(12)));
}

#[test]
fn several_values_stand_in_their_rows() {
    let world = World::storied();
    assert_snapshot!("all", world.told_in_time("run artifacts finished --all --content"));
    assert_snapshot!("all_pretty", world.told_in_time("run summaries finished --all --content --pretty"));
    assert_snapshot!("history", world.told_in_time("run artifacts finished invoice --all --content"));
}

#[test]
fn a_name_under_which_nothing_is_kept_is_not_found() {
    let world = World::storied();
    for line in ["run artifacts finished daily", "run summaries finished invoice --content", "run artifacts empty x"] {
        assert_eq!(world.artana(line).code, 4, "{line}");
    }
    let done = world.artana("run artifacts empty");
    assert_eq!((done.code, done.out.as_str()), (0, ""), "nothing kept is no error");
}

#[test]
fn a_value_cannot_talk_to_a_terminal_and_comes_back_as_it_was() {
    let world = World::empty();
    let value = json!({"say": "\u{1b}[31m\u{7}", "large": u64::MAX, "small": -0.5, "nested": [[], {}]});
    runtime().block_on(async {
        let teller = world.teller(1, answering()).await;
        teller.start("loud").await.set_artifact("a", &value, 1).await.unwrap();
        teller.kernel.close().await.unwrap();
    });
    for line in
        ["run artifacts loud a --content", "run artifacts loud --content", "run artifacts loud --content --json"]
    {
        let done = world.artana(line);
        assert!(done.out.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'), "{line}: {done:?}");
    }
    let told: Value = serde_json::from_str(&world.artana("run artifacts loud a --content").out).unwrap();
    assert_eq!(told, value);
}
