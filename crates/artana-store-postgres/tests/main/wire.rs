//! How many round trips a call makes.

use artana_core::Seq;
use artana_ports::{Append, AppendError, Authority, Claim, EventStore, Release};

use crate::{
    proxy::{Proxy, socket},
    support::{LIFE, batch, born, content, database, digest, head, reserve, run},
};

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
