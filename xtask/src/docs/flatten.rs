//! Flattened fields: the keys of what they hold stand in the object around them.

use anyhow::{Context, Result, bail};

use super::model::{Choice, Entry, Form, Holds, Key, Presence, Shape, Types, Variant};

/// The entries that a flattened value adds. `doc` says what keys of no fixed name are.
///
/// # Errors
/// When serde could not flatten it, or could, and the page has no words for it.
pub(super) fn flatten(types: &Types, shape: Shape, doc: impl Fn() -> Result<String>) -> Result<Vec<Entry>> {
    match shape {
        Shape::Map { value, .. } => {
            Ok(vec![Entry { key: Key::Other, shape: *value, presence: Presence::Optional, doc: doc()? }])
        }
        Shape::OrNull(inner) => Ok(flatten(types, *inner, doc)?.into_iter().map(optional).collect()),
        Shape::Named(name) => {
            let named = types.get(&name).with_context(|| format!("`{name}` is flattened into itself"))?;
            match named.form.clone() {
                Form::Object(entries) => Ok(entries),
                Form::Value(shape) => flatten(types, shape, doc),
                Form::Choice(choice) => variants(types, &name, choice, doc),
            }
        }
        _ => bail!("what is neither an object nor a choice cannot be flattened"),
    }
}

fn optional(entry: Entry) -> Entry {
    Entry { presence: Presence::Optional, ..entry }
}

fn variants(types: &Types, name: &str, choice: Choice, doc: impl Fn() -> Result<String>) -> Result<Vec<Entry>> {
    let words: Vec<String> = choice.variants.iter().map(|variant| variant.word.clone()).collect();
    let Some(tag) = choice.tag else {
        return Ok(choice.variants.into_iter().map(|variant| as_key(variant, &words)).collect());
    };
    let shape = Shape::Word { of: name.to_owned(), words };
    let mut entries = vec![Entry { key: Key::Is(tag.clone()), shape, presence: Presence::Required, doc: doc()? }];
    for variant in choice.variants {
        for entry in keys(types, &variant)? {
            if matches!(entry.presence, Presence::OneOf(_) | Presence::With { .. }) {
                bail!("a choice within the choice `{name}` is flattened");
            }
            let then = Box::new(entry.presence);
            let presence = Presence::With { tag: tag.clone(), word: variant.word.clone(), then };
            entries.push(Entry { presence, ..entry });
        }
    }
    Ok(entries)
}

/// A variant that stands as a key of its own.
fn as_key(variant: Variant, words: &[String]) -> Entry {
    let shape = match variant.holds {
        Holds::Nothing => Shape::Null,
        Holds::One(shape) => shape,
        Holds::Keys(keys) => Shape::Keys(keys),
    };
    let presence = Presence::OneOf(words.to_vec());
    Entry { key: Key::Is(variant.word), shape, presence, doc: variant.doc }
}

/// The keys that a variant has beside its tag.
///
/// # Errors
/// When it holds what cannot stand beside a tag.
pub(super) fn keys(types: &Types, variant: &Variant) -> Result<Vec<Entry>> {
    let Variant { word, holds, .. } = variant;
    match holds {
        Holds::Nothing => Ok(Vec::new()),
        Holds::Keys(keys) => Ok(keys.clone()),
        Holds::One(shape) => {
            flatten(types, shape.clone(), || bail!("`{word}` holds keys without names beside its tag"))
        }
    }
}
