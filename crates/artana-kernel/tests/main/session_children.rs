//! Children of sessions: they end with their parent, and are driven under its lease in the same life.

use artana_core::{Name, Status};
use artana_kernel::{Child, Driving, Error};

use crate::world::{Process, TTL, code, tenant, world};

fn name() -> Name {
    Name::parse("h").unwrap()
}

/// A session that has begun a child, which has begun a child of its own.
async fn family(process: &Process) -> (Driving, Driving, Driving) {
    let parent = process.kernel.drive(&tenant(), "p").await.unwrap();
    parent.begin_session(&name()).await.unwrap();
    let kid = child(&parent, "kid").await;
    kid.begin_session(&name()).await.unwrap();
    let grandchild = child(&kid, "kid").await;
    grandchild.begin_session(&name()).await.unwrap();
    (parent, kid, grandchild)
}

async fn child(parent: &Driving, key: &str) -> Driving {
    let (_, Child::Open(kid)) = parent.child::<()>(key, None).await.unwrap() else { panic!("it has not ended") };
    *kid
}

#[tokio::test]
async fn a_run_that_is_cancelled_between_its_sessions_ends_with_its_children() {
    let world = world();
    let process = world.process();
    let (parent, kid, grandchild) = family(&process).await;
    for driving in [&grandchild, &kid, &parent] {
        driving.leave().await.unwrap();
    }
    drop((parent, kid, grandchild));
    let run = process.run("p").await;
    assert_eq!(run.cancel("ann", "enough").await.unwrap(), Status::Cancelled);
    for id in ["p/kid", "p/kid/kid"] {
        let child = process.kernel.open_run(&tenant(), id).await.unwrap();
        assert_eq!(child.status().await.unwrap(), Status::Cancelled, "{id}");
        world.verify(&child).await;
    }
    // Cancelling again ends what a process that died in between has left.
    assert_eq!(run.cancel("ann", "enough").await.unwrap(), Status::Cancelled);
}

#[tokio::test]
async fn a_session_that_gives_up_ends_its_children() {
    let world = world();
    let process = world.process();
    let (parent, kid, grandchild) = family(&process).await;
    parent.give_up("no").await.unwrap();
    drop((grandchild, kid));
    let child = process.kernel.open_run(&tenant(), "p/kid").await.unwrap();
    assert_eq!(child.status().await.unwrap(), Status::Cancelled);
}

#[tokio::test]
async fn a_session_whose_process_counts_as_dead_takes_no_lease_of_a_child() {
    let world = world();
    let process = world.process();
    let (parent, kid, grandchild) = family(&process).await;
    grandchild.leave().await.unwrap();
    kid.leave().await.unwrap();
    drop((kid, grandchild));
    // The process is away for so long that others may go on with the parent, and then has another life.
    world.clock.advance(TTL * 2);
    world.settle().await;
    let kid = child(&parent, "kid").await;
    let begun = kid.begin_session(&name()).await;
    assert!(matches!(begun, Err(Error::LeaseLost(_) | Error::Fenced { .. })), "{}", code(begun));
}
