//! Drafts by one model, verified by another: cheap words first, a stronger judgement after them. It decides only
//! whether there is another round.

use artana_kernel::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{HarnessContext, Result};

/// Two models, one that drafts and one that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftVerify {
    draft: String,
    verify: String,
    rounds: u64,
}

/// A draft, and what the verifying model made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Drafted {
    /// The draft.
    pub text: String,
    /// Whether the verifying model approved of it.
    pub approved: bool,
    /// What it said of it.
    pub reason: String,
    /// In how many rounds.
    pub rounds: u64,
}

/// What the verifying model is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Judgement {
    /// Whether the draft does what was asked.
    pub approved: bool,
    /// Why, or what is to be changed.
    pub reason: String,
}

impl DraftVerify {
    /// Drafts with one model and verifies with another, in one round.
    pub fn new(draft: impl Into<String>, verify: impl Into<String>) -> Self {
        Self { draft: draft.into(), verify: verify.into(), rounds: 1 }
    }

    /// Sets how many rounds there are at most. What the verifying model said goes into the next draft.
    #[must_use]
    pub fn rounds(mut self, rounds: u64) -> Self {
        self.rounds = rounds.max(1);
        self
    }

    /// Drafts and verifies until a draft is approved, or the rounds are over. Each attempt at the unit of work asks
    /// anew, because what was not good enough before would be answered again.
    ///
    /// # Errors
    ///
    /// What the models ended with.
    pub async fn write(&self, cx: &HarnessContext, key: &str, prompt: &str) -> Result<Drafted> {
        let mut asked = prompt.to_owned();
        for round in 1..=self.rounds {
            let step = |part: &str| cx.fresh(&format!("{key}/{part}-{round}"));
            let text = step("draft").model(&self.draft).prompt(&asked).await?.into_output();
            let judged =
                step("verify").model(&self.verify).prompt(to_judge(prompt, &text)).output::<Judgement>().await?;
            let Judgement { approved, reason } = judged.into_output();
            if approved || round == self.rounds {
                return Ok(Drafted { text, approved, reason, rounds: round });
            }
            asked = format!("{prompt}\n\nAn earlier draft was refused: {reason}\n\nThe earlier draft:\n{text}");
        }
        Err(Failure::new("there was no round to draft in"))
    }
}

/// The draft is data to whoever judges it, and may hold anything; it is escaped so that it cannot end itself.
fn to_judge(prompt: &str, draft: &str) -> String {
    let quoted = serde_json::Value::from(draft);
    format!("Does this draft do what was asked? What was asked:\n{prompt}\n\nThe draft, as a JSON string:\n{quoted}")
}
