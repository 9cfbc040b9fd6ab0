//! Writes `docs/events.md`: every event kind, what it says, its keys, and one payload.
//!
//! It words what the reader found, and finds nothing itself.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use artana_core::limits::MAX_ID_BYTES;

use super::fits::fits;
use super::markdown::{anchor, code, table};
use super::model::{Form, Named, Shape, Types, reached};
use super::reader::Reader;
use super::samples::Sample;
use super::source::{Kind, Sources};
use super::words::Words;

const OPENING: &str = "\
# Event kinds

Every kind of event this build writes, and what its payload holds. [The ledger format](format.md) says how an event is
stored and hashed; this page is only about payloads. `cargo xtask docs` writes it from
[the structs](../crates/artana-core/src/event/mod.rs) that are written, and `cargo xtask ci` compares the two: don't edit it.

A payload is one JSON object. A key is

- **required**: always written, and a payload without it is refused;
- **defaulted**: always written, and a payload without it is read with a default in its place;
- **optional**: left out where it has no value.

The name in brackets leads to more about a value. *Name*, *UUID* and *hex* are texts, and [Values](#values) says which. The
samples are payloads byte for byte; tests pin them.

";

/// One kind, read and held against its sample.
struct Entry<'a> {
    kind: &'a str,
    /// The struct that is written.
    body: String,
    payload: &'a str,
}

/// The page.
///
/// # Errors
/// When a kind has no words, or its sample is not what its source says.
pub(super) fn page(sources: &Sources, samples: &[Sample]) -> Result<String> {
    let listed = sources.kinds.iter().map(|kind| &kind.name);
    ensure!(
        listed.eq(samples.iter().map(|sample| &sample.kind)),
        "the kinds that are listed are not those of the samples"
    );
    let mut reader = Reader::new(sources);
    let mut kinds = Vec::new();
    for (kind, sample) in sources.kinds.iter().zip(samples) {
        let entry = entry(&mut reader, kind, sample).with_context(|| format!("the event kind `{}`", kind.name))?;
        kinds.push(entry);
    }
    let types = reader.types;
    let taken: Vec<&str> = kinds.iter().map(|kind| kind.kind).collect();
    let words = Words { types: &types, taken: &taken };
    let mut page = OPENING.to_owned() + &contents(&types, &kinds)?;
    for kind in &kinds {
        let (heading, sample) = (code(kind.kind), kind.payload);
        page += &format!("\n## {heading}\n\n{}\n```json\n{sample}\n```\n", explained(&words, &kind.body)?);
    }
    let bodies: Vec<&str> = kinds.iter().map(|kind| kind.body.as_str()).collect();
    Ok(page + &named(&words, &reached(&types, &bodies))?)
}

fn entry<'a>(reader: &mut Reader<'_>, kind: &'a Kind, sample: &'a Sample) -> Result<Entry<'a>> {
    let shape = reader.path(&kind.body, &kind.file)?;
    let payload = serde_json::from_str(&sample.payload)?;
    fits(&reader.types, &shape, &payload).context("its sample is not what its source says")?;
    let Shape::Named(body) = shape else { bail!("it is not a type with a name") };
    Ok(Entry { kind: &kind.name, body, payload: &sample.payload })
}

/// What a type is and looks like.
fn explained(words: &Words<'_>, name: &str) -> Result<String> {
    let named = get(words.types, name)?;
    Ok(format!("{}\n\n{}", named.doc, words.form(&named.form)?))
}

/// The sections on types: first what has keys or ways, then what is only a value.
fn named(words: &Words<'_>, names: &BTreeSet<String>) -> Result<String> {
    let mut types = "\n## Types\n".to_owned();
    let mut values = Vec::new();
    for name in names {
        let named = get(words.types, name)?;
        match &named.form {
            Form::Value(_) => values.push(vec![code(name), words.value(name), named.doc.clone()]),
            _ => types += &format!("\n### {name}\n\n{}", explained(words, name)?),
        }
    }
    let values = table(&["name", "written as", "meaning"], &values);
    Ok(format!("{types}\n## Values\n\n{}\n{values}", texts()))
}

fn get<'a>(types: &'a Types, name: &str) -> Result<&'a Named> {
    types.get(name).with_context(|| format!("{name} was read"))
}

/// What each word for a value means.
fn texts() -> String {
    format!(
        "\
A *name* is 1 to {MAX_ID_BYTES} bytes of UTF-8 without control characters. A *UUID* is written in lower case with hyphens.
*hex* is 64 hex digits in lower case. An *integer* is not negative unless it is called *signed*, and fits 64 bits. A *sorted*
list is in ascending order and holds nothing twice.
"
    )
}

fn contents(types: &Types, kinds: &[Entry<'_>]) -> Result<String> {
    let row = |kind: &Entry<'_>| {
        let heading = code(kind.kind);
        Ok(vec![format!("[{heading}](#{})", anchor(kind.kind)), get(types, &kind.body)?.doc.clone()])
    };
    Ok(table(&["kind", "what it says"], &kinds.iter().map(row).collect::<Result<Vec<_>>>()?))
}
