//! Names and values that a database could take for something else.

use std::{collections::BTreeMap, time::Duration};

use artana_core::{EventId, LabelKey, Queued, RunId, Seq, StepKey, TenantId, Timestamp, verify::Stored};
use artana_ports::{
    Append, AppendError, Claim, ClaimDenied, DueQuery, EventStore, Listed, Rate, Reserve, RunQuery, Severity,
};

use crate::support::{LIFE, batch, born, content, database, digest, head, opened, run, run_of};

#[tokio::test]
async fn a_nul_is_content_a_payload_and_a_claims_key_like_any_other() {
    let database = database!();
    let store = opened(&database).await;
    let holder = EventId::from_bytes([3; 16]);
    let mut nul = batch(&run("r"), None);
    nul.content = vec![content("a\0b")];
    nul.events[0].payload = b"{\"a\":\"\0\"}".to_vec();
    nul.claims = vec![Claim::Unique { key: "k\0".into(), holder }];
    store.append(nul.clone()).await.expect("an append");
    assert_eq!(store.read(&run("r"), Seq::ZERO, 9).await.expect("rows"), nul.events);
    let found = store.content(&run("r"), &[content("a\0b").digest]).await.expect("content");
    assert_eq!(found, [Stored::Bytes(b"a\0b".to_vec())]);
    let keys = ["k\0".to_owned(), "k".to_owned()];
    assert_eq!(store.holders(&run("r").tenant, &keys).await.expect("holders"), [Some(holder), None]);
    let taken = Claim::Unique { key: "k\0".into(), holder: EventId::from_bytes([4; 16]) };
    let denied = store.append(Append { claims: vec![taken], ..batch(&run("s"), None) }).await.expect_err("a held key");
    assert!(
        matches!(&denied, AppendError::Denied(ClaimDenied::Unique { key, holder: by }) if key == "k\0" && *by == holder)
    );
}

#[tokio::test]
async fn a_nul_in_a_name_is_refused_before_anything_is_sent() {
    let database = database!();
    let store = opened(&database).await;
    let mut kind = batch(&run("r"), None);
    kind.events[0].kind = "no\0te".into();
    let mut step = batch(&run("r"), None);
    step.events[0].step = Some("st\0ep".into());
    for nul in [kind, step] {
        assert!(matches!(store.append(nul).await, Err(AppendError::Malformed(_))));
    }
    assert_eq!(store.head(&run("r")).await.expect("no head"), None);
}

/// Writings that something could take for others: emoji, right to left, SQL, and one letter in two forms.
const NAMES: [&str; 9] = [
    "😀👩‍👩‍👧",
    "שלום ‏עולם",
    "a'; DROP SCHEMA artana CASCADE; --",
    "\"); SELECT pg_sleep(9); --",
    "$1 %s \\ {} \\x00",
    "ﬁ",
    "e\u{301}",
    "\u{e9}",
    "NULL",
];

/// A run in whose every name and key stands the same text.
fn named(name: &str) -> Append {
    let mut named = batch(&run_of(name, name), None);
    let holder = EventId::from_bytes([3; 16]);
    named.events[0].kind = name.into();
    named.events[0].step = Some(name.into());
    named.content = vec![content(name)];
    named.view.last_step = Some(StepKey::parse(name).expect("a name"));
    named.view.failed_step = named.view.last_step.clone();
    named.view.labels = BTreeMap::from([(LabelKey::parse(name).expect("a name"), name.to_owned())]);
    let due_at = Timestamp::from_micros(1);
    named.view.queued = Some(Queued { queue: name.to_owned(), priority: 0, due_at });
    named.claims = vec![
        Claim::Unique { key: name.to_owned(), holder },
        Claim::Reserve(Reserve { account: name.to_owned(), limit: 1, amount: 1, holder }),
        Claim::Rate(Rate { key: name.to_owned(), window: Duration::from_secs(1 << 30), limit: 1, amount: 1 }),
    ];
    named
}

#[tokio::test]
async fn any_writing_in_any_name_is_that_writing_and_no_other() {
    let database = database!();
    let store = opened(&database).await;
    born(&store).await;
    for name in NAMES {
        store.append(named(name)).await.expect("no other name is like this one");
    }
    for name in NAMES {
        let (run, sent) = (run_of(name, name), named(name));
        assert_eq!(store.read(&run, Seq::ZERO, 9).await.expect("rows"), sent.events);
        assert_eq!(store.view(&run).await.expect("a row"), Some(Listed::View(sent.view)));
        let query = RunQuery {
            label: Some((LabelKey::parse(name).expect("a name"), name.to_owned())),
            ..RunQuery::all(run.tenant.clone())
        };
        assert_eq!(store.runs(&query).await.expect("a page").items.len(), 1);
        let found = store.content(&run, &[digest(name)]).await.expect("content");
        assert_eq!(found, [Stored::Bytes(name.as_bytes().to_vec())]);
        let keys = NAMES.map(str::to_owned);
        let holders = store.holders(&run.tenant, &keys).await.expect("holders");
        assert_eq!(holders.iter().flatten().count(), 1, "of the tenant's keys this one alone is held");
        let queues = vec![name.to_owned()];
        let taken = store.take_due(&DueQuery { queues, ..DueQuery::all(LIFE, 9) }).await.expect("due runs");
        assert_eq!(taken.iter().map(|due| (&due.run, &*due.queue)).collect::<Vec<_>>(), [(&run, name)]);
        let again = store.append(Append { claims: sent.claims, ..batch(&run, Some(head(1))) }).await;
        assert!(matches!(&again, Err(AppendError::Denied(ClaimDenied::Reserve { account, .. })) if account == name));
        let followed = tokio::join!(store.follow(&run, Seq::new(1)), store.append(batch(&run, Some(head(1)))));
        assert_eq!((followed.0.expect("a head"), followed.1.expect("an append").head), (head(2), head(2)));
    }
    assert_eq!(database.run("SELECT count(*) FROM artana.runs"), NAMES.len().to_string());
    assert!(store.doctor().await.expect("an examination").iter().all(|found| found.severity != Severity::Broken));
}

#[test]
fn a_control_character_in_an_id_comes_to_no_store() {
    for name in ["a\0", "a\nb", "\u{1b}[0m", "a\u{7f}", "\u{9d}"] {
        assert!(TenantId::parse(name).is_err() && RunId::parse(name).is_err(), "{name:?}");
        assert!(StepKey::parse(name).is_err() && LabelKey::parse(name).is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn amounts_are_unsigned_to_their_last_bit() {
    let database = database!();
    let store = opened(&database).await;
    let holder = EventId::from_bytes([3; 16]);
    let claim = |amount| Claim::Reserve(Reserve { account: "a".into(), limit: u64::MAX, amount, holder });
    let most = Append { claims: vec![claim(u64::MAX - 1)], ..batch(&run("r"), None) };
    store.append(most).await.expect("an append");
    let more = Append { claims: vec![claim(2)], ..batch(&run("r"), Some(head(1))) };
    let denied = store.append(more).await.expect_err("too much");
    assert!(
        matches!(&denied, AppendError::Denied(ClaimDenied::Reserve { left: 1, limit: u64::MAX, .. })),
        "{denied:?}"
    );
}
