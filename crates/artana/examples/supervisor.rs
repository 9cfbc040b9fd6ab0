//! A supervisor: a release note is drafted, reviewed and verified by three children, in rounds, until it is approved.
//!
//! Each child is a run of its own with a place in its parent's ledger. The first draft is refused for naming no
//! version, and what the review said goes into the second. Asked again, the supervisor answers from its ledger: no
//! model is asked. No key, no network.

pub(crate) mod kept;

use std::{error::Error, fmt};

use artana::{
    ModelAnswer,
    core::event::{Body, Traced},
    harness::{DraftReviewVerify, DraftReviewVerifySupervisor, HarnessContext, Result, TraceLevel},
    prelude::*,
};
use artana_testkit::ScriptedModel;

use kept::{Ledger, Look, open};

struct ReleaseNote;

impl DraftReviewVerify for ReleaseNote {
    type Draft = String;
    type Review = String;
    type Verified = bool;

    async fn draft(&self, cx: &HarnessContext, before: Option<&(String, String)>) -> Result<String> {
        let prompt = before.map_or("Write a release note.".to_owned(), |(draft, review)| {
            format!("Write a release note. An earlier one was `{draft}`, and of it was said: {review}")
        });
        Ok(cx.step("write").model("demo/writer").prompt(prompt).await?.into_output())
    }

    async fn review(&self, cx: &HarnessContext, draft: &String) -> Result<String> {
        Ok(cx.step("read").model("demo/reader").prompt(format!("Review this note: {draft}")).await?.into_output())
    }

    async fn verify(&self, cx: &HarnessContext, draft: &String, _review: &String) -> Result<bool> {
        let draft = draft.clone();
        Ok(cx.step("names-a-version").compute(move || async move { Ok(draft.contains("1.0")) }).await?)
    }

    fn approves(&self, _review: &String, verified: &bool) -> bool {
        *verified
    }
}

/// A writer that learns from what was said, and a reader.
fn model() -> ScriptedModel {
    ScriptedModel::function(|request, _| {
        let asked = format!("{:?}", request.messages);
        let told = [("Review", "Name the version."), ("Name the version", "Version 1.0 is out.")];
        let told = told.into_iter().find(|(when, _)| asked.contains(when));
        Ok(ModelAnswer::text(told.map_or("It is out.", |(_, answer)| answer)))
    })
}

/// What the example proves.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The approved note, and in how many rounds it came about.
    pub(crate) note: (String, u64, bool),
    /// The children, by their steps.
    pub(crate) children: Vec<String>,
    /// The stages that were left, with their rounds, as they were traced.
    pub(crate) stages: Vec<(String, u64)>,
    /// How often a model was asked, and how often in all once the supervisor was asked again.
    pub(crate) asked: (usize, usize),
    /// Whether the run and its children verify.
    pub(crate) verified: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (note, rounds, approved) = &self.note;
        let stages: Vec<String> = self.stages.iter().map(|(stage, round)| format!("{stage} {round}")).collect();
        writeln!(f, "the note:            {note} (approved: {approved}, in {rounds} rounds)")?;
        writeln!(f, "its children:        {}", self.children.join(", "))?;
        writeln!(f, "stages left:         {}", stages.join(", "))?;
        let (asked, more) = (self.asked.0, self.asked.1 - self.asked.0);
        writeln!(f, "models were asked:   {asked} time(s), and {more} more when the supervisor was asked again")?;
        write!(f, "all ledgers verify:  {}", self.verified)
    }
}

/// What there is to look at afterwards.
pub(crate) const LOOK: Look =
    Look { tenant: "demo", verbs: &["list", "tree release-1", "steps release-1 --content", "explain release-1"] };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = Ledger::of("supervisor", "notes.db")?;
    println!("{}", run(ledger.address()).await?);
    ledger.say(&LOOK);
    Ok(())
}

pub(crate) async fn run(ledger: &str) -> Result<Proof, Box<dyn Error>> {
    let model = model();
    let kernel = Kernel::builder_shared(open(ledger).await?).model(model.clone()).build()?;
    let tenant = Tenant::new("demo").budget(Usd::dollars(1));
    let supervisor = DraftReviewVerifySupervisor::new(&kernel, ReleaseNote).rounds(3).trace(TraceLevel::Stage);
    let done = supervisor.run(&tenant, "release-1").await?;
    let asked = model.calls();
    let again = supervisor.run(&tenant, "release-1").await?;

    let children = supervisor.children(&tenant, "release-1").await?;
    let parent = kernel.open_run(&tenant, "release-1").await?;
    let mut stages = Vec::new();
    let mut events = parent.events();
    while let Some(event) = events.try_next().await? {
        if let Body::Trace(trace) = event.body()
            && let Traced::Stage { from, round, .. } = &trace.what
        {
            stages.push((from.to_string(), *round));
        }
    }
    let mut verified = parent.verify().await?.is_ok() && again == done;
    for (_, child) in &children {
        verified &= kernel.open_run(&tenant, child.run.as_str()).await?.verify().await?.is_ok();
    }
    let proof = Proof {
        note: (done.draft, done.rounds, done.approved),
        children: children.iter().map(|(step, _)| step.to_string()).collect(),
        stages,
        asked: (asked, model.calls()),
        verified,
    };
    kernel.close().await?;
    Ok(proof)
}
