//! Samples of schemas: each fits its schema by an independent validator, and its type reads it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU8,
    time::Duration,
};

use artana_core::{EventId, ModelId, RequestId, RunId, RunRef, StepKey, TenantId};
use artana_ports::{Message, ModelContext, ModelError, ModelOptions, ModelPort, ModelRequest, Part};
use artana_testkit::ScriptedModel;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub(crate) fn request(output_schema: Option<Value>) -> ModelRequest {
    ModelRequest {
        model: ModelId::parse("demo/one").expect("fit"),
        messages: vec![Message::user("anything")],
        input_items: Vec::new(),
        options: ModelOptions::default(),
        tools: Vec::new(),
        output_schema,
    }
}

pub(crate) fn context(step: &str) -> ModelContext {
    let run = RunRef::new(TenantId::parse("t").expect("fit"), RunId::parse("r").expect("fit"));
    ModelContext::new(run, StepKey::parse(step).expect("fit"), RequestId::from(EventId::v7(1, [1; 10])))
}

async fn sample(schema: Value) -> Result<Value, ModelError> {
    let answer = ScriptedModel::schema().ask(&request(Some(schema)), &context("s")).await?;
    let [Part::Text(text)] = answer.parts.as_slice() else { panic!("one text") };
    Ok(serde_json::from_str(text).expect("a sample is JSON"))
}

/// Checks a sample of any schema.
async fn fitting(schema: Value) -> Value {
    let sample = sample(schema.clone()).await.expect("a sample");
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let problems: Vec<String> = validator.iter_errors(&sample).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{sample} of {schema}: {problems:?}");
    assert_eq!(self::sample(schema).await.expect("a sample"), sample, "the same schema gives the same sample");
    sample
}

/// Checks a sample of a type's schema.
async fn fits<T: JsonSchema + DeserializeOwned>() -> Value {
    let sample = fitting(schema_for!(T).to_value()).await;
    if let Err(error) = T::deserialize(&sample) {
        panic!("{} does not read {sample}: {error}", T::schema_name());
    }
    sample
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Address {
    street: String,
    /// Where a letter goes.
    city: City,
    zip: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct City {
    name: String,
    inhabitants: u64,
    height: f64,
    capital: bool,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "An Order & more", deny_unknown_fields)]
struct Order {
    to: Address,
    lines: Vec<Line>,
    by_sku: BTreeMap<String, Line>,
    by_number: HashMap<u32, Line>,
    by_status: BTreeMap<Status, u8>,
    tags: BTreeSet<String>,
    pair: (Line, i8),
    triple: [Status; 3],
    note: Option<Box<Address>>,
    letter: char,
    unit: (),
    anything: Value,
    takes: Duration,
    from: IpAddr,
    via: Ipv4Addr,
    few: NonZeroU8,
    done: Result<Status, String>,
    bounds: std::ops::Range<i64>,
    #[serde(default)]
    left_out: Vec<Address>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Line {
    sku: String,
    count: i32,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Status {
    Open,
    /// Nothing more will come.
    Closed,
}

#[tokio::test]
async fn structs_in_structs_and_what_they_hold() {
    let sample = fits::<Order>().await;
    assert_eq!((&sample["to"]["city"]["capital"], &sample["few"]), (&json!(true), &json!(1)));
    assert!(sample.get("note").is_none() && sample["lines"] == json!([]), "the smallest: {sample}");
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
enum External {
    Struct { to: Address },
    Tuple(u8, String),
    Newtype(City),
    Unit,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
enum Internal {
    Newtype(City),
    Struct { status: Status },
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "value")]
enum Adjacent {
    Tuple(u8, Status),
    Unit,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Untagged {
    Struct(Address),
    Text(String),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Flat {
    id: u64,
    #[serde(flatten)]
    city: City,
    #[serde(flatten)]
    kind: Adjacent,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Choices {
    external: External,
    internal: Internal,
    adjacent: Adjacent,
    untagged: Untagged,
    flat: Flat,
    #[schemars(required)]
    required: Option<Status>,
}

#[tokio::test]
async fn enums_of_every_tagging_and_flattened_ones() {
    let sample = fits::<Choices>().await;
    assert_eq!(sample["internal"]["kind"], "Newtype");
    assert!(sample["internal"]["name"].is_string(), "the tag and what is tagged: {sample}");
    fits::<External>().await;
    fits::<Vec<Internal>>().await;
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
enum Expression {
    Sum(Box<Self>, Box<Self>),
    Negative(Box<Self>),
    All(Vec<Self>),
    Number(i64),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Tree {
    name: String,
    children: Vec<Self>,
    root: Option<Box<Self>>,
    left: Link,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
enum Link {
    To(Box<Tree>),
    Nowhere,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Busy {
    /// A list that is never empty of what holds itself.
    #[schemars(length(min = 2))]
    expressions: Vec<Expression>,
    tree: Tree,
}

#[tokio::test]
async fn types_that_hold_themselves_end() {
    let sample = fits::<Expression>().await;
    assert!(sample.to_string().len() < 60, "{sample}");
    fits::<Tree>().await;
    fits::<Busy>().await;
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Bounded {
    #[schemars(range(min = 3, max = 9))]
    few: u32,
    #[schemars(range(max = -2))]
    cold: i64,
    #[schemars(range(min = 18_446_744_073_709_551_000_u64))]
    huge: u64,
    #[schemars(range(min = 0.25, max = 0.75))]
    share: f64,
    #[schemars(range(max = -0.5))]
    below: f32,
    tiny: i8,
    #[schemars(length(min = 4, max = 6))]
    code: String,
    #[schemars(length(max = 0))]
    nothing: String,
    #[schemars(length(min = 2, max = 3))]
    lines: Vec<Line>,
    #[schemars(length(min = 3))]
    names: BTreeSet<String>,
    #[schemars(length(min = 2))]
    ids: BTreeSet<u8>,
    #[schemars(length(min = 2))]
    by_name: BTreeMap<String, Line>,
    #[schemars(length(min = 2))]
    by_id: BTreeMap<u16, Line>,
    #[schemars(length(min = 1))]
    by_status: BTreeMap<Status, u8>,
    #[schemars(email)]
    email: String,
    #[schemars(url)]
    url: String,
    #[schemars(extend("format" = "date-time"))]
    at: String,
    #[schemars(extend("format" = "date"))]
    day: String,
    #[schemars(extend("format" = "time"))]
    time: String,
    #[schemars(extend("format" = "duration"))]
    lasts: String,
    #[schemars(extend("format" = "uuid"))]
    id: String,
    #[schemars(extend("format" = "hostname"))]
    host: String,
    #[schemars(extend("format" = "ipv6"))]
    six: String,
    #[schemars(regex(pattern = "^[A-Z]{3}-[0-9]+$"), example = "ABC-1")]
    sku: String,
    #[schemars(extend("const" = "artana/1"))]
    format: String,
}

#[tokio::test]
async fn bounds_lengths_formats_and_examples() {
    let sample = fits::<Bounded>().await;
    assert_eq!((&sample["few"], &sample["cold"], &sample["tiny"]), (&json!(3), &json!(-2), &json!(0)));
    assert_eq!((&sample["sku"], &sample["nothing"]), (&json!("ABC-1"), &json!("")));
}

#[tokio::test]
async fn schemas_that_no_type_wrote() {
    let schemas = [
        json!(true),
        json!({}),
        json!({"type": ["string", "null"]}),
        json!({"enum": [7, "x"]}),
        json!({"type": "integer", "exclusiveMinimum": 4, "multipleOf": 5}),
        json!({"type": "integer", "exclusiveMaximum": 0}),
        json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
        json!({"type": "number", "exclusiveMinimum": 3.5}),
        json!({"type": "number", "minimum": 1.1, "multipleOf": 0.5}),
        json!({"allOf": [{"type": "integer", "minimum": 2}, {"minimum": 5}, {"maximum": 8}]}),
        json!({"allOf": [{"required": ["a"]}, {"required": ["b"], "properties": {"b": {"type": "string"}}}]}),
        json!({"properties": {"a": {"minimum": 1}}, "required": ["a"],
            "allOf": [{"properties": {"a": {"type": "integer"}}}]}),
        json!({"type": "object", "oneOf": [{"type": "string"}, {"required": ["a"]}], "required": ["b"]}),
        json!({"type": "array", "prefixItems": [{"const": 1}], "items": {"type": "boolean"}, "minItems": 3}),
        json!({"anyOf": [false, {"type": "string"}]}),
    ];
    for schema in schemas {
        fitting(schema).await;
    }
}

#[tokio::test]
async fn where_there_is_no_value_the_model_says_so() {
    let endless =
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"required": ["a"], "properties": {"a": {"$ref": "#/$defs/a"}}}}});
    let branching = json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [
        {"required": ["x"], "properties": {"x": {"$ref": "#/$defs/a"}}},
        {"required": ["y"], "properties": {"y": {"$ref": "#/$defs/a"}}},
        {"required": ["z"], "properties": {"z": {"$ref": "#/$defs/a"}}}
    ]}}});
    let nowhere = json!({"$ref": "#/$defs/missing"});
    let contradiction = json!({"allOf": [{"const": 1}, {"const": 2}]});
    let between = json!({"type": "integer", "minimum": 4, "maximum": 5, "multipleOf": 10});
    for schema in [json!(false), endless, branching, nowhere, contradiction, between] {
        let error = sample(schema.clone()).await.expect_err("no value");
        assert!(error.message.contains("no value"), "{schema}: {error:?}");
    }
    let answer = ScriptedModel::schema().ask(&request(None), &context("s")).await.unwrap();
    assert_eq!(answer.parts, [Part::Text("text".into())]);
}
