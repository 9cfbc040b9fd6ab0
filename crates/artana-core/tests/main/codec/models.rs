//! Random bodies of the kinds of models, forks and kept values, with every optional key there or not.

use artana_core::{
    ContentRef, Digest, EventId, IncarnationId, ModelId, RunId, Seq, Usd,
    ask::{ApiMode, Field, ReasoningEffort, Verbosity},
    conversation::{Message, Part, PartType, Role},
    event::*,
};
use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::*,
    sample::select,
};

use super::{actor, id, name, reference, workflows::ordinal};

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn message() -> BoxedStrategy<Message> {
    let kinds = vec![
        PartType::Text,
        PartType::Image,
        PartType::File,
        PartType::ToolCall,
        PartType::ToolResult,
        PartType::Reasoning,
    ];
    let part = (option::of(reference()), reference(), option::of(reference()), select(kinds))
        .prop_map(|(call_id, content, name, kind)| Part { call_id, content, name, kind });
    let roles = vec![Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool];
    (vec(part, 0..4), select(roles)).prop_map(|(parts, role)| Message { parts, role }).boxed()
}

fn mode() -> impl Strategy<Value = ApiMode> {
    select(vec![ApiMode::Auto, ApiMode::Responses, ApiMode::Chat])
}

fn options() -> BoxedStrategy<AskedOptions> {
    let efforts = vec![
        ReasoningEffort::None,
        ReasoningEffort::Minimal,
        ReasoningEffort::Low,
        ReasoningEffort::Medium,
        ReasoningEffort::High,
        ReasoningEffort::ExtraHigh,
    ];
    let verbosities = vec![Verbosity::Low, Verbosity::Medium, Verbosity::High];
    let words = (mode(), option::of(select(efforts)), option::of(select(verbosities)));
    (words, option::of(reference()), option::of(reference()))
        .prop_map(|((api_mode, reasoning_effort, verbosity), previous_response_id, sampling)| AskedOptions {
            api_mode,
            previous_response_id,
            reasoning_effort,
            sampling,
            verbosity,
        })
        .boxed()
}

fn requested() -> BoxedStrategy<ModelRequested> {
    let extends = (any::<u32>(), id()).prop_map(|(keep, id)| Extends { keep, request: id.into() });
    let words = (digest(), vec(message(), 0..3), option::of(extends), vec(message(), 0..5));
    let model = "[a-zα😀]{1,20}/[^\\p{Cc}]{1,20}".prop_map(|text| ModelId::parse(text).expect("fit"));
    let refs: [_; 4] = std::array::from_fn(|_| option::of(reference()));
    let numbers = (any::<u32>(), any::<u64>(), any::<[u8; 16]>(), option::of(ordinal()));
    (words, model, options(), refs, numbers)
        .prop_map(|((asked_root, correction, extends, messages), model, options, refs, numbers)| {
            let (cycle, timeout_us, owner, ordinal) = numbers;
            let [input_items, output_schema, tools, visibility]: [Option<ContentRef>; 4] = refs;
            let incarnation = IncarnationId::from_bytes(owner);
            ModelRequested {
                asked_root,
                correction,
                cycle,
                extends,
                incarnation,
                input_items,
                messages,
                model,
                options,
                ordinal,
                output_schema,
                timeout_us,
                tools,
                visibility,
            }
        })
        .boxed()
}

fn answer() -> BoxedStrategy<Answer> {
    let reasons = vec![
        FinishReason::Stop,
        FinishReason::Length,
        FinishReason::ToolCalls,
        FinishReason::ContentFilter,
        FinishReason::Other,
    ];
    let cost = (any::<u64>(), digest()).prop_map(|(nanos, table)| Cost { nanos: Usd::nanos(nanos), table });
    let usage =
        any::<[u64; 4]>().prop_map(|[cached, input, output, reasoning]| Usage { cached, input, output, reasoning });
    let refs = (option::of(reference()), option::of(reference()));
    (option::of(cost), select(reasons), refs, message(), mode(), usage)
        .prop_map(|(cost, finish, (items, response_id), message, mode, usage)| Answer {
            cost,
            finish,
            items,
            message,
            mode,
            response_id,
            usage,
        })
        .boxed()
}

fn failure() -> BoxedStrategy<ModelFailure> {
    let categories = vec![
        ModelCategory::Timeout,
        ModelCategory::Cancelled,
        ModelCategory::RateLimited,
        ModelCategory::Provider4xx,
        ModelCategory::Provider5xx,
        ModelCategory::Network,
        ModelCategory::InvalidOutput,
        ModelCategory::Policy,
        ModelCategory::Internal,
    ];
    let said = (reference(), option::of(reference()), option::of(any::<u64>()), option::of(any::<u16>()));
    (any::<bool>(), option::of(answer()), select(categories), said)
        .prop_map(|(again, answer, category, (error, provider_request, retry_after_us, status))| ModelFailure {
            again,
            answer,
            category,
            error,
            provider_request,
            retry_after_us,
            status,
        })
        .boxed()
}

fn outcome() -> BoxedStrategy<ModelOutcome> {
    prop_oneof![
        answer().prop_map(ModelOutcome::Completed),
        failure().prop_map(ModelOutcome::Failed),
        select(vec![Abandoned::OwnerLost, Abandoned::NotSent]).prop_map(ModelOutcome::Abandoned),
    ]
    .boxed()
}

fn fields() -> impl Strategy<Value = std::collections::BTreeSet<Field>> {
    let all = vec![
        Field::Model,
        Field::Messages,
        Field::InputItems,
        Field::ApiMode,
        Field::ReasoningEffort,
        Field::Verbosity,
        Field::PreviousResponseId,
        Field::Sampling,
        Field::Tools,
        Field::OutputSchema,
    ];
    btree_set(select(all), 0..10)
}

fn forked() -> BoxedStrategy<RunForked> {
    let drift = (digest(), fields()).prop_map(|(asked, fields)| ForkCause::Drift { asked, fields });
    let because = prop_oneof![drift, actor().prop_map(|by| ForkCause::Wanted { by })];
    (because, any::<u64>(), "[^\\p{Cc}]{1,60}")
        .prop_map(|(because, cut, fork)| RunForked {
            because,
            cut: Seq::new(cut),
            fork: RunId::parse(fork).expect("fit"),
        })
        .boxed()
}

fn kept() -> BoxedStrategy<Body> {
    prop_oneof![
        (name(), any::<u32>(), reference()).prop_map(|(name, schema_version, value)| ArtifactSet {
            name,
            schema_version,
            value
        }
        .into()),
        (name(), reference()).prop_map(|(kind, value)| SummaryWritten { kind, value }.into()),
        (name(), reference()).prop_map(|(name, value)| Checkpoint { name, value }.into()),
        (name(), reference()).prop_map(|(topic, value)| Note { topic, value }.into()),
    ]
    .boxed()
}

fn late(id: EventId, elapsed_us: u64, outcome: ModelOutcome) -> Body {
    LateOutcome { elapsed_us, request: id.into(), what: Late::Model(Box::new(outcome)) }.into()
}

/// A body of a kind of models, forks or kept values.
pub(super) fn body() -> BoxedStrategy<Body> {
    let drift = (digest(), reference(), fields(), id())
        .prop_map(|(asked, changes, fields, id)| DriftReplayed { asked, changes, fields, request: id.into() }.into());
    prop_oneof![
        4 => requested().prop_map(Body::from),
        4 => (id(), any::<u64>(), outcome())
            .prop_map(|(id, elapsed_us, outcome)| ModelTerminal { elapsed_us, outcome, request: id.into() }.into()),
        2 => (id(), any::<u64>(), outcome()).prop_map(|(id, elapsed_us, outcome)| late(id, elapsed_us, outcome)),
        1 => drift,
        1 => forked().prop_map(Body::from),
        1 => kept(),
    ]
    .boxed()
}
