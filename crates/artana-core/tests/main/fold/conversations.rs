//! Conversations in the fold: what they go on from, what they add up to, and how they are found again.

use artana_core::{Digest, EventId, conversation::EMPTY_ROOT, event::*};

use super::{check, given};
use crate::support::{History, models::*};

const WRONG: &str = "the conversation of step s does not add up";

#[test]
fn messages_add_up_to_the_root_they_are_asked_under() {
    let root = |texts: &[&str], asked_root: Digest| {
        given(|h| h.push(Some("s"), ModelRequested { asked_root, ..asked(1, texts) }))
    };
    check(&root(&["a", "b"], root_of(&["a", "b"])), Ok(()));
    check(&root(&["a", "b"], root_of(&["b", "a"])), Err(WRONG));
    check(&root(&["a", "b"], root_of(&["a"])), Err(WRONG));
    check(&root(&["a"], EMPTY_ROOT), Err(WRONG));
    check(&root(&[], EMPTY_ROOT), Ok(()));
    check(&root(&[], root_of(&["a"])), Err(WRONG));
}

/// Three requests: `a b`, then `c d` after its `a b`, then what is tried.
fn extended<T>(then: impl FnOnce(&mut History, [EventId; 2]) -> T) -> History {
    given(|h| {
        let first = h.push(Some("one"), asked(1, &["a", "b"]));
        let second = h.push(Some("two"), extending((first, 2), &["a", "b", "c", "d"]));
        then(h, [first, second]);
    })
}

#[test]
fn a_conversation_goes_on_from_the_request_that_added_the_last_message_it_keeps() {
    let tried = |pick: usize, keep: usize, texts: &'static [&str]| {
        extended(|h, requests| h.push(Some("s"), extending((requests[pick], keep), texts)))
    };
    check(&tried(1, 4, &["a", "b", "c", "d", "e"]), Ok(()));
    check(&tried(1, 4, &["a", "b", "c", "d"]), Ok(()));
    check(&tried(1, 3, &["a", "b", "c", "x"]), Ok(()));
    check(&tried(0, 2, &["a", "b", "x"]), Ok(()));
    check(&tried(0, 1, &["a", "x"]), Ok(()));
    // The second request kept these; the first had added them.
    check(&tried(1, 2, &["a", "b", "x"]), Err(WRONG));
    check(&tried(1, 1, &["a", "x"]), Err(WRONG));
    check(&tried(0, 3, &["a", "b", "c", "x"]), Err(WRONG));
    check(&tried(1, 5, &["a", "b", "c", "d", "e"]), Err(WRONG));
    check(&tried(0, 0, &["a"]), Err(WRONG));
    check(&tried(1, 4, &["a", "b", "c", "x", "e"]), Err(WRONG));
}

#[test]
fn only_a_request_is_gone_on_from() {
    let from = |pick: fn(&History) -> EventId| extended(|h, _| h.push(Some("s"), extending((pick(h), 1), &["a", "b"])));
    check(&from(|h| h.events[0].id()), Err(WRONG));
    check(&from(|_| EventId::from_bytes([0; 16])), Err(WRONG));
    // One that added nothing is named by no other.
    let silent = extended(|h, [_, second]| {
        let silent = h.push(Some("three"), extending((second, 4), &["a", "b", "c", "d"]));
        h.push(Some("s"), extending((silent, 4), &["a", "b", "c", "d", "e"]));
    });
    check(&silent, Err(WRONG));
}

#[test]
fn a_conversation_is_found_by_the_first_who_had_it() {
    let history = extended(|h, _| h.push(Some("again"), asked(1, &["a", "b", "c"])));
    let state = history.state();
    let find = |texts: &[&str]| {
        let found = state.conversation(&root_of(texts))?;
        let at = history.events.iter().position(|event| event.id() == found.request.into()).expect("an event");
        Some((at, found.keep))
    };
    assert_eq!((find(&["a"]), find(&["a", "b"])), (Some((1, 1)), Some((1, 2))));
    assert_eq!((find(&["a", "b", "c"]), find(&["a", "b", "c", "d"])), (Some((2, 3)), Some((2, 4))));
    assert_eq!((find(&[]), find(&["b"]), find(&["a", "c"])), (None, None, None));
}

/// What corrects an invalid answer is sent, and is no part of what the caller asked.
#[test]
fn a_correction_is_no_part_of_the_conversation() {
    let history = given(|h| {
        let corrected = ModelRequested { correction: prompt(&["no, JSON"]), ..asked(1, &["a"]) };
        h.push(Some("s"), corrected);
    });
    check(&history, Ok(()));
    assert_eq!(history.state().conversation(&root_of(&["a", "no, JSON"])), None);
}

/// The chain comes first: an event of another place is named as such, whatever else is wrong with it.
#[test]
fn an_event_out_of_place_is_refused_as_that() {
    let history = extended(|h, [_, second]| h.push(Some("s"), extending((second, 4), &["a", "b", "c", "d", "e"])));
    let refused = history.upto(1).state().apply(&history.events[3]).expect_err("it is not the next");
    assert_eq!(refused.to_string(), "the event does not continue the run: sequence 2 was due, not 4");
}
