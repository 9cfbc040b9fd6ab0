//! What a payload looks like in JSON: shapes of values, and the types that have a name.

use std::collections::{BTreeMap, BTreeSet};

/// All named types, by name.
pub(super) type Types = BTreeMap<String, Named>;

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// A text, and which in a word.
    Text(&'static str),
    Boolean,
    Integer {
        signed: bool,
    },
    Null,
    Any,
    List {
        of: Box<Shape>,
        sorted: bool,
    },
    /// A list of fixed length.
    Tuple(Vec<Shape>),
    Map {
        key: Box<Shape>,
        value: Box<Shape>,
    },
    OrNull(Box<Shape>),
    /// A type that the page explains.
    Named(String),
    /// One of the words that name the variants of a named type.
    Word {
        of: String,
        words: Vec<String>,
    },
    /// An object without a name: the keys of one variant.
    Keys(Vec<Entry>),
}

/// A type with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Where it is defined, from the folder of the sources.
    pub(super) file: String,
    pub(super) doc: String,
    pub(super) form: Form,
}

/// How a named type is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// As another shape: it is a newtype.
    Value(Shape),
    Object(Vec<Entry>),
    Choice(Choice),
}

/// An enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// The key that names the variant; without one the variant is a text or the only key of an object.
    pub(super) tag: Option<String>,
    pub(super) variants: Vec<Variant>,
}

/// One way of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variant {
    /// As it is written.
    pub(super) word: String,
    pub(super) doc: String,
    pub(super) holds: Holds,
}

/// What a variant holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    Nothing,
    One(Shape),
    Keys(Vec<Entry>),
}

/// One key of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) shape: Shape,
    pub(super) presence: Presence,
    pub(super) doc: String,
}

/// What a key is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Is(String),
    /// Every key that no other entry names.
    Other,
}

/// Whether a key is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Presence {
    /// Always written, and needed to be read.
    Required,
    /// Always written; read as a default where it is missing.
    Defaulted,
    /// Left out where it has no value.
    Optional,
    /// Exactly one of these keys is there.
    OneOf(Vec<String>),
    /// Only where the key `tag` says `word`, and there as `then` says.
    With { tag: String, word: String, then: Box<Presence> },
}

impl Shape {
    fn names(&self, found: &mut BTreeSet<String>) {
        match self {
            Self::Text(_) | Self::Boolean | Self::Integer { .. } | Self::Null | Self::Any => {}
            Self::List { of, .. } | Self::OrNull(of) => of.names(found),
            Self::Tuple(shapes) => shapes.iter().for_each(|shape| shape.names(found)),
            Self::Map { key, value } => [key, value].iter().for_each(|shape| shape.names(found)),
            Self::Named(name) | Self::Word { of: name, .. } => drop(found.insert(name.clone())),
            Self::Keys(keys) => keys.iter().for_each(|entry| entry.shape.names(found)),
        }
    }
}

impl Form {
    /// Every name the form speaks of.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut entries = |entries: &[Entry]| entries.iter().for_each(|entry| entry.shape.names(&mut found));
        match self {
            Self::Value(shape) => shape.names(&mut found),
            Self::Object(keys) => entries(keys),
            Self::Choice(choice) => choice.variants.iter().for_each(|variant| match &variant.holds {
                Holds::Nothing => {}
                Holds::One(shape) => shape.names(&mut found),
                Holds::Keys(keys) => keys.iter().for_each(|entry| entry.shape.names(&mut found)),
            }),
        }
        found
    }
}

/// The types that the forms of `roots` speak of, and those that these speak of.
pub(super) fn reached(types: &Types, roots: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next: Vec<String> = roots.iter().map(ToString::to_string).collect();
    while let Some(name) = next.pop() {
        let names = types.get(&name).map(|named| named.form.names()).unwrap_or_default();
        next.extend(names.into_iter().filter(|name| found.insert(name.clone())));
    }
    found
}
