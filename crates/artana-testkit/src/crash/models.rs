//! What the models were asked in all lives, and whether the ledgers tell the same. Asks nobody anything.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use artana_core::{
    Event, Record, RequestId, StepKey,
    event::{Body, Usage},
};
use artana_kernel::{Error, RecordedCall, Run};
use artana_ports::{ModelAnswer, ModelContext, ModelError, ModelPort, ModelRequest};
use async_trait::async_trait;

use crate::model::differing;

type Said = Result<ModelAnswer, ModelError>;

/// A question that reached a model, and what it said, if it came to that.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    /// Which life asked, counted from 1.
    pub(super) life: usize,
    pub(super) step: StepKey,
    pub(super) request: RequestId,
    pub(super) words: ModelRequest,
    pub(super) said: Option<Said>,
}

/// Notes every question that reaches a model.
#[derive(Debug, Clone, Default)]
pub(super) struct Witness(Arc<Mutex<Vec<Asked>>>);

#[derive(Debug)]
struct Watched {
    inner: Arc<dyn ModelPort>,
    notes: Witness,
    life: usize,
}

impl Witness {
    /// Watches the model of one life.
    pub(super) fn watch(&self, inner: Arc<dyn ModelPort>, life: usize) -> Arc<dyn ModelPort> {
        Arc::new(Watched { inner, notes: self.clone(), life })
    }

    pub(super) fn noted(&self) -> Vec<Asked> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ModelPort for Watched {
    async fn ask(&self, request: &ModelRequest, cx: &ModelContext) -> Said {
        let at = {
            let mut notes = self.notes.lock();
            let (life, step, words) = (self.life, cx.step.clone(), request.clone());
            notes.push(Asked { life, step, request: cx.request, words, said: None });
            notes.len() - 1
        };
        let said = self.inner.ask(request, cx).await;
        self.notes.lock()[at].said = Some(said.clone());
        said
    }
}

/// What the ledgers have of the questions.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorded {
    calls: Vec<RecordedCall>,
    /// The requests whose end is recorded.
    closed: BTreeSet<RequestId>,
}

impl Recorded {
    /// Reads one run's.
    pub(super) async fn add(&mut self, run: &Run, rows: &[Record]) -> Result<(), Error> {
        self.calls.extend(run.model_calls().await?);
        let closed = rows.iter().filter_map(|row| match Event::decode(row.clone()).ok()?.body() {
            Body::ModelTerminal(ended) => Some(ended.request),
            _ => None,
        });
        self.closed.extend(closed);
        Ok(())
    }

    fn call(&self, request: RequestId) -> Option<&RecordedCall> {
        self.calls.iter().find(|call| call.request == request)
    }
}

/// Compares what was asked with what is recorded, and with what was asked where nothing crashed. The first
/// `crashes` lives were cut.
pub(super) fn judge(asked: &[Asked], recorded: &Recorded, calm: &[Asked], crashes: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut requests = BTreeSet::new();
    for question in asked {
        let step = &question.step;
        if !requests.insert(question.request) {
            wrong.push(format!("step {step} asked twice under one request"));
        }
        match recorded.call(question.request) {
            None => wrong.push(format!("step {step} asked a model before its request was recorded")),
            Some(call) if call.outcome.is_none() && question.life > crashes => {
                wrong.push(format!("a question of step {step} is abandoned by a life that went on"));
            }
            Some(call) => wrong.extend(contradicts(question, call)),
        }
    }
    for call in &recorded.calls {
        let step = &call.step;
        match &call.outcome {
            Some(Ok(_)) if !requests.contains(&call.request) => {
                wrong.push(format!("an answer to step {step} is recorded that no model gave"));
            }
            None if !recorded.closed.contains(&call.request) => {
                wrong.push(format!("a question of step {step} was cut, and the ledger does not say so"));
            }
            _ => {}
        }
    }
    wrong.extend(repeated(asked, recorded, calm));
    wrong
}

/// What differs between a question as the model met it and as the ledger has it.
fn contradicts(question: &Asked, call: &RecordedCall) -> Option<String> {
    let step = &question.step;
    let differing = differing(&call.asked, &question.words);
    if let Some(field) = differing.first() {
        return Some(format!("step {step} asked otherwise than recorded, in {field}"));
    }
    let same = match (&question.said, &call.outcome) {
        (Some(said), Some(outcome)) => bounded(said.clone()) == *outcome,
        // Nobody heard it to the end: it was cut, or given up.
        (None, Some(outcome)) => outcome.is_err(),
        (_, None) => true,
    };
    (!same).then(|| format!("the ledger has another answer to step {step} than the model gave"))
}

/// An answer as it is recorded: no part of the tokens is more than the whole.
fn bounded(said: Said) -> Said {
    said.map(|answer| {
        let Usage { cached, input, output, reasoning } = answer.usage;
        let usage = Usage { cached: cached.min(input), reasoning: reasoning.min(output), ..answer.usage };
        ModelAnswer { usage, ..answer }
    })
}

/// A question whose answer is recorded is not asked again, under whatever step: each is heard out at most as often
/// as where nothing crashed.
fn repeated(asked: &[Asked], recorded: &Recorded, calm: &[Asked]) -> Vec<String> {
    let heard = |question: &&Asked| recorded.call(question.request).is_some_and(|call| call.outcome.is_some());
    let mut judged: Vec<&Asked> = Vec::new();
    let mut wrong = Vec::new();
    for question in asked.iter().filter(heard) {
        if judged.iter().any(|before| before.words == question.words) {
            continue;
        }
        judged.push(question);
        let same = |other: &&Asked| other.words == question.words;
        let (times, due) = (asked.iter().filter(heard).filter(same).count(), calm.iter().filter(same).count());
        if times > due {
            let step = &question.step;
            wrong.push(format!("what step {step} asked was answered {times} times instead of {due}"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests;
