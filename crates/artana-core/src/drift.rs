//! Names what differs between two asks: the field, the smallest place in it, and the differing span of a text.
//! It compares words that others read, and judges nothing.

use std::{collections::BTreeMap, collections::BTreeSet, fmt};

use serde_json::{Map, Value, json};

use crate::{
    ask::Field,
    json::{Difference, diff, to_canonical},
    limits::{MAX_DIFFERENCES, MAX_DRIFT_TEXT},
};

/// How an ask differs from the recorded one. Written out, it names fields and places and holds no words.
#[derive(Clone, PartialEq)]
pub struct Drift {
    /// What differs, field by field; at most [`MAX_DIFFERENCES`] places.
    pub changes: Vec<Change>,
}

/// One place where two asks differ.
#[derive(Clone, PartialEq)]
pub struct Change {
    /// The part of the ask.
    pub field: Field,
    /// The place in it, as a JSON pointer of RFC 6901; empty for the whole.
    pub path: String,
    /// What stood there, if anything did and it has not been erased.
    pub before: Option<Value>,
    /// What stands there now, if anything does.
    pub after: Option<Value>,
}

/// The part of a text that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'a> {
    /// How many characters come before it.
    pub at: usize,
    /// What stood there.
    pub before: &'a str,
    /// What stands there now.
    pub after: &'a str,
}

/// An ask in words, field by field as JSON. A field whose words were erased is absent.
pub type Words = BTreeMap<Field, Value>;

impl Drift {
    /// Compares two asks in the fields that are known to differ. Each of them is named, as a whole where its
    /// words are gone or show no difference.
    #[must_use]
    pub fn between(fields: &BTreeSet<Field>, before: &Words, after: &Words) -> Self {
        let mut changes = Vec::new();
        for (left, field) in (0..fields.len()).rev().zip(fields) {
            let room = MAX_DIFFERENCES - changes.len() - left;
            changes.extend(compare(*field, before.get(field), after.get(field)).into_iter().take(room));
        }
        Self { changes }
    }

    /// Returns the drift of a single field, from the differences of its JSON.
    #[must_use]
    pub fn of(field: Field, differences: Vec<Difference>) -> Self {
        Self { changes: differences.into_iter().map(|found| change(field, "", found)).collect() }
    }

    /// Returns the fields that differ.
    #[must_use]
    pub fn fields(&self) -> BTreeSet<Field> {
        self.changes.iter().map(|change| change.field).collect()
    }

    /// Writes the drift as JSON. Long texts are cut, and what is long and no text is shown as its canonical
    /// JSON, cut: the whole stays below two megabytes, whatever was asked.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Array(self.changes.iter().map(Change::to_json).collect())
    }
}

/// Names fields and places, never words.
impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, change) in self.changes.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{change}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.changes).finish()
    }
}

/// Names the field and the place. Keys of arguments and of input items may be data, and are left out.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.field)?;
        if self.path.is_empty() {
            return Ok(());
        }
        let told = !matches!(self.field, Field::Args | Field::InputItems);
        let is_told = |token: &str| told || token.bytes().all(|byte| byte.is_ascii_digit());
        f.write_str(" at ")?;
        self.path.split('/').skip(1).try_for_each(|token| write!(f, "/{}", if is_told(token) { token } else { "*" }))
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change({self})")
    }
}

impl Change {
    /// Returns the differing part of a text that was replaced by another text.
    #[must_use]
    pub fn span(&self) -> Option<Span<'_>> {
        let (Some(Value::String(before)), Some(Value::String(after))) = (&self.before, &self.after) else {
            return None;
        };
        Some(Span::between(before, after))
    }

    fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("field".into(), self.field.as_str().into());
        object.insert("path".into(), cut_text(&self.path).into());
        for (name, value) in [("before", &self.before), ("after", &self.after)] {
            if let Some(value) = value {
                object.insert(name.into(), cut(value));
            }
        }
        if let Some(span) = self.span() {
            let (before, after) = (cut_text(span.before), cut_text(span.after));
            object.insert("span".into(), json!({ "after": after, "at": span.at, "before": before }));
        }
        Value::Object(object)
    }
}

impl<'a> Span<'a> {
    /// Leaves out what two texts have in common at their beginning and at their end.
    #[must_use]
    pub fn between(before: &'a str, after: &'a str) -> Self {
        let same = |(a, b): &(char, char)| a == b;
        let prefix: usize = before.chars().zip(after.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
        let (before_rest, after_rest) = (&before[prefix..], &after[prefix..]);
        let backwards = before_rest.chars().rev().zip(after_rest.chars().rev());
        let suffix: usize = backwards.take_while(same).map(|(c, _)| c.len_utf8()).sum();
        Self {
            at: before[..prefix].chars().count(),
            before: &before_rest[..before_rest.len() - suffix],
            after: &after_rest[..after_rest.len() - suffix],
        }
    }
}

fn compare(field: Field, before: Option<&Value>, after: Option<&Value>) -> Vec<Change> {
    let found = match (before, after) {
        (Some(Value::Array(before)), Some(Value::Array(after))) => match field {
            Field::Messages => in_order(field, "", (before, after), message),
            _ => in_order(field, "", (before, after), any),
        },
        (Some(before), Some(after)) if !before.is_null() && !after.is_null() => any(field, "", before, after),
        (before, after) => vec![whole(field, String::new(), before, after)],
    };
    // What is known to differ is named, also where its words do not show how.
    if found.is_empty() { vec![whole(field, String::new(), None, None)] } else { found }
}

fn whole(field: Field, path: String, before: Option<&Value>, after: Option<&Value>) -> Change {
    let told = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
    Change { field, path, before: told(before), after: told(after) }
}

fn any(field: Field, place: &str, before: &Value, after: &Value) -> Vec<Change> {
    diff(before, after).into_iter().map(|found| change(field, place, found)).collect()
}

/// Compares the parts of a message in their order. A message that is null was erased.
fn message(field: Field, place: &str, before: &Value, after: &Value) -> Vec<Change> {
    if before.is_null() || after.is_null() {
        return vec![whole(field, place.to_owned(), Some(before), Some(after))];
    }
    let (Some(Value::Array(old)), Some(Value::Array(new))) = (before.get("parts"), after.get("parts")) else {
        return any(field, place, before, after);
    };
    let mut changes = in_order(field, &format!("{place}/parts"), (old, new), any);
    changes.extend(any(field, &format!("{place}/role"), &before["role"], &after["role"]));
    changes
}

/// Compares what lies between the items that both lists begin and end with, so that one item more or less
/// is named as such.
fn in_order(
    field: Field,
    place: &str,
    (before, after): (&[Value], &[Value]),
    compare: impl Fn(Field, &str, &Value, &Value) -> Vec<Change>,
) -> Vec<Change> {
    // Two zeros are equal and differ in what is recorded of them.
    let same = |(a, b): &(&Value, &Value)| a == b && diff(a, b).is_empty();
    let prefix = before.iter().zip(after).take_while(same).count();
    let (before, after) = (&before[prefix..], &after[prefix..]);
    let suffix = before.iter().rev().zip(after.iter().rev()).take_while(same).count();
    let (before, after) = (&before[..before.len() - suffix], &after[..after.len() - suffix]);
    let mut changes = Vec::new();
    for index in 0..before.len().max(after.len()) {
        if changes.len() >= MAX_DIFFERENCES {
            break;
        }
        let place = format!("{place}/{}", prefix + index);
        match (before.get(index), after.get(index)) {
            (Some(before), Some(after)) => changes.extend(compare(field, &place, before, after)),
            (before, after) => changes.push(whole(field, place, before, after)),
        }
    }
    changes
}

fn change(field: Field, place: &str, found: Difference) -> Change {
    let Difference { pointer, before, after } = found;
    Change { field, path: format!("{place}{pointer}"), before, after }
}

fn cut(value: &Value) -> Value {
    if let Value::String(text) = value {
        return cut_text(text).into();
    }
    // What has no canonical form is no part of an ask that can be recorded.
    let Ok(canonical) = to_canonical(value) else { return "…".into() };
    let whole = String::from_utf8(canonical).expect("canonical JSON is UTF-8");
    let shown = cut_text(&whole);
    if shown.len() == whole.len() { value.clone() } else { shown.into() }
}

fn cut_text(text: &str) -> String {
    match text.char_indices().nth(MAX_DRIFT_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
