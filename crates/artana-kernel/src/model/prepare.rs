//! An ask with everything checked and named that needs no ledger: what the decision is taken on, and what a
//! request records and sends.

use std::sync::Arc;

use artana_core::{
    Content, ContentRef, ContentType, Digest, IdError, IncarnationId, ModelId, StepKey,
    ask::{Fingerprint, ModelAsk},
    conversation::{self, EMPTY_ROOT, turn_root},
    decide::{Replay, RetryFailed},
    event::{AskedOptions, Extends, ModelRequested},
    json,
};
use artana_ports::{Message, ModelPort, ModelRequest, Part, ToolDefinition};
use serde_json::{Map, Value};

use super::{
    ask::Ask,
    tools::{self, Shown},
    words::Encoder,
};
use crate::{Error, Run, journal::Journal, perform::micros};

/// An ask on its way.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) run: Run,
    pub(crate) ask: ModelAsk,
    pub(crate) words: Arc<Ask>,
    pub(crate) shown: Option<Arc<Shown>>,
    /// The signatures that the fingerprint covers.
    pub(crate) signatures: Option<Arc<Map<String, Value>>>,
    pub(crate) messages: Arc<[conversation::Message]>,
    roots: Arc<[Digest]>,
}

impl Prepared {
    pub(crate) fn new(run: Run, step: Result<StepKey, IdError>, words: Arc<Ask>) -> Result<Self, Error> {
        let step = step?;
        let model = ModelId::parse(&words.model)?;
        check(&words).map_err(|problem| invalid(&run, &step, problem))?;
        let shown = Shown::decide(&run, &words.tools)?.map(Arc::new);
        let mut encoder = Encoder::naming(&run.journal);
        let messages: Vec<_> = words.messages.iter().map(|message| encoder.message(message)).collect();
        let mut roots = Vec::with_capacity(messages.len());
        let mut root = EMPTY_ROOT;
        for message in &messages {
            root = turn_root(&root, &message.digest());
            roots.push(root);
        }
        let fixed = Fixed::encode(&words, &mut encoder).map_err(|problem| invalid(&run, &step, problem))?;
        let signatures = shown.as_ref().map(|shown| shown.signatures.clone());
        let tools = signatures.as_ref().map(|signatures| named(&run.journal, signatures));
        let fingerprint = Fingerprint {
            model,
            asked_root: root,
            input_items: fixed.input_items.map(|items| items.digest),
            options: fixed.options,
            tools,
            output_schema: fixed.output_schema.map(|schema| schema.digest),
        };
        Ok(Self {
            run,
            ask: ModelAsk { step, fingerprint },
            words,
            shown,
            signatures: signatures.map(Arc::new),
            messages: messages.into(),
            roots: roots.into(),
        })
    }

    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.run.journal
    }

    pub(crate) fn step(&self) -> &StepKey {
        &self.ask.step
    }

    pub(crate) fn replay(&self) -> Replay {
        self.words.replay_or(self.journal().shared.policy)
    }

    /// Takes the ask to another run of the family, whose content has the same digests.
    pub(crate) fn moved_to(&self, run: Run) -> Self {
        Self { run, ..self.clone() }
    }

    /// Wants no further cycle of a step that failed.
    pub(crate) fn tried(mut self) -> Self {
        let mut words = (*self.words).clone();
        words.retry = RetryFailed::No;
        self.words = Arc::new(words);
        self
    }

    /// Compares only with the tools that a recorded ask showed.
    pub(crate) fn seen(mut self, signatures: Map<String, Value>) -> Self {
        self.ask.fingerprint.tools = Some(named(self.journal(), &signatures));
        self.signatures = Some(Arc::new(signatures));
        self
    }

    /// Checks what must hold before anything is written, and returns who will be asked.
    pub(crate) fn admit(&self) -> Result<&Arc<dyn ModelPort>, Error> {
        if let Some(unknown) = self.shown.as_ref().and_then(|shown| shown.unknown.first()) {
            return Err(Error::UnknownTool { tool: unknown.clone() });
        }
        if let Some(schema) = &self.words.schema {
            schema.check().map_err(|problem| {
                invalid(&self.run, self.step(), format!("its output schema is not a JSON Schema: {problem}"))
            })?;
        }
        let model = &self.ask.fingerprint.model;
        self.journal().shared.models.of(model).ok_or_else(|| Error::UnknownModel { model: model.clone() })
    }

    /// Encodes all that a request may have to record, so that nothing is digested while others wait for the run.
    pub(crate) fn encoded(&self) -> Encoded {
        let kept = |encode: &dyn Fn(&mut Encoder<'_>)| {
            let mut encoder = Encoder::keeping(self.journal());
            encode(&mut encoder);
            encoder.into_content()
        };
        let message = |message: &Message| kept(&|encoder| drop(encoder.message(message)));
        let messages = self.words.messages.iter().map(message).collect();
        let mut encoder = Encoder::keeping(self.journal());
        let fixed = Fixed::encode(&self.words, &mut encoder).expect("what was encoded once can be encoded again");
        let json =
            |encoder: &mut Encoder<'_>, map: &Map<String, Value>| encoder.put(ContentType::Json, tools::canonical(map));
        let tools = self.signatures.as_ref().map(|signatures| json(&mut encoder, signatures));
        let visibility = self.decisions().map(|decisions| json(&mut encoder, &decisions));
        Encoded { messages, fixed, tools, visibility, content: encoder.into_content() }
    }

    /// Returns the request to record, and the words it refers to: of the conversation only what is new.
    pub(crate) fn request(
        &self,
        encoded: &Encoded,
        cycle: Cycle,
        extends: impl Fn(&Digest) -> Option<Extends>,
    ) -> (ModelRequested, Vec<Content>) {
        let (kept, extends) = self.longest(extends);
        let requested = ModelRequested {
            asked_root: self.ask.fingerprint.asked_root,
            correction: cycle.correction,
            cycle: cycle.number,
            extends,
            incarnation: cycle.incarnation,
            input_items: encoded.fixed.input_items,
            messages: self.messages[kept..].to_vec(),
            model: self.ask.fingerprint.model.clone(),
            options: encoded.fixed.options,
            ordinal: self.run.ordinal(),
            output_schema: encoded.fixed.output_schema,
            timeout_us: micros(self.words.timeout),
            tools: encoded.tools,
            visibility: encoded.visibility,
        };
        (requested, encoded.messages[kept..].iter().flatten().chain(&encoded.content).cloned().collect())
    }

    /// The decision on each tool, without those that the recorded ask had not seen.
    fn decisions(&self) -> Option<Map<String, Value>> {
        let (shown, signatures) = (self.shown.as_ref()?, self.signatures.as_ref()?);
        let counts = |name: &String| signatures.contains_key(name) || !shown.signatures.contains_key(name);
        let decisions = shown.decisions.iter().filter(|(name, _)| counts(name));
        Some(decisions.map(|(name, decision)| (name.clone(), decision.clone())).collect())
    }

    /// Finds the longest beginning of the conversation that is recorded already.
    fn longest(&self, extends: impl Fn(&Digest) -> Option<Extends>) -> (usize, Option<Extends>) {
        let found = self.roots.iter().enumerate().rev().find_map(|(index, root)| Some((index + 1, extends(root)?)));
        found.map_or((0, None), |(kept, extends)| (kept, Some(extends)))
    }

    /// Returns whether the model may ask for a tool.
    pub(crate) fn shows_tools(&self) -> bool {
        self.signatures.as_ref().is_some_and(|signatures| !signatures.is_empty())
    }

    fn definitions(&self) -> Vec<ToolDefinition> {
        let (Some(shown), Some(signatures)) = (&self.shown, &self.signatures) else { return Vec::new() };
        let visible = shown.tools.values().filter(|tool| signatures.contains_key(tool.spec().signature.name.as_str()));
        visible.map(|tool| tools::definition(tool.spec())).collect()
    }

    /// Returns what is sent, with what is added to have an invalid answer corrected.
    pub(crate) fn outgoing(&self, correction: Vec<Message>) -> ModelRequest {
        let words = &self.words;
        ModelRequest {
            model: self.ask.fingerprint.model.clone(),
            messages: words.messages.iter().cloned().chain(correction).collect(),
            input_items: words.input_items.clone(),
            options: words.options.clone(),
            tools: self.definitions(),
            output_schema: words.schema.as_ref().map(|schema| schema.value.clone()),
        }
    }
}

/// What a request records, encoded.
pub(crate) struct Encoded {
    /// The content of each message.
    messages: Vec<Vec<Content>>,
    fixed: Fixed,
    tools: Option<ContentRef>,
    visibility: Option<ContentRef>,
    /// The content of all the rest.
    content: Vec<Content>,
}

/// What tells one cycle of a step from another.
pub(crate) struct Cycle {
    pub(crate) number: u32,
    pub(crate) incarnation: IncarnationId,
    pub(crate) correction: Vec<conversation::Message>,
}

/// The part of an ask that is encoded whole, whatever conversation it goes on from.
struct Fixed {
    input_items: Option<ContentRef>,
    options: AskedOptions,
    output_schema: Option<ContentRef>,
}

impl Fixed {
    fn encode(words: &Ask, encoder: &mut Encoder<'_>) -> Result<Self, String> {
        let mut document = |value: &Value, what: &str| {
            let bytes = json::to_canonical(value).map_err(|error| format!("{what} cannot be recorded: {error}"))?;
            Ok::<_, String>(encoder.put(ContentType::Json, bytes))
        };
        let items = (!words.input_items.is_empty()).then(|| Value::Array(words.input_items.clone()));
        let input_items = items.map(|items| document(&items, "its input items")).transpose()?;
        let sampling = words.options.sampling.to_json();
        let sampling = sampling.map(|sampling| document(&sampling, "its sampling")).transpose()?;
        let schema = words.schema.as_ref();
        let output_schema = schema.map(|schema| encoder.put(ContentType::Json, schema.canonical.as_slice()));
        let options = AskedOptions {
            api_mode: words.options.api_mode,
            previous_response_id: words.options.previous_response_id.as_ref().map(|id| encoder.text(id)),
            reasoning_effort: words.options.reasoning_effort,
            sampling,
            verbosity: words.options.verbosity,
        };
        Ok(Self { input_items, options, output_schema })
    }
}

fn named(journal: &Journal, signatures: &Map<String, Value>) -> Digest {
    journal.reference(ContentType::Json, &tools::canonical(signatures)).digest
}

fn check(words: &Ask) -> Result<(), String> {
    if words.messages.is_empty() && words.input_items.is_empty() {
        return Err("it says nothing; give it a prompt, messages or input items".into());
    }
    let sampling = &words.options.sampling;
    if [sampling.temperature, sampling.top_p].into_iter().flatten().any(|number| !number.is_finite()) {
        return Err("its sampling holds a number that is not finite".into());
    }
    if words.timeout.is_zero() {
        return Err("its timeout is zero".into());
    }
    let media = words.messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::Image(media) | Part::File { media, .. } => Some(media),
        _ => None,
    });
    if media.into_iter().any(|media| media.media_type.is_empty() || media.media_type.contains('\n')) {
        return Err("a media type is written like image/png".into());
    }
    Ok(())
}

fn invalid(run: &Run, step: &StepKey, problem: String) -> Error {
    Error::InvalidAsk { run: run.name().clone(), step: step.clone(), problem }
}
