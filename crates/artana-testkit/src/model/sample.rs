//! Makes the smallest value that fits a JSON Schema, as far as schemas of Rust types go. The same schema gives
//! the same value. It never checks: whoever asked for the schema does.

use std::{cell::Cell, collections::VecDeque};

use serde_json::{Map, Value, json};

use super::text;

/// How many references may lie inside each other. A type that holds itself ends somewhere, and well before this.
const MAX_HOPS: usize = 24;
/// How many schemas are looked into: more than any type needs, and soon over where one branches without end.
const MAX_LOOKS: usize = 100_000;

/// Returns the smallest value that fits `schema`; `None` where no value does or none was found.
///
/// Known are types, properties, items, alternatives, references, fixed values, bounds, lengths and formats. A
/// pattern is not: an example beside it is taken as it is.
pub(super) fn sample(schema: &Value) -> Option<Value> {
    // Few references first: of the alternatives of a type that holds itself, one that ends is found.
    let looks = Cell::new(0);
    (0..=MAX_HOPS).find_map(|hops| Parts::of(Root { schema, looks: &looks }, schema, hops)?.value())
}

/// The schema that references lead into.
#[derive(Clone, Copy)]
struct Root<'a> {
    schema: &'a Value,
    looks: &'a Cell<usize>,
}

/// A schema taken apart: what holds in any case, and the alternatives to choose from.
#[derive(Clone)]
struct Parts<'a> {
    root: Root<'a>,
    /// How many more references may be followed.
    hops: usize,
    keywords: Map<String, Value>,
    choices: VecDeque<&'a Vec<Value>>,
}

impl<'a> Parts<'a> {
    fn of(root: Root<'a>, schema: &'a Value, hops: usize) -> Option<Self> {
        let mut parts = Self { root, hops, keywords: Map::new(), choices: VecDeque::new() };
        parts.take(schema).then_some(parts)
    }

    /// Adds what a schema demands; `false` where nothing can meet it.
    fn take(&mut self, schema: &'a Value) -> bool {
        self.root.looks.set(self.root.looks.get() + 1);
        if self.root.looks.get() > MAX_LOOKS {
            return false;
        }
        let Value::Object(schema) = schema else { return *schema != Value::Bool(false) };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = self.hops.checked_sub(1).and_then(|hops| {
                self.hops = hops;
                resolve(self.root.schema, reference)
            });
            if !target.is_some_and(|target| self.take(target)) {
                return false;
            }
        }
        let all = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        for part in all {
            if !self.take(part) {
                return false;
            }
        }
        self.choices.extend(["oneOf", "anyOf"].iter().filter_map(|word| schema.get(*word)?.as_array()));
        schema.iter().all(|(word, value)| merge(&mut self.keywords, word, value))
    }

    /// Takes the first of each group of alternatives with which a value can be made.
    fn value(mut self) -> Option<Value> {
        let Some(group) = self.choices.pop_front() else { return self.made() };
        group.iter().find_map(|choice| {
            let mut parts = self.clone();
            parts.take(choice).then(|| parts.value())?
        })
    }

    fn made(&self) -> Option<Value> {
        let word = |word: &str| self.keywords.get(word);
        if let Some(fixed) = word("const").or_else(|| word("enum")?.get(0)).or_else(|| word("examples")?.get(0)) {
            return Some(fixed.clone());
        }
        match self.kind() {
            "object" => self.object(),
            "array" => self.array(),
            "string" => Some(text::sample(&self.keywords).into()),
            "integer" => integer(&self.keywords),
            "number" => number(&self.keywords),
            "boolean" => Some(true.into()),
            _ => Some(Value::Null),
        }
    }

    /// Of several types the first counts.
    fn kind(&self) -> &str {
        let named = self.keywords.get("type").and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
        let holds = |word: &str| self.keywords.contains_key(word);
        named.unwrap_or(if holds("properties") || holds("required") { "object" } else { "null" })
    }

    /// Makes what stands inside this value, which may refer to as much as the value itself.
    fn inner(&self, schema: &Value) -> Option<Value> {
        // The keywords were copied, so what they hold lives as long as this call.
        Parts::of(self.root, schema, self.hops)?.value()
    }

    fn object(&self) -> Option<Value> {
        let properties = self.keywords.get("properties");
        let required = self.keywords.get("required").and_then(Value::as_array);
        let mut object = Map::new();
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            let schema = properties.and_then(|properties| properties.get(name)).unwrap_or(&Value::Bool(true));
            object.insert(name.into(), self.inner(schema)?);
        }
        let least = bound(&self.keywords, "minProperties");
        let named = properties.and_then(Value::as_object).into_iter().flatten();
        for (name, schema) in named {
            if object.len() < least && !object.contains_key(name) {
                object.insert(name.clone(), self.inner(schema)?);
            }
        }
        // A numeral is a key of maps from texts and of maps from integers.
        for key in 0..least.saturating_sub(object.len()) {
            object.insert(key.to_string(), self.inner(self.any_key())?);
        }
        Some(Value::Object(object))
    }

    /// Returns the schema of what a map holds under any key.
    fn any_key(&self) -> &Value {
        let patterns = self.keywords.get("patternProperties").and_then(Value::as_object);
        let first = patterns.and_then(|patterns| patterns.values().next());
        first.or_else(|| self.keywords.get("additionalProperties")).unwrap_or(&Value::Bool(true))
    }

    fn array(&self) -> Option<Value> {
        let prefix = self.keywords.get("prefixItems").and_then(Value::as_array);
        let mut items: Vec<Value> = prefix.into_iter().flatten().map(|item| self.inner(item)).collect::<Option<_>>()?;
        let least = bound(&self.keywords, "minItems");
        let schema = self.keywords.get("items").unwrap_or(&Value::Bool(true));
        while items.len() < least {
            let item = self.inner(schema)?;
            let unique = self.keywords.get("uniqueItems") == Some(&Value::Bool(true));
            items.push(if unique { another(item, items.len()) } else { item });
        }
        Some(items.into())
    }
}

/// Follows a reference inside the schema.
fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&text::percent_decoded(reference.strip_prefix('#')?))
}

/// Adds a keyword to those that hold already; `false` where the two contradict each other.
fn merge(keywords: &mut Map<String, Value>, word: &str, value: &Value) -> bool {
    let Some(held) = keywords.get_mut(word) else {
        keywords.insert(word.into(), value.clone());
        return true;
    };
    match (word, &mut *held, value) {
        ("properties" | "patternProperties", Value::Object(held), Value::Object(more)) => {
            for (name, schema) in more {
                let both = held.get(name).map(|held| json!({ "allOf": [held, schema] }));
                held.insert(name.clone(), both.unwrap_or_else(|| schema.clone()));
            }
        }
        ("required", Value::Array(held), Value::Array(more)) => held.extend(more.iter().cloned()),
        ("enum", Value::Array(held), Value::Array(other)) => {
            held.retain(|value| other.contains(value));
            return !held.is_empty();
        }
        ("const" | "type", held, value) => return held == value,
        (word, held, value) if tighter(word, held, value) => *held = value.clone(),
        _ => {}
    }
    true
}

/// Whether a bound leaves less room than the one that holds.
fn tighter(word: &str, held: &Value, value: &Value) -> bool {
    let (Some(held), Some(value)) = (held.as_f64(), value.as_f64()) else { return false };
    match word {
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => value > held,
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => value < held,
        _ => false,
    }
}

/// Returns a length or a count that a keyword names; 0 where it names none.
pub(super) fn bound(keywords: &Map<String, Value>, word: &str) -> usize {
    keywords.get(word).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok()).unwrap_or(0)
}

/// Returns the integer nearest to 0 within the bounds.
fn integer(keywords: &Map<String, Value>) -> Option<Value> {
    let named = |word: &str| keywords.get(word).and_then(whole);
    let step = named("multipleOf").filter(|step| *step > 0).unwrap_or(1);
    let least = named("minimum").max(named("exclusiveMinimum").map(|above| above + 1)).unwrap_or(i128::MIN / 2);
    let most = [named("maximum"), named("exclusiveMaximum").map(|below| below - 1)].into_iter().flatten().min();
    let most = most.unwrap_or(i128::MAX / 2);
    let up = |number: i128| number.div_euclid(step) * step + if number.rem_euclid(step) == 0 { 0 } else { step };
    let down = |number: i128| number.div_euclid(step) * step;
    let nearest = if least > 0 { up(least) } else { down(most).min(0) };
    let fits = (least..=most).contains(&nearest);
    let number = u64::try_from(nearest).map(Value::from).or_else(|_| i64::try_from(nearest).map(Value::from));
    number.ok().filter(|_| fits)
}

fn whole(value: &Value) -> Option<i128> {
    let from_float = || value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i128);
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from)).or_else(from_float)
}

/// Returns a number within the bounds: 0 where it is, else one at or near the bound that it lies beyond.
fn number(keywords: &Map<String, Value>) -> Option<Value> {
    let named = |word: &str| keywords.get(word).and_then(Value::as_f64);
    let (least, most) = (named("minimum"), named("maximum"));
    let (above, below) = (named("exclusiveMinimum"), named("exclusiveMaximum"));
    let fits = |number: &f64| {
        least.is_none_or(|least| *number >= least)
            && most.is_none_or(|most| *number <= most)
            && above.is_none_or(|above| *number > above)
            && below.is_none_or(|below| *number < below)
            && named("multipleOf").is_none_or(|step| (number / step).fract() == 0.0)
    };
    let (low, high) = (least.or(above), most.or(below));
    let between = low.zip(high).map(|(low, high)| f64::midpoint(low, high));
    let beyond = [least, most, between, above.map(|above| above + 1.0), below.map(|below| below - 1.0)];
    let step = named("multipleOf").map(|step| (low.unwrap_or(0.0) / step).ceil() * step);
    [Some(0.0), step].into_iter().chain(beyond).flatten().find(fits).map(Value::from)
}

/// Makes a value differ from those before it, where that is easy.
fn another(value: Value, before: usize) -> Value {
    match value {
        Value::String(text) => format!("{text}{}", "s".repeat(before)).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => (number + i64::try_from(before).unwrap_or(0)).into(),
            None => Value::Number(number),
        },
        other => other,
    }
}
