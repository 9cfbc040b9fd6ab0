//! Verification compares what a run's events hold for its family with what the store says: a claim that is gone,
//! or is another's, is found where it was made, and nothing else is taken for one.

use std::{sync::Arc, time::Duration};

use artana_core::{
    Actor, Draft, Event, EventId, RunId, Stamp, StepKey, ToolName,
    decide::effect_claim,
    event::{Body, RunFinished, RunOutcome},
    seal,
    verify::{BreakKind, ChainBreak},
};
use artana_kernel::{Resolve, Run, Views};
use artana_ports::{Append, Authority, Claim, EventStore, Release};
use artana_testkit::fault::{Action, Spot};
use tokio::task::JoinSet;

use crate::{
    asking::{ask, echo},
    counted::spent,
    fork_effects::{family, in_doubt, own, refused},
    forks::{fork, parent},
    world::{FIVE, World, call, code, reconcile, world},
};

/// The key under which the family of `r` holds a mail.
fn key(step: &str) -> String {
    let (root, tool) = (RunId::parse("r").unwrap(), ToolName::parse("mail").unwrap());
    effect_claim(&root, &StepKey::parse(step).unwrap(), &tool)
}

/// Finds the event that began a step.
async fn began(world: &World, run: &Run, step: &str) -> Event {
    let first = |event: &Event| event.step().is_some_and(|key| key.as_str() == step);
    world.events(run).await.into_iter().find(first).expect("the step")
}

/// Appends an event to a run past every kernel, with the claims and releases of whoever tampers.
async fn smuggle(world: &World, run: &Run, draft: Draft, (claims, releases): (Vec<Claim>, Vec<Release>)) {
    let batch = run.latest(|state| {
        let stamp = Stamp { id: EventId::v7(1, [9; 10]), at: state.view().updated_at };
        let event = seal(state.run(), &state.head(), draft, stamp);
        let mut projection = state.project();
        projection.apply(&event).unwrap();
        Append {
            run: state.run().clone(),
            expected: Some(state.head()),
            authority: Authority::Outside(Actor::parse("mallory").unwrap()),
            events: vec![event.into_record()],
            content: Vec::new(),
            claims,
            releases,
            view: projection.view(),
            run_key: None,
        }
    });
    world.store.append(batch.await.unwrap()).await.unwrap();
}

/// Takes a key from its holder, by way of a bystander, and may give it to another event.
async fn take(world: &World, run: &Run, step: &str, heir: Option<EventId>) {
    let holder = began(world, run, step).await.id();
    let bystander = world.process().run(&format!("bystander of {step}")).await;
    let claims = heir.map(|holder| Claim::Unique { key: key(step), holder });
    let releases = vec![Release::Unique { key: key(step), holder }];
    let draft = Draft::new(None, Body::from(RunFinished { outcome: RunOutcome::Completed, output: None })).unwrap();
    smuggle(world, &bystander, draft, (claims.into_iter().collect(), releases)).await;
}

/// Returns the run that is broken, and how.
async fn verdict(run: &Run) -> Option<(String, ChainBreak)> {
    let report = run.verify().await.unwrap();
    let whose = report.broken_in.unwrap_or(report.run).run.to_string();
    report.first_break.map(|found| (whose, found))
}

/// What is found where an event does not hold its key.
fn unheld(whose: &Run, event: &Event, found: &str) -> Option<(String, ChainBreak)> {
    let expected = format!("a claim held by {}", event.id());
    Some((whose.id().to_owned(), ChainBreak::new(BreakKind::ViewMismatch, event.seq(), expected, found)))
}

#[tokio::test]
async fn a_claim_that_is_gone_or_anothers_is_found_where_it_was_made() {
    let world = world();
    let (_process, run, child) = family(&world).await;
    call(&child, "third", "mail").await.unwrap();
    call(&run, "fourth", "mail").await.unwrap();
    for run in [&run, &child] {
        world.verify(run).await;
    }
    let third = began(&world, &child, "third").await;
    take(&world, &child, "third", None).await;
    assert_eq!(verdict(&child).await, unheld(&child, &third, "none"));
    world.verify(&run).await;

    // This is what the claim was for.
    call(&run, "third", "mail").await.unwrap();
    let theirs = began(&world, &run, "third").await.id();
    assert_eq!(verdict(&child).await, unheld(&child, &third, &format!("one held by {theirs}")));

    let fourth = began(&world, &run, "fourth").await;
    take(&world, &run, "fourth", Some(third.id())).await;
    assert_eq!(verdict(&run).await, unheld(&run, &fourth, &format!("one held by {}", third.id())));
}

#[tokio::test]
async fn a_fork_answers_for_the_claims_it_shares_and_no_others() {
    let world = world();
    let (_process, run, child) = family(&world).await;
    call(&run, "third", "mail").await.unwrap();
    ask(&run, "late", "and then").await.unwrap();
    call(&run, "fourth", "mail").await.unwrap();
    let heir = fork(&run, "late", "and what then").await;
    let [third, fourth] = [began(&world, &run, "third").await, began(&world, &run, "fourth").await];
    take(&world, &run, "fourth", None).await;
    assert_eq!(verdict(&run).await, unheld(&run, &fourth, "none"));
    world.verify(&heir).await;
    take(&world, &run, "third", None).await;
    for run_or_heir in [&run, &heir] {
        assert_eq!(verdict(run_or_heir).await, unheld(&run, &third, "none"));
    }
    world.verify(&child).await;
}

/// Verifies a run, and counts the keys that were asked about.
async fn asked_about(world: &World, run: &Run) -> u64 {
    spent(world, world.verify(run)).await.holders
}

#[tokio::test]
async fn only_what_a_family_has_to_hold_is_asked_about() {
    let world = world();
    let process = world.asking(&echo());
    let run = parent(&process).await;
    assert_eq!(asked_about(&world, &run).await, 0, "a run without forks");
    let child = fork(&run, "draft", "write better").await;
    let sibling = fork(&run, "draft", "write otherwise").await;
    for run in [&run, &child, &sibling] {
        assert_eq!(asked_about(&world, run).await, 0, "effects of before there were forks");
    }
    call(&child, "third", "mail").await.unwrap();
    for run in [&run, &sibling] {
        let before = world.events(run).await.len();
        refused(call(run, "third", "mail").await, None);
        assert_eq!(world.events(run).await.len(), before, "what is denied is not recorded");
        assert_eq!(asked_about(&world, run).await, 0, "what a relative began first");
    }
    for run in [&run, &sibling] {
        own(run, "third", "mail").await.unwrap();
        call(run, "look", "look").await.unwrap();
        call(run, "another look", "look").await.unwrap();
        assert_eq!(asked_about(&world, run).await, 0, "looks, and effects of one's own");
    }
    for (step, tool) in [("fourth", "mail"), ("fifth", "pay"), ("sixth", "send")] {
        call(&child, step, tool).await.unwrap();
        call(&child, step, tool).await.unwrap();
    }
    assert_eq!(asked_about(&world, &child).await, 4);
}

#[tokio::test]
async fn attempts_begun_before_a_fork_and_made_after_it_are_no_alarm() {
    let world = world();
    let process = world.asking(&echo());
    let run = parent(&process).await;
    process.faults.plan("tool.call.before", Action::Fail);
    let waiting = tokio::spawn(run.step("third").tool_json("mail", FIVE).into_future());
    world.settle().await;
    let child = fork(&run, "draft", "write better").await;
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(waiting.await.unwrap().unwrap().attempts(), 2);
    refused(call(&child, "third", "mail").await, Some("r"));

    process.faults.plan("tool.call.before", Action::Fail);
    assert_eq!(world.pass_time(call(&child, "fourth", "mail")).await.unwrap().attempts(), 2);
    assert_eq!(asked_about(&world, &run).await, 0);
    assert_eq!(asked_about(&world, &child).await, 1, "two attempts of one effect");
}

#[tokio::test]
async fn doubts_that_are_shared_and_resolved_are_no_alarm() {
    let world = world();
    let (_process, run, child) = in_doubt(&world, "send").await;
    own(&child, "doubt", "send").await.unwrap();
    reconcile(&run, "doubt", "send").await.unwrap();
    world.dies_at("tool.call.after", child.id(), "mine", "mail").await;
    assert_eq!(code(call(&child, "mine", "mail").await), "artana::reconciliation_required");
    child.resolve("mine", Resolve::failed("ann", "not seen")).await.unwrap();
    assert_eq!(asked_about(&world, &run).await, 0);
    assert_eq!(asked_about(&world, &child).await, 1);
}

/// Requests that wait together leave in one append, and what they claim is decided on the run before it.
#[tokio::test]
async fn a_fork_recorded_while_others_begin_is_no_alarm() {
    let world = world();
    let process = world.asking(&echo());
    let run = parent(&process).await;
    let (clock, moment) = (Arc::new(world.clock.clone()), Duration::from_millis(1));
    process.faults.plan(Spot::Every("append.before"), Action::Delay(clock, moment));
    let mut tasks = JoinSet::new();
    let begin = |tasks: &mut JoinSet<_>, step: &'static str| {
        let run = run.clone();
        tasks.spawn(async move { call(&run, step, "mail").await.map(drop) });
    };
    // While the outcome of the first call is on its way, the fork and the others wait to be recorded.
    begin(&mut tasks, "a");
    world.settle().await;
    let forking = run.clone();
    tasks.spawn(async move { forking.fork_at("draft", "child", "ann").await.map(drop) });
    world.settle().await;
    world.clock.advance(moment);
    world.settle().await;
    for step in ["b", "c", "d"] {
        begin(&mut tasks, step);
    }
    world.settle().await;
    world.pass_time(tasks.join_all()).await.into_iter().collect::<Result<(), _>>().unwrap();
    let kinds = world.kinds(&run).await;
    let forked = kinds.iter().position(|kind| kind == "run_forked").unwrap();
    assert_eq!(kinds[forked - 1], "tool_completed");
    assert_eq!(kinds[forked + 1..forked + 4], ["tool_requested"; 3]);
    assert_eq!(asked_about(&world, &run).await, 3);
}

#[tokio::test]
async fn a_run_that_moves_on_while_it_is_verified_is_no_alarm() {
    let world = world();
    let (process, run, child) = family(&world).await;
    call(&child, "third", "mail").await.unwrap();
    let clock = Arc::new(world.clock.clone());
    for point in ["holders.before", "holders.after"] {
        process.faults.plan(point, Action::Delay(Arc::clone(&clock) as _, Duration::from_millis(1)));
        let seen = world.events(&child).await.len() as u64;
        let verifying = tokio::spawn({
            let child = child.clone();
            async move { child.verify().await }
        });
        world.settle().await;
        assert!(!verifying.is_finished());
        call(&child, &format!("beside {point}"), "mail").await.unwrap();
        refused(call(&run, &format!("beside {point}"), "mail").await, None);
        world.clock.advance(Duration::from_millis(1));
        let report = verifying.await.unwrap().unwrap();
        assert_eq!((report.first_break, report.views), (None, Views::Checked));
        assert_eq!(report.events, seen + 2, "what came meanwhile was verified too");
    }
}

/// Newer rules may say otherwise who holds what.
#[tokio::test]
async fn claims_of_a_run_that_a_newer_version_wrote_are_not_judged() {
    let world = world();
    let (_process, _run, child) = family(&world).await;
    call(&child, "third", "mail").await.unwrap();
    take(&world, &child, "third", None).await;
    assert!(verdict(&child).await.is_some());
    let draft = Draft::raw("from_tomorrow", None, b"{}".to_vec()).unwrap();
    smuggle(&world, &child, draft, (Vec::new(), Vec::new())).await;
    let report = child.verify().await.unwrap();
    assert_eq!((report.first_break, report.views), (None, Views::NotChecked));
}

#[tokio::test]
async fn a_store_that_does_not_say_who_holds_what_is_no_break() {
    let world = world();
    let (process, _run, child) = family(&world).await;
    call(&child, "third", "mail").await.unwrap();
    for point in ["holders.before", "holders.after"] {
        process.faults.plan(point, Action::Fail);
        assert_eq!(code(child.verify().await), "artana::store_unavailable");
    }
    world.verify(&child).await;
}
