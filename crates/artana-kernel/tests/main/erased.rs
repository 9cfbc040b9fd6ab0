//! Words that were erased: what still answers, what says so, and that nothing is done again because of it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use artana_core::{
    ContentRef, Digest, RunRef, Seq,
    ask::Field,
    conversation::Part,
    decide::ReplayPolicy,
    event::{Body, ModelOutcome, ModelRequested},
    verify::Stored,
};
use artana_kernel::{Error, Kernel, Run};
use artana_ports::{Append, AppendError, Appended, ModelError, StoreError};
use artana_testkit::{MemoryStore, ScriptedModel};
use serde_json::json;

use crate::{
    asking::{ONE, ask, echo},
    drift_shapes::{Plainly, Shape},
    drift_table::{FIELDS, Under},
    passing_store::passing_store,
    world::{World, code, tenant, world},
};

/// A store of which some content was erased.
#[derive(Debug, Clone)]
pub(crate) struct Forgetful {
    inner: Arc<MemoryStore>,
    gone: Arc<Mutex<BTreeSet<Digest>>>,
}

impl Forgetful {
    pub(crate) fn erase(&self, content: impl IntoIterator<Item = ContentRef>) {
        self.gone.lock().unwrap().extend(content.into_iter().map(|content| content.digest));
    }
}

passing_store! { Forgetful;
    async fn append(&self, batch: Append) -> Result<Appended, AppendError> {
        self.inner.append(batch).await
    }

    async fn content(&self, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let mut found = self.inner.content(root, digests).await?;
        let gone = self.gone.lock().unwrap();
        for (found, _) in found.iter_mut().zip(digests).filter(|(_, digest)| gone.contains(*digest)) {
            *found = Stored::Erased { run: root.run.to_string(), seq: Seq::new(1) };
        }
        Ok(found)
    }
}

/// A kernel over a store that can forget.
pub(crate) fn forgetting(world: &World, model: &ScriptedModel) -> (Forgetful, Kernel) {
    let store = Forgetful { inner: Arc::new(world.store.clone()), gone: Arc::default() };
    let looks = [world.charger(artana_kernel::tool("pay").side_effect()), world.charger(artana_kernel::tool("look"))];
    let builder = Kernel::builder(store.clone()).clock(Arc::new(world.clock.clone())).model(model.clone());
    let kernel = looks.into_iter().fold(builder, |builder, tool| builder.tool(tool)).build().unwrap();
    (store, kernel)
}

/// A process over a store that can forget.
async fn forgetful(world: &World, model: &ScriptedModel) -> (Forgetful, Run) {
    let (store, kernel) = forgetting(world, model);
    let run = kernel.run(&tenant(), "r").await.unwrap();
    (store, run)
}

fn references(parts: &[Part]) -> impl Iterator<Item = ContentRef> {
    parts.iter().flat_map(|part| [Some(part.content), part.call_id, part.name]).flatten()
}

fn words_of(asked: &ModelRequested) -> Vec<ContentRef> {
    let messages = asked.messages.iter().flat_map(|message| references(&message.parts));
    let options = [asked.options.previous_response_id, asked.options.sampling, asked.input_items, asked.tools];
    messages.chain(options.into_iter().flatten()).chain(asked.output_schema).collect()
}

#[tokio::test]
async fn drift_is_named_by_field_when_the_words_are_gone() {
    let world = world();
    let model = ScriptedModel::json(json!({ "a/b": "yes" }));
    let (store, run) = forgetful(&world, &model).await;
    Shape::rich().ask(&run, "a", &Plainly).await.unwrap();
    store.erase(words_of(&world.requests(&run).await[0]));
    assert!(Shape::rich().ask(&run, "a", &Plainly).await.unwrap().replayed, "the answer is there");
    for (field, change) in FIELDS {
        let mut changed = Shape::rich();
        change(&mut changed);
        let Err(Error::Drift { drift, .. }) = changed.ask(&run, "a", &Plainly).await else { panic!("{field}") };
        assert_eq!(drift.fields(), BTreeSet::from([field]), "{field}");
        let expected = match field {
            Field::Messages => "/6",
            _ => "",
        };
        assert_eq!(drift.changes[0].path, expected, "{field}");
        let before = drift.changes[0].before.is_some();
        let in_clear = [Field::Model, Field::ApiMode, Field::ReasoningEffort, Field::Verbosity].contains(&field);
        assert_eq!(before, in_clear, "{field}: only what stands in clear is still known");
    }
    let mut changed = Shape::rich();
    changed.messages[2].parts.pop();
    let Err(Error::Drift { drift, .. }) = changed.ask(&run, "a", &Plainly).await else { panic!("it differs") };
    let [change] = &drift.changes[..] else { panic!("{drift}") };
    assert_eq!((change.path.as_str(), &change.before), ("/2", &None));
    assert!(changed.ask(&run, "a", &Under(ReplayPolicy::AllowPromptDrift, false)).await.unwrap().drifted);
    let forked = changed.ask(&run, "a", &Under(ReplayPolicy::ForkOnDrift, false)).await.unwrap();
    assert!(!forked.replayed && forked.run.id() != "r");
    assert_eq!(model.calls(), 2);
    assert_eq!(code(run.model_calls().await), "artana::content_erased");
}

#[tokio::test]
async fn a_step_whose_answer_is_gone_says_so_and_never_runs_again() {
    let (world, model) = (world(), echo());
    let (store, run) = forgetful(&world, &model).await;
    ask(&run, "a", "hi").await.unwrap();
    let [ModelOutcome::Completed(answer)] = &world.terminals(&run).await[..] else { panic!("one answer") };
    store.erase(references(&answer.message.parts));
    for policy in [ReplayPolicy::Strict, ReplayPolicy::AllowPromptDrift] {
        let again = run.step("a").model(ONE).prompt("hi").replay(policy).retry_failed();
        assert_eq!(code(again.await), "artana::content_erased");
    }
    let drifting = run.step("a").model(ONE).prompt("ho").replay(ReplayPolicy::AllowPromptDrift);
    assert_eq!(code(drifting.await), "artana::content_erased");
    assert_eq!(model.calls(), 1);
}

#[tokio::test]
async fn a_failure_whose_words_are_gone_says_so() {
    let world = world();
    let model = ScriptedModel::failing(ModelError::http(400, "no"));
    let (store, run) = forgetful(&world, &model).await;
    ask(&run, "a", "hi").await.unwrap_err();
    let [ModelOutcome::Failed(failure)] = &world.terminals(&run).await[..] else { panic!("one failure") };
    store.erase([failure.error]);
    assert_eq!(code(ask(&run, "a", "hi").await), "artana::content_erased");
    assert_eq!(model.calls(), 1);
}

#[tokio::test]
async fn what_an_application_kept_says_so_too() {
    let (world, model) = (world(), echo());
    let (store, run) = forgetful(&world, &model).await;
    run.set_artifact("a", &"value", 1).await.unwrap();
    let kept = run.artifacts().await.unwrap();
    store.erase(kept.values().map(|kept| kept.value));
    let refused = run.artifact::<String>("a").await.unwrap_err();
    assert!(refused.code() == "artana::kept_value" && refused.to_string().contains("erased"), "{refused}");
    run.set_artifact("a", &"another", 1).await.unwrap();
    assert_eq!(run.artifact::<String>("a").await.unwrap().as_deref(), Some("another"));
    let events = world.events(&run).await;
    assert!(matches!(events[1].body(), Body::ArtifactSet(_)));
}
