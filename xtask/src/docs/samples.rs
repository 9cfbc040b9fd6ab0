//! One payload of each kind, as the core's golden test pins them: it fails when the core writes other bytes.

use anyhow::{Context, Result, bail, ensure};
use artana_core::conversation::EMPTY_ROOT;
use artana_core::event::{
    Abandoned, Body, ChildStarted, ModelOutcome, ModelRequested, ModelTerminal, StepCompleted, StepRequested,
    ToolRequested,
};
use artana_core::{ChainHash, Event, EventId, RawText, Record, Seq, Timestamp};
use serde::Deserialize;

/// Where the samples are pinned, from the root.
pub(super) const PATH: &str = "crates/artana-core/tests/main/golden/kinds.json";

/// The id of every request, and of every other event, that a sample names.
pub(super) const NAMED: EventId = EventId::from_bytes([1; 16]);

/// One kind with a payload.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Sample {
    pub(super) kind: String,
    /// The canonical JSON.
    pub(super) payload: String,
}

/// Reads the pinned samples.
///
/// # Errors
/// When they are not one of each kind, in the order of [`Body::KINDS`].
pub(super) fn read(text: &str) -> Result<Vec<Sample>> {
    let samples: Vec<Sample> = serde_json::from_str(text).context(PATH)?;
    let kinds: Vec<&str> = samples.iter().map(|sample| sample.kind.as_str()).collect();
    ensure!(kinds == Body::KINDS, "{PATH} does not hold one payload of each kind in their order: pin what is missing");
    Ok(samples)
}

/// Decodes a sample.
///
/// # Errors
/// When the payload is not its kind's.
pub(super) fn body(sample: &Sample) -> Result<Body> {
    let zero = ChainHash::from_bytes([0; 32]);
    let record = Record {
        tenant: "tenant".into(),
        run: "run".into(),
        seq: Seq::new(1),
        event_id: NAMED,
        kind: RawText::from(sample.kind.as_str()),
        step: None,
        at: Timestamp::default(),
        payload: sample.payload.clone().into_bytes(),
        prev_hash: zero,
        hash: zero,
    };
    let event = Event::decode(record).with_context(|| format!("the sample of `{}` in {PATH}", sample.kind))?;
    Ok(event.body().clone())
}

/// Decodes all samples, in forms that a run can take which holds nothing else.
///
/// # Errors
/// When a payload is not its kind's.
pub(super) fn bodies(samples: &[Sample]) -> Result<Vec<Body>> {
    samples.iter().map(|sample| body(sample).map(on_its_own)).collect()
}

/// A sample has every key its kind can have; one that goes on from other events, or is one of many that a workflow
/// asks, is told without them.
fn on_its_own(body: Body) -> Body {
    match body {
        Body::ModelRequested(asked) => {
            let (messages, correction) = (Vec::new(), Vec::new());
            let first = ModelRequested { asked_root: EMPTY_ROOT, correction, cycle: 1, messages, ..asked };
            ModelRequested { extends: None, ordinal: None, ..first }.into()
        }
        Body::ToolRequested(asked) => ToolRequested { ordinal: None, ..asked }.into(),
        Body::StepRequested(asked) => StepRequested { ordinal: None, ..asked }.into(),
        Body::StepCompleted(done) => StepCompleted { again: false, ordinal: None, ..done }.into(),
        Body::ChildStarted(started) => ChildStarted { ordinal: None, ..started }.into(),
        Body::ModelTerminal(ModelTerminal { outcome: ModelOutcome::Failed(failed), elapsed_us, request }) => {
            let outcome = failed.answer.map_or(ModelOutcome::Abandoned(Abandoned::OwnerLost), ModelOutcome::Completed);
            ModelTerminal { elapsed_us, outcome, request }.into()
        }
        other => other,
    }
}

/// The first sample that `take` takes.
///
/// # Errors
/// When there is none.
pub(super) fn find<T>(samples: &[Sample], take: impl Fn(Body) -> Option<T>) -> Result<T> {
    for sample in samples {
        if let Some(found) = take(body(sample)?) {
            return Ok(found);
        }
    }
    bail!("{PATH} has no sample of {}", std::any::type_name::<T>())
}
