//! One body of each kind with every optional field present, so that every key of the format is in some payload.

mod harness;
mod workflows;

use artana_core::{
    Actor, Capability, ChainHash, ContentRef, Digest, EventId, KeyId, LabelKey, Limits, ModelId, Name, Ordinal,
    ParentLink, RunId, Seq, Usd,
    ask::{ApiMode, Field, ReasoningEffort, Verbosity},
    conversation::{Message, Part, PartType, Role},
    event::{
        Abandoned, Answer, ArtifactSet, AskedOptions, Body, CancelRequested, Cause, Checkpoint, Closing, Cost, Doubt,
        DriftReplayed, Effect, Extends, FinishReason, ForkCause, GenesisFields, GrantGiven, Late, LateOutcome,
        ModelCategory, ModelFailure, ModelOutcome, ModelRequested, ModelTerminal, Note, Outcome, Reason, Rejected,
        Resolution, Resolver, RunFinished, RunForked, RunOutcome, RunStarted, Success, SummaryWritten, ToolCompleted,
        ToolRequested, ToolResolved, Usage,
    },
};

use super::bodies::*;

pub(crate) const REQUEST: EventId = EventId::from_bytes([1; 16]);

fn actor() -> Actor {
    Actor::parse("ops@example").expect("fit")
}

fn limits() -> Limits {
    Limits {
        budget: Some(Usd::dollars(5)),
        model_calls: Some(10),
        tokens: Some(100_000),
        tool_calls: Some(20),
        wall_us: Some(3_600_000_000),
    }
}

fn success(effect_id: Option<ContentRef>) -> Success {
    Success { effect_id, rejected: Some(Rejected { len: 99, reason: Reason::TooLarge }), result: content(RESULT) }
}

fn doubt() -> Doubt {
    Doubt { cause: Cause::Reported, error: Some(content(ERROR)) }
}

fn message(role: Role, kind: PartType) -> Message {
    let part = Part { call_id: Some(content(ARGS)), content: content(RESULT), name: Some(content(ERROR)), kind };
    Message { parts: vec![part], role }
}

fn asked() -> ModelRequested {
    ModelRequested {
        asked_root: Digest::from_bytes([6; 32]),
        correction: vec![message(Role::Assistant, PartType::Text)],
        cycle: 2,
        extends: Some(Extends { keep: 3, request: REQUEST.into() }),
        incarnation: OWNER,
        input_items: Some(content(ARGS)),
        messages: vec![message(Role::Tool, PartType::ToolResult)],
        model: ModelId::parse("provider/model").expect("fit"),
        options: AskedOptions {
            api_mode: ApiMode::Responses,
            previous_response_id: Some(content(ARGS)),
            reasoning_effort: Some(ReasoningEffort::High),
            sampling: Some(content(ARGS)),
            verbosity: Some(Verbosity::Low),
        },
        ordinal: Some(Ordinal::new(2)),
        output_schema: Some(content(ARGS)),
        timeout_us: 600_000_000,
        tools: Some(content(ARGS)),
        visibility: Some(content(ARGS)),
    }
}

fn answer() -> Answer {
    Answer {
        cost: Some(Cost { nanos: Usd::nanos(1500), table: Digest::from_bytes([8; 32]) }),
        finish: FinishReason::Stop,
        items: Some(content(ARGS)),
        message: message(Role::Assistant, PartType::ToolCall),
        mode: ApiMode::Chat,
        response_id: Some(content(ARGS)),
        usage: Usage { cached: 1, input: 2, output: 3, reasoning: 4 },
    }
}

fn no_answer() -> ModelFailure {
    ModelFailure {
        again: true,
        answer: Some(answer()),
        category: ModelCategory::InvalidOutput,
        error: content(ERROR),
        provider_request: Some(content(ARGS)),
        retry_after_us: Some(30_000_000),
        status: Some(429),
    }
}

fn started() -> RunStarted {
    let parent = ParentLink {
        hash: ChainHash::from_bytes([2; 32]),
        run: RunId::parse("parent").expect("fit"),
        seq: Seq::new(3),
    };
    RunStarted {
        capabilities: capabilities(),
        flags: ["flag".into()].into(),
        genesis: GenesisFields {
            key_id: KeyId::from_bytes([4; 32]),
            parent: Some(parent),
            root: RunId::parse("root").expect("fit"),
        },
        labels: [(LabelKey::parse("team").expect("fit"), "billing".into())].into(),
        limits: limits(),
        lineage: Some(workflows::lineage()),
        tenant_key_id: KeyId::from_bytes([5; 32]),
        workflow: Some(workflows::workflow()),
    }
}

fn capabilities() -> std::collections::BTreeSet<Capability> {
    [Capability::parse("payments:charge").expect("fit")].into()
}

/// One body of each kind, in the order of `Body::KINDS`.
pub(crate) fn bodies() -> Vec<Body> {
    let resolved = ToolResolved {
        by: Resolver::Operator(actor()),
        evidence: Some(content(ARGS)),
        outcome: Resolution::Unknown(doubt()),
        reconcile: Some(REQUEST),
        request: REQUEST.into(),
    };
    let request = REQUEST.into();
    let fields = [Field::Messages, Field::ApiMode];
    let name = || Name::parse("report").expect("fit");
    let value = content(RESULT);
    let [child_started, child_finished] = workflows::children();
    let before = vec![
        started().into(),
        workflows::enqueued().into(),
        RunForked {
            because: ForkCause::Drift { asked: Digest::from_bytes([7; 32]), fields: fields.into() },
            cut: Seq::new(3),
            fork: RunId::parse("run~01").expect("fit"),
        }
        .into(),
        child_started,
        child_finished,
        workflows::driver_changed().into(),
        GrantGiven { by: actor(), capabilities: capabilities(), limits: limits() }.into(),
        CancelRequested { closing: Closing::Cancelled, by: Some(actor()), reason: Some(content(ERROR)) }.into(),
        workflows::parked().into(),
        RunFinished { output: Some(content(RESULT)), ..finished(RunOutcome::Completed) }.into(),
        asked().into(),
        ModelTerminal { elapsed_us: 5, outcome: ModelOutcome::Failed(no_answer()), request }.into(),
        DriftReplayed { asked: Digest::from_bytes([7; 32]), changes: content(ARGS), fields: fields.into(), request }
            .into(),
        ToolRequested {
            ordinal: Some(Ordinal::new(1)),
            own_effect: true,
            ..requested(1, Effect::Idempotent { retention_us: 86_400_000_000 })
        }
        .into(),
        attempt_failed(REQUEST).into(),
        ToolCompleted { elapsed_us: 1, outcome: Outcome::Succeeded(success(Some(content(ARGS)))), request }.into(),
        reconcile(REQUEST).into(),
        resolved.into(),
        LateOutcome { elapsed_us: 2, request, what: Late::Tool(failed()) }.into(),
    ];
    let kept = vec![
        ArtifactSet { name: name(), schema_version: 2, value }.into(),
        SummaryWritten { kind: name(), value }.into(),
        Checkpoint { name: name(), value }.into(),
        Note { topic: name(), value }.into(),
    ];
    [before, workflows::bodies(), kept, harness::bodies()].concat()
}

/// Bodies that have what those of [`bodies`] do not: the other ways to end, and no optional field at all.
pub(crate) fn others() -> Vec<Body> {
    let request = REQUEST.into();
    let ended = |outcome| ModelTerminal { elapsed_us: 5, outcome, request };
    let bare = Answer { cost: None, items: None, mode: ApiMode::Auto, response_id: None, ..answer() };
    let failed = ModelFailure {
        again: false,
        answer: None,
        category: ModelCategory::Provider5xx,
        error: content(ERROR),
        provider_request: None,
        retry_after_us: None,
        status: None,
    };
    let first = ModelRequested {
        correction: Vec::new(),
        cycle: 1,
        extends: None,
        input_items: None,
        options: AskedOptions::default(),
        ordinal: None,
        output_schema: None,
        tools: None,
        visibility: None,
        ..asked()
    };
    let because = ForkCause::Wanted { by: actor() };
    let late = Late::Model(Box::new(ModelOutcome::Completed(bare.clone())));
    let of_calls = vec![
        RunForked { because, cut: Seq::new(1), fork: RunId::parse("run~02").expect("fit") }.into(),
        first.into(),
        ended(ModelOutcome::Completed(bare)).into(),
        ended(ModelOutcome::Failed(failed)).into(),
        ended(ModelOutcome::Abandoned(Abandoned::OwnerLost)).into(),
        ended(ModelOutcome::Abandoned(Abandoned::NotSent)).into(),
        requested(1, Effect::Idempotent { retention_us: 86_400_000_000 }).into(),
        LateOutcome { elapsed_us: 2, request, what: late }.into(),
    ];
    [of_calls, workflows::others(), harness::others()].concat()
}

/// The bodies of the kinds that were given more keys when workflows came, without these keys.
pub(crate) fn before_workflows() -> Vec<Body> {
    let before = |body| match body {
        Body::RunStarted(started) => Some(RunStarted { lineage: None, workflow: None, ..started }.into()),
        Body::RunFinished(ended) => Some(RunFinished { output: None, ..ended }.into()),
        Body::ModelRequested(asked) => Some(ModelRequested { ordinal: None, ..asked }.into()),
        Body::ToolRequested(asked) => Some(ToolRequested { ordinal: None, ..asked }.into()),
        _ => None,
    };
    bodies().into_iter().filter_map(before).collect()
}
