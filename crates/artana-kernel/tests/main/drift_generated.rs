//! Five hundred asks that each differ from the recorded one in one thing: the drift names the field, the place
//! and the differing part of a text. What does not differ is no drift.

use artana_core::drift;
use artana_kernel::Error;
use artana_testkit::ScriptedModel;
use serde_json::{Value, json};

use crate::{
    counted::spent,
    drift_shapes::{Change, Dice, Plainly, Shape, mutate},
    world::{World, world},
};

/// Answers anything: JSON that fits the schema of the rich ask.
pub(crate) fn agreeable() -> ScriptedModel {
    ScriptedModel::json(json!({ "a/b": "yes", "n": 1 }))
}

/// Finds the differing part of two texts, character by character.
fn span(before: &str, after: &str) -> (usize, String, String) {
    let (before, after): (Vec<char>, Vec<char>) = (before.chars().collect(), after.chars().collect());
    let shorter = before.len().min(after.len());
    let at = (0..shorter).find(|&at| before[at] != after[at]).unwrap_or(shorter);
    let mut same = 0;
    while same < shorter - at && before[before.len() - 1 - same] == after[after.len() - 1 - same] {
        same += 1;
    }
    let part = |of: &[char]| of[at..of.len() - same].iter().collect();
    (at, part(&before), part(&after))
}

fn expect(found: &drift::Drift, expected: &Change, what: &str) {
    let fields: Vec<_> = found.fields().into_iter().collect();
    assert_eq!(fields, [expected.field], "{what}");
    let several = expected.places.iter().any(|place| place.ends_with('/') && place != "/1/");
    if several {
        assert!(!found.changes.is_empty(), "{what}");
        for change in &found.changes {
            assert!(expected.places.iter().any(|place| change.path.starts_with(place)), "{what}: {}", change.path);
        }
        return;
    }
    let [change] = &found.changes[..] else { panic!("{what}: {found}") };
    assert_eq!(change.path, expected.places[0], "{what}");
    if expected.before.is_some() || expected.after.is_some() {
        assert_eq!((&change.before, &change.after), (&expected.before, &expected.after), "{what}");
    }
    if let (Some(Value::String(before)), Some(Value::String(after))) = (&expected.before, &expected.after) {
        let told = change.span().expect("a text was replaced by a text");
        assert_eq!((told.at, told.before.to_owned(), told.after.to_owned()), span(before, after), "{what}");
        assert_ne!(told.before, told.after);
    } else {
        assert!(change.span().is_none() || expected.before.is_none(), "{what}");
    }
}

async fn drifts_of(world: &World, seeds: std::ops::Range<u64>) {
    let model = agreeable();
    let process = world.asking(&model);
    let run = process.run("r").await;
    let shape = Shape::rich();
    assert!(!shape.ask(&run, "a", &Plainly).await.unwrap().replayed);
    let before = world.kinds(&run).await;
    for seed in seeds {
        let mut changed = shape.clone();
        let expected = mutate(&mut changed, &mut Dice::new(seed));
        let what = format!("seed {seed}: {expected:?}");
        match changed.ask(&run, "a", &Plainly).await {
            Err(Error::Drift { drift, .. }) => expect(&drift, &expected, &what),
            other => panic!("{what}: {other:?}"),
        }
        let counts = spent(world, async {
            let unchanged = shape.ask(&run, "a", &Plainly).await.unwrap();
            assert!(unchanged.replayed && !unchanged.drifted, "{what}");
        });
        assert_eq!(counts.await.appends, 0);
    }
    assert_eq!((model.calls(), world.kinds(&run).await), (1, before), "nothing was asked or written");
}

#[tokio::test]
async fn five_hundred_drifts_are_named_by_field_place_and_text() {
    drifts_of(&world(), 0..500).await;
}

/// Numbers that are equal and written otherwise differ, and the same tools in another order do not.
#[tokio::test]
async fn what_counts_as_the_same() {
    let world = world();
    let process = world.asking(&agreeable());
    let run = process.run("r").await;
    let zeros = Shape { items: vec![json!({ "z": 0.0 }), json!(1), json!(1.5)], ..Shape::rich() };
    zeros.ask(&run, "a", &Plainly).await.unwrap();
    for (items, place) in [
        (vec![json!({ "z": -0.0 }), json!(1), json!(1.5)], "/0/z"),
        (vec![json!({ "z": 0 }), json!(1), json!(1.5)], "/0/z"),
        (vec![json!({ "z": 0.0 }), json!(1.0), json!(1.5)], "/1"),
    ] {
        let Err(Error::Drift { drift, .. }) = Shape { items, ..zeros.clone() }.ask(&run, "a", &Plainly).await else {
            panic!("it differs")
        };
        assert_eq!(drift.changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), [place]);
    }
    let same = Shape { tools: vec!["pay", "look", "pay"], ..zeros.clone() };
    assert!(same.ask(&run, "a", &Plainly).await.unwrap().replayed);
    let same = Shape { items: vec![json!({ "z": 0.0 }), json!(1), json!(15e-1)], ..zeros };
    assert!(same.ask(&run, "a", &Plainly).await.unwrap().replayed);
}
