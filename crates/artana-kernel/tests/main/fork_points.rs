//! Where forks leave their parents, who names them, and how many there may be.

use artana_core::{Seq, Tenant, event::ForkCause};
use artana_kernel::Run;
use artana_testkit::fault::Action;

use crate::{
    asking::{ask, echo},
    forks::{fork, forking, parent},
    world::{World, call, code, tenant, world},
};

async fn wanted(run: &Run, step: &str, id: &str) -> Result<Run, artana_kernel::Error> {
    run.fork_at(step, id, "ann").await
}

#[tokio::test]
async fn a_fork_that_a_person_wants_leaves_before_the_step_and_is_found_again() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = parent(&process).await;
    for _ in 0..3 {
        let child = wanted(&run, "draft", "mine").await.unwrap();
        assert_eq!(child.id(), "mine");
    }
    let child = wanted(&world.asking(&model).run("r").await, "draft", "mine").await.unwrap();
    assert!(call(&child, "first", "mail").await.unwrap().is_replayed());
    assert_eq!(ask(&child, "draft", "write as I like").await.unwrap().output(), "re: write as I like");
    let [(_, recorded)] = run.forks().await.unwrap().try_into().unwrap();
    let ForkCause::Wanted { by } = &recorded.recorded.1.because else { panic!("{recorded:?}") };
    assert_eq!((by.as_str(), run.view().await.unwrap().drifts), ("ann", 0));
    assert_eq!(code(wanted(&run, "nothing", "other").await), "artana::nothing_recorded");
    for (step, id, by) in [("", "x", "ann"), ("draft", "", "ann"), ("draft", "x", "")] {
        assert_eq!(code(run.fork_at(step, id, by).await), "artana::invalid_id");
    }
}

#[tokio::test]
async fn an_id_that_is_taken_is_refused_and_nothing_is_recorded() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = parent(&process).await;
    process.run("taken").await;
    let child = wanted(&run, "draft", "mine").await.unwrap();
    call(&child, "own", "mail").await.unwrap();
    let before = (world.events(&run).await.len(), world.events(&child).await.len());
    assert_eq!(code(wanted(&run, "draft", "taken").await), "artana::run_exists");
    assert_eq!(code(wanted(&run, "draft", "r").await), "artana::run_exists", "its own");
    assert_eq!(code(wanted(&run, "plan", "mine").await), "artana::run_exists", "a fork from another step");
    assert_eq!(code(wanted(&child, "own", "r").await), "artana::run_exists", "its parent's");
    assert_eq!(code(wanted(&child, "own", "mine").await), "artana::run_exists");
    assert_eq!((world.events(&run).await.len(), world.events(&child).await.len()), before);
    assert_eq!(run.forks().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_fork_that_was_recorded_and_never_begun_is_begun_where_it_was_recorded() {
    let (world, model) = (world(), echo());
    let run = parent(&world.asking(&model)).await;
    let dying = world.asking(&model);
    dying.faults.plan("append.after", Action::Crash);
    let theirs = dying.run("r").await;
    tokio::spawn(async move { wanted(&theirs, "draft", "mine").await.map(drop) });
    dying.faults.crashed().await;
    assert_eq!(code(wanted(&run, "plan", "mine").await), "artana::run_exists");
    assert_eq!(code(world.asking(&model).kernel.open_run(&tenant(), "mine").await), "artana::run_not_found");
    let child = wanted(&run, "draft", "mine").await.unwrap();
    let [(_, recorded)] = run.forks().await.unwrap().try_into().unwrap();
    assert_eq!(child.parent().unwrap().seq, recorded.recorded.1.cut);
}

/// A run so long that it is read in several pages, with a question every now and then.
async fn long(world: &World, run: &Run, steps: usize) {
    for n in 0..steps {
        call(run, &format!("s{n}"), "mail").await.unwrap();
        if n % 300 == 299 {
            ask(run, &format!("q{n}"), "so far").await.unwrap();
        }
    }
    assert!(world.events(run).await.len() > 2 * steps);
}

#[tokio::test]
async fn forks_of_long_runs_share_what_came_before_and_no_more() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    long(&world, &run, 1300).await;
    let effects = world.effects();
    for (n, cut) in [(299, 601), (599, 1203), (1199, 2407)] {
        let step = format!("q{n}");
        let child = fork(&run, &step, "so good").await;
        assert_eq!(child.parent().unwrap().seq, Seq::new(cut), "{step}");
        for process in [&process, &world.asking(&model)] {
            let child = process.kernel.open_run(&tenant(), child.id()).await.unwrap();
            let shared = child.latest(|state| state.shared_steps().count()).await.unwrap();
            assert_eq!(shared, n + 1 + n / 300, "{step}");
            assert!(call(&child, &format!("s{n}"), "mail").await.unwrap().is_replayed());
            let beyond = call(&child, &format!("s{}", n + 1), "mail").await;
            assert_eq!(code(beyond), "artana::effect_belongs_to_ancestor");
        }
    }
    assert_eq!(world.effects(), effects);
}

/// Cuts at both sides of a page's end.
#[tokio::test]
async fn a_run_is_seen_as_it_was_at_every_event() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = process.run("r").await;
    for n in 0..1100 {
        call(&run, &format!("s{n}"), "mail").await.unwrap();
    }
    let child = run.fork_at("s600", "child", "ann").await.unwrap();
    for n in 0..3 {
        ask(&child, &format!("q{n}"), "so far").await.unwrap();
    }
    for seq in [1, 2, 3, 1022, 1023, 1024, 1025, 1026, 2047, 2048, 2049, 2201] {
        let state = run.run_at(Seq::new(seq)).await.unwrap();
        assert_eq!(state.head().seq, Seq::new(seq));
        assert_eq!(
            (state.steps().count() as u64, state.pending().count() as u64),
            (seq / 2, (seq + 1) % 2),
            "at {seq}"
        );
    }
    for seq in 1..=7 {
        let state = child.run_at(Seq::new(seq)).await.unwrap();
        assert_eq!((state.head().seq, state.shared_steps().count()), (Seq::new(seq), 600));
        assert_eq!(state.steps().count() as u64, seq / 2);
    }
    for (run, seq) in [(&run, 0), (&run, 2203), (&child, 8)] {
        assert_eq!(code(run.run_at(Seq::new(seq)).await), "artana::no_event");
    }
}

#[tokio::test]
async fn a_run_has_at_most_256_forks_and_those_it_has_stay() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let run = parent(&process).await;
    for n in 0..256 {
        forking(&run, "draft", &format!("write {n}")).await.unwrap();
    }
    let before = (world.events(&run).await.len(), model.calls());
    for process in [&process, &world.asking(&model)] {
        let run = process.run("r").await;
        assert_eq!(code(forking(&run, "draft", "write once more").await), "artana::too_many_forks");
        assert_eq!(code(wanted(&run, "draft", "mine").await), "artana::too_many_forks");
        assert!(forking(&run, "draft", "write 7").await.unwrap().is_replayed());
    }
    assert_eq!((world.events(&run).await.len(), model.calls()), before);
    let child = forking(&run, "draft", "write 7").await.unwrap().run().clone();
    fork(&child, "draft", "write a fork's own").await;
}

#[tokio::test]
async fn a_run_has_at_most_16_ancestors() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let mut run = parent(&process).await;
    for depth in 1..=16 {
        let step = format!("d{depth}");
        ask(&run, &step, "go on").await.unwrap();
        run = fork(&run, &step, "go on well").await;
        assert_eq!(run.latest(artana_core::RunState::depth).await.unwrap(), depth);
    }
    let reopened = world.asking(&model).kernel.open_run(&tenant(), run.id()).await.unwrap();
    for run in [&run, &reopened] {
        assert!(ask(run, "plan", "what to do").await.unwrap().is_replayed());
        assert!(call(run, "first", "mail").await.unwrap().is_replayed());
    }
    ask(&run, "deepest", "go on").await.unwrap();
    let before = world.events(&run).await.len();
    assert_eq!(code(forking(&run, "deepest", "go further").await), "artana::too_many_forks");
    assert_eq!(code(wanted(&run, "deepest", "mine").await), "artana::too_many_forks");
    assert_eq!(world.events(&run).await.len(), before);
    let shallow = fork(&run, "plan", "what else").await;
    assert_eq!(shallow.parent().unwrap().run.as_str(), "r", "an inherited step leaves where it began");
}

#[tokio::test]
async fn forks_are_their_tenants_alone() {
    let (world, model) = (world(), echo());
    let process = world.asking(&model);
    let child = fork(&parent(&process).await, "draft", "write better").await;
    let stranger = Tenant::new("strangers");
    for id in ["r", child.id(), "nothing"] {
        let refused = process.kernel.open_run(&stranger, id).await.unwrap_err();
        let missing = process.kernel.open_run(&stranger, "missing").await.unwrap_err();
        assert_eq!(refused.to_string().replace(&format!("/{id};"), "/missing;"), missing.to_string());
    }
    let theirs = process.kernel.start_run(&stranger, "r").await.unwrap();
    ask(&theirs, "draft", "write").await.unwrap();
    let other = forking(&theirs, "draft", "write better").await.unwrap();
    assert_eq!(other.run().name().tenant.as_str(), "strangers");
    assert_ne!(other.run().id(), child.id(), "a fork's id is its tenant's too");
    assert_eq!(model.calls(), 5);
}
