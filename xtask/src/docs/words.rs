//! Words for shapes, for a reader who sees JSON and no Rust.

use anyhow::Result;

use super::flatten::keys;
use super::markdown::{anchor, code, either, table};
use super::model::{Choice, Entry, Form, Holds, Key, Presence, Shape, Types, Variant};

/// Words shapes, with links to where a page explains their types.
pub(super) struct Words<'a> {
    pub(super) types: &'a Types,
    /// Headings that stand before those of the types.
    pub(super) taken: &'a [&'a str],
}

impl Words<'_> {
    /// What a named type looks like, as a table.
    ///
    /// # Errors
    /// When the keys of a variant cannot stand beside its tag.
    pub(super) fn form(&self, form: &Form) -> Result<String> {
        match form {
            Form::Value(shape) => Ok(format!("It is written as {}.\n", self.shape(shape))),
            Form::Object(entries) if entries.is_empty() => Ok("It has no keys.\n".to_owned()),
            Form::Object(entries) => Ok(self.entries(entries)),
            Form::Choice(choice) => self.choice(choice),
        }
    }

    /// What a newtype is written as.
    pub(super) fn value(&self, name: &str) -> String {
        match self.types.get(name).map(|named| &named.form) {
            Some(Form::Value(shape)) => self.shape(shape),
            _ => self.shape(&Shape::Named(name.to_owned())),
        }
    }

    fn entries(&self, entries: &[Entry]) -> String {
        let row = |entry: &Entry| {
            let key = match &entry.key {
                Key::Is(key) => code(key),
                Key::Other => "any other key".to_owned(),
            };
            vec![key, self.shape(&entry.shape), presence(&entry.presence), entry.doc.clone()]
        };
        let table = table(&["key", "value", "presence", "meaning"], &entries.iter().map(row).collect::<Vec<_>>());
        let below = entries.iter().filter_map(|entry| match (&entry.key, &entry.shape) {
            (Key::Is(key), Shape::Keys(keys)) => Some(self.below(key, keys)),
            _ => None,
        });
        table + &below.collect::<String>()
    }

    fn below(&self, key: &str, keys: &[Entry]) -> String {
        format!("\nThe keys of {}:\n\n{}", code(key), self.entries(keys))
    }

    fn choice(&self, choice: &Choice) -> Result<String> {
        let words_alone = choice.variants.iter().all(|variant| variant.holds == Holds::Nothing);
        let mut rows = Vec::new();
        let mut below = String::new();
        for variant in &choice.variants {
            let (holds, keys) = self.holds(choice, variant)?;
            let spelt = code(&spelt(choice, variant));
            rows.push(if words_alone {
                vec![spelt, variant.doc.clone()]
            } else {
                vec![spelt, holds, variant.doc.clone()]
            });
            if !keys.is_empty() {
                below += &self.below(&variant.word, &keys);
            }
        }
        let head: &[&str] = if words_alone { &["written as", "meaning"] } else { &["written as", "holds", "meaning"] };
        Ok(table(head, &rows) + &below)
    }

    /// What a variant holds, in words, and the keys that need a table of their own.
    fn holds(&self, choice: &Choice, variant: &Variant) -> Result<(String, Vec<Entry>)> {
        let keys = match (&choice.tag, &variant.holds) {
            (_, Holds::Nothing) => return Ok(("nothing".to_owned(), Vec::new())),
            (None, Holds::One(shape)) => return Ok((self.shape(shape), Vec::new())),
            (None, Holds::Keys(keys)) => keys.clone(),
            (Some(_), _) => keys(self.types, variant)?,
        };
        let names: Vec<String> = keys.iter().filter_map(|entry| key_code(&entry.key)).collect();
        Ok((names.join(", "), keys))
    }

    fn shape(&self, shape: &Shape) -> String {
        match shape {
            Shape::Text(words) => (*words).to_owned(),
            Shape::Boolean => "true or false".to_owned(),
            Shape::Integer { signed: false } => "integer".to_owned(),
            Shape::Integer { signed: true } => "signed integer".to_owned(),
            Shape::Null => "null".to_owned(),
            Shape::Any => "any JSON value".to_owned(),
            Shape::List { of, sorted: false } => format!("list of: {}", self.shape(of)),
            Shape::List { of, sorted: true } => format!("sorted list of: {}", self.shape(of)),
            Shape::Tuple(shapes) => {
                let shapes: Vec<String> = shapes.iter().map(|shape| self.shape(shape)).collect();
                format!("list of exactly: {}", shapes.join(", "))
            }
            Shape::Map { key, value } => {
                format!("object with keys of: {}, and values of: {}", self.shape(key), self.shape(value))
            }
            Shape::OrNull(inner) => format!("{}, or null", self.shape(inner)),
            Shape::Word { of, words } => {
                let words: Vec<String> = words.iter().map(|word| code(word)).collect();
                format!("{} ({})", either(&words), self.link(of))
            }
            Shape::Keys(_) => "object (its keys are below)".to_owned(),
            Shape::Named(name) => self.named(name),
        }
    }

    fn named(&self, name: &str) -> String {
        let link = self.link(name);
        match self.types.get(name).map(|named| &named.form) {
            Some(Form::Value(shape)) => format!("{} ({link})", self.shape(shape)),
            Some(Form::Choice(choice)) => format!("{} ({link})", kinds_of(choice)),
            Some(Form::Object(_)) | None => format!("object ({link})"),
        }
    }

    fn link(&self, name: &str) -> String {
        if self.types.get(name).is_some_and(|named| matches!(named.form, Form::Value(_))) {
            return format!("[{name}](#values)");
        }
        // Of two equal headings, the later one's anchor is numbered.
        let again = self.taken.iter().any(|taken| anchor(taken) == anchor(name));
        format!("[{name}](#{}{})", anchor(name), if again { "-1" } else { "" })
    }
}

/// Whether the ways of a choice are texts, objects, or both.
fn kinds_of(choice: &Choice) -> &'static str {
    let texts = |variant: &&Variant| choice.tag.is_none() && variant.holds == Holds::Nothing;
    match choice.variants.iter().filter(texts).count() {
        0 => "object",
        texts if texts == choice.variants.len() => "text",
        _ => "text or object",
    }
}

/// How a variant stands in a payload.
fn spelt(choice: &Choice, variant: &Variant) -> String {
    let word = &variant.word;
    match (&choice.tag, &variant.holds) {
        (None, Holds::Nothing) => format!("\"{word}\""),
        (None, _) => format!("{{\"{word}\": …}}"),
        (Some(tag), Holds::Nothing) => format!("{{\"{tag}\": \"{word}\"}}"),
        (Some(tag), _) => format!("{{\"{tag}\": \"{word}\", …}}"),
    }
}

fn presence(there: &Presence) -> String {
    match there {
        Presence::Required => "required".to_owned(),
        Presence::Defaulted => "defaulted".to_owned(),
        Presence::Optional => "optional".to_owned(),
        Presence::OneOf(keys) => {
            let keys: Vec<String> = keys.iter().map(|key| code(key)).collect();
            format!("exactly one of {}", keys.join(", "))
        }
        Presence::With { tag, word, then } => {
            format!("{} where {} is {}", presence(then), code(tag), code(word))
        }
    }
}

fn key_code(key: &Key) -> Option<String> {
    match key {
        Key::Is(key) => Some(code(key)),
        Key::Other => None,
    }
}
