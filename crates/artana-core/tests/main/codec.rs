//! The codec of events: what is written is read back, and what does not fit its kind is refused.

mod harness;
mod models;
mod strict;
mod workflows;

use artana_core::{Actor, ContentRef, ContentType, Digest, Draft, Event, EventId, IncarnationId, Name, event::*, json};
use proptest::{option, prelude::*};

use crate::support::{History, bodies, whole};

fn id() -> impl Strategy<Value = EventId> {
    any::<[u8; 16]>().prop_map(EventId::from_bytes)
}

fn name() -> impl Strategy<Value = Name> {
    "[^\\p{Cc}]{1,40}".prop_map(|text| Name::parse(text).expect("fit"))
}

fn actor() -> impl Strategy<Value = Actor> {
    "[^\\p{Cc}]{1,40}".prop_map(|text| Actor::parse(text).expect("fit"))
}

fn reference() -> impl Strategy<Value = ContentRef> {
    let kind = prop_oneof![Just(ContentType::Json), Just(ContentType::Text), Just(ContentType::Bytes)];
    let digest = any::<[u8; 32]>().prop_map(Digest::from_bytes);
    (digest, any::<u64>(), kind).prop_map(|(digest, len, kind)| ContentRef { digest, len, kind })
}

fn success() -> impl Strategy<Value = Success> {
    let reason =
        prop_oneof![Just(Reason::TooLarge), Just(Reason::TooDeep), Just(Reason::NotJson), Just(Reason::Schema)];
    let rejected = option::of((any::<u64>(), reason).prop_map(|(len, reason)| Rejected { len, reason }));
    (option::of(reference()), rejected, reference()).prop_map(|(effect_id, rejected, result)| Success {
        effect_id,
        rejected,
        result,
    })
}

fn failure() -> impl Strategy<Value = ToolFailure> {
    let category = prop_oneof![
        Just(FailureCategory::Permanent),
        Just(FailureCategory::Transient),
        Just(FailureCategory::Resolved)
    ];
    (category, reference()).prop_map(|(category, error)| ToolFailure { category, error })
}

fn doubt() -> impl Strategy<Value = Doubt> {
    let cause = prop_oneof![Just(Cause::Timeout), Just(Cause::Panic), Just(Cause::OwnerLost), Just(Cause::Reported)];
    (cause, option::of(reference())).prop_map(|(cause, error)| Doubt { cause, error })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        success().prop_map(Outcome::Succeeded),
        failure().prop_map(Outcome::Failed),
        doubt().prop_map(Outcome::Unknown)
    ]
}

fn resolution() -> impl Strategy<Value = Resolution> {
    prop_oneof![
        success().prop_map(Resolution::Succeeded),
        failure().prop_map(Resolution::Failed),
        doubt().prop_map(Resolution::Unknown),
        Just(Resolution::NotLanded)
    ]
}

fn request() -> impl Strategy<Value = ToolRequested> {
    let effect = prop_oneof![
        Just(Effect::Read),
        any::<u64>().prop_map(|retention_us| Effect::Idempotent { retention_us }),
        Just(Effect::SideEffect)
    ];
    let numbers = (any::<u32>(), any::<u64>(), any::<u64>());
    let asked = (option::of(workflows::ordinal()), any::<bool>());
    (reference(), numbers, effect, any::<[u8; 16]>(), asked).prop_map(
        |(args, (attempt, settle_us, timeout_us), effect, owner, (ordinal, own_effect))| ToolRequested {
            ordinal,
            own_effect,
            args,
            attempt,
            effect,
            incarnation: IncarnationId::from_bytes(owner),
            settle_us,
            timeout_us,
            tool: bodies::tool("naïve/α😀", "2026.1"),
        },
    )
}

fn body() -> impl Strategy<Value = Body> {
    let resolved = (option::of(reference()), resolution(), option::of(id()), id()).prop_map(
        |(evidence, outcome, reconcile, request)| {
            ToolResolved { by: Resolver::Retry, evidence, outcome, reconcile, request: request.into() }.into()
        },
    );
    prop_oneof![
        prop::sample::select(whole::bodies()),
        request().prop_map(Body::from),
        (id(), outcome()).prop_map(|(id, outcome)| bodies::completed(id, outcome).into()),
        (id(), outcome()).prop_map(|(id, outcome)| bodies::late(id, outcome).into()),
        resolved,
        models::body(),
        workflows::body(),
        harness::body(),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(body in body()) {
        let history = History::start("t", "r");
        let event = history.sealed(Some("s"), |step| Draft::new(step, body.clone()).expect("small"));
        let read = Event::decode(event.record().clone());
        prop_assert_eq!(read.as_ref().map(Event::body), Ok(&body));
        let payload = &event.record().payload;
        prop_assert_eq!(json::canonicalize(payload), Ok(payload.clone()), "the payload is canonical");
    }
}

#[test]
fn a_payload_of_another_kind_is_refused() {
    let history = History::start("t", "r");
    // Whoever pauses a run need not say anything.
    for body in whole::bodies().into_iter().filter(|body| body.kind() != "paused") {
        let empty = history.sealed(None, |step| Draft::raw(body.kind(), step, b"{}".to_vec()).expect("small"));
        assert_eq!(Event::decode(empty.into_record()).err(), Some(DecodeError::Payload), "{}", body.kind());
    }
}

#[test]
fn a_damaged_kind_or_step_is_refused() {
    let mut record = History::start("t", "r").events[0].record().clone();
    record.step = Some(artana_core::RawText::new(*b"\xff"));
    assert_eq!(Event::decode(record.clone()).err(), Some(DecodeError::Step));
    record.kind = artana_core::RawText::new(*b"\xff");
    assert_eq!(Event::decode(record).err(), Some(DecodeError::Kind));
}
