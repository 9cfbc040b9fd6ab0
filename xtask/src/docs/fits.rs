//! Whether a payload is what the page says of it: what was read from the source, held against what was written.
//!
//! A page that passes cannot have a key too few, or spell one differently.

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Map, Value};

use super::flatten::keys;
use super::model::{Choice, Entry, Form, Holds, Key, Presence, Shape, Types};

/// Holds a value against its shape.
///
/// # Errors
/// Where they differ, with the keys that lead there.
pub(super) fn fits(types: &Types, shape: &Shape, value: &Value) -> Result<()> {
    let is = |fine: bool, what: &str| if fine { Ok(()) } else { Err(anyhow!("{value} is not {what}")) };
    match shape {
        Shape::Text(words) => is(value.is_string(), words),
        Shape::Boolean => is(value.is_boolean(), "true or false"),
        Shape::Integer { signed } => is(value.is_u64() || (*signed && value.is_i64()), "such an integer"),
        Shape::Null => is(value.is_null(), "null"),
        Shape::Any => Ok(()),
        Shape::List { of, .. } => list(value)?.iter().try_for_each(|one| fits(types, of, one)),
        Shape::Tuple(shapes) => {
            is(list(value)?.len() == shapes.len(), "a list of this length")?;
            shapes.iter().zip(list(value)?).try_for_each(|(shape, one)| fits(types, shape, one))
        }
        Shape::Map { value: of, .. } => object(value)?.values().try_for_each(|one| fits(types, of, one)),
        Shape::OrNull(_) if value.is_null() => Ok(()),
        Shape::OrNull(inner) => fits(types, inner, value),
        Shape::Word { words, .. } => is(words.iter().any(|word| value == word), "one of the words"),
        Shape::Keys(keys) => entries(types, keys, object(value)?),
        Shape::Named(name) => match &types.get(name).context("every name was read")?.form {
            Form::Value(shape) => fits(types, shape, value),
            Form::Object(keys) => entries(types, keys, object(value)?),
            Form::Choice(choice) => chosen(types, choice, value).with_context(|| format!("the choice {name}")),
        },
    }
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().with_context(|| format!("{value} is not a list"))
}

fn object(value: &Value) -> Result<&Map<String, Value>> {
    value.as_object().with_context(|| format!("{value} is not an object"))
}

fn entries(types: &Types, entries: &[Entry], object: &Map<String, Value>) -> Result<()> {
    for (key, value) in object {
        let named: Vec<&Entry> = entries.iter().filter(|entry| entry.key == Key::Is(key.clone())).collect();
        let other = entries.iter().filter(|entry| named.is_empty() && entry.key == Key::Other);
        // Keys of several variants may share a name: one of them has to fit.
        let mut fitted = Err(anyhow!("it is not described"));
        for entry in named.iter().copied().chain(other) {
            fitted = fitted.or_else(|_| fits(types, &entry.shape, value));
        }
        fitted.with_context(|| format!("the key `{key}`"))?;
    }
    entries.iter().try_for_each(|entry| present(entry, object))
}

fn present(entry: &Entry, object: &Map<String, Value>) -> Result<()> {
    let Key::Is(key) = &entry.key else { return Ok(()) };
    let due = match &entry.presence {
        Presence::With { tag, word, then } if object.get(tag).is_some_and(|value| value == word) => then,
        presence => presence,
    };
    match due {
        Presence::Required | Presence::Defaulted => ensure!(object.contains_key(key), "the key `{key}` is missing"),
        Presence::Optional | Presence::With { .. } => {}
        Presence::OneOf(keys) => {
            let there = keys.iter().filter(|key| object.contains_key(*key)).count();
            ensure!(there == 1, "{there} of the keys {keys:?} are there");
        }
    }
    Ok(())
}

fn chosen(types: &Types, choice: &Choice, value: &Value) -> Result<()> {
    let find = |word: &str| {
        let found = choice.variants.iter().find(|variant| variant.word == word);
        found.with_context(|| format!("`{word}` is not described"))
    };
    if let Some(tag) = &choice.tag {
        let mut rest = object(value)?.clone();
        let word = rest.remove(tag).with_context(|| format!("the key `{tag}` is missing"))?;
        let variant = find(word.as_str().context("its tag is not a text")?)?;
        return entries(types, &keys(types, variant)?, &rest);
    }
    if let Some(word) = value.as_str() {
        ensure!(find(word)?.holds == Holds::Nothing, "`{word}` holds something");
        return Ok(());
    }
    let object = object(value)?;
    let (Some((word, held)), 1) = (object.iter().next(), object.len()) else {
        bail!("{value} does not name one variant")
    };
    match &find(word)?.holds {
        Holds::Nothing => bail!("`{word}` holds nothing"),
        Holds::One(shape) => fits(types, shape, held),
        Holds::Keys(keys) => self::entries(types, keys, self::object(held)?),
    }
}
