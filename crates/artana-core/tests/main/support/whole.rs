//! One body of each kind with every optional field present, so that every key of the format is in some payload.

use artana_core::{
    Actor, Capability, ChainHash, ContentRef, EventId, KeyId, LabelKey, Limits, ParentLink, RunId, Seq, Usd,
    event::{
        Body, CancelRequested, Cause, Closing, Doubt, Effect, GenesisFields, GrantGiven, LateOutcome, Outcome, Reason,
        Rejected, Resolution, Resolver, RunOutcome, RunStarted, Success, ToolCompleted, ToolResolved,
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

/// One body of each kind, in the order of `Body::KINDS`.
pub(crate) fn bodies() -> Vec<Body> {
    let capabilities = [Capability::parse("payments:charge").expect("fit")];
    let parent = ParentLink {
        hash: ChainHash::from_bytes([2; 32]),
        run: RunId::parse("parent").expect("fit"),
        seq: Seq::new(3),
    };
    let started = RunStarted {
        capabilities: capabilities.clone().into(),
        flags: ["flag".into()].into(),
        genesis: GenesisFields {
            key_id: KeyId::from_bytes([4; 32]),
            parent: Some(parent),
            root: RunId::parse("root").expect("fit"),
        },
        labels: [(LabelKey::parse("team").expect("fit"), "billing".into())].into(),
        limits: limits(),
        tenant_key_id: KeyId::from_bytes([5; 32]),
    };
    let resolved = ToolResolved {
        by: Resolver::Operator(actor()),
        evidence: Some(content(ARGS)),
        outcome: Resolution::Unknown(doubt()),
        reconcile: Some(REQUEST),
        request: REQUEST.into(),
    };
    let request = REQUEST.into();
    vec![
        started.into(),
        GrantGiven { by: actor(), capabilities: capabilities.into(), limits: limits() }.into(),
        CancelRequested { closing: Closing::Cancelled, by: Some(actor()), reason: Some(content(ERROR)) }.into(),
        finished(RunOutcome::Completed).into(),
        requested(1, Effect::Idempotent { retention_us: 86_400_000_000 }).into(),
        attempt_failed(REQUEST).into(),
        ToolCompleted { elapsed_us: 1, outcome: Outcome::Succeeded(success(Some(content(ARGS)))), request }.into(),
        reconcile(REQUEST).into(),
        resolved.into(),
        LateOutcome { elapsed_us: 2, outcome: failed(), request }.into(),
    ]
}
