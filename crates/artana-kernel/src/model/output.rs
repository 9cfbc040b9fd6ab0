//! What a caller wants an answer to be: text, a type, JSON of a schema, or one of these unless tools are asked for.
//! It judges answers and reads them; it asks nobody.

use std::{
    any::TypeId,
    collections::HashMap,
    fmt,
    marker::PhantomData,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
};

use artana_core::{json, schema::demands};
use artana_ports::{Part, ToolUse};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::reply::Turn;
use crate::verdict::clipped;

/// Most errors of one answer that are told to the model: enough to correct it, and bounded.
const MAX_ERRORS: usize = 16;
/// The longest of them, in bytes: one may quote the whole answer.
const MAX_ERROR_BYTES: usize = 1024;

/// What an answer is read as.
///
/// It is implemented by the kinds of answer there are: [`Text`], [`Typed`], [`Dynamic`] and [`Turns`] of these.
pub trait ModelOutput: Send + Sync + 'static {
    /// What the caller gets.
    type Value: Send + 'static;

    /// Reads a valid answer.
    ///
    /// # Errors
    ///
    /// What is wrong with it, place by place, without quoting it.
    fn read(parts: &[Part]) -> Result<Self::Value, Vec<String>>;
}

/// The answer's text.
#[derive(Debug)]
pub struct Text;

/// A value of a type, whose schema the model is given.
#[derive(Debug)]
pub struct Typed<T>(PhantomData<fn() -> T>);

/// JSON of a schema that the caller gives.
#[derive(Debug)]
pub struct Dynamic;

/// An answer, or the tools the model asks for instead.
#[derive(Debug)]
pub struct Turns<O>(PhantomData<fn() -> O>);

impl ModelOutput for Text {
    type Value = String;

    fn read(parts: &[Part]) -> Result<String, Vec<String>> {
        no_calls(parts)?;
        text(parts).ok_or_else(|| vec!["it holds no text".into()])
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> ModelOutput for Typed<T> {
    type Value = T;

    fn read(parts: &[Part]) -> Result<T, Vec<String>> {
        serde_json::from_value(json_of(parts)?).map_err(|error| vec![kind_of(&error)])
    }
}

impl ModelOutput for Dynamic {
    type Value = Value;

    fn read(parts: &[Part]) -> Result<Value, Vec<String>> {
        json_of(parts)
    }
}

impl<O: ModelOutput> ModelOutput for Turns<O> {
    type Value = Turn<O::Value>;

    fn read(parts: &[Part]) -> Result<Self::Value, Vec<String>> {
        let calls = calls(parts);
        if calls.is_empty() {
            return O::read(parts).map(Turn::Output);
        }
        Ok(Turn::Calls { text: text(parts), calls })
    }
}

/// Returns all text of an answer, if there is any.
pub(crate) fn text(parts: &[Part]) -> Option<String> {
    let mut texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let mut whole = texts.next()?.to_owned();
    texts.for_each(|text| whole.push_str(text));
    Some(whole)
}

/// Returns the calls an answer asks for.
pub(crate) fn calls(parts: &[Part]) -> Vec<ToolUse> {
    let call = |part: &Part| match part {
        Part::ToolCall(call) => Some(call.clone()),
        _ => None,
    };
    parts.iter().filter_map(call).collect()
}

fn no_calls(parts: &[Part]) -> Result<(), Vec<String>> {
    let asks = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    if asks { Err(vec!["it asks for tools although it was shown none".into()]) } else { Ok(()) }
}

fn json_of(parts: &[Part]) -> Result<Value, Vec<String>> {
    no_calls(parts)?;
    let text = text(parts).ok_or_else(|| vec!["it holds no text".to_owned()])?;
    json::parse(text.as_bytes()).map_err(|error| vec![format!("it is not JSON: {error}")])
}

/// Says what kind of misfit it is; serde's own words may quote the value.
fn kind_of(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "it is JSON, but not what the type reads".into(),
        _ => "it is not JSON".into(),
    }
}

type Fits = fn(&Value) -> Result<(), String>;

/// A JSON Schema of outputs, with the canonical bytes of what it demands and, once it is needed, its validator.
pub(crate) struct OutputSchema {
    /// The schema as the model is given it.
    pub(crate) value: Value,
    pub(crate) canonical: Vec<u8>,
    validator: OnceLock<Result<jsonschema::Validator, String>>,
    fits: Option<Fits>,
}

impl fmt::Debug for OutputSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputSchema").field("value", &self.value).finish_non_exhaustive()
    }
}

impl OutputSchema {
    /// Returns the schema of a type, made once.
    pub(crate) fn of<T: DeserializeOwned + JsonSchema + 'static>() -> Arc<Self> {
        static KNOWN: LazyLock<Mutex<HashMap<TypeId, Arc<OutputSchema>>>> = LazyLock::new(Mutex::default);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let value = schemars::schema_for!(T).to_value();
            let canonical = json::to_canonical(&demands(&value)).expect("a schema made by a derive is shallow");
            Arc::new(Self { value, canonical, validator: OnceLock::new(), fits: Some(fits::<T>) })
        };
        Arc::clone(known.entry(TypeId::of::<T>()).or_insert_with(made))
    }

    /// Takes a schema of the caller's.
    pub(crate) fn dynamic(value: Value) -> Result<Arc<Self>, String> {
        let canonical = json::to_canonical(&demands(&value)).map_err(|error| error.to_string())?;
        Ok(Arc::new(Self { value, canonical, validator: OnceLock::new(), fits: None }))
    }

    /// Checks that the schema itself is one.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.validator().map(drop)
    }

    fn validator(&self) -> Result<&jsonschema::Validator, String> {
        let place = |error: jsonschema::ValidationError<'_>| match error.instance_path().as_str() {
            "" => "the whole of it is refused".to_owned(),
            pointer => format!("what stands at {pointer} is refused"),
        };
        let made = self.validator.get_or_init(|| jsonschema::validator_for(&self.value).map_err(place));
        made.as_ref().map_err(Clone::clone)
    }

    /// Lists what is wrong with an output, by JSON pointer.
    fn problems(&self, output: &Value) -> Vec<String> {
        let validator = match self.validator() {
            Ok(validator) => validator,
            Err(problem) => return vec![problem],
        };
        let found = validator.iter_errors(output).take(MAX_ERRORS);
        let mut problems: Vec<String> = found.map(|error| at(error.instance_path().as_str(), &error)).collect();
        if let (true, Some(fits)) = (problems.is_empty(), self.fits) {
            problems.extend(fits(output).err());
        }
        problems
    }
}

fn at(pointer: &str, problem: &impl fmt::Display) -> String {
    let pointer = if pointer.is_empty() { "the whole" } else { pointer };
    clipped(&format!("at {pointer}: {problem}"), MAX_ERROR_BYTES).to_owned()
}

fn fits<T: DeserializeOwned>(output: &Value) -> Result<(), String> {
    T::deserialize(output).map(drop).map_err(|error| clipped(&error.to_string(), MAX_ERROR_BYTES).to_owned())
}

/// Judges an answer before it is recorded. An answer that asks for visible tools needs no output.
pub(crate) fn judge(schema: Option<&OutputSchema>, shows_tools: bool, parts: &[Part]) -> Result<(), Vec<String>> {
    if shows_tools && parts.iter().any(|part| matches!(part, Part::ToolCall(_))) {
        return Ok(());
    }
    match schema {
        None => Text::read(parts).map(drop),
        Some(schema) => {
            let problems = schema.problems(&json_of(parts)?);
            if problems.is_empty() { Ok(()) } else { Err(problems) }
        }
    }
}
