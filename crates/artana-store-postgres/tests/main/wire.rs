//! How many round trips a call makes.

use std::{collections::BTreeMap, time::Duration};

use artana_core::Seq;
use artana_ports::{Append, AppendError, Authority, Claim, EventStore, Heartbeat, Release};

use crate::{
    chain::new_life,
    proxy::{Proxy, socket},
    support::{LIFE, batch, born, content, database, digest, going_on, head, next, reserve, run},
};

/// Longer than any test.
const TTL: Duration = Duration::from_secs(300);

/// Says how many round trips a call makes.
async fn counted<T>(proxy: &Proxy, call: impl Future<Output = T>) -> (T, usize) {
    proxy.count();
    let answer = call.await;
    (answer, proxy.round_trips())
}

#[tokio::test]
async fn a_warm_call_makes_one_round_trip() {
    let database = database!();
    let Some(socket) = socket(&database) else { return };
    let proxy = Proxy::before(&socket).await;
    let store = proxy.options(&database).pool(1..=1).await.expect("a store");
    let run = run("r");
    born(&store).await;
    store.append(batch(&run, None)).await.expect("an append prepares its statement");

    let full = Append {
        authority: Authority::TakeLease(LIFE),
        claims: vec![reserve("a"), Claim::Unique { key: "k".into(), holder: batch(&run, None).events[0].event_id }],
        releases: vec![Release::Lease],
        ..batch(&run, Some(head(1)))
    };
    let (full, trips) = counted(&proxy, store.append(full)).await;
    assert_eq!((full.expect("an append").head, trips), (head(2), 1));
    let (small, trips) = counted(&proxy, store.append(batch(&run, Some(head(2))))).await;
    assert_eq!((small.expect("an append").head, trips), (head(3), 1));
    let (refused, trips) = counted(&proxy, store.append(batch(&run, Some(head(1))))).await;
    assert!(matches!(refused, Err(AppendError::Conflict { actual }) if actual == Some(head(3))));
    assert_eq!(trips, 1);

    for warm in [false, true] {
        let digests = [digest("words 1"), content("words 2").digest];
        let trips = [
            counted(&proxy, async { drop(store.read(&run, Seq::ZERO, 9).await) }).await.1,
            counted(&proxy, async { drop(store.head(&run).await) }).await.1,
            counted(&proxy, async { drop(store.content(&run, &digests).await) }).await.1,
            counted(&proxy, async { drop(store.view(&run).await) }).await.1,
            counted(&proxy, async { drop(store.alive(&[LIFE, LIFE]).await) }).await.1,
        ];
        assert!(!warm || trips == [1; 5], "{trips:?}");
    }
}

/// Whoever goes on with a run has a statement of its own. Where that cannot write, the one for everything says why.
#[tokio::test]
async fn whoever_goes_on_with_a_run_makes_one_round_trip() {
    let database = database!();
    let Some(socket) = socket(&database) else { return };
    let proxy = Proxy::before(&socket).await;
    let store = proxy.options(&database).pool(1..=1).await.expect("a store");
    let runs = going_on(&store).await;
    let mut trips = BTreeMap::new();
    for (n, run) in (1..=3).flat_map(|n| runs.iter().map(move |run| (n, run))) {
        let (appended, made) = counted(&proxy, store.append(next(run, head(n)))).await;
        assert_eq!(appended.expect("an append").head, head(n + 1));
        trips.insert((n, run.0.run.as_str()), made);
    }
    // Before that, the statements are prepared.
    trips.retain(|(n, _), _| *n > 1);
    assert!(trips.values().all(|made| *made == 1), "{trips:?}");

    for (run, more) in runs.iter().zip([0, 1, 1]) {
        let (refused, made) = counted(&proxy, store.append(next(run, head(3)))).await;
        assert!(matches!(refused, Err(AppendError::Conflict { actual }) if actual == Some(head(4))));
        assert_eq!(made, 1 + more, "{:?}", run.1);
    }

    // A run whose holder died is one that nobody holds.
    let survivor = new_life();
    store.beat(Heartbeat { incarnation: survivor, ttl: TTL, first: true }).await.expect("a life");
    store.retire(LIFE).await.expect("the end of the other one");
    let [_, _, (driven, driver)] = runs;
    let refused = store.append(next(&(driven.clone(), driver), head(4))).await;
    assert!(matches!(refused, Err(AppendError::Lapsed)), "{refused:?}");
    let (appended, made) = counted(&proxy, store.append(next(&(driven, Authority::Plain(survivor)), head(4)))).await;
    assert_eq!((appended.expect("an append").head, made), (head(5), 1));
}
