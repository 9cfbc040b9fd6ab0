//! Laws of lives: they last as long as their heartbeat says, and death is for good.

use std::time::Duration;

use artana_ports::{BeatError, Heartbeat};

use crate::{
    Law, Trial,
    law::{Kept, ensure_eq, ensure_matches, laws},
    writer::new_incarnation,
};

pub(super) const LAWS: &[Law] = laws! {
    "heartbeat/lasts_for_its_time": "A life ends when its heartbeat said, at that instant." => lasts;
    "heartbeat/is_prolonged": "A heartbeat in time prolongs a life from now on." => prolonged;
    "heartbeat/is_never_shortened": "A heartbeat that would end sooner leaves a life as long as it was." => shortened;
    "heartbeat/lapsed_is_never_renewed": "A lapsed life is never renewed." => lapsed;
    "heartbeat/unknown_is_lapsed": "A heartbeat that is not the first needs a life to prolong." => unknown;
    "heartbeat/starts_once": "An incarnation starts once, and not again after its death." => once;
    "heartbeat/retiring_ends_a_life": "A retired incarnation is dead at once." => retired;
    "heartbeat/retired_is_never_renewed": "A retired incarnation is never renewed." => retired_renewed;
    "heartbeat/retired_for_good": "A retired incarnation stays dead although the clock steps back." => retired_for_good;
    "heartbeat/retiring_nobody_changes_nothing": "A life that never began cannot be ended, and begins afterwards." => retired_nobody;
    "heartbeat/time_is_bounded": "A time-to-live outside its bounds is refused; one at them is taken." => bounds;
    "heartbeat/answers_in_order": "Each incarnation asked about is answered, in order; unknown ones are dead." => order;
};

async fn lasts(t: &Trial) -> Kept {
    let incarnation = new_incarnation();
    let end = t.beat(incarnation, 10, true).await?;
    ensure_eq!(end, t.now().after(Duration::from_secs(10)), "the end of a life of 10 s");
    t.clock.advance(Duration::from_micros(9_999_999));
    ensure_eq!(t.store.alive(&[incarnation]).await?, [true], "alive a microsecond before");
    t.clock.advance(Duration::from_micros(1));
    ensure_eq!(t.store.alive(&[incarnation]).await?, [false], "alive at the end");
    Ok(())
}

async fn prolonged(t: &Trial) -> Kept {
    let incarnation = t.living().await?;
    t.advance_seconds(6);
    let end = t.beat(incarnation, 10, false).await?;
    ensure_eq!(end, t.now().after(Duration::from_secs(10)), "the end of a prolonged life");
    t.advance_seconds(9);
    ensure_eq!(t.store.alive(&[incarnation]).await?, [true], "alive 15 s after the first heartbeat");
    Ok(())
}

async fn shortened(t: &Trial) -> Kept {
    let incarnation = t.living().await?;
    let end = t.now().after(Duration::from_secs(10));
    ensure_eq!(t.beat(incarnation, 5, false).await?, end, "the end of a life of 10 s after a heartbeat of 5 s");
    t.clock.step_back(Duration::from_secs(3));
    ensure_eq!(t.beat(incarnation, 10, false).await?, end, "the end after a heartbeat of a clock that stepped back");
    t.advance_seconds(12);
    ensure_eq!(t.store.alive(&[incarnation]).await?, [true], "alive a second before the end it had");
    Ok(())
}

async fn lapsed(t: &Trial) -> Kept {
    let incarnation = t.dead().await?;
    for _ in 0..2 {
        ensure_matches!(t.beat(incarnation, 10, false).await, Err(BeatError::Lapsed), "a heartbeat after death");
        ensure_eq!(t.store.alive(&[incarnation]).await?, [false], "alive after death");
    }
    Ok(())
}

async fn unknown(t: &Trial) -> Kept {
    let nobody = new_incarnation();
    ensure_matches!(t.beat(nobody, 10, false).await, Err(BeatError::Lapsed), "a second heartbeat without a first");
    Ok(())
}

async fn once(t: &Trial) -> Kept {
    let incarnation = t.living().await?;
    ensure_matches!(t.beat(incarnation, 10, true).await, Err(BeatError::Lapsed), "a second start");
    t.advance_seconds(11);
    ensure_matches!(t.beat(incarnation, 10, true).await, Err(BeatError::Lapsed), "a start after death");
    Ok(())
}

async fn retired(t: &Trial) -> Kept {
    let incarnation = t.living().await?;
    t.store.retire(incarnation).await?;
    ensure_eq!(t.store.alive(&[incarnation]).await?, [false], "alive after retiring");
    Ok(())
}

async fn retired_renewed(t: &Trial) -> Kept {
    let incarnation = t.living().await?;
    t.store.retire(incarnation).await?;
    for first in [false, true] {
        ensure_matches!(t.beat(incarnation, 10, first).await, Err(BeatError::Lapsed), "a retired one's heartbeat");
    }
    Ok(())
}

async fn retired_for_good(t: &Trial) -> Kept {
    let lapsed = t.living().await?;
    t.advance_seconds(11);
    t.store.retire(lapsed).await?;
    t.clock.step_back(Duration::from_secs(11));
    ensure_eq!(t.store.alive(&[lapsed]).await?, [false], "alive again by the clock");
    Ok(())
}

async fn retired_nobody(t: &Trial) -> Kept {
    let incarnation = new_incarnation();
    t.store.retire(incarnation).await?;
    t.beat(incarnation, 10, true).await?;
    ensure_eq!(t.store.alive(&[incarnation]).await?, [true], "alive after its first heartbeat");
    Ok(())
}

async fn bounds(t: &Trial) -> Kept {
    let start = async |ttl| t.store.beat(Heartbeat { incarnation: new_incarnation(), ttl, first: true }).await;
    for millis in [0, 99, 300_001] {
        let refused = start(Duration::from_millis(millis)).await;
        ensure_matches!(refused, Err(BeatError::BadTtl), "a life of {millis} ms");
    }
    for millis in [100, 300_000] {
        start(Duration::from_millis(millis)).await?;
    }
    Ok(())
}

async fn order(t: &Trial) -> Kept {
    let dead = t.dead().await?;
    let (one, two, nobody) = (t.living().await?, t.living().await?, new_incarnation());
    let asked = [two, nobody, one, dead, two, one];
    ensure_eq!(t.store.alive(&asked).await?, [true, false, true, false, true, true], "who lives");
    ensure_eq!(t.store.alive(&[]).await?.len(), 0, "the answers to no question");
    Ok(())
}
