//! Names and values that a database could take for something else.

use artana_core::{EventId, Seq, verify::Stored};
use artana_ports::{Append, AppendError, Claim, ClaimDenied, EventStore, Reserve};

use crate::support::{batch, content, database, filled, head, opened, run};

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

#[tokio::test]
async fn names_of_all_writings_come_back_byte_for_byte() {
    let database = database!();
    let store = opened(&database).await;
    for name in ["😀👩‍👩‍👧", "שלום ‏עולם", "a'; DROP SCHEMA artana CASCADE; --", "$1 %s \\", "ﬁ", "e\u{301}", "\u{e9}"]
    {
        filled(&store, &run(name), 2).await;
        let rows = store.read(&run(name), Seq::ZERO, 9).await.expect("rows");
        assert_eq!(&*rows[1].run, name);
        assert_eq!(store.head(&run(name)).await.expect("a head"), Some(head(2)));
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
