//! Performs a model step: records the request, asks once, records what came of it, until a cycle ends the step.
//! It never decides whether to; `artana-core` has.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use artana_core::{
    Content, ContentType, Event, IncarnationId, RequestId, RunState,
    conversation::{self, PartType, Role},
    decide::{ModelDecision, OwnerLife, decide_model, model_owner_lost, record_terminal},
    event::{Abandoned, Answer, Body, ModelCategory, ModelFailure, ModelOutcome, ModelRequested, ModelTerminal, Usage},
    limits::MAX_MODEL_RETRIES,
};
use artana_ports::{Media, Message, ModelAnswer, ModelContext, ModelError, ModelPort, Part, Source};
use tracing::Instrument;

use super::{
    output,
    prepare::{Cycle, Prepared},
    reply::Told,
    stream::Listener,
    words::{Encoder, read_message},
};
use crate::{
    Error,
    fence::Permit,
    journal::{Capacity, Facts, Journal, Plan},
    perform::{insist, micros, wait_or_cancel},
    verdict::{MAX_TEXT_BYTES, clipped},
};

/// The most bytes of one answer: with the terminal that refers to them they fit into one append.
const MAX_ANSWER_BYTES: usize = 15 * 1024 * 1024;
/// The most parts of one answer: references to all of them fit into one payload.
const MAX_ANSWER_PARTS: usize = 128;
/// The wait before a second try when the provider names none; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait between two tries.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Borrows the request an event records, if it records one.
pub(crate) fn requested(event: &Event) -> Option<&ModelRequested> {
    match event.body() {
        Body::ModelRequested(asked) => Some(asked),
        _ => None,
    }
}

/// How a call ended, before anything was made of it.
enum Ended {
    Answered(Result<ModelAnswer, ModelError>),
    TimedOut,
    Panicked,
    NotSent,
}

/// A request that is durable, with the one permit to ask.
struct Claimed {
    permit: Permit,
    cycle: u32,
    correction: Vec<conversation::Message>,
}

/// What follows a cycle.
enum After {
    Done(Box<Told>),
    Ask,
    Again(Duration),
}

/// Asks until a cycle ends the step, and returns an answer. `None` means that the ledger has to be asked: it
/// moved, or it holds a failure.
///
/// `gone` is an owner known to be dead; death is stable, so its request may be taken over whenever the append
/// is decided.
pub(crate) async fn perform(
    prepared: &Prepared,
    gone: Option<IncarnationId>,
    listener: &Listener,
) -> Result<Option<Told>, Error> {
    let span = tracing::info_span!("artana.model", run = %prepared.run.name(), step = %prepared.step(),
        model = %prepared.ask.fingerprint.model, cycle = tracing::field::Empty, outcome = tracing::field::Empty);
    async {
        let mut gone = gone;
        loop {
            prepared.journal().shared.open()?;
            match cycle(prepared, gone, listener).await? {
                After::Done(told) => return Ok(Some(*told)),
                After::Ask => return Ok(None),
                After::Again(wait) => wait_or_cancel(&prepared.run, wait).await,
            }
            // From here on the step goes on where this process left it.
            gone = None;
        }
    }
    .instrument(span)
    .await
}

async fn cycle(prepared: &Prepared, gone: Option<IncarnationId>, listener: &Listener) -> Result<After, Error> {
    let journal = prepared.journal();
    let port = Arc::clone(prepared.admit()?);
    let Some(claimed) = claim(prepared, gone).await? else { return Ok(After::Ask) };
    let (request, number) = (claimed.permit.token.request(), claimed.cycle);
    tracing::Span::current().record("cycle", number);
    let correction = correction(journal, &claimed.correction).await?;
    let started = journal.shared.clock.elapsed();
    let ended = call(prepared, &*port, claimed, correction, listener).await;
    let elapsed_us = micros(journal.shared.clock.elapsed().saturating_sub(started));
    let wait = wait_after(&ended, number);
    let words = words_of(&ended);
    let verdict = judge(prepared, ended);
    let recorded = record(prepared, request, elapsed_us, verdict).await?;
    tracing::Span::current().record("outcome", recorded.as_ref().map_or("none", outcome_name));
    Ok(match (recorded, words) {
        (Some(Body::ModelTerminal(ModelTerminal { outcome: ModelOutcome::Completed(answer), .. })), Some(words)) => {
            After::Done(Box::new(Told {
                run: prepared.run.clone(),
                answer,
                parts: words.parts,
                response_id: words.response_id,
                items: words.items,
                request,
                cycles: number,
                replayed: false,
                drift: None,
            }))
        }
        (Some(Body::ModelTerminal(ModelTerminal { outcome: ModelOutcome::Failed(failure), .. })), _)
            if failure.again =>
        {
            After::Again(wait)
        }
        _ => After::Ask,
    })
}

fn outcome_name(body: &Body) -> &'static str {
    match body {
        Body::ModelTerminal(terminal) => match &terminal.outcome {
            ModelOutcome::Completed(_) => "completed",
            ModelOutcome::Failed(failure) => failure.category.as_str(),
            ModelOutcome::Abandoned(_) => "abandoned",
        },
        other => other.kind(),
    }
}

/// Claim before effect: the request is durable before the call leaves. A request whose process is gone is
/// closed in the same append.
async fn claim(prepared: &Prepared, gone: Option<IncarnationId>) -> Result<Option<Claimed>, Error> {
    let journal = prepared.journal();
    let (task, step, encoded) = (prepared.clone(), prepared.step().clone(), prepared.encoded());
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let key = task.step();
        let Some((number, abandoned)) = next_cycle(state, &task, gone) else { return Ok(Plan::default()) };
        let mut plan = Plan::default();
        if let Some(abandoned) = abandoned {
            plan = plan.event(facts.id(), Some(key), model_owner_lost(abandoned))?;
        }
        let cycle = Cycle { number, incarnation: facts.incarnation, correction: corrections(state, &task) };
        let (requested, content) = task.request(&encoded, cycle, |root| state.conversation(root));
        Ok(plan.event(facts.id(), Some(key), requested)?.content(content))
    };
    let events = journal.append(prepared.run.capacity(), Some(step), decide).await?;
    Ok(events.iter().find_map(|event| {
        let asked = requested(event)?;
        let permit = Permit::of(&prepared.run, event)?;
        Some(Claimed { permit, cycle: asked.cycle, correction: asked.correction.clone() })
    }))
}

/// Decides on the latest state which cycle may begin now, if any, and whose request it closes. An owner other
/// than the one known to be gone means that the ledger has to be asked again.
fn next_cycle(state: &RunState, prepared: &Prepared, gone: Option<IncarnationId>) -> Option<(u32, Option<RequestId>)> {
    if state.owner(prepared.step()).is_some_and(|owner| Some(owner) != gone) {
        return None;
    }
    match decide_model(state, &prepared.ask, prepared.replay(), OwnerLife::Dead) {
        Ok(ModelDecision::Execute { cycle }) => Some((cycle, None)),
        Ok(ModelDecision::Takeover { abandoned, cycle }) => Some((cycle, Some(abandoned))),
        _ => None,
    }
}

/// What is sent after the caller's messages: the invalid answer, and what is wrong with it.
fn corrections(state: &RunState, prepared: &Prepared) -> Vec<conversation::Message> {
    let step = state.model_step(prepared.step()).filter(|step| step.asked == prepared.ask.fingerprint);
    let Some(invalid) = step.and_then(|step| step.round.as_ref()?.correcting.as_ref()) else { return Vec::new() };
    let problem = conversation::Part { call_id: None, content: invalid.error, name: None, kind: PartType::Text };
    let asked_again = conversation::Message { parts: vec![problem], role: Role::User };
    let said = invalid.answer.as_ref().map(|answer| answer.message.clone()).filter(|said| !said.parts.is_empty());
    said.into_iter().chain([asked_again]).collect()
}

async fn correction(journal: &Journal, recorded: &[conversation::Message]) -> Result<Vec<Message>, Error> {
    let mut words = Vec::with_capacity(recorded.len());
    for message in recorded {
        words.extend(read_message(journal, message).await?);
    }
    Ok(words)
}

/// Asks the model once, with a deadline, catching panics.
async fn call(
    prepared: &Prepared,
    port: &dyn ModelPort,
    claimed: Claimed,
    correction: Vec<Message>,
    listener: &Listener,
) -> Ended {
    let journal = prepared.journal();
    let clock = &journal.shared.clock;
    let timeout = prepared.words.timeout;
    let token = claimed.permit.token;
    let mut cx = ModelContext::new(prepared.run.name().clone(), prepared.step().clone(), token.request());
    cx.cycle = claimed.cycle;
    cx.deadline = clock.now().after(timeout);
    cx.cancellation = prepared.run.cancellation();
    cx.deltas = listener.next_cycle();
    let request = prepared.outgoing(correction);
    let mut answer = pin!(async {
        // Nothing comes between this look and the question.
        match token.spend() {
            Ok(()) => Ended::Answered(port.ask(&request, &cx).await.map(in_lines)),
            Err(_) => Ended::NotSent,
        }
    });
    let mut deadline = pin!(clock.sleep(timeout));
    std::future::poll_fn(|cx| {
        match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
            Ok(Poll::Ready(ended)) => return Poll::Ready(ended),
            Ok(Poll::Pending) => {}
            Err(_) => return Poll::Ready(Ended::Panicked),
        }
        deadline.as_mut().poll(cx).map(|()| Ended::TimedOut)
    })
    .await
}

/// A media type is one line: in the vault a file's name follows on the next.
fn in_lines(mut answer: ModelAnswer) -> ModelAnswer {
    for part in &mut answer.parts {
        if let Part::Image(media) | Part::File { media, .. } = part {
            media.media_type = media.media_type.replace('\n', " ");
        }
    }
    answer
}

fn words_of(ended: &Ended) -> Option<ModelAnswer> {
    match ended {
        Ended::Answered(Ok(answer)) => Some(answer.clone()),
        _ => None,
    }
}

fn wait_after(ended: &Ended, cycle: u32) -> Duration {
    let Ended::Answered(Err(error)) = ended else {
        return if matches!(ended, Ended::TimedOut) { grown(cycle) } else { Duration::ZERO };
    };
    error.retry_after.unwrap_or_else(|| grown(cycle)).min(MAX_WAIT)
}

fn grown(cycle: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << cycle.saturating_sub(1).min(12)).min(MAX_WAIT)
}

/// What is to be recorded of a call.
#[derive(Clone)]
struct Verdict {
    outcome: ModelOutcome,
    content: Vec<Content>,
}

/// Says what a call's end means. An answer that is not what was asked for was paid for all the same.
fn judge(prepared: &Prepared, ended: Ended) -> Verdict {
    let mut encoder = Encoder::keeping(prepared.journal());
    let outcome = match ended {
        Ended::Answered(Ok(answer)) => answered(prepared, &mut encoder, answer),
        Ended::Answered(Err(error)) => ModelOutcome::Failed(failure(&mut encoder, error)),
        Ended::TimedOut => passing(&mut encoder, ModelCategory::Timeout, "the deadline passed"),
        Ended::Panicked => passing(&mut encoder, ModelCategory::Internal, "the model adapter panicked"),
        Ended::NotSent => ModelOutcome::Abandoned(Abandoned::NotSent),
    };
    Verdict { outcome, content: encoder.into_content() }
}

fn answered(prepared: &Prepared, encoder: &mut Encoder<'_>, answer: ModelAnswer) -> ModelOutcome {
    let problems = match unfit(&answer) {
        Some(problem) => Err(vec![problem]),
        None => catch_unwind(AssertUnwindSafe(|| {
            output::judge(prepared.words.schema.as_deref(), prepared.shows_tools(), &answer.parts)
        }))
        .unwrap_or_else(|_| Err(vec!["the check of it panicked".into()])),
    };
    let unfit = unfit(&answer).is_some();
    let answer = recorded(prepared, encoder, answer, unfit);
    match problems {
        Ok(()) => ModelOutcome::Completed(answer),
        Err(problems) => {
            let told = format!(
                "This answer is not what was asked for:\n- {}\nAnswer again, with nothing but what was asked for.",
                problems.join("\n- ")
            );
            let error = encoder.text(clipped(&told, MAX_TEXT_BYTES));
            ModelOutcome::Failed(ModelFailure {
                again: false,
                answer: Some(answer),
                category: ModelCategory::InvalidOutput,
                error,
                provider_request: None,
                retry_after_us: None,
                status: None,
            })
        }
    }
}

/// An answer too large to be recorded whole keeps its price, not its words.
fn unfit(answer: &ModelAnswer) -> Option<String> {
    let bytes: usize = answer.parts.iter().map(size).sum::<usize>() + answer.items.as_ref().map_or(0, Vec::len);
    if answer.parts.len() > MAX_ANSWER_PARTS {
        return Some(format!("it has {} parts, more than {MAX_ANSWER_PARTS}", answer.parts.len()));
    }
    (bytes > MAX_ANSWER_BYTES).then(|| format!("it has {bytes} bytes, more than {MAX_ANSWER_BYTES}"))
}

fn size(part: &Part) -> usize {
    let size = |media: &Media| match &media.source {
        Source::Bytes(bytes) => media.media_type.len() + bytes.len(),
        Source::Url(url) => media.media_type.len() + url.len(),
    };
    match part {
        Part::Text(text) | Part::Reasoning(text) => text.len(),
        Part::Image(media) => size(media),
        Part::File { name, media } => size(media) + name.as_ref().map_or(0, String::len),
        Part::ToolCall(call) => call.args.len() + call.name.len() + call.call_id.len(),
        Part::ToolResult { content, call_id } => content.len() + call_id.len(),
    }
}

fn recorded(prepared: &Prepared, encoder: &mut Encoder<'_>, answer: ModelAnswer, unfit: bool) -> Answer {
    let Usage { input, output, .. } = answer.usage;
    let usage =
        Usage { cached: answer.usage.cached.min(input), reasoning: answer.usage.reasoning.min(output), ..answer.usage };
    let parts = if unfit { Vec::new() } else { answer.parts.iter().map(|part| encoder.part(part)).collect() };
    let items = answer.items.filter(|_| !unfit).map(|items| encoder.put(ContentType::Json, items));
    Answer {
        cost: prepared.journal().shared.prices.cost(&prepared.ask.fingerprint.model, &usage),
        finish: answer.finish,
        items,
        message: conversation::Message { parts, role: Role::Assistant },
        mode: answer.mode,
        response_id: answer.response_id.as_ref().map(|id| encoder.text(clipped(id, MAX_TEXT_BYTES))),
        usage,
    }
}

fn failure(encoder: &mut Encoder<'_>, error: ModelError) -> ModelFailure {
    ModelFailure {
        again: false,
        answer: None,
        category: error.category,
        error: encoder.text(clipped(&error.message, MAX_TEXT_BYTES)),
        provider_request: error.request_id.as_ref().map(|id| encoder.text(clipped(id, MAX_TEXT_BYTES))),
        retry_after_us: error.retry_after.map(micros),
        status: error.status,
    }
}

fn passing(encoder: &mut Encoder<'_>, category: ModelCategory, message: &str) -> ModelOutcome {
    ModelOutcome::Failed(failure(encoder, ModelError::new(category, message)))
}

/// Records how a call ended, for as long as it takes, and says what was recorded.
async fn record(
    prepared: &Prepared,
    request: RequestId,
    elapsed_us: u64,
    verdict: Verdict,
) -> Result<Option<Body>, Error> {
    let (journal, step) = (prepared.journal(), prepared.step());
    let (task, key) = (prepared.clone(), step.clone());
    let decide = move |state: &RunState, facts: &Facts<'_>| {
        let Verdict { mut outcome, content } = verdict.clone();
        if let ModelOutcome::Failed(failure) = &mut outcome {
            failure.again = leaves_another_due(state, &task, failure.category);
        }
        let never_left = matches!(outcome, ModelOutcome::Abandoned(_));
        let body = record_terminal(state, &key, ModelTerminal { elapsed_us, outcome, request });
        if never_left && matches!(body, Body::LateOutcome(_)) {
            // Somebody closed the cycle, and a call that never left says nothing about it.
            return Ok(Plan::default());
        }
        Ok(Plan::default().event(facts.id(), Some(&key), body)?.content(content))
    };
    let events = insist(journal, Capacity::Outcome(request), step, decide).await?;
    Ok(events.first().map(|event| event.body().clone()))
}

/// A run that starts nothing new begins no further cycle, so the failure is final there.
fn leaves_another_due(state: &RunState, prepared: &Prepared, category: ModelCategory) -> bool {
    let round = state.model_step(prepared.step()).and_then(|step| step.round.as_deref());
    let (invalid, transient) = round.map_or((0, 0), |round| (round.invalid, round.transient));
    let allowed = |further: u32| further.min(MAX_MODEL_RETRIES);
    let more = match category {
        ModelCategory::InvalidOutput => invalid < allowed(prepared.words.retries),
        category if category.is_transient() => transient < allowed(prepared.words.transient_retries),
        _ => false,
    };
    more && (!state.is_closing() || state.admits(prepared.step()))
}
