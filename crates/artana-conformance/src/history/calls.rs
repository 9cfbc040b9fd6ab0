//! A run that calls tools and asks a model, and a fork of it that fails.

use artana_core::{
    Digest, EventId, ModelId, ToolName, ToolVersion,
    ask::{Field, Fingerprint},
    conversation::{EMPTY_ROOT, Message, Part, PartType, Role, turn_root},
    event::{
        Answer, ArtifactSet, CancelRequested, Cause, Checkpoint, Closing, Doubt, DriftReplayed, Effect,
        FailureCategory, FinishReason, ForkCause, GrantGiven, Late, LateOutcome, ModelOutcome, ModelRequested,
        ModelTerminal, Note, Outcome, ReconcileAction, Resolution, Resolver, RunFinished, RunForked, RunOutcome,
        Success, SummaryWritten, ToolAttemptFailed, ToolCompleted, ToolFailure, ToolReconcileRequested, ToolRequested,
        ToolResolved, ToolSignature, Usage,
    },
};

use super::{History, OWNER, SUCCESSOR, actor, name, text};

/// The run, and its fork.
pub(super) fn histories() -> [History; 2] {
    let mut run = History::root("pay");
    run.tell_all([run.started(None)]);
    run.tell(None, GrantGiven { by: actor(), capabilities: Default::default(), limits: Default::default() });
    calls_tools(&mut run);
    asks_a_model(&mut run);
    keeps(&mut run);
    let mut fork = History::fork_of(&run, "pay~1");
    let because = ForkCause::Drift { asked: Digest::from_bytes([6; 32]), fields: [Field::Messages].into() };
    let forked = RunForked { because, cut: run.state().head().seq, fork: fork.run().run.clone() };
    run.tell(Some("think"), forked);
    run.tell(None, RunFinished { outcome: RunOutcome::Completed, output: None });
    fails(&mut fork);
    [run, fork]
}

/// A call that is tried twice and stays in doubt until it is probed; one whose outcome comes late; one that fails.
fn calls_tools(run: &mut History) {
    let request = run.tell(Some("charge"), requested(1));
    run.tell(Some("charge"), ToolAttemptFailed { error: text("busy"), request: request.into() });
    let request = run.tell(Some("charge"), requested(2));
    run.tell(Some("charge"), completed(request, unknown()));
    let action = ReconcileAction::Probe;
    let asked = ToolReconcileRequested { action, incarnation: SUCCESSOR, request: request.into(), tool: tool() };
    let asked = run.tell(Some("charge"), asked);
    let (by, outcome) = (Resolver::Probe, Resolution::Succeeded(success()));
    let found = ToolResolved { by, evidence: None, outcome, reconcile: Some(asked), request: request.into() };
    run.tell(Some("charge"), found);

    let request = run.tell(Some("mail"), requested(1));
    run.tell(Some("mail"), completed(request, unknown()));
    let what = Late::Tool(Outcome::Succeeded(success()));
    run.tell(Some("mail"), LateOutcome { elapsed_us: 9, request: request.into(), what });

    let request = run.tell(Some("refund"), requested(1));
    run.tell(Some("refund"), completed(request, failed()));
}

/// An answer, which a later ask that differs is given too.
fn asks_a_model(run: &mut History) {
    let request = run.tell(Some("think"), asked("why?"));
    let outcome = ModelOutcome::Completed(answer());
    run.tell(Some("think"), ModelTerminal { elapsed_us: 700, outcome, request: request.into() });
    let asked = Fingerprint::from(&asked("why not?")).digest();
    let fields = [Field::Messages].into();
    run.tell(Some("think"), DriftReplayed { asked, changes: text("[]"), fields, request: request.into() });
}

fn keeps(run: &mut History) {
    let value = text("{}");
    run.tell_all([
        (None, ArtifactSet { name: name("report"), schema_version: 2, value }.into()),
        (None, SummaryWritten { kind: name("short"), value }.into()),
        (None, Checkpoint { name: name("half"), value }.into()),
        (None, Note { topic: name("mood"), value }.into()),
    ]);
}

/// A fork that begins with a call, fails with it under way, and ends when that has ended.
fn fails(fork: &mut History) {
    fork.tell_all([fork.started(None)]);
    let request = fork.tell(Some("fork/charge"), requested(1));
    fork.tell(None, CancelRequested { closing: Closing::Failed, by: None, reason: Some(text("no")) });
    fork.tell_all([
        (Some("fork/charge"), completed(request, failed()).into()),
        (None, RunFinished { outcome: RunOutcome::Failed, output: None }.into()),
    ]);
}

fn tool() -> ToolSignature {
    ToolSignature {
        name: ToolName::parse("charge").expect("a fit name"),
        schema_hash: Digest::of_schema(b"{}"),
        schema_version: 1,
        version: ToolVersion::parse("1").expect("a fit name"),
    }
}

fn requested(attempt: u32) -> ToolRequested {
    ToolRequested {
        args: text("{}"),
        attempt,
        effect: Effect::Idempotent { retention_us: 60_000_000 },
        incarnation: OWNER,
        ordinal: None,
        own_effect: false,
        settle_us: 5_000_000,
        timeout_us: 30_000_000,
        tool: tool(),
    }
}

fn completed(request: EventId, outcome: Outcome) -> ToolCompleted {
    ToolCompleted { elapsed_us: 1200, outcome, request: request.into() }
}

pub(super) fn success() -> Success {
    Success { effect_id: None, rejected: None, result: text("true") }
}

fn failed() -> Outcome {
    Outcome::Failed(ToolFailure { category: FailureCategory::Permanent, error: text("declined") })
}

fn unknown() -> Outcome {
    Outcome::Unknown(Doubt { cause: Cause::Timeout, error: None })
}

fn message(role: Role, words: &str) -> Message {
    let part = Part { call_id: None, content: text(words), name: None, kind: PartType::Text };
    Message { parts: vec![part], role }
}

fn asked(words: &str) -> ModelRequested {
    let prompt = message(Role::User, words);
    ModelRequested {
        asked_root: turn_root(&EMPTY_ROOT, &prompt.digest()),
        correction: Vec::new(),
        cycle: 1,
        extends: None,
        incarnation: OWNER,
        input_items: None,
        messages: vec![prompt],
        model: ModelId::parse("provider/model").expect("a fit name"),
        options: Default::default(),
        ordinal: None,
        output_schema: None,
        timeout_us: 600_000_000,
        tools: None,
        visibility: None,
    }
}

fn answer() -> Answer {
    Answer {
        cost: None,
        finish: FinishReason::Stop,
        items: None,
        message: message(Role::Assistant, "because"),
        mode: Default::default(),
        response_id: None,
        usage: Usage { cached: 1, input: 10, output: 5, reasoning: 2 },
    }
}
