//! Random asks with one known change each: digests and comparison have to name exactly that change.

use std::{collections::BTreeSet, fmt::Debug};

use artana_core::{
    Digest, ModelId, RunKey,
    ask::{ApiMode, Field, Fingerprint, ReasoningEffort, Verbosity},
    conversation::{EMPTY_ROOT, Message, Part, PartType, Role, turn_root},
    drift::{Change, Drift, Words},
    event::AskedOptions,
    json,
};
use serde_json::{Map, Value, json};

use crate::support::{RUN_KEY, bodies::content, random::Dice};

/// Letters of the texts themselves, and of what is put in and taken out. No letter is in two of them, but their
/// bytes begin alike.
const TEXT: [&str; 6] = ["a", " ", "é", "日", "😀", "\n"];
const OUT: [&str; 4] = ["b", "è", "本", "😁"];
const IN: [&str; 4] = ["c", "ê", "木", "😂"];

/// An ask in words.
#[derive(Debug, Clone, PartialEq)]
struct Spoken {
    model: String,
    messages: Vec<(Role, Vec<(PartType, String)>)>,
    input_items: Option<Value>,
    api_mode: ApiMode,
    effort: Option<ReasoningEffort>,
    verbosity: Option<Verbosity>,
    previous: Option<String>,
    sampling: Option<Value>,
    tools: Option<Value>,
    schema: Option<Value>,
}

/// What was changed: the field, the place, and what stood and stands there.
type Known = (Field, String, Option<Value>, Option<Value>);
/// Of a text: how many letters come before the change, and what stood and stands there.
type Edit = (usize, String, String);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// Another one than there is.
    fn other<T: Clone + PartialEq + Debug>(&mut self, than: &T, from: &[T]) -> T {
        loop {
            let picked = self.pick(from);
            if picked != *than {
                return picked;
            }
        }
    }

    fn letters(&mut self, from: &[&str], at_least: usize) -> String {
        (0..at_least + self.below(6)).map(|_| self.pick(from)).collect()
    }

    fn maybe<T>(&mut self, made: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) > 0).then(|| made(self))
    }

    /// A document with objects in objects and lists.
    fn object(&mut self, depth: usize) -> Value {
        let keys = ["a", "b/c", "m~n", "", "é😀", "10", "9"];
        let mut object = Map::new();
        for key in keys.iter().take(1 + self.below(keys.len())) {
            object.insert((*key).into(), self.value(depth));
        }
        object.into()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 5 } else { 7 }) {
            0 => json!(self.below(100)),
            1 => json!(self.letters(&TEXT, 0)),
            2 => Value::Null,
            3 => json!(self.below(2) == 0),
            4 => json!(0.5),
            5 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => self.object(depth - 1),
        }
    }

    fn message(&mut self, number: usize) -> (Role, Vec<(PartType, String)>) {
        let parts = (0..1 + self.below(3)).map(|part| {
            let kind = self.pick(&[PartType::Text, PartType::ToolCall, PartType::Reasoning]);
            // No two parts of an ask are alike, so that each change has one place.
            (kind, format!("{number}.{part}.{}", self.letters(&TEXT, 0)))
        });
        let parts = parts.collect();
        (self.pick(&[Role::System, Role::User, Role::Assistant, Role::Tool]), parts)
    }

    fn ask(&mut self) -> Spoken {
        Spoken {
            model: format!("provider/{}", self.letters(&["a", "é"], 1)),
            messages: (0..self.below(6)).map(|number| self.message(number)).collect(),
            input_items: self.maybe(|dice| (0..1 + dice.below(3)).map(|_| dice.value(3)).collect()),
            api_mode: self.pick(&MODES),
            effort: self.maybe(|dice| dice.pick(&EFFORTS)),
            verbosity: self.maybe(|dice| dice.pick(&VERBOSITIES)),
            previous: self.maybe(|dice| dice.letters(&TEXT, 1)),
            sampling: self.maybe(|dice| dice.object(2)),
            tools: self.maybe(|dice| dice.object(3)),
            schema: self.maybe(|dice| dice.object(3)),
        }
    }
}

const MODES: [ApiMode; 3] = [ApiMode::Auto, ApiMode::Responses, ApiMode::Chat];
const EFFORTS: [ReasoningEffort; 3] = [ReasoningEffort::None, ReasoningEffort::Low, ReasoningEffort::ExtraHigh];
const VERBOSITIES: [Verbosity; 3] = [Verbosity::Low, Verbosity::Medium, Verbosity::High];

fn digest(bytes: &[u8]) -> Digest {
    RunKey::from_bytes(RUN_KEY).digest(bytes)
}

fn of_json(value: &Option<Value>) -> Option<Digest> {
    value.as_ref().map(|value| digest(&json::to_canonical(value).expect("canonical")))
}

impl Spoken {
    fn fingerprint(&self) -> Fingerprint {
        let mut asked_root = EMPTY_ROOT;
        for (role, parts) in &self.messages {
            let part = |(kind, text): &(PartType, String)| Part {
                call_id: None,
                content: content(text),
                name: None,
                kind: *kind,
            };
            let message = Message { parts: parts.iter().map(part).collect(), role: *role };
            asked_root = turn_root(&asked_root, &message.digest());
        }
        let sampling = self.sampling.as_ref().map(|value| json::to_canonical(value).expect("canonical"));
        let options = AskedOptions {
            api_mode: self.api_mode,
            previous_response_id: self.previous.as_deref().map(content),
            reasoning_effort: self.effort,
            sampling: sampling.map(|json| content(std::str::from_utf8(&json).expect("UTF-8"))),
            verbosity: self.verbosity,
        };
        Fingerprint {
            model: ModelId::parse(self.model.as_str()).expect("fit"),
            asked_root,
            input_items: of_json(&self.input_items),
            options,
            tools: of_json(&self.tools),
            output_schema: of_json(&self.schema),
        }
    }

    fn words(&self) -> Words {
        let word = |word: Option<&str>| word.map_or(Value::Null, Value::from);
        let json = |value: &Option<Value>| value.clone().unwrap_or(Value::Null);
        [
            (Field::Model, json!(self.model)),
            (Field::Messages, self.messages.iter().map(spoken).collect()),
            (Field::InputItems, json(&self.input_items)),
            (Field::ApiMode, json!(self.api_mode.as_str())),
            (Field::ReasoningEffort, word(self.effort.map(ReasoningEffort::as_str))),
            (Field::Verbosity, word(self.verbosity.map(Verbosity::as_str))),
            (Field::PreviousResponseId, word(self.previous.as_deref())),
            (Field::Sampling, json(&self.sampling)),
            (Field::Tools, json(&self.tools)),
            (Field::OutputSchema, json(&self.schema)),
        ]
        .into()
    }
}

fn spoken((role, parts): &(Role, Vec<(PartType, String)>)) -> Value {
    let part = |(kind, text): &(PartType, String)| json!({"content": text, "type": kind.as_str()});
    json!({"parts": parts.iter().map(part).collect::<Value>(), "role": role.as_str()})
}

/// Changes one thing. `None` where there is nothing of the kind to change.
fn change(spoken: &mut Spoken, dice: &mut Dice) -> Option<(Known, Option<Edit>)> {
    match dice.below(13) {
        0 => {
            let (before, edit) = edited(&mut spoken.model, dice);
            Some(((Field::Model, String::new(), before, Some(json!(spoken.model))), Some(edit)))
        }
        1 => Some((word(Field::ApiMode, &mut spoken.api_mode, (ApiMode::as_str, &MODES), dice), None)),
        2 => {
            Some((option(Field::ReasoningEffort, &mut spoken.effort, (ReasoningEffort::as_str, &EFFORTS), dice), None))
        }
        3 => Some((option(Field::Verbosity, &mut spoken.verbosity, (Verbosity::as_str, &VERBOSITIES), dice), None)),
        4 => {
            let text = spoken.previous.as_mut()?;
            let (before, edit) = edited(text, dice);
            Some(((Field::PreviousResponseId, String::new(), before, Some(json!(text))), Some(edit)))
        }
        5 => {
            let before = spoken.previous.take().map(Value::from);
            spoken.previous = before.is_none().then(|| "resp_1".into());
            Some(((Field::PreviousResponseId, String::new(), before, spoken.previous.clone().map(Value::from)), None))
        }
        6 => document(Field::InputItems, &mut spoken.input_items, dice),
        7 => document(Field::Sampling, &mut spoken.sampling, dice),
        8 => document(Field::Tools, &mut spoken.tools, dice),
        9 => document(Field::OutputSchema, &mut spoken.schema, dice),
        _ => message(spoken, dice),
    }
}

fn word<T: Copy + PartialEq + Debug>(
    field: Field,
    at: &mut T,
    (shown, all): (fn(T) -> &'static str, &[T]),
    dice: &mut Dice,
) -> Known {
    let before = *at;
    *at = dice.other(&before, all);
    (field, String::new(), Some(json!(shown(before))), Some(json!(shown(*at))))
}

fn option<T: Copy + PartialEq + Debug>(
    field: Field,
    at: &mut Option<T>,
    (shown, all): (fn(T) -> &'static str, &[T]),
    dice: &mut Dice,
) -> Known {
    let before = *at;
    let all: Vec<Option<T>> = all.iter().copied().map(Some).chain([None]).collect();
    *at = dice.other(&before, &all);
    (field, String::new(), before.map(|word| json!(shown(word))), at.map(|word| json!(shown(word))))
}

/// Puts letters into a text in place of others, which may be none.
fn edited(text: &mut String, dice: &mut Dice) -> (Option<Value>, Edit) {
    let letters: Vec<char> = text.chars().collect();
    let at = dice.below(letters.len() + 1);
    let before: String =
        letters[..at].iter().chain(&Vec::from_iter(dice.letters(&OUT, 0).chars())).chain(&letters[at..]).collect();
    let out: String = before.chars().skip(at).take(before.chars().count() - letters.len()).collect();
    let put = dice.letters(&IN, usize::from(out.is_empty()));
    let after: String = letters[..at].iter().collect::<String>() + &put + &letters[at..].iter().collect::<String>();
    *text = after;
    (Some(json!(before)), (at, out, put))
}

/// Every place of a document that holds no others, and every object in it.
fn places(value: &Value, at: String, (leaves, objects): (&mut Vec<String>, &mut Vec<String>)) {
    match value {
        Value::Object(fields) => {
            objects.push(at.clone());
            for (key, inner) in fields {
                places(inner, format!("{at}/{}", escaped(key)), (leaves, objects));
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, inner) in items.iter().enumerate() {
                places(inner, format!("{at}/{index}"), (leaves, objects));
            }
        }
        _ => leaves.push(at),
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn document(field: Field, value: &mut Option<Value>, dice: &mut Dice) -> Option<(Known, Option<Edit>)> {
    let Some(document) = value.as_mut().filter(|_| dice.below(6) > 0) else {
        let before = value.take();
        *value = before.is_none().then(|| dice.object(2));
        return Some(((field, String::new(), before, value.clone()), None));
    };
    let (mut leaves, mut objects) = (Vec::new(), Vec::new());
    places(document, String::new(), (&mut leaves, &mut objects));
    match (dice.below(3), objects.is_empty(), leaves.is_empty()) {
        (0, false, _) => {
            let at = dice.pick(&objects);
            let object = document.pointer_mut(&at)?.as_object_mut()?;
            object.insert("new/key~".into(), json!(7));
            Some(((field, format!("{at}/new~1key~0"), None, Some(json!(7))), None))
        }
        (1, false, _) => {
            let at = dice.pick(&objects);
            let object = document.pointer_mut(&at)?.as_object_mut()?;
            let key = object.keys().next()?.clone();
            let before = object.remove(&key);
            Some(((field, format!("{at}/{}", escaped(&key)), before, None), None))
        }
        (_, _, false) => {
            let at = dice.pick(&leaves);
            let place = document.pointer_mut(&at)?;
            let before = std::mem::replace(place, json!("something else: 水"));
            Some(((field, at, Some(before), Some(json!("something else: 水"))), None))
        }
        _ => None,
    }
}

fn message(spoken: &mut Spoken, dice: &mut Dice) -> Option<(Known, Option<Edit>)> {
    let count = spoken.messages.len();
    let at = dice.below(count + 1);
    let known = |path: String, before, after| (Field::Messages, path, before, after);
    if dice.below(4) == 0 {
        let new = dice.message(100 + count);
        spoken.messages.insert(at, new);
        return Some((known(format!("/{at}"), None, Some(self::spoken(&spoken.messages[at]))), None));
    }
    let at = at.checked_sub(1)?;
    if dice.below(4) == 0 {
        let gone = spoken.messages.remove(at);
        return Some((known(format!("/{at}"), Some(self::spoken(&gone)), None), None));
    }
    let (role, parts) = &mut spoken.messages[at];
    let part = dice.below(parts.len());
    let text = |part: &(PartType, String)| json!({"content": part.1, "type": part.0.as_str()});
    match dice.below(5) {
        0 => {
            let before = std::mem::replace(role, Role::Developer);
            Some((known(format!("/{at}/role"), Some(json!(before.as_str())), Some(json!("developer"))), None))
        }
        1 => {
            let before = std::mem::replace(&mut parts[part].0, PartType::File);
            let path = format!("/{at}/parts/{part}/type");
            Some((known(path, Some(json!(before.as_str())), Some(json!("file"))), None))
        }
        2 => {
            parts.push((PartType::Image, "new".into()));
            let last = parts.len() - 1;
            Some((known(format!("/{at}/parts/{last}"), None, Some(text(&parts[last]))), None))
        }
        3 => {
            let gone = parts.pop().expect("a message has a part");
            Some((known(format!("/{at}/parts/{}", parts.len()), Some(text(&gone)), None), None))
        }
        _ => {
            let (before, edit) = edited(&mut parts[part].1, dice);
            Some((known(format!("/{at}/parts/{part}/content"), before, Some(json!(parts[part].1))), Some(edit)))
        }
    }
}

/// Undoes what [`edited`] took out: the ask before has the letters, the ask after has others in their place.
fn restored(after: &Spoken, known: &Known) -> Spoken {
    let mut before = after.clone();
    let (field, path, Some(Value::String(text)), _) = known else { return before };
    match field {
        Field::Model => before.model.clone_from(text),
        Field::PreviousResponseId => before.previous = Some(text.clone()),
        _ => {
            let mut numbers = path.split('/').filter_map(|part| part.parse::<usize>().ok());
            let (Some(at), Some(part)) = (numbers.next(), numbers.next()) else {
                panic!("a text of a message: {path}")
            };
            before.messages[at].1[part].1.clone_from(text);
        }
    }
    before
}

fn compare(before: &Spoken, after: &Spoken) -> (BTreeSet<Field>, Vec<Change>) {
    let (recorded, asked) = (before.fingerprint(), after.fingerprint());
    let fields = recorded.differs(&asked);
    assert_eq!(fields.is_empty(), recorded.digest() == asked.digest(), "one digest names the whole ask");
    assert_eq!(fields, asked.differs(&recorded));
    let drift = Drift::between(&fields, &before.words(), &after.words());
    (fields, drift.changes)
}

#[test]
fn one_change_is_named_exactly() {
    let mut changed = std::collections::BTreeMap::<(Field, bool), usize>::new();
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let mut before = dice.ask();
        assert_eq!(compare(&before, &before.clone()), (BTreeSet::new(), Vec::new()), "seed {seed}");
        let mut after = before.clone();
        let Some((known, edit)) = change(&mut after, &mut dice) else { continue };
        if edit.is_some() {
            before = restored(&after, &known);
        }
        let (field, path, was, is) = known;
        let (fields, changes) = compare(&before, &after);
        assert_eq!(fields, [field].into(), "seed {seed}");
        assert_eq!(changes, [Change { field, path, before: was, after: is }], "seed {seed}");
        if let Some((at, out, put)) = &edit {
            let span = changes[0].span().expect("a text became another");
            assert_eq!((span.at, span.before, span.after), (*at, out.as_str(), put.as_str()), "seed {seed}");
        }
        *changed.entry((field, edit.is_some())).or_default() += 1;
    }
    assert!(changed.values().sum::<usize>() >= 2_000, "{changed:?}");
    assert!(changed.len() == 12 && changed.values().all(|count| *count > 20), "{changed:?}");
}
