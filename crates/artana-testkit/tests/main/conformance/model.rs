//! A scripted model keeps every law of models. What the laws script for a provider is what it is scripted with.

use std::sync::Arc;

use artana_conformance::{
    Need,
    model::{ModelFactory, Reply, Scripted, run_laws},
};
use artana_core::event::ModelCategory;
use artana_ports::{Delta, ModelAnswer, ModelError, ModelPort, Part};
use artana_testkit::ScriptedModel;
use async_trait::async_trait;

/// More pieces than any answer has.
const ALL: usize = 1000;

#[derive(Debug)]
pub(super) struct Scripts;

#[async_trait]
impl ModelFactory for Scripts {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn model(&self, script: Scripted) -> Arc<dyn ModelPort> {
        Arc::new(ScriptedModel::choosing(move |request, _| {
            let incoming = script.receive(request.clone());
            let reply = incoming.reply().clone();
            // It owns the question, which is over when nobody follows it any more.
            let answering = ScriptedModel::function(move |_, _| answer(incoming.reply())).streaming(3);
            match reply {
                Reply::Stall { .. } => answering.hang_after(ALL),
                Reply::Cut { .. } => answering.cut_after(ALL),
                _ => answering,
            }
        }))
    }

    fn lacks(&self, need: Need) -> Option<&str> {
        (need == Need::Credential).then_some("it takes no credential")
    }
}

fn answer(reply: &Reply) -> Result<ModelAnswer, ModelError> {
    match reply {
        Reply::Answer { answer, .. } => Ok((**answer).clone()),
        Reply::Stall { pieces } | Reply::Cut { pieces } => {
            let parts = pieces.iter().map(|piece| match piece {
                Delta::Text(text) => Part::Text(text.clone()),
                Delta::Reasoning(text) => Part::Reasoning(text.clone()),
            });
            Ok(ModelAnswer { parts: parts.collect(), ..ModelAnswer::default() })
        }
        Reply::Fail(failure) => Err(ModelError {
            request_id: failure.request_id.clone(),
            retry_after: failure.retry_after,
            ..ModelError::http(failure.status, &failure.message)
        }),
        Reply::HangUp => Err(ModelError::new(ModelCategory::Network, "no reply came")),
        Reply::Nonsense(_) => Err(ModelError::new(ModelCategory::Internal, "the reply is not of the protocol")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripted_models() {
    run_laws(&Scripts).await.assert_all_passed();
}
