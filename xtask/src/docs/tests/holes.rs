//! Takes keys out of payloads, one by one, with what the source says of reading what is left.

use serde_json::{Map, Value};

use crate::docs::flatten::keys;
use crate::docs::model::{Choice, Entry, Form, Holds, Key, Presence, Shape, Types};

/// A value without one of its keys, and whether the source says that it cannot be read then.
pub(super) struct Hole {
    pub(super) key: String,
    pub(super) needed: bool,
    pub(super) value: Value,
}

/// Every value that is `value` without one key of one of its objects.
pub(super) fn holes(types: &Types, shape: &Shape, value: &Value) -> Vec<Hole> {
    match (shape, value) {
        (Shape::OrNull(inner), value) if !value.is_null() => holes(types, inner, value),
        (Shape::List { of, .. }, Value::Array(items)) => {
            (0..items.len()).flat_map(|at| in_list(types, of, items, at)).collect()
        }
        (Shape::Keys(keys), Value::Object(object)) => in_object(types, keys, object),
        (Shape::Named(name), value) => match (&types[name].form, value) {
            (Form::Value(shape), value) => holes(types, shape, value),
            (Form::Object(entries), Value::Object(object)) => in_object(types, entries, object),
            (Form::Choice(choice), Value::Object(object)) => in_choice(types, choice, object),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn in_list(types: &Types, of: &Shape, items: &[Value], at: usize) -> Vec<Hole> {
    let put = |hole: Hole| {
        let mut items = items.to_vec();
        items[at] = hole.value;
        Hole { value: items.into(), ..hole }
    };
    holes(types, of, &items[at]).into_iter().map(put).collect()
}

fn in_choice(types: &Types, choice: &Choice, object: &Map<String, Value>) -> Vec<Hole> {
    let named = |word: &str| {
        let found = choice.variants.iter().find(|variant| variant.word == word);
        found.expect("a variant of the choice").clone()
    };
    if let Some(tag) = &choice.tag {
        let variant = named(object[tag].as_str().expect("a tag is a text"));
        return in_object(types, &keys(types, &variant).expect("keys beside a tag"), object);
    }
    let (word, _) = object.iter().next().expect("one key");
    match named(word).holds {
        Holds::Nothing => Vec::new(),
        Holds::One(shape) => below(types, word, &shape, object),
        Holds::Keys(keys) => below(types, word, &Shape::Keys(keys), object),
    }
}

fn in_object(types: &Types, entries: &[Entry], object: &Map<String, Value>) -> Vec<Hole> {
    let mut found = Vec::new();
    for entry in entries {
        let Key::Is(key) = &entry.key else { continue };
        let chosen = match &entry.presence {
            Presence::With { tag, word, .. } => object.get(tag).is_some_and(|value| value == word),
            _ => object.contains_key(key),
        };
        if chosen && object.contains_key(key) {
            let mut value = object.clone();
            value.remove(key);
            let due = match &entry.presence {
                Presence::With { then, .. } => then,
                presence => presence,
            };
            let needed = matches!(due, Presence::Required | Presence::OneOf(_));
            found.push(Hole { key: key.clone(), needed, value: value.into() });
            found.extend(below(types, key, &entry.shape, object));
        }
    }
    found
}

fn below(types: &Types, key: &str, shape: &Shape, object: &Map<String, Value>) -> Vec<Hole> {
    let put = |hole: Hole| {
        let mut object = object.clone();
        object.insert(key.to_owned(), hole.value);
        Hole { value: object.into(), ..hole }
    };
    holes(types, shape, &object[key]).into_iter().map(put).collect()
}
