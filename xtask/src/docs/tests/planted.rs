//! Types in every manner serde can be told to write one. They are compiled, and read as source as well.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub(super) type Labels = BTreeMap<Label, Vec<Nanos>>;

/// A newtype of text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Label(pub(super) String);

/// A named field, written as itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Nanos {
    pub(super) nanos: i64,
}

/// Written as another type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<u32>", from = "Vec<u32>")]
pub(super) struct Swapped {
    pub(super) numbers: [u32; 2],
}

impl From<Swapped> for Vec<u32> {
    fn from(swapped: Swapped) -> Self {
        swapped.numbers.to_vec()
    }
}

impl From<Vec<u32>> for Swapped {
    fn from(numbers: Vec<u32>) -> Self {
        Self { numbers: [numbers[0], numbers[1]] }
    }
}

/// Words alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub(super) enum Word {
    /// One word.
    Plain,
    /// Two words.
    TwoWords,
    /// Another word.
    #[serde(rename = "else")]
    Other,
    #[serde(skip)]
    #[expect(dead_code, reason = "it is never written")]
    Hidden,
}

/// Every kind of variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(super) enum Way {
    /// Nothing in it.
    Nothing,
    /// A text in it.
    OneThing(Label),
    /// An object in it, which may hold another.
    Boxed(Box<Deep>),
    /// Two things in it.
    Several(bool, Word),
    /// Keys in it.
    SomeKeys {
        /// How long, in microseconds.
        retention_us: u64,
        /// Why | or why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Word>,
    },
}

/// Holds itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Deep {
    /// The next one.
    pub(super) deeper: Option<Box<Deep>>,
    /// A raw name.
    pub(super) r#type: Word,
}

/// A variant named by a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "manner", rename_all = "kebab-case")]
pub(super) enum Tagged {
    /// Only the tag.
    NoKeys,
    /// The tag, and the keys of an object.
    OfDeep(Deep),
    /// The tag, and keys.
    OfKeys {
        /// A size.
        size: u32,
        /// A type, as `of-deep` has one.
        r#type: u8,
    },
}

/// Every manner of field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole {
    /// Under another name.
    #[serde(rename = "as")]
    pub(super) closing: Word,
    /// Read as a default.
    #[serde(default)]
    pub(super) some_set: BTreeSet<Label>,
    /// Left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left_out: Option<Nanos>,
    /// Left out when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) left_empty: Vec<Way>,
    /// Null when there is none.
    pub(super) or_null: Option<Tagged>,
    /// By label.
    pub(super) labels: Labels,
    /// Another spelling of it.
    pub(super) swapped: Swapped,
    #[serde(skip)]
    pub(super) never: Option<Wordless>,
    /// Not seen: its keys stand here.
    #[serde(flatten)]
    pub(super) way: Way,
    /// Its keys stand here, or none of them.
    #[serde(flatten)]
    pub(super) deep: Option<Deep>,
}

/// What is skipped needs no words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wordless;

/// Flattens a tag, and whatever else there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Loose {
    /// Which manner it is.
    #[serde(flatten)]
    pub(super) tagged: Tagged,
    /// Read as a default, as the whole says.
    pub(super) count: u16,
}

impl Default for Loose {
    fn default() -> Self {
        Self { tagged: Tagged::NoKeys, count: 7 }
    }
}

/// Keys that nobody fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    /// The one that is fixed.
    pub(super) fixed: u8,
    /// What the application adds.
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, u64>,
}
