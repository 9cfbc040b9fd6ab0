//! Two models: one drafts, the other verifies.

use artana_harness::{DraftVerify, Drafted, Harness, HarnessContext, HarnessRunner, Result, Worked};
use artana_ports::{ModelAnswer, ModelRequest};
use artana_testkit::ScriptedModel;
use serde_json::json;

use crate::world::{tenant, world};

struct Letter(u64);

impl Harness for Letter {
    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let models = DraftVerify::new("cheap/draft", "strong/verify").rounds(self.0);
        Worked::finished(&models.write(cx, "letter", "Write to Ada about the refund.").await?)
    }
}

/// A drafting model that heeds what was said, and a verifying one that wants a date.
fn models() -> ScriptedModel {
    ScriptedModel::function(|request: &ModelRequest, _| {
        let asked = format!("{:?}", request.messages);
        Ok(ModelAnswer::text(match request.model.provider() {
            "strong" => {
                let approved = asked.contains("on Monday");
                json!({ "approved": approved, "reason": if approved { "fine" } else { "name the date" } }).to_string()
            }
            _ if asked.contains("name the date") => "Dear Ada, you get it on Monday.".into(),
            _ => "Dear Ada, you get it.".into(),
        }))
    })
}

async fn written(rounds: u64) -> (Drafted, usize) {
    let (world, model) = (world(), models());
    let kernel = world.builder().model(model.clone()).build().expect("sound");
    for _ in 0..2 {
        HarnessRunner::new(&kernel, Letter(rounds)).run(&tenant(), "r").await.expect("sound");
    }
    let run = kernel.open_run(&tenant(), "r").await.expect("sound");
    let output = run.latest(|state| state.output().copied()).await.expect("sound").expect("sound");
    (serde_json::from_slice(&run.content(&output).await.expect("sound").expect("sound")).expect("sound"), model.calls())
}

#[tokio::test]
async fn what_the_verifying_model_says_goes_into_the_next_draft() {
    let (drafted, calls) = written(3).await;
    assert_eq!((drafted.text.as_str(), drafted.approved), ("Dear Ada, you get it on Monday.", true));
    assert_eq!((drafted.rounds, drafted.reason.as_str(), calls), (2, "fine", 4));
}

#[tokio::test]
async fn the_last_draft_is_told_with_what_is_wrong_with_it() {
    let (drafted, calls) = written(1).await;
    assert_eq!((drafted.approved, drafted.reason.as_str()), (false, "name the date"));
    assert_eq!((drafted.rounds, calls), (1, 2));
}
