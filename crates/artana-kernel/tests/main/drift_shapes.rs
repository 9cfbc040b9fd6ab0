//! Asks as plain data, a rich one to start from, and seeded changes of it whose places are known beforehand.

use artana_core::ask::{ApiMode, Field, ReasoningEffort, Verbosity};
use artana_kernel::{Error, ModelCall, ModelOutput, ModelReply, Run};
use artana_ports::{Entropy, Media, Message, Part, Role, Sampling, Source, ToolUse};
use artana_testkit::SeededEntropy;
use serde_json::{Value, json};

/// An ask of which everything can be changed.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) model: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) items: Vec<Value>,
    pub(crate) mode: ApiMode,
    pub(crate) effort: Option<ReasoningEffort>,
    pub(crate) verbosity: Option<Verbosity>,
    pub(crate) previous: Option<String>,
    pub(crate) sampling: Sampling,
    pub(crate) schema: Option<Value>,
    pub(crate) tools: Vec<&'static str>,
}

/// What an ask came to, whatever was wanted of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) replayed: bool,
    pub(crate) drifted: bool,
    pub(crate) cycles: u32,
    pub(crate) run: Run,
}

/// How an ask is made, besides what it says.
pub(crate) trait Manner {
    fn of<O>(&self, call: ModelCall<O>) -> ModelCall<O>;
}

/// Asks by the kernel's own policy.
pub(crate) struct Plainly;

impl Manner for Plainly {
    fn of<O>(&self, call: ModelCall<O>) -> ModelCall<O> {
        call
    }
}

impl Shape {
    /// Asks what the shape says.
    pub(crate) async fn ask(&self, run: &Run, step: &str, manner: &impl Manner) -> Result<Answer, Error> {
        let mut call =
            run.step(step).model(&self.model).messages(self.messages.clone()).input_items(self.items.clone());
        call = call.api_mode(self.mode).sampling(self.sampling.clone());
        call = self.effort.into_iter().fold(call, ModelCall::reasoning_effort);
        call = self.verbosity.into_iter().fold(call, ModelCall::verbosity);
        call = self.previous.iter().fold(call, ModelCall::previous_response_id);
        let call = manner.of(call);
        match &self.schema {
            Some(schema) => self.made(call.output_schema(schema.clone())).await,
            None => self.made(call).await,
        }
    }

    async fn made<O: ModelOutput>(&self, call: ModelCall<O>) -> Result<Answer, Error> {
        if self.tools.is_empty() { answer(call.await) } else { answer(call.tools(self.tools.clone()).await) }
    }

    /// An ask in which everything is set that can be.
    pub(crate) fn rich() -> Self {
        let sampling = Sampling {
            temperature: Some(0.5),
            top_p: Some(0.25),
            max_output_tokens: Some(100),
            seed: Some(7),
            stop: vec!["END".into(), "—".into()],
        };
        Self {
            model: "demo/one".into(),
            messages: conversation(),
            items: items(),
            mode: ApiMode::Chat,
            effort: Some(ReasoningEffort::Low),
            verbosity: Some(Verbosity::Medium),
            previous: Some("resp_ä1".into()),
            sampling,
            schema: Some(json!({
                "type": "object",
                "properties": { "a/b": { "type": "string" }, "n": { "type": "integer", "minimum": 0 } },
                "required": ["a/b"],
            })),
            tools: vec!["look", "pay"],
        }
    }
}

fn answer<T>(answer: Result<ModelReply<T>, Error>) -> Result<Answer, Error> {
    let reply = answer?;
    let run = reply.run().clone();
    Ok(Answer { replayed: reply.is_replayed(), drifted: reply.drift().is_some(), cycles: reply.cycles(), run })
}

fn conversation() -> Vec<Message> {
    let media = |source| Media { media_type: "image/png".into(), source };
    let call = ToolUse { call_id: "call_1".into(), name: "look".into(), args: r#"{"cents":5,"note":"naïve"}"#.into() };
    vec![
        Message::system("You are Zoë. Be brief – and kind."),
        Message::developer("Answer in German: „Straße“, not \"Strasse\"."),
        Message::new(
            Role::User,
            [
                Part::Text("Look at these \u{1F9EA}\u{1F9EA} and at 東京:".into()),
                Part::Image(media(Source::Url("https://example.org/a.png".into()))),
                Part::Image(media(Source::Bytes(vec![1, 2, 3, 250]))),
                Part::File { name: Some("übersicht.pdf".into()), media: media(Source::Bytes(b"pdf".to_vec())) },
            ],
        ),
        Message::new(
            Role::Assistant,
            [
                Part::Reasoning("It wants e\u{301} not é.".into()),
                Part::Text("Let me see.".into()),
                Part::ToolCall(call),
            ],
        ),
        Message::new(Role::Tool, [Part::ToolResult { call_id: "call_1".into(), content: r#"{"seen":5}"#.into() }]),
        Message::user("And now? \r\n\tSay \u{202E}it\u{0}."),
    ]
}

fn items() -> Vec<Value> {
    vec![
        json!({ "type": "message", "content": [{ "text": "grüße", "n": 1 }, { "text": "b", "n": 2.5 }] }),
        json!({ "type": "odd~key", "a/b": { "~": [true, null, { "deep": "x" }] }, "": "empty" }),
        json!(["plain", 18_446_744_073_709_551_615_u64, -1]),
    ]
}

/// A source of choices.
#[derive(Debug)]
pub(crate) struct Dice(SeededEntropy);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % bound as u64).unwrap()
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// Changes a text in one place, somewhere between two of its characters.
    fn edit(&mut self, text: &str) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        let at = self.below(characters.len() + 1);
        let new = self.pick(&['x', 'ß', '東', '\u{301}', '\u{1F980}', '\n', '"', '/', ' ']);
        match self.below(3) {
            0 if at < characters.len() => drop(characters.remove(at)),
            1 if at < characters.len() && characters[at] != new => characters[at] = new,
            _ => characters.insert(at, new),
        }
        characters.into_iter().collect()
    }
}

/// A change, and where it has to be found.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) field: Field,
    pub(crate) places: Vec<String>,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl Change {
    fn at(field: Field, place: impl Into<String>, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        let told = |value: Value| Some(value).filter(|value| !value.is_null());
        Self { field, places: vec![place.into()], before: told(before.into()), after: told(after.into()) }
    }

    /// One of several places, with whatever stands there.
    fn among(field: Field, places: impl IntoIterator<Item = String>) -> Self {
        Self { field, places: places.into_iter().collect(), before: None, after: None }
    }
}

/// Changes one thing.
pub(crate) fn mutate(shape: &mut Shape, dice: &mut Dice) -> Change {
    match dice.below(16) {
        0..=3 => words(shape, dice),
        4 => role(shape, dice),
        5 => messages(shape, dice),
        6..=7 => parts(shape, dice),
        8..=9 => item(shape, dice),
        10 => option(shape, dice),
        11 => previous(shape, dice),
        12 => sampling(shape, dice),
        13 => model(shape, dice),
        14 => schema(shape, dice),
        _ => tools(shape, dice),
    }
}

/// Changes a text in a part of a message: words, ids, names, arguments, addresses.
fn words(shape: &mut Shape, dice: &mut Dice) -> Change {
    let m = dice.below(shape.messages.len());
    let p = dice.below(shape.messages[m].parts.len());
    let (name, text) = match &mut shape.messages[m].parts[p] {
        Part::Text(text) | Part::Reasoning(text) => ("text", text),
        Part::Image(Media { source: Source::Url(url), .. }) => ("source/url", url),
        Part::Image(Media { source: Source::Bytes(bytes), .. })
        | Part::File { name: None, media: Media { source: Source::Bytes(bytes), .. } } => {
            bytes[1] ^= 1 << dice.below(8);
            return Change::among(Field::Messages, [format!("/{m}/parts/{p}/source/digest")]);
        }
        Part::File { name: Some(name), .. } => ("name", name),
        Part::File { media, .. } => ("media_type", &mut media.media_type),
        Part::ToolCall(call) => match dice.below(3) {
            0 => ("call_id", &mut call.call_id),
            1 => ("name", &mut call.name),
            _ => ("args", &mut call.args),
        },
        Part::ToolResult { call_id, content } => {
            if dice.below(2) == 0 {
                ("call_id", call_id)
            } else {
                ("content", content)
            }
        }
    };
    let before = text.clone();
    *text = dice.edit(text);
    Change::at(Field::Messages, format!("/{m}/parts/{p}/{name}"), before, text.as_str())
}

fn role(shape: &mut Shape, dice: &mut Dice) -> Change {
    let m = dice.below(shape.messages.len());
    let message = &mut shape.messages[m];
    let before = message.role;
    let others = [Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool];
    let others: Vec<Role> = others.into_iter().filter(|role| *role != before).collect();
    message.role = dice.pick(&others);
    Change::at(Field::Messages, format!("/{m}/role"), before.as_str(), message.role.as_str())
}

/// A message more, a message less, or two in another order.
fn messages(shape: &mut Shape, dice: &mut Dice) -> Change {
    let count = shape.messages.len();
    match dice.below(3) {
        0 => {
            let at = dice.below(count + 1);
            shape.messages.insert(at, Message::user("one more"));
            let after = json!({ "parts": [{ "text": "one more", "type": "text" }], "role": "user" });
            Change::at(Field::Messages, format!("/{at}"), Value::Null, after)
        }
        1 => {
            let at = dice.below(count);
            shape.messages.remove(at);
            Change::among(Field::Messages, [format!("/{at}")])
        }
        _ => {
            let at = dice.below(count - 1);
            shape.messages.swap(at, at + 1);
            Change::among(Field::Messages, [format!("/{at}/"), format!("/{}/", at + 1)])
        }
    }
}

/// A part more, a part less, or two in another order.
fn parts(shape: &mut Shape, dice: &mut Dice) -> Change {
    let m = dice.pick(&[2, 3]);
    let parts = &mut shape.messages[m].parts;
    match dice.below(3) {
        0 => {
            let at = dice.below(parts.len() + 1);
            parts.insert(at, Part::Reasoning("one more".into()));
            let after = json!({ "text": "one more", "type": "reasoning" });
            Change::at(Field::Messages, format!("/{m}/parts/{at}"), Value::Null, after)
        }
        1 => {
            let at = dice.below(parts.len());
            parts.remove(at);
            Change::among(Field::Messages, [format!("/{m}/parts/{at}")])
        }
        _ => {
            let at = dice.below(parts.len() - 1);
            parts.swap(at, at + 1);
            Change::among(Field::Messages, [at, at + 1].map(|at| format!("/{m}/parts/{at}/")))
        }
    }
}

const LEAVES: [&str; 11] = [
    "/0/content/0/text",
    "/0/content/0/n",
    "/0/content/1/n",
    "/0/type",
    "/1/a~1b/~0/0",
    "/1/a~1b/~0/1",
    "/1/a~1b/~0/2/deep",
    "/1/",
    "/1/type",
    "/2/0",
    "/2/1",
];

fn item(shape: &mut Shape, dice: &mut Dice) -> Change {
    if dice.below(4) == 0 {
        let at = dice.below(shape.items.len() + 1);
        shape.items.insert(at, json!({ "more": at }));
        return Change::at(Field::InputItems, format!("/{at}"), Value::Null, json!({ "more": at }));
    }
    let place = dice.pick(&LEAVES);
    let mut all = Value::Array(std::mem::take(&mut shape.items));
    let leaf = all.pointer_mut(place).unwrap();
    let before = leaf.clone();
    let new = [json!("new"), json!(3), json!(1.0), json!({ "now": [] }), json!([1]), json!(false)];
    *leaf =
        if let (Value::String(text), 0) = (&before, dice.below(2)) { dice.edit(text).into() } else { dice.pick(&new) };
    let after = leaf.clone();
    let Value::Array(items) = all else { unreachable!("it was an array") };
    shape.items = items;
    // What was null counts as something that stood there.
    Change { field: Field::InputItems, places: vec![place.into()], before: Some(before), after: Some(after) }
}

fn option(shape: &mut Shape, dice: &mut Dice) -> Change {
    match dice.below(3) {
        0 => {
            shape.mode = dice.pick(&[ApiMode::Auto, ApiMode::Responses]);
            Change::at(Field::ApiMode, "", "chat", shape.mode.as_str())
        }
        1 => {
            let efforts = [ReasoningEffort::None, ReasoningEffort::Minimal, ReasoningEffort::Medium];
            shape.effort = Some(dice.pick(&efforts)).filter(|_| dice.below(3) > 0);
            Change::at(
                Field::ReasoningEffort,
                "",
                "low",
                shape.effort.map_or(Value::Null, |effort| effort.as_str().into()),
            )
        }
        _ => {
            shape.verbosity = Some(dice.pick(&[Verbosity::Low, Verbosity::High])).filter(|_| dice.below(3) > 0);
            let after = shape.verbosity.map_or(Value::Null, |verbosity| verbosity.as_str().into());
            Change::at(Field::Verbosity, "", "medium", after)
        }
    }
}

fn previous(shape: &mut Shape, dice: &mut Dice) -> Change {
    let before = shape.previous.take();
    if dice.below(4) > 0 {
        shape.previous = before.as_deref().map(|id| dice.edit(id));
    }
    Change::at(Field::PreviousResponseId, "", before, shape.previous.clone())
}

fn sampling(shape: &mut Shape, dice: &mut Dice) -> Change {
    let sampling = &mut shape.sampling;
    let gone = dice.below(3) == 0;
    let kept = |value: Value| if gone { Value::Null } else { value };
    match dice.below(5) {
        0 => {
            sampling.temperature = Some(0.75).filter(|_| !gone);
            Change::at(Field::Sampling, "/temperature", 0.5, kept(0.75.into()))
        }
        1 => {
            sampling.top_p = Some(1.0).filter(|_| !gone);
            Change::at(Field::Sampling, "/top_p", 0.25, kept(1.0.into()))
        }
        2 => {
            sampling.max_output_tokens = Some(101).filter(|_| !gone);
            Change::at(Field::Sampling, "/max_output_tokens", 100, kept(101.into()))
        }
        3 => {
            sampling.seed = Some(u64::MAX).filter(|_| !gone);
            Change::at(Field::Sampling, "/seed", 7, kept(u64::MAX.into()))
        }
        _ => {
            sampling.stop[1] = "\u{2013}".into();
            Change::at(Field::Sampling, "/stop/1", "—", "\u{2013}")
        }
    }
}

fn model(shape: &mut Shape, dice: &mut Dice) -> Change {
    shape.model = dice.pick(&["demo/two", "demo/one-2026", "other/one"]).into();
    Change::at(Field::Model, "", "demo/one", shape.model.as_str())
}

fn schema(shape: &mut Shape, dice: &mut Dice) -> Change {
    if dice.below(5) == 0 {
        let before = shape.schema.take();
        return Change { field: Field::OutputSchema, places: vec![String::new()], before, after: None };
    }
    let place = dice.pick(&["/properties/a~1b/type", "/properties/n/minimum", "/required/0"]);
    let leaf = shape.schema.as_mut().unwrap().pointer_mut(place).unwrap();
    let before = leaf.clone();
    *leaf = match place {
        "/properties/n/minimum" => json!(1),
        "/required/0" => json!("n"),
        _ => json!("integer"),
    };
    Change::at(Field::OutputSchema, place, before, leaf.clone())
}

/// The same tools in another order are the same ask, so one more or one less it is.
fn tools(shape: &mut Shape, dice: &mut Dice) -> Change {
    let (tools, place): (Vec<&str>, &str) = dice.pick(&[
        (vec!["pay"], "/look"),
        (vec!["look"], "/pay"),
        (vec!["send", "pay", "look"], "/send"),
        (vec!["look", "mail", "pay"], "/mail"),
        (vec![], ""),
    ]);
    shape.tools = tools;
    Change::among(Field::Tools, [place.to_owned()])
}
