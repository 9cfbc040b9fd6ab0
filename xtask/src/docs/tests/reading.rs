//! The reader, held against what serde really writes and reads; and what it refuses to read.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::holes::holes;
use super::planted::{Deep, Label, Loose, Nanos, Open, Swapped, Tagged, Way, Whole, Word};
use crate::docs::fits::fits;
use crate::docs::model::{Shape, Types};
use crate::docs::reader::Reader;
use crate::docs::samples::{Sample, body};
use crate::docs::source::Sources;
use crate::docs::{samples as pinned, sources};
use crate::workspace::planted::this_one;

pub(super) const PLANTED: &str = include_str!("planted.rs");

pub(super) fn read(source: &str, ty: &str) -> Result<(Types, Shape)> {
    let sources = Sources::parse([("a.rs", source)])?;
    let mut reader = Reader::new(&sources);
    let shape = reader.path(&syn::parse_str(ty)?, "a.rs")?;
    Ok((reader.types, shape))
}

fn whole(way: Way, or_null: Option<Tagged>) -> Whole {
    let label = Label("l".into());
    Whole {
        closing: Word::Other,
        some_set: [label.clone()].into(),
        left_out: Some(Nanos { nanos: -1 }),
        left_empty: vec![Way::Nothing, Way::OneThing(label.clone()), Way::Several(true, Word::Plain), keyed()],
        or_null,
        labels: [(label, vec![Nanos { nanos: 5 }])].into(),
        swapped: Swapped { numbers: [1, 2] },
        never: None,
        way,
        // Serde reads broken keys of a flattened option as no keys at all: this one holds nothing to break.
        deep: Some(Deep { deeper: None, r#type: Word::TwoWords }),
    }
}

fn deep() -> Deep {
    let end = Deep { deeper: None, r#type: Word::TwoWords };
    Deep { deeper: Some(Box::new(end)), r#type: Word::Plain }
}

fn keyed() -> Way {
    Way::SomeKeys { retention_us: 1, cause: Some(Word::Plain) }
}

/// Every manner of writing.
fn wholes() -> Vec<Whole> {
    let bare = Whole { left_out: None, left_empty: Vec::new(), deep: None, ..whole(Way::Nothing, None) };
    vec![
        bare,
        whole(Way::OneThing(Label("x".into())), Some(Tagged::NoKeys)),
        whole(Way::Boxed(Box::new(deep())), Some(Tagged::OfDeep(deep()))),
        whole(Way::Several(false, Word::TwoWords), Some(Tagged::OfKeys { size: 3, r#type: 4 })),
        whole(keyed(), None),
    ]
}

fn looses() -> Vec<Loose> {
    let ways = [Tagged::NoKeys, Tagged::OfDeep(deep()), Tagged::OfKeys { size: 3, r#type: 4 }];
    ways.map(|tagged| Loose { tagged, count: 1 }).into()
}

/// What serde writes is what was read from the source, and a key is needed exactly where the source says so.
#[track_caller]
fn check<T: Serialize + DeserializeOwned>(ty: &str, written: &[T]) {
    let (types, shape) = read(PLANTED, ty).expect("every attribute is understood");
    for written in written {
        let value = serde_json::to_value(written).expect("JSON");
        fits(&types, &shape, &value).unwrap_or_else(|wrong| panic!("{wrong:#} in {value}"));
        for hole in holes(&types, &shape, &value) {
            let refused = serde_json::from_value::<T>(hole.value.clone()).is_err();
            assert_eq!(refused, hole.needed, "{} is missing in {}", hole.key, hole.value);
        }
    }
}

#[test]
fn planted_types_are_written_as_their_source_says() {
    check("Whole", &wholes());
    check("Loose", &looses());
    check("Open", &[Open { fixed: 1, rest: BTreeMap::from([("a".into(), 1), ("b".into(), 2)]) }]);
}

#[test]
fn events_are_read_as_the_page_says() {
    let workspace = this_one();
    let sources = sources(&workspace).expect("Rust");
    let pinned = pinned(&workspace).expect("one of each kind");
    let mut tried = 0;
    for (kind, sample) in sources.kinds.iter().zip(pinned) {
        let mut reader = Reader::new(&sources);
        let shape = reader.path(&kind.body, &kind.file).expect("it is understood");
        let value: Value = serde_json::from_str(&sample.payload).expect("JSON");
        for hole in holes(&reader.types, &shape, &value) {
            let refused = body(&Sample { payload: hole.value.to_string(), ..sample.clone() }).is_err();
            // Either of two keys stands in a late outcome, which no single key can say.
            let needed = hole.needed || (kind.name == "late_outcome" && hole.key == "outcome");
            assert_eq!(refused, needed, "{} is missing in a {}", hole.key, kind.name);
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried} keys were left out");
}

#[test]
fn a_payload_that_is_not_as_the_source_says_is_refused() {
    let (types, shape) = read(PLANTED, "Whole").expect("understood");
    let good = serde_json::to_value(&wholes()[4]).expect("JSON");
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        format!("{:#}", fits(&types, &shape, &bad).expect_err("it does not fit"))
    };
    let said = |change: &dyn Fn(&mut Value), words: &str| {
        let refused = refused(change);
        assert!(refused.ends_with(words), "{refused}");
    };
    said(&|bad| bad["more"] = json!(1), "the key `more`: it is not described");
    said(&|bad| bad["as"] = json!("OTHER"), "`OTHER` is not described");
    said(&|bad| bad["nothing"] = json!(null), "are there");
    said(&|bad| bad["leftOut"] = json!("1"), "\"1\" is not such an integer");
    said(&|bad| bad["leftEmpty"] = json!(["some_keys"]), "`some_keys` holds something");
    said(&|bad| bad["leftEmpty"] = json!([{ "several": [true] }]), "[true] is not a list of this length");
    said(&|bad| bad["orNull"] = json!({ "manner": "of-keys", "size": 1 }), "the key `type` is missing");
    said(
        &|bad| drop(bad["some_keys"].as_object_mut().and_then(|keys| keys.remove("retentionUs"))),
        "`retentionUs` is missing",
    );
}

/// Asserts that a planted source is refused with every word.
#[track_caller]
fn refuses(source: &str, words: &[&str]) {
    let refused = read(source, "A").map(|(_, shape)| shape).expect_err("it is refused");
    let refused = format!("{refused:#}");
    assert!(words.iter().all(|word| refused.contains(word)), "{refused}");
}

const DOC: &str = "/** A. */ #[derive(Serialize)] ";

#[test]
fn a_type_without_words_is_named() {
    let field = |ty: &str| format!("{DOC} struct A {{ /** B. */ b: Option<Vec<{ty}>> }}");
    for ty in ["f64", "Duration", "HashMap<String, u8>", "serde_json::Number"] {
        let name = ty.rsplit("::").next().and_then(|name| name.split('<').next()).expect("a name");
        refuses(&field(ty), &["A in a.rs", "the field b", &format!("the type `{name}` is not known")]);
    }
    refuses(&field("fn()"), &["the field b", "has no words"]);
    refuses(&format!("{DOC} struct A {{ /** B. */ b: B<u8> }} {DOC} struct B<T>(T);"), &["`B` is generic"]);
}

#[test]
fn what_the_source_does_not_say_is_refused() {
    refuses("/** A. */ struct A;", &["A in a.rs", "does not derive Serialize"]);
    refuses("#[derive(Serialize)] struct A;", &["A has no doc comment"]);
    refuses(&format!("{DOC} struct A {{ b: u8 }}"), &["the field b: b has no doc comment"]);
    refuses(&format!("{DOC} enum A {{ B }}"), &["B has no doc comment"]);
    refuses(&format!("{DOC} enum A {{ #[serde(other)] B }}"), &["the variant B", "`other` is not understood"]);
    refuses(&format!("{DOC} #[serde(untagged)] enum A {{ }}"), &["`untagged` is not understood"]);
    let skips = "#[serde(skip_serializing_if = \"Vec::is_empty\")] /** B. */ b: Vec<u8>";
    refuses(&format!("{DOC} struct A {{ {skips} }}"), &["the field b", "no `default`"]);
    refuses(&format!("{DOC} struct A {{ #[serde(flatten)] /** B. */ b: u8 }}"), &["cannot be flattened"]);
    refuses(&format!("{DOC} struct A {{ #[serde(flatten)] /** B. */ b: Option<Box<A>> }}"), &["flattened into itself"]);
}
