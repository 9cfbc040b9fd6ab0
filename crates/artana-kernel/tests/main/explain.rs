//! What an explanation says of runs that stand in every way there is, and that it changes none of them.

use std::sync::Arc;

use artana_core::{
    Status,
    ask::Field,
    decide::ReplayPolicy,
    event::{Cause, Closing, ModelCategory, Resolver, RunOutcome},
    explain::{Blocker, Explanation, Failure, Lift, Pending, Recorded, Went},
};
use artana_kernel::{Kernel, KernelBuilder, Resolve};
use artana_ports::{ModelError, ModelPort};
use artana_testkit::{
    ScriptedModel,
    fault::{Action, FaultModel, Faults},
};

use crate::world::{World, call, code, tenant, world};

fn with(model: ScriptedModel) -> impl FnOnce(KernelBuilder, &Faults) -> KernelBuilder {
    move |builder, faults| {
        let model: Arc<dyn ModelPort> = Arc::new(model);
        builder.model(FaultModel::new(model, faults.clone()))
    }
}

/// Explains a sound run from a process of its own, and checks that looking left nothing behind.
async fn explained(world: &World, id: &str) -> Explanation {
    let kernel: Kernel = world.process().kernel;
    let run = kernel.open_run(&tenant(), id).await.unwrap();
    let before = world.events(&run).await.len();
    let told = kernel.explain(&tenant(), id).await.unwrap();
    assert_eq!(told.broken, None);
    assert_eq!(world.events(&run).await.len(), before, "an explanation writes nothing");
    told.explanation.unwrap()
}

fn lifts(explanation: &Explanation) -> Vec<&'static str> {
    let name = |lift: &Lift| match lift {
        Lift::Reconcile { .. } => "reconcile",
        Lift::Resolve { .. } => "resolve",
        Lift::InAncestor { .. } => "in_ancestor",
        Lift::Wait => "wait",
        Lift::RunAgain => "run_again",
        Lift::CloseAgain { .. } => "close_again",
        Lift::RetryFailed { .. } => "retry_failed",
        Lift::NewKey { .. } => "new_key",
        Lift::Fork { .. } => "fork",
        Lift::Cancel => "cancel",
        _ => "other",
    };
    explanation.lifts().iter().map(name).collect()
}

#[tokio::test]
async fn a_finished_run_needs_nothing() {
    let world = world();
    let process = world.process_with(with(ScriptedModel::text("fine").usage(3, 5)));
    let run = process.run("r").await;
    run.step("ask").model("demo/one").prompt("hi").await.unwrap();
    call(&run, "pay", "mail").await.unwrap();
    run.finish().await.unwrap();
    let told = explained(&world, "r").await;
    assert_eq!((told.status, told.steps.all, told.steps.done), (Status::Completed, 2, 2));
    let ended = told.ended.as_ref().unwrap();
    assert_eq!((ended.outcome, ended.at, &ended.by), (RunOutcome::Completed, Some(ended.asked_at), &None));
    assert_eq!(told.last_step.as_ref().unwrap().key.as_str(), "pay");
    assert_eq!(told.last_tool.as_ref().unwrap().key.as_str(), "pay");
    assert_eq!((told.costs.total().calls, told.costs.total().usage.output), (1, 5));
    assert!(told.blockers.is_empty() && told.lifts().is_empty() && told.failure.is_none(), "{told:?}");
    assert!(!told.needs_human());
}

#[tokio::test]
async fn a_run_that_did_nothing_is_idle() {
    let world = world();
    world.process().run("r").await;
    let told = explained(&world, "r").await;
    assert_eq!(told.blockers, [Blocker::Idle]);
    assert_eq!((told.last_step.is_none(), lifts(&told)), (true, vec!["run_again", "cancel"]));
}

#[tokio::test]
async fn a_failed_step_is_named_with_its_category_until_a_success_clears_it() {
    let world = world();
    let model = ScriptedModel::sequence([
        ScriptedModel::failing(ModelError::http(503, "down")),
        ScriptedModel::text("fine"),
        ScriptedModel::failing(ModelError::http(400, "no")),
    ]);
    let process = world.process_with(with(model));
    let run = process.run("r").await;
    let ask = || run.step("ask").model("demo/one").prompt("hi").retries(0);
    assert_eq!(code(ask().await), "artana::model_failed");
    let told = explained(&world, "r").await;
    let Some(Failure::Model { step, model, failed }) = &told.failure else { panic!("{told:?}") };
    assert_eq!((step.as_str(), model.as_str(), failed.attempts), ("ask", "demo/one", 1));
    assert_eq!((failed.outcome.category, failed.outcome.status), (ModelCategory::Provider5xx, Some(503)));
    assert_eq!(lifts(&told), ["run_again", "cancel", "retry_failed", "fork"]);
    ask().retry_failed().await.unwrap();
    assert_eq!(explained(&world, "r").await.failure, None);
    assert_eq!(code(run.step("other").model("demo/one").prompt("hi").await), "artana::model_failed");
    run.fail("it is of no use").await.unwrap();
    let told = explained(&world, "r").await;
    assert_eq!((told.status, lifts(&told)), (Status::Failed, vec!["fork"]), "an ended run is gone on with in a fork");
    assert!(told.ended.unwrap().reason.is_some());
}

#[tokio::test]
async fn drifts_are_named_with_their_fields_and_where_they_went() {
    let world = world();
    let process = world.process_with(with(ScriptedModel::text("fine")));
    let run = process.run("r").await;
    let ask = |prompt: &str| run.step("ask").model("demo/one").prompt(prompt);
    ask("one").await.unwrap();
    ask("two").replay(ReplayPolicy::AllowPromptDrift).await.unwrap();
    let forked = run.step("ask").model("demo/two").prompt("two").replay(ReplayPolicy::ForkOnDrift).await.unwrap();
    let told = explained(&world, "r").await;
    let [kept, left] = &told.drifts[..] else { panic!("{told:?}") };
    assert!(matches!(kept.went, Went::Replayed { .. }) && kept.fields == [Field::Messages].into());
    let fork = told.forks.keys().next().unwrap();
    assert_eq!(left.went, Went::Forked { fork: fork.clone() });
    assert_eq!(left.fields, [Field::Model, Field::Messages].into());
    let told = explained(&world, forked.run().id()).await;
    assert_eq!(told.began.parent.unwrap().run.as_str(), "r");
    assert!(told.drifts.is_empty(), "a drift is told of where it happened");
}

#[tokio::test]
async fn a_doubt_is_told_with_the_key_and_its_ways_out() {
    let world = world();
    world.dies_at("tool.call.before", "r", "pay", "mail").await;
    let told = explained(&world, "r").await;
    let [Blocker::InDoubt { step, key, cause, recorded, .. }] = &told.blockers[..] else { panic!("{told:?}") };
    assert_eq!((step.as_str(), *cause, *recorded), ("pay", Cause::OwnerLost, Recorded::NotYet));
    let process = world.process();
    let run = process.run("r").await;
    assert_eq!(key.expect("a tool's effect has a key").to_string(), run.step("pay").idempotency_key("mail").unwrap());
    assert!(told.needs_human());
    assert_eq!(lifts(&told), ["reconcile", "resolve"]);
    assert_eq!(code(call(&run, "pay", "mail").await), "artana::reconciliation_required");
    let told = explained(&world, "r").await;
    assert!(matches!(&told.blockers[..], [Blocker::InDoubt { recorded: Recorded::Yes, .. }]), "{told:?}");
    run.cancel("ann", "enough").await.unwrap();
    let told = explained(&world, "r").await;
    assert_eq!((told.status, told.blockers.len()), (Status::Cancelled, 1), "the doubt outlives the run");
    assert_eq!(told.ended.unwrap().by.unwrap().as_str(), "ann");
    run.resolve("pay", Resolve::failed("bob", "not in the book")).await.unwrap();
    let told = explained(&world, "r").await;
    assert!(told.blockers.is_empty() && !told.needs_human());
    assert!(matches!(&told.resolved[0].by, Resolver::Operator(by) if by.as_str() == "bob"));
}

#[tokio::test]
async fn a_model_whose_asker_died_is_asked_again() {
    let world = world();
    let process = world.process_with(with(ScriptedModel::text("fine")));
    let run = process.run("r").await;
    process.faults.plan("model.ask.before", Action::Crash);
    tokio::spawn(run.step("ask").model("demo/one").prompt("hi").into_future());
    process.faults.crashed().await;
    let told = explained(&world, "r").await;
    assert!(matches!(&told.blockers[..], [Blocker::UnderWay { what: Pending::Model(_), .. }]), "{told:?}");
    assert_eq!(lifts(&told), ["wait"]);
    world.mourn();
    let told = explained(&world, "r").await;
    let [Blocker::Orphaned { what: Pending::Model(model), closing: None, .. }] = &told.blockers[..] else {
        panic!("{told:?}")
    };
    assert_eq!((model.as_str(), lifts(&told)), ("demo/one", vec!["run_again", "cancel"]));
    assert!(!told.needs_human());
    world.process().run("r").await.cancel("ann", "enough").await.unwrap();
    let told = explained(&world, "r").await;
    assert_eq!((told.status, told.costs.total().abandoned), (Status::Cancelled, 1));
    assert!(told.blockers.is_empty(), "{told:?}");
}

/// A run that was being ended when the last process at its steps died only has to be closed.
#[tokio::test]
async fn a_run_stuck_in_closing_is_closed_again() {
    let world = world();
    let process = world.process_with(with(ScriptedModel::text("fine")));
    let run = process.run("r").await;
    process.faults.plan("model.ask.before", Action::Crash);
    tokio::spawn(run.step("ask").model("demo/one").prompt("hi").into_future());
    process.faults.crashed().await;
    let other = world.process();
    let ended = tokio::spawn({
        let run = other.run("r").await;
        async move { run.cancel("ann", "enough").await }
    });
    assert_eq!(ended.await.unwrap().unwrap(), Status::Cancelling);
    assert_eq!(lifts(&explained(&world, "r").await), ["wait"]);
    world.mourn();
    let told = explained(&world, "r").await;
    let [Blocker::Orphaned { closing, .. }] = &told.blockers[..] else { panic!("{told:?}") };
    assert_eq!((*closing, lifts(&told)), (Some(Closing::Cancelled), vec!["close_again"]));
    assert_eq!(told.ended.as_ref().unwrap().at, None);
    assert_eq!(other.run("r").await.cancel("ann", "again").await.unwrap(), Status::Cancelled);
}

#[tokio::test]
async fn a_fork_says_that_a_doubt_is_its_parents() {
    let world = world();
    world.dies_at("tool.call.before", "r", "pay", "mail").await;
    let process = world.process();
    let run = process.run("r").await;
    call(&run, "then", "look").await.unwrap();
    let fork = run.fork_at("then", "fork", "ann").await.unwrap();
    call(&fork, "then", "look").await.unwrap();
    let told = explained(&world, "fork").await;
    assert_eq!(told.began.shares.len(), 1);
    let [Blocker::InAncestor { step, holder }, Blocker::Idle] = &told.blockers[..] else { panic!("{told:?}") };
    assert_eq!((step.as_str(), holder.as_str()), ("pay", "r"));
    assert_eq!(lifts(&told), ["in_ancestor", "run_again", "cancel"]);
    assert!(!told.needs_human(), "nobody has to find out for the fork to go on");
}
