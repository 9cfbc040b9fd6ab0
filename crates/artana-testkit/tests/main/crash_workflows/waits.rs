//! Workflows that wait: for instants, signals, people, and for whichever comes first.

use std::time::Duration;

use artana_kernel::Either;
use artana_testkit::crash_twice_everywhere;
use serde_json::json;

use super::{Code, Program, call, compute, holds, once};
use crate::crash::sound;

const MINUTE: Duration = Duration::from_secs(60);

const SIGNALS: Code = |cx, out| {
    Box::pin(async move {
        let go = cx.signal::<u64>("go").await?;
        let between = compute(&cx, &out, "between", 3).await?;
        let also = cx.signal::<u64>("go").await?;
        let other = cx.signal::<u64>("other").await?;
        Ok(json!([go, between, also, other]))
    })
};

#[test]
fn a_sleep_between_effects() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let before = once(&cx, &out, "before").await?;
            cx.sleep("nap", MINUTE).await?;
            Ok(json!([before, call(&cx, "after", "send").await?]))
        })
    };
    holds(&Program::new(code), 24);
}

#[test]
fn signals_that_come_at_once() {
    let program = Program { signals: &[("go", 1), ("other", 9), ("go", 2)], ..Program::new(SIGNALS) };
    holds(&program, 18);
}

#[test]
fn a_pause_that_somebody_lifts() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let sum = compute(&cx, &out, "sum", 5).await?;
            let said = cx.pause::<String>("approve", format!("Pay {sum}?")).await?;
            Ok(json!([said, call(&cx, "pay", "send").await?]))
        })
    };
    holds(&Program::new(code), 20);
}

#[test]
fn a_step_that_wins_against_a_sleep() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let won = cx.race(call(&cx, "pay", "send"), cx.sleep("limit", MINUTE * 60)).await;
            let won = match won {
                Either::Left(paid) => paid?,
                Either::Right(late) => late.map(|()| json!("late"))?,
            };
            Ok(json!([won, compute(&cx, &out, "after", 1).await?]))
        })
    };
    holds(&Program::new(code), 18);
}

#[test]
fn a_pause_that_nobody_lifts_in_time() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            // Nobody is asked to lift it while there is a sleep that ends: the first outcome is what the sleep says.
            let won = cx.race(cx.sleep("limit", Duration::ZERO), cx.pause::<String>("approve", "now?")).await;
            let late = matches!(won, Either::Left(Ok(())));
            Ok(json!([late, compute(&cx, &out, "after", 1).await?]))
        })
    };
    holds(&Program::new(code), 14);
}

#[test]
fn a_pause_that_is_lifted_in_time() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let won = cx.race(cx.pause::<String>("approve", "now?"), cx.sleep("limit", MINUTE * 600)).await;
            let Either::Left(said) = won else { return Ok(json!("late")) };
            Ok(json!([said?, compute(&cx, &out, "after", 1).await?]))
        })
    };
    holds(&Program::new(code), 16);
}

#[test]
fn a_signal_that_lost_a_race_leaves_its_signal_to_the_next() {
    let code: Code = |cx, out| {
        Box::pin(async move {
            let won = cx.race(cx.signal::<u64>("go"), cx.sleep("limit", Duration::ZERO)).await;
            let late = matches!(won, Either::Right(Ok(())));
            let go = cx.signal::<u64>("go").await?;
            Ok(json!([late, go, compute(&cx, &out, "after", 1).await?]))
        })
    };
    holds(&Program { signals: &[("go", 7)], ..Program::new(code) }, 18);
}

#[test]
fn a_change_that_old_runs_do_not_take() {
    let before: Code = |cx, out| {
        Box::pin(async move {
            compute(&cx, &out, "old", 1).await?;
            let go = cx.signal::<u64>("go").await?;
            Ok(json!([go, once(&cx, &out, "end").await?]))
        })
    };
    let after: Code = |cx, out| {
        Box::pin(async move {
            let new = cx.patched("new path").await?;
            if new { once(&cx, &out, "new").await.map(drop) } else { compute(&cx, &out, "old", 1).await.map(drop) }?;
            let go = cx.signal::<u64>("go").await?;
            let also = cx.patched("second change").await?;
            Ok(json!([new, also, go, once(&cx, &out, "end").await?]))
        })
    };
    let signals = &[("go", 3)];
    holds(&Program { before: Some(before), signals, ..Program::new(after) }, 20);
    holds(&Program { signals, ..Program::new(after) }, 24);
}

#[test]
fn two_crashes_in_a_row() {
    let program = Program { signals: &[("go", 1), ("other", 9), ("go", 2)], ..Program::new(SIGNALS) };
    let report = sound(crash_twice_everywhere(&program), 18);
    assert!(report.worlds > 200, "only {} worlds", report.worlds);
}
