//! Pauses: nothing starts while one stands, what was begun goes on, and each is lifted once and by its own name.

use artana_core::{
    EventId, Status,
    event::{Body, Closing, Effect, Paused},
};

use super::{fits, given, refused, stands};
use crate::support::{History, bodies::*, models::asked, workflows::*};

/// A run in which something is under way, and then paused in a way.
fn stopped(how: impl FnOnce(&mut History) -> EventId) -> (History, EventId) {
    let mut pause = None;
    let history = given(|h| {
        h.push(Some("pay"), begun(1));
        h.push(Some("retry"), tried(computed()));
        pause = Some(how(h));
    });
    (history, pause.expect("a pause"))
}

fn by_a_person(history: &mut History) -> EventId {
    history.push(None, paused())
}

fn by_its_code(history: &mut History) -> EventId {
    history.push(Some("ask"), pauses(0))
}

fn by_parking(history: &mut History) -> EventId {
    history.push(None, parked())
}

#[test]
fn nothing_starts_while_a_run_is_paused() {
    for how in [by_a_person, by_its_code, by_parking] {
        let (history, pause) = stopped(how);
        assert_eq!(history.state().status(), Status::Paused);
        let starts: [(&str, Body); 6] = [
            ("x", requested(1, Effect::Read).into()),
            ("x", asked(1, &["a"]).into()),
            ("x", begun(1).into()),
            ("x", computed().into()),
            ("retry", computed().into()),
            ("x", child_started(9, "kid").into()),
        ];
        for (key, body) in &starts {
            let refusal = format!("{} may not follow in a run that is paused", body.kind());
            assert_eq!(refused(&history, Some(key), body.clone()), refusal);
        }
        assert!(!fits(&history, None, value(9)) && !history.state().admits(&crate::support::step("x")));
        assert!(!fits(&history, None, finished(artana_core::event::RunOutcome::Completed)));
        let mut history = history;
        history.push(Some("pay"), once(history.events[1].id(), succeeded()));
        let key = history.state().pauses()[&pause].step.clone();
        history.push(key.as_ref().map(|key| key.as_str()), resumed(pause));
        assert_eq!(history.state().status(), Status::Running);
        assert!(starts.into_iter().all(|(key, body)| fits(&history, Some(key), body)));
    }
}

#[test]
fn a_run_is_paused_while_any_pause_stands() {
    let mut history = given(|h| {
        let named = |text| Paused { block: Some(name(text)), ..paused() };
        (h.push(None, named("audit")), h.push(None, named("holiday")))
    });
    let [_, first, second] = [0, 1, 2].map(|at: usize| history.events[at].id());
    let blocks = |h: &History| h.state().pauses().values().filter_map(|pause| pause.block.clone()).collect::<Vec<_>>();
    assert_eq!(blocks(&history), [name("audit"), name("holiday")]);
    history.push(None, resumed(first));
    assert_eq!((blocks(&history), history.state().status()), (vec![name("holiday")], Status::Paused));
    history.push(None, resumed(second));
    assert_eq!(history.state().status(), Status::Running);
    assert_eq!(refused(&history, None, resumed(second)), "resumed may not follow in a run that is running");
}

#[test]
fn a_pause_is_lifted_only_in_the_name_of_its_step() {
    let (own, ticket) = stopped(|h| h.push(Some("ask"), pauses(0)));
    assert!(!fits(&own, None, resumed(ticket)) && !fits(&own, Some("other"), resumed(ticket)));
    assert!(fits(&own, Some("ask"), resumed(ticket)));
    let (others, ticket) = stopped(|h| h.push(None, paused()));
    assert!(!fits(&others, Some("ask"), resumed(ticket)) && fits(&others, None, resumed(ticket)));
}

/// Without a step nobody could lift it, and without a place no code asked it.
#[test]
fn a_pause_of_its_own_belongs_to_a_step() {
    let history = given(|_| ());
    assert_eq!(refused(&history, None, pauses(0)), "paused names no step");
    let mut named = history.clone();
    let ticket = named.push(Some("by hand"), paused());
    assert_eq!(stands(&named, "by hand"), "paused");
    named.push(Some("by hand"), resumed(ticket));
    assert_eq!((stands(&named, "by hand"), named.state().status()), ("resumed", Status::Running));
    let mut parking = history;
    let ticket = parking.push(Some("by hand"), parked());
    assert!(fits(&parking, None, resumed(ticket)), "a run is parked as a whole");
}

#[test]
fn what_whoever_lifted_a_pause_had_to_say_is_kept() {
    let (mut history, ticket) = stopped(|h| h.push(Some("ask"), pauses(0)));
    history.push(Some("ask"), resumed(ticket));
    let state = history.state();
    let Some(artana_core::Step::Pause(pause)) = state.step(&crate::support::step("ask")) else { panic!("a pause") };
    let found = pause.resumed.as_ref().expect("it was lifted");
    assert_eq!((found.at, &found.by, found.input), (history.head().seq, &actor(), Some(content(ARGS))));
    // What was said could not be read, and is asked for once more, by another ticket.
    let again = history.push(Some("ask"), pauses(0));
    assert_eq!((stands(&history, "ask"), history.state().status()), ("paused", Status::Paused));
    assert!(!fits(&history, Some("ask"), pauses(0)), "it is asked for already");
    assert!(!fits(&history, Some("ask"), resumed(ticket)) && fits(&history, Some("ask"), resumed(again)));
}

/// A run that is ending undoes what it did, whatever it was stopped by.
#[test]
fn a_paused_run_can_be_cancelled() {
    let (mut history, _) = stopped(|h| {
        h.push(Some("undo"), registered(1));
        h.push(None, paused())
    });
    history.push(None, closing(Closing::Cancelled));
    assert_eq!(history.state().status(), Status::Cancelling);
    assert!(fits(&history, Some("undo/mail"), begun(1)) && !fits(&history, Some("x"), begun(1)));
}
