//! What a tool call's end means, and what is recorded of it. Decides by the tool's declaration; calls nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};

use artana_core::{
    Content, ContentRef, ContentType,
    event::{Cause, Doubt, Effect, FailureCategory, Outcome, Reason, Rejected, Success, ToolFailure},
    json::{self, JsonErrorKind},
    limits::MAX_APPEND_BYTES,
};
use artana_ports::{KeptBack, ToolErrorKind, ToolOutput};

use crate::{
    invoke::Invocation,
    perform::{Ended, Ending, Verdict},
};

/// Bytes of an append kept for payloads and for the provider's id of the effect.
const APPEND_RESERVE: usize = 1024 * 1024;
/// The longest message or id of a tool that is kept: beside the largest result there is room for it.
pub(crate) const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// Says what a call's end means. A transient failure is known not to have happened; what nobody
/// classified may have, unless the tool only reads.
pub(crate) fn judge(invocation: &Invocation, ended: Ended, attempt: u32) -> Verdict {
    let spec = invocation.port().spec();
    let more = attempt < spec.retry.attempts;
    match ended {
        Ended::Answered(Ok(output)) => success(invocation, output),
        Ended::Answered(Err(error)) => match error.kind {
            ToolErrorKind::Permanent => failure(invocation, FailureCategory::Permanent, error.message),
            ToolErrorKind::Transient if more => {
                let (error, content) = text(invocation, error.message);
                Verdict { ending: Ending::AttemptFailed { error, sent: true }, content: vec![content] }
            }
            ToolErrorKind::Transient => failure(invocation, FailureCategory::Transient, error.message),
            ToolErrorKind::Unknown if spec.effect == Effect::Read => passing(invocation, error.message, more),
            ToolErrorKind::Unknown => doubt(invocation, Cause::Reported, Some(error.message)),
        },
        // Whatever the policy says: it was no attempt of the tool's.
        Ended::NotSent => {
            let (error, content) = text(invocation, KeptBack.to_string());
            Verdict { ending: Ending::AttemptFailed { error, sent: false }, content: vec![content] }
        }
        Ended::TimedOut if spec.effect == Effect::Read => passing(invocation, "the deadline passed".into(), more),
        Ended::Panicked if spec.effect == Effect::Read => passing(invocation, "the tool panicked".into(), more),
        Ended::TimedOut => doubt(invocation, Cause::Timeout, None),
        Ended::Panicked => doubt(invocation, Cause::Panic, None),
    }
}

pub(crate) fn doubt(invocation: &Invocation, cause: Cause, message: Option<String>) -> Verdict {
    let (error, content) = message.map(|m| text(invocation, m)).unzip();
    Verdict { ending: Ending::Completed(Outcome::Unknown(Doubt { cause, error })), content: Vec::from_iter(content) }
}

pub(crate) fn failure(invocation: &Invocation, category: FailureCategory, message: String) -> Verdict {
    let (error, content) = text(invocation, message);
    let failure = ToolFailure { category, error };
    Verdict { ending: Ending::Completed(Outcome::Failed(failure)), content: vec![content] }
}

fn passing(invocation: &Invocation, message: String, more: bool) -> Verdict {
    if !more {
        return failure(invocation, FailureCategory::Transient, message);
    }
    let (error, content) = text(invocation, message);
    Verdict { ending: Ending::AttemptFailed { error, sent: true }, content: vec![content] }
}

fn text(invocation: &Invocation, mut message: String) -> (ContentRef, Content) {
    let end = clipped(&message, MAX_TEXT_BYTES).len();
    message.truncate(end);
    invocation.journal().content(ContentType::Text, message.into_bytes())
}

/// Returns the beginning of a text, at most so many bytes of it.
pub(crate) fn clipped(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Records what was returned as opaque bytes, cut where they are too many; a result that cannot be
/// used does not undo the effect.
pub(crate) fn success(invocation: &Invocation, output: ToolOutput) -> Verdict {
    let ToolOutput { mut result, effect_id } = output;
    let len = result.len() as u64;
    let reason = unusable(invocation, &result);
    result.truncate(max_result(invocation));
    let kind = if matches!(reason, None | Some(Reason::Schema)) { ContentType::Json } else { ContentType::Bytes };
    let (result, content) = invocation.journal().content(kind, result);
    let (effect_id, id_content) = effect_id.map(|id| text(invocation, id)).unzip();
    let rejected = reason.map(|reason| Rejected { len, reason });
    let outcome = Outcome::Succeeded(Success { effect_id, rejected, result });
    let content = [content].into_iter().chain(id_content).collect();
    Verdict { ending: Ending::Completed(outcome), content }
}

/// Arguments and result of a tool that only reads leave in one append, and have to fit into it.
fn max_result(invocation: &Invocation) -> usize {
    let room = MAX_APPEND_BYTES - APPEND_RESERVE - invocation.args_content.bytes.len();
    invocation.port().spec().max_result.min(room)
}

fn unusable(invocation: &Invocation, result: &[u8]) -> Option<Reason> {
    if result.len() > max_result(invocation) {
        return Some(Reason::TooLarge);
    }
    match json::parse(result) {
        Ok(value) if fits(invocation, &value) => None,
        Ok(_) => Some(Reason::Schema),
        Err(error) if error.kind() == JsonErrorKind::TooDeep => Some(Reason::TooDeep),
        Err(_) => Some(Reason::NotJson),
    }
}

/// A check that panics finds nothing fit, and the effect is recorded all the same.
fn fits(invocation: &Invocation, value: &serde_json::Value) -> bool {
    catch_unwind(AssertUnwindSafe(|| invocation.port().fits_result(value))).unwrap_or(false)
}
