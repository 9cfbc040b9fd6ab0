//! Step 2: replay policies.
//!
//! Two model steps are recorded. Then the second is asked otherwise, in one thing at a time: its prompt, the
//! provider's interface, how much to say, and the answer it goes on from. Strict refuses and says what differs.
//! Allowing prompt drift gives the recorded answer and records that once. Forking asks the model in a fork, in
//! which the first step is answered from the parent. No key, no network.

pub(crate) mod kept;

use std::{error::Error, fmt};

use artana::{ApiMode, Drift, Error as Refused, ModelAnswer, ModelCall, Verbosity, prelude::*};
use artana_testkit::ScriptedModel;
use serde_json::Value;

use kept::{Ledger, Look, open};

/// One thing that is asked otherwise, and what came of it under each policy.
#[derive(Debug)]
pub(crate) struct Drifted {
    /// What differs, to the character.
    pub(crate) changes: Vec<String>,
    /// The code of strict's refusal, and how many events it wrote.
    pub(crate) strict: (&'static str, u64),
    /// Whether the recorded answer was given, and how many events two such asks wrote.
    pub(crate) allowed: (bool, Vec<String>),
    /// How often the model was asked for two equal asks in a fork, and whether both were answered by one fork.
    pub(crate) forked: (usize, bool),
    /// Whether the step before was answered in the fork from the parent, without asking the model.
    pub(crate) before: bool,
}

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// What was asked otherwise.
    pub(crate) drifts: Vec<Drifted>,
    /// How often the model was asked in all.
    pub(crate) asked: usize,
    /// Whether the ledgers of the run and of all its forks verify.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for drift in &self.drifts {
            writeln!(f, "{}", drift.changes.join("; "))?;
            writeln!(f, "  strict:             {}, {} event(s) written", drift.strict.0, drift.strict.1)?;
            let (kept, wrote) = &drift.allowed;
            writeln!(
                f,
                "  allow prompt drift: the recorded answer: {kept}; twice asked, recorded: {}",
                wrote.join(", ")
            )?;
            let (asked, one) = drift.forked;
            writeln!(f, "  fork on drift:      twice asked, the model {asked} time(s), in one fork: {one}")?;
            writeln!(f, "                      the step before is answered from the parent: {}", drift.before)?;
        }
        writeln!(f, "the model was asked {} time(s) in all", self.asked)?;
        write!(f, "the run and its forks verify: {}", self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look = Look { tenant: "demo", verbs: &["list --drift yes", "explain week-12", "tree week-12"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::of("chapter3_step2", "reports.db")?;
    let proof = run(ledger.address()).await?;
    println!("{proof}");
    ledger.say(&LOOK);
    Ok(())
}

/// The step before the one that is asked otherwise.
fn collect(run: &Run) -> ModelCall {
    run.step("collect").model("demo/one").prompt("What happened this week?")
}

/// The step as it is recorded.
fn summary(run: &Run) -> ModelCall {
    asked(run, "Summarise the week in 3 sentences.").api_mode(ApiMode::Responses)
}

fn asked(run: &Run, prompt: &str) -> ModelCall {
    let call = run.step("summary").model("demo/one").prompt(prompt);
    call.verbosity(Verbosity::High).previous_response_id("resp_1")
}

/// The step asked otherwise, in one thing at a time.
const OTHERWISE: [fn(&Run) -> ModelCall; 4] = [
    |run| asked(run, "Summarise the week in 5 sentences.").api_mode(ApiMode::Responses),
    |run| summary(run).api_mode(ApiMode::Chat),
    |run| summary(run).verbosity(Verbosity::Low),
    |run| summary(run).previous_response_id("resp_2"),
];

pub(crate) async fn run(ledger: &str) -> Result<Proof, Box<dyn Error>> {
    let model =
        ScriptedModel::function(|request, _| Ok(ModelAnswer::text(format!("an answer under {:?}", request.options))));
    let kernel = Kernel::builder_shared(open(ledger).await?).model(model.clone()).build()?;
    let run = kernel.run(&Tenant::new("demo"), "week-12").await?;
    collect(&run).await?;
    summary(&run).await?;

    let mut drifts = Vec::new();
    for otherwise in OTHERWISE {
        drifts.push(drift(&run, otherwise, &model).await?);
    }
    run.finish().await?;
    let mut verified = run.verify().await?.is_ok();
    for (fork, _) in run.forks().await? {
        verified &= kernel.open_run(&Tenant::new("demo"), fork.as_str()).await?.verify().await?.is_ok();
    }
    kernel.close().await?;
    Ok(Proof { drifts, asked: model.calls(), verified })
}

/// Asks a step otherwise under each policy.
async fn drift(run: &Run, otherwise: fn(&Run) -> ModelCall, model: &ScriptedModel) -> Result<Drifted, Box<dyn Error>> {
    let events = |run: &Run| {
        let run = run.clone();
        async move { run.view().await.map(|view| view.head.seq) }
    };
    let before = events(run).await?;
    let refused = otherwise(run).await.expect_err("strict, unless told otherwise, refuses");
    let wrote = events(run).await?.get() - before.get();
    let strict = (refused.code(), wrote);
    let Refused::Drift { drift, .. } = refused else { return Err(refused.into()) };

    let recorded = summary(run).await?.into_output();
    let allowed = || otherwise(run).replay(ReplayPolicy::AllowPromptDrift);
    let (kept, again) = (allowed().await?, allowed().await?);
    let kept = *kept.output() == recorded && *again.output() == recorded && kept.drift() == Some(&*drift);
    let mut wrote = Vec::new();
    let mut events = run.events_after(before);
    while let Some(event) = events.try_next().await? {
        wrote.push(event.kind().to_owned());
    }

    let calls = model.calls();
    let forked = || otherwise(run).replay(ReplayPolicy::ForkOnDrift);
    let (first, again) = (forked().await?, forked().await?);
    let one = first.run().id() == again.run().id() && first.run().id() != run.id();
    let asked = model.calls() - calls;
    let before = collect(first.run()).await?.is_replayed() && model.calls() == calls + asked;
    Ok(Drifted { changes: changes(&drift), strict, allowed: (kept, wrote), forked: (asked, one), before })
}

/// Says what differs: the part of the ask, the place in it, and of a text the differing characters.
fn changes(drift: &Drift) -> Vec<String> {
    let value = |value: &Option<Value>| value.as_ref().map_or("nothing".into(), Value::to_string);
    let changes = drift.changes.iter().map(|change| {
        let place = format!("{} {}", change.field, change.path);
        match change.span() {
            Some(span) if !change.path.is_empty() => {
                format!("{place} at character {}: {:?} -> {:?}", span.at, span.before, span.after)
            }
            _ => format!("{}: {} -> {}", place.trim_end(), value(&change.before), value(&change.after)),
        }
    });
    changes.collect()
}
