//! The table of replay policies, field by field and state by state; and the same drift many times over.

use std::collections::BTreeSet;

use artana_core::{
    ask::{ApiMode, Field, ReasoningEffort, Verbosity},
    decide::ReplayPolicy,
};
use artana_kernel::{Error, ModelCall, Run};
use artana_ports::{Message, ModelAnswer, ModelError};
use artana_testkit::{ScriptedModel, fault::Action};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    asking::{ask, asked, echo, slowly},
    drift_shapes::{Answer, Manner, Plainly, Shape},
    world::{Process, TTL, World, world},
};

/// Changes one field of an ask.
type Changes = fn(&mut Shape);

/// One change for each field that can differ.
pub(crate) const FIELDS: [(Field, Changes); 10] = [
    (Field::Model, |shape| shape.model = "demo/two".into()),
    (Field::Messages, |shape| shape.messages.push(Message::user("and?"))),
    (Field::InputItems, |shape| shape.items.clear()),
    (Field::ApiMode, |shape| shape.mode = ApiMode::Auto),
    (Field::ReasoningEffort, |shape| shape.effort = Some(ReasoningEffort::High)),
    (Field::Verbosity, |shape| shape.verbosity = Some(Verbosity::Low)),
    (Field::PreviousResponseId, |shape| shape.previous = None),
    (Field::Sampling, |shape| shape.sampling.temperature = None),
    (Field::Tools, |shape| shape.tools = vec!["look"]),
    (Field::OutputSchema, |shape| shape.schema = Some(json!({ "type": "object" }))),
];

const POLICIES: [ReplayPolicy; 3] = [ReplayPolicy::Strict, ReplayPolicy::AllowPromptDrift, ReplayPolicy::ForkOnDrift];

/// Asks under a policy, and perhaps for a failed step again.
pub(crate) struct Under(pub(crate) ReplayPolicy, pub(crate) bool);

impl Manner for Under {
    fn of<O>(&self, call: ModelCall<O>) -> ModelCall<O> {
        let call = call.replay(self.0);
        if self.1 { call.retry_failed() } else { call }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Abandoned,
    Failed,
    Completed,
}

/// Fails the first cycle of steps named `failed`, in the run itself.
fn model() -> ScriptedModel {
    ScriptedModel::function(|_, cx| match (cx.step.as_str(), cx.run.run.as_str(), cx.cycle) {
        ("failed", "r", 1) => Err(ModelError::http(400, "no")),
        _ => Ok(ModelAnswer::text(json!({ "a/b": "yes" }).to_string())),
    })
}

/// Brings a step into a state; whoever asked first is another process.
async fn bring(world: &World, model: &ScriptedModel, state: State) -> (Process, &'static str) {
    let first = world.asking(model);
    let run = first.run("r").await;
    let step = if state == State::Failed { "failed" } else { "step" };
    match state {
        State::Pending => slowly(world, &first, "model.ask.before", TTL / 3),
        State::Abandoned => first.faults.plan("model.ask.before", Action::Crash),
        State::Failed | State::Completed => {}
    }
    let task = tokio::spawn(async move { Shape::rich().ask(&run, step, &Plainly).await.map(drop) });
    world.settle().await;
    match state {
        State::Pending => assert!(!task.is_finished()),
        State::Abandoned => world.mourn(),
        State::Failed => assert!(task.await.unwrap().is_err()),
        State::Completed => task.await.unwrap().unwrap(),
    }
    (first, step)
}

/// What came of an ask, in one word.
fn word(answer: &Result<Answer, Error>) -> &'static str {
    match answer {
        Ok(Answer { drifted: true, replayed: true, .. }) => "recorded answer",
        Ok(Answer { drifted: true, .. }) => "in a fork",
        Ok(Answer { replayed: false, .. }) => "asked again",
        Ok(_) => "replayed",
        Err(Error::Drift { .. }) => "refused",
        Err(Error::InFlight { .. }) => "in flight",
        Err(Error::ModelFailed(_)) => "recorded failure",
        Err(other) => panic!("{other}"),
    }
}

fn expected(field: Field, policy: ReplayPolicy, state: State) -> &'static str {
    let prompt = !matches!(field, Field::Model | Field::Tools | Field::OutputSchema);
    match (policy, prompt, state) {
        (ReplayPolicy::Strict, _, _) | (ReplayPolicy::AllowPromptDrift, false, _) => "refused",
        (ReplayPolicy::ForkOnDrift, _, _) => "in a fork",
        (ReplayPolicy::AllowPromptDrift, true, State::Completed) => "recorded answer",
        (ReplayPolicy::AllowPromptDrift, true, State::Failed) => "recorded failure",
        (ReplayPolicy::AllowPromptDrift, true, State::Pending) => "in flight",
        (ReplayPolicy::AllowPromptDrift, true, State::Abandoned) => "asked again",
    }
}

#[tokio::test]
async fn every_field_under_every_policy_in_every_state() {
    for state in [State::Pending, State::Abandoned, State::Failed, State::Completed] {
        for (field, change) in FIELDS {
            for policy in POLICIES {
                let what = format!("{field} under {policy:?} over {state:?}");
                let (world, model) = (world(), model());
                let (_first, step) = bring(&world, &model, state).await;
                let process = world.asking(&model);
                let run = process.run("r").await;
                let mut changed = Shape::rich();
                change(&mut changed);
                let (calls, before) = (model.calls(), world.kinds(&run).await.len());
                let answer = changed.ask(&run, step, &Under(policy, false)).await;
                assert_eq!(word(&answer), expected(field, policy, state), "{what}");
                if let Err(Error::Drift { drift, .. }) = &answer {
                    assert_eq!(drift.fields(), BTreeSet::from([field]), "{what}");
                }
                let written = world.kinds(&run).await.split_off(before);
                let (kinds, asked): (&[&str], usize) = match word(&answer) {
                    "recorded answer" => (&["drift_replayed"], 0),
                    "in a fork" => (&["run_forked"], 1),
                    "asked again" => (&["model_terminal", "model_requested", "model_terminal"], 1),
                    _ => (&[], 0),
                };
                assert_eq!(
                    (written, model.calls() - calls),
                    (kinds.iter().map(|k| (*k).to_owned()).collect(), asked),
                    "{what}"
                );
                if let Ok(Answer { run: fork, cycles, .. }) = answer {
                    let own = word(&Ok(Answer { replayed: false, drifted: true, cycles, run: fork.clone() }));
                    assert_eq!(fork.id() != "r", policy == ReplayPolicy::ForkOnDrift && own == "in a fork", "{what}");
                }
                world.verify(&run).await;
            }
        }
    }
}

#[tokio::test]
async fn a_failed_step_that_is_wanted_again_is_asked_as_the_policy_says() {
    for (field, change) in FIELDS {
        for policy in POLICIES {
            let what = format!("{field} under {policy:?}");
            let (world, model) = (world(), model());
            let (process, step) = bring(&world, &model, State::Failed).await;
            let run = process.run("r").await;
            let mut changed = Shape::rich();
            change(&mut changed);
            let answer = changed.ask(&run, step, &Under(policy, true)).await;
            let expected = match expected(field, policy, State::Failed) {
                "recorded failure" => "asked again",
                other => other,
            };
            assert_eq!(word(&answer), expected, "{what}");
            if expected == "asked again" {
                assert_eq!((answer.unwrap().cycles, word(&changed.ask(&run, step, &Plainly).await)), (2, "replayed"));
                assert_eq!(word(&Shape::rich().ask(&run, step, &Plainly).await), "refused", "{what}");
            } else {
                assert_eq!(word(&Shape::rich().ask(&run, step, &Plainly).await), "recorded failure", "{what}");
            }
            world.verify(&run).await;
        }
    }
}

#[tokio::test]
async fn several_fields_at_once_are_all_named_and_one_that_is_no_prompt_refuses() {
    let (world, model) = (world(), model());
    let process = world.asking(&model);
    let run = process.run("r").await;
    Shape::rich().ask(&run, "a", &Plainly).await.unwrap();
    for mask in 1_usize..1 << FIELDS.len() {
        let mut changed = Shape::rich();
        let chosen: Vec<_> =
            FIELDS.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, f)| f).collect();
        chosen.iter().for_each(|(_, change)| change(&mut changed));
        let fields: BTreeSet<Field> = chosen.iter().map(|(field, _)| *field).collect();
        match changed.ask(&run, "a", &Under(ReplayPolicy::AllowPromptDrift, false)).await {
            Err(Error::Drift { drift, .. }) => {
                assert_eq!(drift.fields(), fields);
                assert!(fields.iter().any(|field| !field.is_prompt()), "{fields:?}");
            }
            answer => assert!(answer.unwrap().replayed && fields.iter().all(|field| field.is_prompt()), "{fields:?}"),
        }
        assert_eq!(word(&changed.ask(&run, "a", &Plainly).await), "refused");
    }
    let prompts = FIELDS.iter().filter(|(field, _)| field.is_prompt()).count();
    assert_eq!(run.view().await.unwrap().drifts, (1 << prompts) - 1, "one for each distinct drift");
    assert_eq!(model.calls(), 1);
    world.verify(&run).await;
}

#[tokio::test]
async fn the_same_drift_a_hundred_times_is_one_event_one_fork_or_none() {
    for policy in POLICIES {
        let (world, model) = (world(), echo());
        let processes = [world.asking(&model), world.asking(&model)];
        let run = processes[0].run("r").await;
        ask(&run, "a", "hi").await.unwrap();
        for n in 0..100 {
            let run = processes[n % 2].run("r").await;
            let answer = asked(&run, "a", "ho").replay(policy).await;
            assert_eq!(answer.is_err(), policy == ReplayPolicy::Strict);
        }
        let kinds = world.kinds(&run).await.split_off(2);
        let (expected, calls): (&[&str], usize) = match policy {
            ReplayPolicy::Strict => (&[], 1),
            ReplayPolicy::AllowPromptDrift => (&["drift_replayed"], 1),
            ReplayPolicy::ForkOnDrift => (&["run_forked"], 2),
        };
        assert_eq!((kinds, model.calls()), (expected.iter().map(|kind| (*kind).to_owned()).collect(), calls));
        assert_eq!(run.view().await.unwrap().drifts, expected.len() as u64);
        world.verify(&run).await;
    }
}

/// All of them find the drift new before one of them has recorded it.
#[tokio::test]
async fn a_new_drift_that_many_have_at_once_is_recorded_once() {
    let (world, model) = (world(), echo());
    let processes = [world.asking(&model), world.asking(&model)];
    ask(&processes[0].run("r").await, "a", "hi").await.unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let run = processes[n % 2].run("r").await;
        tasks.spawn(async move { asked(&run, "a", "ho").replay(ReplayPolicy::AllowPromptDrift).await });
    }
    for answer in tasks.join_all().await {
        assert_eq!(answer.unwrap().output(), "re: hi");
    }
    let run = world.asking(&model).run("r").await;
    assert_eq!(world.kinds(&run).await, ["model_requested", "model_terminal", "drift_replayed"]);
    assert_eq!((run.view().await.unwrap().drifts, model.calls()), (1, 1));
    world.verify(&run).await;
}

/// An ask that does not say falls under the kernel's policy, and one that does under its own.
#[tokio::test]
async fn the_kernels_policy_is_for_asks_that_have_none() {
    let (world, model) = (world(), echo());
    for policy in POLICIES {
        let process = world.asking_with(&model, |builder| builder.replay(policy));
        let run = process.run(&format!("{policy:?}")).await;
        ask(&run, "a", "hi").await.unwrap();
        let silent = ask(&run, "a", "ho").await;
        assert_eq!(silent.is_err(), policy == ReplayPolicy::Strict);
        assert_eq!(silent.is_ok_and(|a| a.run().id() != run.id()), policy == ReplayPolicy::ForkOnDrift);
        assert!(asked(&run, "a", "hu").replay(ReplayPolicy::Strict).await.is_err());
        assert!(asked(&run, "a", "hu").replay(ReplayPolicy::AllowPromptDrift).await.unwrap().is_replayed());
    }
}

#[tokio::test]
async fn what_a_recorded_drift_says_is_kept_as_content() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run: Run = process.run("r").await;
    ask(&run, "a", "say hello").await.unwrap();
    run.finish().await.unwrap();
    asked(&run, "a", "say goodbye").replay(ReplayPolicy::AllowPromptDrift).await.unwrap();
    let last = world.events(&run).await.pop().unwrap();
    let artana_core::event::Body::DriftReplayed(drift) = last.body() else { panic!("{last:?}") };
    let said: Value = serde_json::from_slice(&run.content(&drift.changes).await.unwrap().unwrap()).unwrap();
    assert_eq!(
        said,
        json!([{
            "field": "messages", "path": "/0/parts/0/text", "before": "say hello", "after": "say goodbye",
            "span": { "at": 4, "before": "hello", "after": "goodbye" },
        }])
    );
    assert!(!format!("{:?}", last.record()).contains("goodbye"));
    world.verify(&run).await;
}

/// A step is one kind of thing for good.
#[tokio::test]
async fn a_model_asked_where_a_tool_was_called_is_drift_and_the_other_way_round() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    crate::world::call(&run, "tool", "mail").await.unwrap();
    ask(&run, "model", "hi").await.unwrap();
    let before = world.kinds(&run).await.len();
    for policy in POLICIES {
        let Err(Error::Drift { drift, .. }) = asked(&run, "tool", "hi").replay(policy).await else {
            panic!("{policy:?}")
        };
        assert_eq!(drift.fields(), BTreeSet::from([Field::Kind]));
    }
    let Err(Error::Drift { drift, .. }) = crate::world::call(&run, "model", "mail").await else {
        panic!("another kind")
    };
    assert_eq!(drift.fields(), BTreeSet::from([Field::Kind]));
    assert_eq!((world.kinds(&run).await.len(), world.effects()), (before, 1));
}
