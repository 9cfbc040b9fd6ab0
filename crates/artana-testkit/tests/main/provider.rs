//! The provider's book tells the truth, whatever its replies say.

use artana_testkit::provider::{Keys, Manner, Provider, ProviderFault};
use serde_json::json;

fn charge(provider: &Provider, key: &str) -> Result<String, ProviderFault> {
    provider.charge(key, &json!({"cents": 5})).map(|receipt| receipt.effect_id)
}

#[test]
fn a_key_has_one_effect() {
    let provider = Provider::new();
    assert_eq!(charge(&provider, "a"), charge(&provider, "a"));
    charge(&provider, "b").unwrap();
    assert_eq!((provider.effects("a"), provider.effects("b"), provider.calls()), (1, 1, 3));
    assert_eq!(provider.lookup("a").map(|receipt| receipt.effect_id), Some("ch_1".to_owned()));
    assert_eq!(provider.book()[1].request, json!({"cents": 5}));
}

#[test]
fn ignored_and_pruned_keys_charge_again() {
    let careless = Provider::new().keys(Keys::Ignored);
    assert_ne!(charge(&careless, "a"), charge(&careless, "a"));
    assert_eq!((careless.effects("a"), careless.lookup("a")), (2, None));

    let forgetful = Provider::new().keys(Keys::Pruned(1));
    for key in ["a", "a", "b", "a"] {
        charge(&forgetful, key).unwrap();
    }
    assert_eq!((forgetful.effects("a"), forgetful.effects("b")), (2, 1));

    let provider = Provider::new();
    charge(&provider, "a").unwrap();
    provider.forget_keys();
    charge(&provider, "a").unwrap();
    assert_eq!(provider.effects("a"), 2);
}

#[test]
fn planned_manners_come_one_by_one() {
    let provider = Provider::new();
    provider.next_calls([Manner::Refuse, Manner::LoseReply, Manner::Duplicate, Manner::Garbage]);
    assert_eq!(charge(&provider, "refused"), Err(ProviderFault::Refused));
    assert_eq!(charge(&provider, "lost"), Err(ProviderFault::ReplyLost));
    charge(&provider, "twice").unwrap();
    let garbage = provider.charge("garbage", &json!(null)).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&garbage.reply).is_err());
    charge(&provider, "well").unwrap();
    let effects = ["refused", "lost", "twice", "garbage", "well"].map(|key| provider.effects(key));
    assert_eq!(effects, [0, 1, 2, 1, 1]);
}

#[test]
fn a_lost_reply_is_found_by_its_key() {
    let provider = Provider::new().usually(Manner::LoseReply);
    assert_eq!(charge(&provider, "a"), Err(ProviderFault::ReplyLost));
    assert!(provider.lookup("a").is_some());
    assert_eq!(provider.lookup("b"), None);
}
