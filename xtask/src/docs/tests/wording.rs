//! What the page says of planted types, in full.

use super::reading::{PLANTED, read};
use crate::docs::events::page;
use crate::docs::markdown::lost_anchors;
use crate::docs::samples::Sample;
use crate::docs::source::Sources;
use crate::docs::words::Words;

#[track_caller]
fn check(ty: &str, expect: &[&str]) {
    let (types, _) = read(PLANTED, ty).expect("understood");
    let words = Words { types: &types, taken: &[] };
    let found = words.form(&types[ty].form).expect("in words");
    let rows: Vec<&str> = found.lines().filter(|line| !line.is_empty() && !line.starts_with("|---")).collect();
    assert_eq!(rows, expect);
}

#[test]
fn a_struct_with_every_manner_of_field() {
    let one_of = |key: &str, rest: &str| {
        let presence = "exactly one of `nothing`, `one_thing`, `boxed`, `several`, `some_keys`";
        format!("| `{key}` | {} |", rest.replace("ONE", presence))
    };
    check(
        "Whole",
        &[
            "| key | value | presence | meaning |",
            "| `as` | text ([Word](#word)) | required | Under another name. |",
            &one_of("boxed", "object ([Deep](#deep)) | ONE | An object in it, which may hold another."),
            "| `deeper` | object ([Deep](#deep)), or null | optional | The next one. |",
            "| `labels` | object with keys of: text ([Label](#values)), and values of: list of: signed integer ([Nanos](#values)) | required | By label. |",
            "| `leftEmpty` | list of: text or object ([Way](#way)) | optional | Left out when empty. |",
            "| `leftOut` | signed integer ([Nanos](#values)) | optional | Left out. |",
            &one_of("nothing", "null | ONE | Nothing in it."),
            &one_of("one_thing", "text ([Label](#values)) | ONE | A text in it."),
            "| `orNull` | object ([Tagged](#tagged)), or null | defaulted | Null when there is none. |",
            &one_of("several", "list of exactly: true or false, text ([Word](#word)) | ONE | Two things in it."),
            "| `someSet` | sorted list of: text ([Label](#values)) | defaulted | Read as a default. |",
            &one_of("some_keys", "object (its keys are below) | ONE | Keys in it."),
            "| `swapped` | list of: integer ([Swapped](#values)) | required | Another spelling of it. |",
            "| `type` | text ([Word](#word)) | optional | A raw name. |",
            "The keys of `some_keys`:",
            "| key | value | presence | meaning |",
            r"| `cause` | text ([Word](#word)) | optional | Why \| or why not. |",
            "| `retentionUs` | integer | required | How long, in microseconds. |",
        ],
    );
}

#[test]
fn a_choice_with_every_kind_of_variant() {
    check(
        "Way",
        &[
            "| written as | holds | meaning |",
            r#"| `"nothing"` | nothing | Nothing in it. |"#,
            r#"| `{"one_thing": …}` | text ([Label](#values)) | A text in it. |"#,
            r#"| `{"boxed": …}` | object ([Deep](#deep)) | An object in it, which may hold another. |"#,
            r#"| `{"several": …}` | list of exactly: true or false, text ([Word](#word)) | Two things in it. |"#,
            r#"| `{"some_keys": …}` | `cause`, `retentionUs` | Keys in it. |"#,
            "The keys of `some_keys`:",
            "| key | value | presence | meaning |",
            r"| `cause` | text ([Word](#word)) | optional | Why \| or why not. |",
            "| `retentionUs` | integer | required | How long, in microseconds. |",
        ],
    );
}

#[test]
fn a_choice_of_words() {
    check(
        "Word",
        &[
            "| written as | meaning |",
            r#"| `"PLAIN"` | One word. |"#,
            r#"| `"TWO-WORDS"` | Two words. |"#,
            r#"| `"else"` | Another word. |"#,
        ],
    );
}

#[test]
fn a_choice_with_a_tag() {
    check(
        "Tagged",
        &[
            "| written as | holds | meaning |",
            r#"| `{"manner": "no-keys"}` | nothing | Only the tag. |"#,
            r#"| `{"manner": "of-deep", …}` | `deeper`, `type` | The tag, and the keys of an object. |"#,
            r#"| `{"manner": "of-keys", …}` | `size`, `type` | The tag, and keys. |"#,
            "The keys of `of-deep`:",
            "| key | value | presence | meaning |",
            "| `deeper` | object ([Deep](#deep)), or null | defaulted | The next one. |",
            "| `type` | text ([Word](#word)) | required | A raw name. |",
            "The keys of `of-keys`:",
            "| key | value | presence | meaning |",
            "| `size` | integer | required | A size. |",
            "| `type` | integer | required | A type, as `of-deep` has one. |",
        ],
    );
}

#[test]
fn a_flattened_tag_and_keys_that_nobody_fixed() {
    check(
        "Loose",
        &[
            "| key | value | presence | meaning |",
            "| `count` | integer | defaulted | Read as a default, as the whole says. |",
            "| `deeper` | object ([Deep](#deep)), or null | defaulted where `manner` is `of-deep` | The next one. |",
            "| `manner` | `no-keys`, `of-deep` or `of-keys` ([Tagged](#tagged)) | required | Which manner it is. |",
            "| `size` | integer | required where `manner` is `of-keys` | A size. |",
            "| `type` | text ([Word](#word)) | required where `manner` is `of-deep` | A raw name. |",
            "| `type` | integer | required where `manner` is `of-keys` | A type, as `of-deep` has one. |",
        ],
    );
    check(
        "Open",
        &[
            "| key | value | presence | meaning |",
            "| `fixed` | integer | required | The one that is fixed. |",
            "| any other key | integer | optional | What the application adds. |",
        ],
    );
}

/// Two kinds, one of which is called like a type that the other one holds.
const KINDS: &str = r#"
    bodies! { "note" => note::Said, "said" => Box<Quoted>, }
    text_id!(/** Who spoke. */ Speaker, "speaker");
    pub mod note {
        /** A word of the [`Application`]. */ #[derive(Serialize)]
        pub struct Said { /** Whose. */ by: Speaker, }
    }
    /** A quotation. */ #[derive(Serialize)]
    pub struct Quoted { /** What was said. */ note: Note, }
    /** A note on the margin. */ #[derive(Serialize)]
    pub struct Note { /** Where. */ at: Option<u8>, }
"#;

fn planted_page(payloads: [&str; 2]) -> anyhow::Result<String> {
    let sources = Sources::parse([("event/mod.rs", KINDS)])?;
    let sample = |(kind, payload): (&str, &str)| Sample { kind: kind.to_owned(), payload: payload.to_owned() };
    page(&sources, &["note", "said"].into_iter().zip(payloads).map(sample).collect::<Vec<_>>())
}

#[test]
fn a_page_of_planted_kinds() {
    let page = planted_page([r#"{"by":"me"}"#, r#"{"note":{"at":null}}"#]).expect("in words");
    for expect in [
        "| [`note`](#note) | A word of the `Application`. |\n| [`said`](#said) | A quotation. |\n",
        "\n## `note`\n\nA word of the `Application`.\n\n| key | value | presence | meaning |\n|---|---|---|---|\n| `by` | name ([Speaker](#values)) | required | Whose. |\n\n```json\n{\"by\":\"me\"}\n```\n",
        "| `note` | object ([Note](#note-1)) | required | What was said. |",
        "\n## Types\n\n### Note\n\nA note on the margin.\n\n",
        "| `at` | integer, or null | defaulted | Where. |",
        "| `Speaker` | name | Who spoke. |",
    ] {
        assert!(page.contains(expect), "{expect}\n--- is not in\n{page}");
    }
    assert!(!page.contains("### Said") && !page.contains("### Quoted"), "bodies are explained once");
    assert_eq!(lost_anchors(&page), Vec::<&str>::new());
}

#[test]
fn a_sample_that_is_not_what_the_source_says_is_named() {
    let wrong = planted_page([r#"{"by":"me"}"#, r#"{"note":{"at":"here"}}"#]).expect_err("it does not fit");
    let expect = "the event kind `said`: its sample is not what its source says: the key `note`: the key `at`";
    assert!(format!("{wrong:#}").starts_with(expect), "{wrong:#}");
}
