//! Model events and asks with as few words as a test needs. All content is of the run key of the support module.

use artana_core::{
    Digest, EventId, ModelId,
    ask::{Fingerprint, ModelAsk},
    conversation::{EMPTY_ROOT, Message, Part, PartType, Role, turn_root},
    event::{
        Abandoned, Answer, DriftReplayed, Extends, FinishReason, Late, LateOutcome, ModelCategory, ModelFailure,
        ModelOutcome, ModelRequested, ModelTerminal, Usage,
    },
};

use super::bodies::{ERROR, OWNER, RESULT, content};

pub(crate) fn model(id: &str) -> ModelId {
    ModelId::parse(id).expect("fit")
}

/// A message of one text.
pub(crate) fn said(role: Role, text: &str) -> Message {
    let part = Part { call_id: None, content: content(text), name: None, kind: PartType::Text };
    Message { parts: vec![part], role }
}

/// A conversation in which only a person speaks.
pub(crate) fn prompt(texts: &[&str]) -> Vec<Message> {
    texts.iter().map(|text| said(Role::User, text)).collect()
}

pub(crate) fn root_after(base: Digest, messages: &[Message]) -> Digest {
    messages.iter().fold(base, |root, message| turn_root(&root, &message.digest()))
}

pub(crate) fn root_of(texts: &[&str]) -> Digest {
    root_after(EMPTY_ROOT, &prompt(texts))
}

/// A request that asks a whole conversation.
pub(crate) fn asked(cycle: u32, texts: &[&str]) -> ModelRequested {
    ModelRequested {
        asked_root: root_of(texts),
        correction: Vec::new(),
        cycle,
        extends: None,
        incarnation: OWNER,
        input_items: None,
        messages: prompt(texts),
        model: model("provider/model"),
        options: Default::default(),
        ordinal: None,
        output_schema: None,
        timeout_us: 600_000_000,
        tools: None,
        visibility: None,
    }
}

/// A request that keeps the first `keep` of the messages, by the request that added the last of them.
pub(crate) fn extending((request, keep): (EventId, usize), texts: &[&str]) -> ModelRequested {
    let extends = Some(Extends { keep: keep.try_into().expect("few"), request: request.into() });
    ModelRequested { extends, messages: prompt(&texts[keep..]), ..asked(1, texts) }
}

pub(crate) fn ask(step: &str, texts: &[&str]) -> ModelAsk {
    ModelAsk { step: super::step(step), fingerprint: Fingerprint::from(&asked(1, texts)) }
}

pub(crate) fn answer() -> Answer {
    Answer {
        cost: None,
        finish: FinishReason::Stop,
        items: None,
        message: said(Role::Assistant, RESULT),
        mode: Default::default(),
        response_id: None,
        usage: Usage { cached: 1, input: 10, output: 5, reasoning: 2 },
    }
}

pub(crate) fn answered() -> ModelOutcome {
    ModelOutcome::Completed(answer())
}

fn failure() -> ModelFailure {
    ModelFailure {
        again: false,
        answer: None,
        category: ModelCategory::RateLimited,
        error: content(ERROR),
        provider_request: None,
        retry_after_us: None,
        status: Some(429),
    }
}

pub(crate) fn unanswered() -> ModelOutcome {
    ModelOutcome::Failed(failure())
}

/// A failure after which another cycle is due.
pub(crate) fn again() -> ModelOutcome {
    let (again, answer) = (true, Some(answer()));
    ModelOutcome::Failed(ModelFailure { again, answer, category: ModelCategory::InvalidOutput, ..failure() })
}

pub(crate) fn abandoned() -> ModelOutcome {
    ModelOutcome::Abandoned(Abandoned::OwnerLost)
}

pub(crate) fn ended(request: EventId, outcome: ModelOutcome) -> ModelTerminal {
    ModelTerminal { elapsed_us: 700, outcome, request: request.into() }
}

pub(crate) fn late_model(request: EventId, outcome: ModelOutcome) -> LateOutcome {
    LateOutcome { elapsed_us: 11, request: request.into(), what: Late::Model(Box::new(outcome)) }
}

/// The answer of a request, given to an ask of other messages.
pub(crate) fn replayed(request: EventId, texts: &[&str]) -> DriftReplayed {
    let asked = Fingerprint::from(&asked(1, texts)).digest();
    let fields = [artana_core::ask::Field::Messages].into();
    DriftReplayed { asked, changes: content(ERROR), fields, request: request.into() }
}
