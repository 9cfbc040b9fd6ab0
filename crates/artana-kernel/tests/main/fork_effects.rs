//! In a family of forks an effect belongs to the run that begins it first: nobody else repeats it by asking
//! again, unless the call says that it wants an effect of its own.

use std::time::Duration;

use artana_core::StepKey;
use artana_kernel::{Error, Resolve, Run, ToolAnswer, ToolCall, tool};
use artana_ports::{ToolContext, ToolError};
use artana_testkit::{fault::Action, provider::Manner};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    asking::{ask, echo},
    forks::{fork, parent},
    store_faults::nth,
    world::{Amount, FIVE, Process, World, call, code, reconcile, tenant, world},
};

/// Calls a tool that wants its effect whatever the family did.
pub(crate) fn own(run: &Run, step: &str, tool: &str) -> ToolCall<Value> {
    run.step(step).tool_json(tool, FIVE).own_effect()
}

/// Expects that an effect was not repeated because of a relative.
pub(crate) fn refused(answer: Result<ToolAnswer<Value>, Error>, expected: Option<&str>) {
    let Err(Error::EffectBelongsToAncestor { holder, .. }) = answer else { panic!("repeated: {answer:?}") };
    assert_eq!(holder.as_ref().map(|holder| holder.as_str()), expected);
}

/// A run with two mails and a fork between them.
pub(crate) async fn family(world: &World) -> (Process, Run, Run) {
    let process = world.asking(&echo());
    let run = parent(&process).await;
    let child = fork(&run, "draft", "write better").await;
    (process, run, child)
}

#[tokio::test]
async fn a_key_begun_before_the_cut_replays_and_one_begun_after_it_is_refused() {
    let world = world();
    let (process, run, child) = family(&world).await;
    assert!(call(&child, "first", "mail").await.unwrap().is_replayed());
    let before = world.events(&child).await.len();
    for tool in ["mail", "pay", "send"] {
        refused(call(&child, "second", tool).await, Some("r"));
    }
    call(&run, "third", "mail").await.unwrap();
    let elsewhere = world.process().kernel.open_run(&tenant(), child.id()).await.unwrap();
    for child in [&child, &elsewhere] {
        refused(call(child, "third", "mail").await, Some("r"));
        assert_eq!(code(reconcile(child, "third", "mail").await), "artana::nothing_recorded");
    }
    assert_eq!((world.effects(), world.events(&child).await.len()), (3, before));
    let grandchild = child.fork_at("draft", "grandchild", "ann").await.unwrap();
    refused(call(&grandchild, "third", "mail").await, Some("r"));
    assert!(!call(&child, "second-look", "look").await.unwrap().is_replayed());
    drop(process);
}

#[tokio::test]
async fn what_a_fork_has_begun_neither_its_parent_nor_its_siblings_repeat() {
    let world = world();
    let (process, run, child) = family(&world).await;
    let sibling = fork(&run, "draft", "write otherwise").await;
    call(&child, "third", "mail").await.unwrap();
    ask(&child, "next", "go on").await.unwrap();
    let heir = fork(&child, "next", "go on well").await;
    let nephew = fork(&sibling, "draft", "write on").await;
    assert!(call(&heir, "third", "mail").await.unwrap().is_replayed());
    for run in [&run, &sibling, &nephew] {
        let before = world.events(run).await.len();
        refused(call(run, "third", "mail").await, None);
        assert_eq!(world.events(run).await.len(), before);
        let elsewhere = world.process().kernel.open_run(&tenant(), run.id()).await.unwrap();
        refused(call(&elsewhere, "third", "mail").await, None);
    }
    assert_eq!(world.effects(), 3);
    assert!(!call(&run, "fourth", "mail").await.unwrap().is_replayed(), "another key is free");
    refused(call(&nephew, "fourth", "mail").await, Some("r"));
    drop(process);
}

#[tokio::test]
async fn a_call_may_want_an_effect_of_its_own() {
    let world = world();
    let (process, run, child) = family(&world).await;
    let first = own(&child, "second", "mail").await.unwrap();
    assert!(!first.is_replayed());
    for again in [call(&child, "second", "mail").await.unwrap(), own(&child, "second", "mail").await.unwrap()] {
        assert!(again.is_replayed() && again.request() == first.request());
    }
    let theirs = call(&run, "second", "mail").await.unwrap();
    assert_ne!(theirs.raw(), first.raw());
    assert_eq!(world.effects(), 3);
    let key = |run: &Run| run.step("second").idempotency_key("mail").unwrap();
    assert_ne!(key(&run), key(&child), "an effect of its own has a key of its own");
    assert!(own(&child, "first", "mail").await.unwrap().is_replayed(), "what is shared and settled replays");

    call(&child, "third", "mail").await.unwrap();
    refused(call(&run, "third", "mail").await, None);
    assert!(!own(&run, "third", "mail").await.unwrap().is_replayed());
    assert_eq!(world.effects(), 5);

    assert!(!own(&child, "fourth", "mail").await.unwrap().is_replayed());
    refused(call(&run, "fourth", "mail").await, None);
    assert!(!own(&run, "fourth", "mail").await.unwrap().is_replayed());
    assert_eq!(world.effects(), 7, "only who wants an effect of its own repeats one");
    for run in [&run, &child] {
        assert!(run.verify().await.unwrap().is_ok());
    }
    drop(process);
}

/// Leaves a call of the parent in doubt, and forks after it.
pub(crate) async fn in_doubt(world: &World, tool: &'static str) -> (Process, Run, Run) {
    let process = world.asking(&echo());
    process.run("r").await;
    world.dies_at("tool.call.after", "r", "doubt", tool).await;
    let run = process.run("r").await;
    ask(&run, "draft", "write").await.unwrap();
    let child = fork(&run, "draft", "write better").await;
    (process, run, child)
}

#[tokio::test]
async fn an_effect_pending_at_the_cut_is_resolved_in_the_parent_alone() {
    let world = world();
    let (process, run, child) = in_doubt(&world, "send").await;
    assert_eq!(world.kinds(&run).await[..3], ["tool_requested", "model_requested", "model_terminal"]);
    let before = world.events(&child).await.len();
    let elsewhere = world.process().kernel.open_run(&tenant(), child.id()).await.unwrap();
    for child in [&child, &elsewhere] {
        let doubt = StepKey::parse("doubt").unwrap();
        let seen =
            child.latest(|state| state.step(&doubt).map(|step| (step.state(), step.is_pending()))).await.unwrap();
        assert_eq!(seen, Some(("unknown", false)), "nobody works at it here");
    }
    for settled in [false, true] {
        for child in [&child, &elsewhere] {
            refused(call(child, "doubt", "send").await, Some("r"));
            refused(reconcile(child, "doubt", "send").await, Some("r"));
            let resolved = child.resolve("doubt", Resolve::failed("ann", "no")).await;
            assert_eq!(code(resolved), "artana::effect_belongs_to_ancestor");
        }
        if !settled {
            assert_eq!(reconcile(&run, "doubt", "send").await.unwrap().output(), &json!({ "charge": "ch_1" }));
        }
    }
    assert_eq!((world.effects(), world.events(&child).await.len()), (1, before));
    assert!(!own(&child, "doubt", "send").await.unwrap().is_replayed());
    assert!(call(&child, "doubt", "send").await.unwrap().is_replayed());
    assert_eq!(world.effects(), 2);
    child.finish().await.unwrap();
    drop(process);
}

#[tokio::test]
async fn a_doubt_of_the_parent_does_not_keep_a_fork_from_ending() {
    let world = world();
    let (_process, run, child) = in_doubt(&world, "mail").await;
    assert_eq!(code(call(&run, "doubt", "mail").await), "artana::reconciliation_required");
    child.finish().await.unwrap();
    assert_eq!(code(run.finish().await), "artana::unfinished");
    run.resolve("doubt", Resolve::failed("ann", "not seen")).await.unwrap();
    run.finish().await.unwrap();
}

#[tokio::test]
async fn attempts_lost_replies_and_takeovers_in_a_fork_are_its_own() {
    let world = world();
    let (process, _run, child) = family(&world).await;
    world.provider.next_calls([Manner::Refuse]);
    let tried = world.pass_time(call(&child, "tried", "mail")).await.unwrap();
    assert_eq!(tried.attempts(), 2);

    for append in 1..=2 {
        nth(&process.faults, "append.after", append, Action::Fail);
        let step = format!("lost{append}");
        assert!(!world.pass_time(call(&child, &step, "mail")).await.unwrap().is_replayed());
    }
    process.faults.plan("append.before", Action::Conflict);
    assert!(!call(&child, "conflict", "mail").await.unwrap().is_replayed());
    assert_eq!(world.effects(), 6);

    world.dies_at("tool.call.after", child.id(), "doubt", "send").await;
    assert_eq!(code(call(&child, "doubt", "send").await), "artana::reconciliation_required");
    assert!(reconcile(&child, "doubt", "send").await.is_ok());
    assert_eq!(world.effects(), 7);
}

/// What a tool that failed for good had begun stays its run's.
#[tokio::test]
async fn a_failure_for_good_is_not_tried_again_by_a_relative() {
    let world = world();
    let sour = tool("sour")
        .side_effect()
        .handler(|_: Amount, _: ToolContext| async move { Err::<Value, _>(ToolError::permanent("no")) });
    let process = world.asking_with(&echo(), |builder| builder.tool(sour));
    let run = parent(&process).await;
    let child = fork(&run, "draft", "write better").await;
    assert_eq!(code(call(&child, "third", "sour").await), "artana::tool_failed");
    refused(call(&run, "third", "sour").await, None);
    assert_eq!(code(call(&child, "third", "sour").await), "artana::tool_failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn relatives_who_ask_at_once_cause_one_effect() {
    for round in 0..20 {
        let world = world();
        let (process, run, child) = family(&world).await;
        let sibling = fork(&run, "draft", "write otherwise").await;
        let others = [world.process(), world.process(), world.process()];
        let mut tasks = JoinSet::new();
        for (at, run) in [&run, &child, &sibling].into_iter().enumerate() {
            for kernel in [process.kernel.clone(), others[(at + round) % 3].kernel.clone()] {
                let id = run.id().to_owned();
                tasks.spawn(async move {
                    let run = kernel.open_run(&tenant(), &id).await?;
                    call(&run, "third", "mail").await.map(|answer| answer.request())
                });
            }
        }
        let answers = tasks.join_all().await;
        let expected =
            |error: &Error| ["artana::effect_belongs_to_ancestor", "artana::in_flight"].contains(&error.code());
        assert!(answers.iter().any(Result::is_ok), "{answers:?}");
        assert!(answers.iter().filter_map(|a| a.as_ref().err()).all(expected), "{answers:?}");
        assert_eq!(world.effects(), 3);
    }
}

/// The parent asks while the fork is being made, in another process that has not heard of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fork_that_is_being_made_and_its_parent_cause_one_effect() {
    for _ in 0..40 {
        let world = world();
        let process = world.asking(&echo());
        let run = parent(&process).await;
        let elsewhere = world.process().run("r").await;
        let forking = tokio::spawn(async move {
            let child = run.fork_at("draft", "child", "ann").await?;
            call(&child, "third", "mail").await.map(drop)
        });
        let theirs = call(&elsewhere, "third", "mail").await.map(drop);
        let answers = [forking.await.unwrap(), theirs];
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        assert_eq!(world.effects(), 3);
    }
}

/// A look that failed once and is due again at the cut did not happen in the fork.
#[tokio::test]
async fn a_look_that_is_due_at_the_cut_is_made_again_in_the_fork() {
    let world = world();
    let process = world.asking(&echo());
    let run = process.run("r").await;
    process.faults.plan("tool.call.before", Action::Fail);
    let waiting = tokio::spawn({
        let run = run.clone();
        async move { call(&run, "look", "look").await.map(|answer| answer.attempts()) }
    });
    world.settle().await;
    assert_eq!(world.kinds(&run).await, ["tool_requested", "tool_attempt_failed"]);
    ask(&run, "draft", "write").await.unwrap();
    let child = fork(&run, "draft", "write better").await;
    assert_eq!(call(&child, "look", "look").await.unwrap().attempts(), 1);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(waiting.await.unwrap().unwrap(), 2);
    assert_eq!(world.looks(), 2);
}
