//! An explanation as one JSON object, for programs: everything in closed words, numbers and names. What was said
//! is in it only where that was asked for.

mod blockers;

use artana_core::{
    event::{ForkCause, Resolution, Resolver},
    explain::{Drifted, Ended, Explanation, Failure, Heard, Lived, Resolved, Went, Work},
};
use serde_json::{Map, Value, json};

use super::{Told, story::names};
use crate::{
    cost,
    telling::Way,
    text::time,
    words::{callee, tool_category},
};

/// Writes all of it.
pub(super) fn of(told: &Told<'_>, ways: &[Way]) -> Value {
    let mut object = Map::new();
    object.insert("run".into(), told.id.into());
    object.insert("tenant".into(), told.tenant.into());
    if let Some(explanation) = &told.explanation {
        object.extend(explained(told, explanation));
    }
    let broken = told.broken.as_ref().map(|(run, found)| {
        json!({"run": run.run, "kind": found.kind.to_string(), "seq": found.seq.get(),
               "expected": found.expected, "found": found.found})
    });
    object.insert("broken".into(), broken.into());
    object.insert("next".into(), json!(ways));
    Value::Object(object)
}

fn explained(told: &Told<'_>, explanation: &Explanation) -> Map<String, Value> {
    let steps = &explanation.steps;
    let object = json!({
        "status": explanation.status.as_str(),
        "needs_human": explanation.needs_human(),
        "events": explanation.head.seq.get(),
        "head": explanation.head.hash.to_string(),
        "began": began(told, explanation),
        "ended": explanation.ended.as_ref().map(|found| ended(told, found)),
        "steps": {"all": steps.all, "done": steps.done, "failed": steps.failed, "unknown": steps.unknown,
                  "pending": steps.pending, "due": steps.due},
        "work": explanation.work.as_ref().map(work),
        "last_step": explanation.last_step.as_ref().map(heard),
        "last_tool": explanation.last_tool.as_ref().map(heard),
        "drifts": explanation.drifts.iter().map(|drift| drifted(told, drift)).collect::<Vec<_>>(),
        "resolved": explanation.resolved.iter().map(|found| resolved(told, found)).collect::<Vec<_>>(),
        "failure": explanation.failure.as_ref().map(|failure| failed(told, failure)),
        "forks": forks(told, explanation),
        "costs": cost::rows(&explanation.costs),
        "blockers": explanation.blockers.iter().map(|found| blockers::of(told, found)).collect::<Vec<_>>(),
    });
    let Value::Object(mut object) = object else { return Map::new() };
    let undone = &explanation.undone;
    if !undone.done.is_empty() || !undone.failed.is_empty() {
        object.insert("undone".into(), json!({"done": undone.done, "failed": undone.failed}));
    }
    object
}

fn began(told: &Told<'_>, explanation: &Explanation) -> Value {
    let began = &explanation.began;
    let parent = began.parent.as_ref().map(|link| {
        let left = told.left.as_ref();
        json!({"run": link.run, "seq": link.seq.get(), "step": left.map(|fork| fork.step.as_str()),
               "because": left.map(|fork| cause(&fork.recorded.1.because))})
    });
    json!({"at": time(began.at), "parent": parent, "shares": began.shares, "labels": began.labels,
           "capabilities": began.capabilities})
}

fn cause(because: &ForkCause) -> Value {
    match because {
        ForkCause::Drift { fields, .. } => json!({"drift": names(fields)}),
        ForkCause::Wanted { by } => json!({"wanted_by": by}),
        _ => Value::Null,
    }
}

fn ended(told: &Told<'_>, ended: &Ended) -> Value {
    let mut object = json!({"outcome": ended.outcome, "asked_at": time(ended.asked_at), "at": ended.at.map(time),
                            "by": ended.by});
    add(&mut object, "reason", ended.reason.as_ref().and_then(|reason| told.said(reason)));
    object
}

fn work(work: &Work) -> Value {
    let lived = |lived: &Lived| {
        json!({"session": lived.session, "process": lived.process.to_string(), "task": lived.task,
               "step": lived.step, "at": time(lived.at)})
    };
    json!({"done": work.done, "in_progress": work.in_progress, "pending": work.pending, "sessions": work.sessions,
           "died": work.died.iter().map(lived).collect::<Vec<_>>(), "awake": work.awake.as_ref().map(lived)})
}

fn heard(heard: &Heard) -> Value {
    let (kind, name) = callee(&heard.step);
    json!({"step": heard.key, "scope": heard.key.parent(), "kind": kind, "name": name,
           "state": heard.step.state(), "at": time(heard.at)})
}

fn drifted(told: &Told<'_>, drift: &Drifted) -> Value {
    let mut object = json!({"step": drift.step, "seq": drift.at.get(), "fields": names(&drift.fields)});
    match &drift.went {
        Went::Replayed { request, changes } => {
            object["went"] = "replayed".into();
            object["request"] = request.to_string().into();
            let changes = told.said(changes).map(|said| serde_json::from_str(said).unwrap_or_else(|_| said.into()));
            if let Some(changes) = changes {
                object["changes"] = changes;
            }
        }
        Went::Forked { fork } => {
            object["went"] = "forked".into();
            object["fork"] = fork.as_str().into();
        }
    }
    object
}

fn resolved(told: &Told<'_>, found: &Resolved) -> Value {
    let outcome = match &found.outcome {
        Resolution::Succeeded(_) => "succeeded",
        Resolution::Failed(_) => "failed",
        Resolution::NotLanded => "not_landed",
        Resolution::Unknown(_) => "unknown",
    };
    let (how, by) = match &found.by {
        Resolver::Probe => ("probe", None),
        Resolver::Retry => ("retry", None),
        Resolver::Operator(by) => ("operator", Some(by)),
        _ => ("other", None),
    };
    let mut object = json!({"step": found.step, "seq": found.at.get(), "how": how, "by": by, "outcome": outcome});
    add(&mut object, "evidence", found.evidence.as_ref().and_then(|evidence| told.said(evidence)));
    object
}

fn failed(told: &Told<'_>, failure: &Failure) -> Value {
    let (mut object, said) = match failure {
        Failure::Model { step, model, failed } => {
            let why = &failed.outcome;
            let object = json!({"step": step, "kind": "model", "name": model, "category": why.category.as_str(),
                                "status": why.status, "retry_after_us": why.retry_after_us,
                                "attempts": failed.attempts, "seq": failed.at.get()});
            (object, told.said(&why.error))
        }
        Failure::Tool { step, tool, failed, .. } => {
            let category = tool_category(failed.outcome.category);
            let object = json!({"step": step, "kind": "tool", "name": tool, "category": category,
                                "status": null, "retry_after_us": null,
                                "attempts": failed.attempts, "seq": failed.at.get()});
            (object, told.said(&failed.outcome.error))
        }
        Failure::Code { step, at, error } => (json!({"step": step, "kind": "code", "seq": at.get()}), told.said(error)),
        Failure::Child { step, run, at, error } => {
            (json!({"step": step, "kind": "child", "name": run, "seq": at.get()}), told.said(error))
        }
        other => (json!({"step": other.step()}), None),
    };
    add(&mut object, "said", said);
    object
}

fn forks(told: &Told<'_>, explanation: &Explanation) -> Vec<Value> {
    let fork = |(id, fork): (&artana_core::RunId, &artana_core::Fork)| {
        let (at, forked) = &fork.recorded;
        json!({"run": id, "step": fork.step, "seq": at.get(), "because": cause(&forked.because),
               "started": !told.missing.contains(id)})
    };
    explanation.forks.iter().map(fork).collect()
}

pub(super) fn add(object: &mut Value, name: &str, said: Option<&str>) {
    if let Some(said) = said {
        object[name] = said.into();
    }
}
