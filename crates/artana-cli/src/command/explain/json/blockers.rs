//! What a run waits for, as JSON for programs: closed words, numbers and names, and what was said where asked for.

use artana_core::{
    EventId, Pause, Queued, StepKey,
    event::{CodeKind, Wait},
    explain::{Blocker, Pending, Recorded},
};
use serde_json::{Value, json};

use super::{Told, add};
use crate::text::time;

/// Writes one blocker.
pub(super) fn of(told: &Told<'_>, blocker: &Blocker) -> Value {
    match blocker {
        Blocker::Newer { what } => json!({"blocker": "newer", "what": what}),
        Blocker::InDoubt { .. } => in_doubt(blocker),
        Blocker::Reconciling { step, open } => {
            json!({"blocker": "reconciling", "step": step, "action": open.action, "owner": open.owner})
        }
        Blocker::InAncestor { step, holder } => json!({"blocker": "in_ancestor", "step": step, "run": holder}),
        Blocker::UnderWay { step, what, request, owner } => {
            let (kind, name) = called(what);
            json!({"blocker": "under_way", "step": step, "kind": kind, "name": name, "request": request,
                   "owner": owner})
        }
        Blocker::Orphaned { step, what, request, closing } => {
            let (kind, name) = called(what);
            json!({"blocker": "orphaned", "step": step, "kind": kind, "name": name, "request": request,
                   "closing": closing})
        }
        Blocker::Due { step, what, made } => {
            let (kind, name) = called(what);
            json!({"blocker": "due", "step": step, "kind": kind, "name": name, "made": made})
        }
        Blocker::Paused { ticket, pause } => paused(told, ticket, pause),
        Blocker::Waits { step, wait } => waits(step.as_ref(), wait),
        Blocker::ToUndo { steps } => json!({"blocker": "to_undo", "steps": steps}),
        Blocker::Queued { place: Queued { queue, priority, due_at } } => {
            json!({"blocker": "queued", "queue": queue, "priority": priority, "due_at": time(*due_at)})
        }
        Blocker::Idle => json!({"blocker": "idle"}),
        _ => json!({"blocker": "other"}),
    }
}

fn called(what: &Pending) -> (&'static str, Option<&str>) {
    match what {
        Pending::Model(model) => ("model", Some(model.as_str())),
        Pending::Tool(tool) => ("tool", Some(tool.name.as_str())),
        Pending::Code(CodeKind::Compute) => ("compute", None),
        Pending::Code(CodeKind::Once) => ("once", None),
        Pending::Code(CodeKind::Rollback) => ("on_rollback", None),
    }
}

/// A closure has no version, and nobody outside knows it by a key.
fn in_doubt(blocker: &Blocker) -> Value {
    let Blocker::InDoubt { step, what, attempt, cause, recorded, key } = blocker else { return Value::Null };
    let mut object = json!({"blocker": "in_doubt", "step": step, "kind": called(what).0, "attempt": attempt.number,
                            "request": attempt.request, "cause": cause, "recorded": *recorded == Recorded::Yes,
                            "settled_at": time(attempt.settled_at)});
    if let Pending::Tool(tool) = what {
        object["tool"] = tool.name.as_str().into();
        object["version"] = tool.version.as_str().into();
    }
    if let Some(key) = key {
        object["idempotency_key"] = key.to_string().into();
    }
    object
}

fn paused(told: &Told<'_>, ticket: &EventId, pause: &Pause) -> Value {
    let mut object = json!({"blocker": "paused", "ticket": ticket, "at": time(pause.at), "step": pause.step,
                            "block": pause.block, "by": pause.by, "died": pause.died});
    add(&mut object, "reason", pause.reason.as_ref().and_then(|reason| told.said(reason)));
    add(&mut object, "metadata", pause.metadata.as_ref().and_then(|metadata| told.said(metadata)));
    object
}

fn waits(step: Option<&StepKey>, wait: &Wait) -> Value {
    let (what, which) = match wait {
        Wait::Child(run) => ("child", json!(run)),
        Wait::Doubt { request, .. } => ("doubt", json!(request)),
        Wait::Pause(pause) => ("pause", json!(pause)),
        Wait::Signal(name) => ("signal", json!(name)),
        Wait::Timer(due) => ("timer", json!(time(*due))),
        _ => ("other", Value::Null),
    };
    json!({"blocker": "waits", "step": step, "for": what, "which": which})
}
