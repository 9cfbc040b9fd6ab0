//! Forks answer what came before from their parent and go their own way after it; who forks, and how often,
//! makes no difference to what they share.

use std::collections::BTreeSet;

use artana_core::{Seq, Status, ask::Field, decide::ReplayPolicy};
use artana_kernel::{Error, ModelCall, ModelReply, Run};
use artana_ports::ModelError;
use artana_testkit::{ScriptedModel, fault::Action};
use tokio::task::JoinSet;

use crate::{
    asking::{ask, asked, echo},
    counted::spent,
    world::{Process, call, code, tenant, world},
};

/// Asks in a fork where the ask differs.
pub(crate) fn forking(run: &Run, step: &str, prompt: &str) -> ModelCall {
    asked(run, step, prompt).replay(ReplayPolicy::ForkOnDrift)
}

/// Forks a run by asking a step otherwise, and returns the fork.
pub(crate) async fn fork(run: &Run, step: &str, prompt: &str) -> Run {
    let reply = forking(run, step, prompt).await.expect("the fork answers");
    assert_ne!(reply.run().id(), run.id());
    reply.run().clone()
}

/// A run with a question, a look, a mail, a second question and another mail.
pub(crate) async fn parent(process: &Process) -> Run {
    let run = process.run("r").await;
    ask(&run, "plan", "what to do").await.unwrap();
    call(&run, "look", "look").await.unwrap();
    call(&run, "first", "mail").await.unwrap();
    ask(&run, "draft", "write").await.unwrap();
    call(&run, "second", "mail").await.unwrap();
    run
}

#[tokio::test]
async fn a_fork_answers_what_came_before_and_goes_its_own_way() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = parent(&process).await;
    let before = world.events(&run).await.len();
    let reply = forking(&run, "draft", "write better").await.unwrap();
    assert_eq!((reply.output().as_str(), reply.is_replayed()), ("re: write better", false));
    assert_eq!(reply.drift().unwrap().fields(), BTreeSet::from([Field::Messages]));
    let fork = reply.run().clone();
    assert_eq!((world.effects(), world.looks(), model.calls()), (2, 1, 3));

    for process in [&process, &world.asking(&model)] {
        let fork = process.kernel.open_run(&tenant(), fork.id()).await.unwrap();
        let plan = ask(&fork, "plan", "what to do").await.unwrap();
        assert_eq!((plan.output().as_str(), plan.is_replayed()), ("re: what to do", true));
        for (step, tool) in [("look", "look"), ("first", "mail")] {
            let (theirs, ours) = (call(&run, step, tool).await.unwrap(), call(&fork, step, tool).await.unwrap());
            assert!(ours.is_replayed());
            assert_eq!((ours.raw(), ours.request()), (theirs.raw(), theirs.request()));
        }
        assert_eq!(ask(&fork, "draft", "write better").await.unwrap().output(), "re: write better");
        assert_eq!(code(ask(&fork, "plan", "something else").await), "artana::drift");
    }
    assert_eq!((world.effects(), world.looks(), model.calls()), (2, 1, 3), "nothing was called again");

    ask(&fork, "after", "only here").await.unwrap();
    call(&fork, "third", "mail").await.unwrap();
    let of_parent =
        run.latest(|state| state.steps().map(|(key, _)| key.to_string()).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(of_parent, ["draft", "first", "look", "plan", "second"]);
    assert_eq!(world.events(&run).await.len(), before + 1, "the fork is recorded and nothing else");
    assert_eq!(world.effects(), 3);

    let [(id, recorded)] = run.forks().await.unwrap().try_into().unwrap();
    assert_eq!((id.as_str(), recorded.step.as_str()), (fork.id(), "draft"));
    let link = fork.parent().unwrap();
    assert_eq!((link.run.as_str(), link.seq), ("r", recorded.recorded.1.cut));
    assert!(run.parent().is_none());
    run.finish().await.unwrap();
    assert_eq!(fork.status().await.unwrap(), Status::Running);
    fork.finish().await.unwrap();
}

#[tokio::test]
async fn a_warm_step_of_a_fork_costs_what_it_costs_elsewhere() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let fork = fork(&parent(&process).await, "draft", "write better").await;
    let counts = spent(&world, async { drop(ask(&fork, "next", "go on").await.unwrap()) }).await;
    assert_eq!((counts.appends, counts.reads, counts.contents), (2, 0, 0));
    let counts = spent(&world, async { drop(ask(&fork, "plan", "what to do").await.unwrap()) }).await;
    assert_eq!((counts.appends, counts.reads, counts.contents), (0, 0, 1));
}

#[tokio::test]
async fn the_same_drift_finds_the_same_fork() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = parent(&process).await;
    let mut ids = BTreeSet::new();
    for n in 0..100 {
        let process = if n % 10 == 9 { world.asking(&model) } else { world_process(&process) };
        let reply = forking(&process.run("r").await, "draft", "write better").await.unwrap();
        assert_eq!(reply.is_replayed(), n > 0);
        ids.insert(reply.run().id().to_owned());
    }
    assert_eq!((ids.len(), model.calls()), (1, 3));
    assert_eq!(world.kinds(&run).await.iter().filter(|kind| *kind == "run_forked").count(), 1);
    assert_eq!(run.view().await.unwrap().drifts, 1);
    fork(&run, "draft", "write otherwise").await;
    assert_eq!(run.forks().await.unwrap().len(), 2);
}

fn world_process(process: &Process) -> Process {
    Process { kernel: process.kernel.clone(), faults: process.faults.clone() }
}

#[tokio::test]
async fn a_fork_of_a_fork_knows_both_and_forking_again_leaves_the_grandparent() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = parent(&process).await;
    let child = fork(&run, "draft", "write better").await;
    ask(&child, "check", "is it good").await.unwrap();
    call(&child, "third", "mail").await.unwrap();
    ask(&child, "last", "end").await.unwrap();
    let grandchild = fork(&child, "last", "end well").await;
    assert_eq!(grandchild.parent().unwrap().run.as_str(), child.id());
    let effects = world.effects();
    for (step, prompt) in [("plan", "what to do"), ("draft", "write better"), ("check", "is it good")] {
        assert!(ask(&grandchild, step, prompt).await.unwrap().is_replayed(), "{step}");
    }
    for (step, tool) in [("look", "look"), ("first", "mail"), ("third", "mail")] {
        assert!(call(&grandchild, step, tool).await.unwrap().is_replayed(), "{step}");
    }
    assert_eq!(world.effects(), effects);

    let again = fork(&grandchild, "plan", "something else").await;
    assert_eq!(again.parent().unwrap().run.as_str(), "r", "the step is the grandparent's");
    assert_eq!(again.parent().unwrap().seq, Seq::new(1));
    assert_eq!(run.forks().await.unwrap().len(), 2);
    assert_eq!((child.forks().await.unwrap().len(), grandchild.forks().await.unwrap().len()), (1, 0));
    let reopened = world.asking(&model).kernel.open_run(&tenant(), grandchild.id()).await.unwrap();
    assert!(ask(&reopened, "plan", "what to do").await.unwrap().is_replayed());
}

/// In a fork the recorded answer of an inherited step is given to a prompt that differs.
#[tokio::test]
async fn a_drift_over_an_inherited_step_is_recorded_once_and_the_step_stays_what_it_was() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let child = fork(&parent(&process).await, "draft", "write better").await;
    let calls = model.calls();
    for _ in 0..100 {
        let kept = asked(&child, "plan", "what else").replay(ReplayPolicy::AllowPromptDrift).await.unwrap();
        assert_eq!((kept.output().as_str(), kept.is_replayed()), ("re: what to do", true));
    }
    assert_eq!(world.kinds(&child).await, ["model_requested", "model_terminal", "drift_replayed"]);
    ask(&child, "next", "go on").await.unwrap();
    let grandchild = fork(&child, "next", "go on well").await;
    for run in [&child, &grandchild] {
        for process in [&process, &world.asking(&model)] {
            let run = process.kernel.open_run(&tenant(), run.id()).await.unwrap();
            assert!(ask(&run, "plan", "what to do").await.unwrap().is_replayed());
            let Err(Error::Drift { drift, .. }) = ask(&run, "plan", "what now").await else { panic!("it differs") };
            let change = &drift.changes[0];
            assert_eq!((drift.changes.len(), change.path.as_str()), (1, "/0/parts/0/text"));
            assert_eq!(change.before.as_ref().unwrap(), "what to do");
        }
    }
    assert_eq!(model.calls(), calls + 2);
    for (run, prompt) in [(&child, "one"), (&grandchild, "two")] {
        let again = fork(run, "plan", prompt).await;
        let link = again.parent().unwrap();
        assert_eq!((link.run.as_str(), link.seq), ("r", Seq::new(1)), "where the step begins");
    }
}

#[tokio::test]
async fn an_inherited_failure_is_tried_again_in_the_fork_alone() {
    let world = world();
    let model = ScriptedModel::function(|request, cx| match (crate::asking::last_text(request).as_str(), cx.cycle) {
        ("what to do", 1) => Err(ModelError::http(400, "no")),
        (text, _) => Ok(artana_ports::ModelAnswer::text(text)),
    });
    let process = world.asking(&model);
    let run = process.run("r").await;
    ask(&run, "zero", "begin").await.unwrap();
    ask(&run, "plan", "what to do").await.unwrap_err();
    ask(&run, "draft", "write").await.unwrap();
    let child = fork(&run, "draft", "write better").await;
    assert_eq!(code(ask(&child, "plan", "what to do").await), "artana::model_failed");
    let answer = asked(&child, "plan", "what to do").retry_failed().await.unwrap();
    assert_eq!((answer.cycles(), answer.run().id()), (2, child.id()));
    ask(&child, "next", "go on").await.unwrap();
    let grandchild = fork(&child, "next", "go on well").await;
    for run in [&child, &grandchild] {
        for process in [&process, &world.asking(&model)] {
            let run = process.kernel.open_run(&tenant(), run.id()).await.unwrap();
            assert!(ask(&run, "plan", "what to do").await.unwrap().is_replayed());
            let Err(Error::Drift { drift, .. }) = ask(&run, "plan", "what now").await else { panic!("it differs") };
            assert_eq!(drift.changes[0].span().unwrap().before, "to do");
        }
    }
    assert_eq!(code(ask(&run, "plan", "what to do").await), "artana::model_failed");
    let again = fork(&child, "plan", "what else").await;
    let link = again.parent().unwrap();
    assert_eq!((link.run.as_str(), link.seq), ("r", Seq::new(3)), "where the step begins");
}

#[tokio::test]
async fn a_replayed_drift_over_an_inherited_answer_clears_no_failure() {
    let world = world();
    let model = ScriptedModel::function(|request, cx| match cx.step.as_str() {
        "bad" => Err(ModelError::http(400, "no")),
        _ => Ok(artana_ports::ModelAnswer::text(crate::asking::last_text(request))),
    });
    let process = world.asking(&model);
    let child = fork(&parent(&process).await, "draft", "write better").await;
    ask(&child, "bad", "fail").await.unwrap_err();
    asked(&child, "plan", "what else").replay(ReplayPolicy::AllowPromptDrift).await.unwrap();
    assert_eq!(child.view().await.unwrap().failed_step.unwrap().as_str(), "bad");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_fork_alike_at_once_make_one_fork() {
    let (world, model) = (world(), echo());
    let run = parent(&world.asking(&model)).await;
    let processes: Vec<_> = (0..6).map(|_| world.asking(&model)).collect();
    let mut tasks = JoinSet::new();
    for process in &processes {
        for _ in 0..4 {
            let kernel = process.kernel.clone();
            tasks.spawn(async move {
                let run = kernel.open_run(&tenant(), "r").await?;
                let reply: ModelReply<String> = forking(&run, "draft", "write better").await?;
                Ok(reply.run().id().to_owned())
            });
        }
    }
    let mut ids = BTreeSet::new();
    for answer in tasks.join_all().await {
        match answer {
            Ok(id) => drop(ids.insert(id)),
            Err(Error::InFlight { run, .. }) => drop(ids.insert(run.run.to_string())),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((ids.len(), model.calls()), (1, 3));
    assert_eq!(run.forks().await.unwrap().len(), 1);
    assert_eq!(world.kinds(&run).await.iter().filter(|kind| *kind == "run_forked").count(), 1);
}

#[tokio::test]
async fn a_fork_whose_process_died_before_it_began_is_begun_by_the_next() {
    for nth in 1..=4 {
        let (world, model) = (world(), echo());
        let run = parent(&world.asking(&model)).await;
        let dying = world.asking(&model);
        let faults = dying.faults.clone();
        // The fork is recorded, started, asks, and is answered: one append each.
        crate::store_faults::nth(&faults, "append.after", nth, Action::Crash);
        tokio::spawn(forking(&dying.run("r").await, "draft", "write better").into_future());
        faults.crashed().await;
        world.mourn();
        assert_eq!(run.forks().await.unwrap().len(), 1, "append {nth}");
        let reply = forking(&world.asking(&model).run("r").await, "draft", "write better").await.unwrap();
        assert_eq!(reply.output(), "re: write better");
        assert!(ask(reply.run(), "plan", "what to do").await.unwrap().is_replayed());
        assert_eq!(world.kinds(&run).await.iter().filter(|kind| *kind == "run_forked").count(), 1);
    }
}

#[tokio::test]
async fn a_fork_survives_a_store_that_loses_replies_or_is_away() {
    for nth in 1..=4 {
        let (world, model) = (world(), echo());
        let run = parent(&world.asking(&model)).await;
        for point in ["append.after", "append.before"] {
            let process = world.asking(&model);
            let run = process.run("r").await;
            crate::store_faults::nth(&process.faults, point, nth, Action::Fail);
            let prompt = format!("write {point}");
            match world.pass_time(forking(&run, "draft", &prompt)).await {
                Ok(reply) => assert!(!reply.is_replayed(), "{point} {nth}"),
                Err(error) => assert_eq!((error.code(), point), ("artana::store_unavailable", "append.before")),
            }
            let reply = forking(&run, "draft", &prompt).await.unwrap();
            assert_eq!(reply.output(), &format!("re: {prompt}"));
        }
        assert_eq!(run.forks().await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn an_ask_that_is_refused_makes_no_fork_and_a_fork_that_is_there_answers() {
    let (world, model) = (world(), echo());
    let process = world.process_with(|builder, _| builder.provider("demo", model.clone()));
    let run = process.run("r").await;
    ask(&run, "a", "hi").await.unwrap();
    let forking = |run: &Run, model: &str| run.step("a").model(model).prompt("hi").replay(ReplayPolicy::ForkOnDrift);
    let schema = forking(&run, "demo/one").output_schema(serde_json::json!({ "type": 5 }));
    assert_eq!(code(schema.await), "artana::invalid_ask");
    assert_eq!(code(forking(&run, "gone/one").await), "artana::unknown_model");
    assert!(run.forks().await.unwrap().is_empty());
    let both = world.process_with(|builder, _| builder.provider("gone", model.clone()).provider("demo", model.clone()));
    forking(&both.run("r").await, "gone/one").await.unwrap();
    assert!(forking(&run, "gone/one").await.unwrap().is_replayed());
}

#[tokio::test]
async fn a_run_that_has_ended_can_be_forked() {
    for cancelled in [true, false] {
        let (world, model) = (world(), echo());
        let process = world.asking(&model);
        let run = parent(&process).await;
        let ended = if cancelled { run.cancel("ann", "enough").await.unwrap() } else { run.fail("x").await.unwrap() };
        let child = fork(&run, "draft", "write better").await;
        assert_eq!((run.status().await.unwrap(), child.status().await.unwrap()), (ended, Status::Running));
        let second = run.fork_at("plan", "again", "ann").await.unwrap();
        assert_eq!(ask(&second, "plan", "what now").await.unwrap().output(), "re: what now");
        child.finish().await.unwrap();
        let third = fork(&child, "draft", "write on").await;
        assert_eq!(third.status().await.unwrap(), Status::Running);
    }
}
