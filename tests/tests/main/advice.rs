//! Processes are stopped by the system while they ask a model, and while they do what is done once. The provider's book
//! counts both. A request to a model that nobody knows the end of is made again, so that a model may be asked twice;
//! never by whoever lost the run meanwhile.

use artana_core::Status;
use artana_kernel::{Resolve, Run};
use artana_tests::payment::{ADVICE, asked, filed, filing};

use crate::{
    frozen::{Frozen, Ground, LONG, UNFENCED, on_server, points, stopped_at},
    office::is_over,
};

/// What an advice passes at the ports, each before and after, and at how many times of each a process is stopped.
const PORTS: [(&str, usize); 2] = [("append", 5), ("model.ask", 1)];

/// Among these, in order, the point after a request to file was recorded.
const REQUESTS_FILING: usize = 5;

/// Waits until a run is over, and says of what is in doubt what the book says. The process that was at it is stopped.
async fn settled(ground: &Ground, run: &Run) {
    for turn in 0.. {
        ground.until(run, |status| is_over(status) || status == Status::NeedsReconciliation).await;
        if is_over(run.status().await.expect("a status")) {
            return;
        }
        let what = match ground.effects().contains_key(&filed(run.id())) {
            true => Resolve::succeeded("ann", "\"filed\"", "the book has it"),
            false => Resolve::failed("ann", "the book does not have it"),
        };
        run.resolve(&filing(turn), what).await.expect("a person may resolve it");
    }
}

/// Stops a process at each of these points, each in a run of its own, has another one finish all of them, and lets them
/// go on. Returns where each was stopped, how often it had the model asked, and how often it filed.
async fn advised(ground: &Ground, sabotage: &[&str]) -> Vec<(String, usize, usize)> {
    let mut stopped: Vec<(Run, Frozen)> = Vec::new();
    for (n, point) in points(&PORTS).enumerate() {
        let run = ground.enqueue(ADVICE, &format!("run-{n}")).await;
        let frozen = ground.frozen(run.id(), &point, sabotage).await;
        stopped.push((run, frozen.unwrap_or_else(|| panic!("it never came to {point}"))));
    }
    let ids: Vec<&str> = stopped.iter().map(|(run, _)| run.id()).collect();
    let other = ground.payer(&ids.join(","), &[LONG]);
    for (run, _) in &stopped {
        settled(ground, run).await;
    }
    other.end();
    let (runs, frozen): (Vec<Run>, Vec<Frozen>) = stopped.into_iter().unzip();
    let places: Vec<String> = frozen.iter().map(|frozen| frozen.at.clone()).collect();
    frozen.into_iter().for_each(Frozen::end);
    stopped_at(&PORTS, &places);
    let (book, mut seen) = (ground.effects(), Vec::new());
    for (run, at) in runs.iter().zip(places) {
        assert_eq!(run.status().await.expect("a status"), Status::Completed);
        if sabotage.is_empty() {
            assert_eq!(ground.wrong(run, &[]).await, [""; 0]);
        }
        let times = |key: String| book.get(&key).copied().unwrap_or(0);
        seen.push((at, times(asked(run.id())), times(filed(run.id()))));
    }
    seen
}

async fn stopped_anywhere(ground: Ground) {
    let seen = advised(&ground, &[]).await;
    assert!(seen.iter().all(|(_, asked, filed)| *asked > 0 && *filed == 1), "{seen:?}");
    // Its request was about to be recorded, or was recorded and had not left: it never leaves.
    assert!(seen[..2].iter().all(|(_, asked, _)| *asked == 1), "{seen:?}");
    ground.close().await;
}

/// The same again, with nobody to refuse anything: each request that had not left yet does so in the end.
async fn unfenced(ground: Ground) {
    let seen = advised(&ground, &UNFENCED).await;
    assert_eq!((seen[1].1, seen[REQUESTS_FILING].2), (2, 2), "{seen:?}");
    ground.close().await;
}

#[tokio::test]
async fn what_is_done_once_is_done_once_wherever_its_process_is_stopped_on_sqlite() {
    stopped_anywhere(Ground::file().await).await;
}

#[tokio::test]
async fn what_is_done_once_is_done_once_wherever_its_process_is_stopped_on_postgres() {
    on_server(stopped_anywhere).await;
}

#[tokio::test]
async fn what_is_done_once_is_done_twice_where_nobody_fences_on_sqlite() {
    unfenced(Ground::file().await).await;
}

#[tokio::test]
async fn what_is_done_once_is_done_twice_where_nobody_fences_on_postgres() {
    on_server(unfenced).await;
}
