//! Laws of due runs: which are taken, in which order, and by whom.

use std::{collections::BTreeSet, time::Duration};

use artana_core::{IncarnationId, Queued, RunRef, Status};
use artana_ports::{Append, Authority, BeatError, DueQuery, Leased, Release};

use crate::{
    Breach, Law, Trial,
    law::{Kept, ensure_eq, ensure_matches, laws},
    writer::{Writer, new_incarnation},
};

pub(super) const LAWS: &[Law] = laws! {
    "due/not_before_its_time": "A queued run is taken from its time on, on the store's clock, and not before." => in_time;
    "due/left_queue_is_not_taken": "A run that has left its queue is not taken." => left_queue;
    "due/highest_priority_first": "Of due runs the one of the highest priority is taken first." => priority;
    "due/earliest_first": "Of due runs of one priority the earliest is taken first." => earliest;
    "due/limit_is_kept": "No more runs are taken than were asked for." => limit;
    "due/queues_are_chosen": "Only runs of the queues asked for are taken." => queues;
    "due/busy_queues_are_left": "Runs of the queues that are busy are not taken, even where all are asked for." => busy_queues;
    "due/busy_tenants_are_left": "Runs of the tenants that are busy are not taken." => busy_tenants;
    "due/its_place_is_told": "A taken run comes with its queue and its time." => place;
    "due/the_dead_holder_is_named": "A run that was held by a dead incarnation comes with its name, one that was given back without." => died;
    "due/held_by_the_living_is_left": "A run that a live incarnation holds is not taken." => held;
    "due/held_by_the_dead_is_taken": "A run that a dead incarnation holds is taken over." => taken_over;
    "due/lost_by_the_taker_is_taken_again": "A due run that the taker holds, and is not among those that it says it drives, is taken again by it, under a new epoch, and nobody died." => lost;
    "due/driven_by_the_taker_is_left": "A due run that the taker drives is not taken, whether it says what it drives or not." => driven;
    "due/held_by_another_is_left": "What a taker says that it drives does not free what another one holds." => of_another;
    "due/is_taken_once": "A taken run is not taken again by another." => once;
    "due/grant_drives": "The epoch and head of a taken run let its taker drive it." => drives;
    "due/taker_needs_a_life": "A dead taker takes nothing." => dead_taker;
};

/// Queues a run of some priority, due so many seconds from now.
async fn queue(t: &Trial, run: &str, priority: i64, seconds: u64) -> Result<Writer, Breach> {
    let mut writer = Writer::new("t", run);
    let due_at = t.now().after(Duration::from_secs(seconds));
    writer.view.status = Status::Queued;
    writer.view.queued = Some(Queued { queue: format!("queue of {run}"), priority, due_at });
    writer.write(&*t.store, 1).await?;
    Ok(writer)
}

async fn take_from(t: &Trial, taker: IncarnationId, queues: &[&str], limit: u32) -> Result<Vec<Leased>, BeatError> {
    let queues = queues.iter().map(|&queue| queue.to_owned()).collect();
    t.store.take_due(&DueQuery { queues, ..DueQuery::all(taker, limit) }).await
}

async fn take(t: &Trial, taker: IncarnationId) -> Result<Vec<String>, BeatError> {
    Ok(names(&take_from(t, taker, &[], 100).await?))
}

fn names(taken: &[Leased]) -> Vec<String> {
    taken.iter().map(|leased| leased.run.run.to_string()).collect()
}

async fn in_time(t: &Trial) -> Kept {
    queue(t, "r", 0, 5).await?;
    let taker = t.living().await?;
    t.clock.advance(Duration::from_micros(4_999_999));
    ensure_eq!(take(t, taker).await?.len(), 0, "runs taken a microsecond before their time");
    t.clock.advance(Duration::from_micros(1));
    ensure_eq!(take(t, taker).await?, ["r"], "runs taken at their time");
    Ok(())
}

async fn left_queue(t: &Trial) -> Kept {
    let mut writer = queue(t, "left", 0, 0).await?;
    writer.view.status = Status::Completed;
    writer.view.queued = None;
    writer.write(&*t.store, 1).await?;
    Writer::new("t", "never queued").write(&*t.store, 1).await?;
    ensure_eq!(take(t, t.living().await?).await?.len(), 0, "runs taken that are in no queue");
    Ok(())
}

async fn priority(t: &Trial) -> Kept {
    // The higher, the later they are due: all are by now.
    for (run, priority, seconds) in
        [("low", -5, 1), ("high", 9, 3), ("none", 0, 2), ("lowest", i64::MIN, 0), ("highest", i64::MAX, 4)]
    {
        queue(t, run, priority, seconds).await?;
    }
    t.advance_seconds(5);
    ensure_eq!(take(t, t.living().await?).await?, ["highest", "high", "none", "low", "lowest"], "the order of taking");
    Ok(())
}

async fn earliest(t: &Trial) -> Kept {
    for (run, seconds) in [("a", 2), ("b", 3), ("c", 1)] {
        queue(t, run, 0, seconds).await?;
    }
    t.advance_seconds(4);
    ensure_eq!(take(t, t.living().await?).await?, ["c", "a", "b"], "the order of taking");
    Ok(())
}

async fn limit(t: &Trial) -> Kept {
    for run in ["a", "b", "c"] {
        queue(t, run, 0, 0).await?;
    }
    let taker = t.living().await?;
    ensure_eq!(take_from(t, taker, &[], 0).await?.len(), 0, "runs taken under a limit of 0");
    ensure_eq!(take_from(t, taker, &[], 2).await?.len(), 2, "runs taken under a limit of 2");
    ensure_eq!(take_from(t, taker, &[], 2).await?.len(), 1, "runs that were left");
    Ok(())
}

async fn queues(t: &Trial) -> Kept {
    for run in ["a", "b", "c"] {
        queue(t, run, 0, 0).await?;
    }
    let taken = take_from(t, t.living().await?, &["queue of c", "queue of a", "queue of d"], 9).await?;
    let mut names = names(&taken);
    names.sort();
    ensure_eq!(names, ["a", "c"], "runs taken from two queues of three");
    Ok(())
}

async fn busy_queues(t: &Trial) -> Kept {
    for run in ["a", "b", "c"] {
        queue(t, run, 0, 0).await?;
    }
    let busy_queues = vec!["queue of b".to_owned()];
    let taken = t.store.take_due(&DueQuery { busy_queues, ..DueQuery::all(t.living().await?, 9) }).await?;
    ensure_eq!(names(&taken), ["a", "c"], "runs taken while the second queue is busy");
    Ok(())
}

async fn busy_tenants(t: &Trial) -> Kept {
    queue(t, "a", 0, 0).await?;
    let mut other = Writer::new("u", "b");
    other.view.status = Status::Queued;
    other.view.queued = Some(Queued { queue: "queue of b".to_owned(), priority: 0, due_at: t.now() });
    other.write(&*t.store, 1).await?;
    let (taker, busy_tenants) = (t.living().await?, vec![other.run.tenant.clone()]);
    let taken = t.store.take_due(&DueQuery { busy_tenants, ..DueQuery::all(taker, 9) }).await?;
    ensure_eq!(names(&taken), ["a"], "runs taken while the other tenant is busy");
    ensure_eq!(take(t, taker).await?, ["b"], "runs taken when it is not");
    Ok(())
}

async fn place(t: &Trial) -> Kept {
    let at = t.now().after(Duration::from_secs(3));
    queue(t, "r", 0, 3).await?;
    t.advance_seconds(5);
    let taken = take_from(t, t.living().await?, &[], 9).await?;
    let leased = taken.first().ok_or_else(|| Breach::new("the due run was not taken"))?;
    ensure_eq!((leased.queue.as_str(), leased.due_at), ("queue of r", at), "the place of the taken run");
    Ok(())
}

async fn died(t: &Trial) -> Kept {
    let (mut left, mut given) = (queue(t, "left", 0, 0).await?, queue(t, "given back", 0, 0).await?);
    let holder = t.living().await?;
    left.write_as(&*t.store, Authority::TakeLease(holder)).await?;
    let epoch = given.write_as(&*t.store, Authority::TakeLease(holder)).await?.epoch;
    let epoch = epoch.ok_or_else(|| Breach::new("taking a lease answered no epoch"))?;
    let releases = vec![Release::Lease];
    let batch = Append { authority: Authority::Driver(epoch), releases, ..given.batch(1) };
    given.send(&*t.store, batch).await?;
    t.advance_seconds(11);
    let taken = take_from(t, t.living().await?, &[], 9).await?;
    for leased in &taken {
        let died = (leased.run == left.run).then_some(holder);
        ensure_eq!(leased.died, died, "who died with run {}", leased.run.run);
    }
    Ok(())
}

async fn held(t: &Trial) -> Kept {
    let mut writer = queue(t, "r", 0, 0).await?;
    let (holder, taker) = (t.living().await?, t.living().await?);
    writer.write_as(&*t.store, Authority::TakeLease(holder)).await?;
    ensure_eq!(take(t, taker).await?.len(), 0, "runs taken from a live holder");
    Ok(())
}

async fn taken_over(t: &Trial) -> Kept {
    let mut writer = queue(t, "r", 0, 0).await?;
    let first = writer.write_as(&*t.store, Authority::TakeLease(t.living().await?)).await?.epoch;
    t.advance_seconds(11);
    let taken = take_from(t, t.living().await?, &[], 9).await?;
    ensure_matches!(&taken[..], [leased] if Some(leased.epoch) > first, "runs taken from a dead holder");
    Ok(())
}

/// Takes what is due as somebody who says what it drives.
async fn take_driving(t: &Trial, taker: IncarnationId, driving: &[&RunRef]) -> Result<Vec<Leased>, BeatError> {
    let driving: BTreeSet<RunRef> = driving.iter().map(|&run| run.clone()).collect();
    t.store.take_due(&DueQuery { driving: Some(driving), ..DueQuery::all(taker, 9) }).await
}

async fn lost(t: &Trial) -> Kept {
    queue(t, "r", 0, 0).await?;
    let taker = t.living().await?;
    let first = take_from(t, taker, &[], 9).await?;
    let again = take_driving(t, taker, &[]).await?;
    let [(Some(first), Some(again))] = [(first.first(), again.first())] else {
        return Err(Breach::new("the run was not taken twice"));
    };
    ensure_matches!(again.epoch, epoch if *epoch > first.epoch, "the epoch of the second grant");
    ensure_eq!(again.died, None, "who died");
    Ok(())
}

async fn driven(t: &Trial) -> Kept {
    let writer = queue(t, "r", 0, 0).await?;
    let taker = t.living().await?;
    ensure_eq!(take(t, taker).await?, ["r"], "runs taken at first");
    ensure_eq!(take_driving(t, taker, &[&writer.run]).await?.len(), 0, "runs taken that the taker says it drives");
    ensure_eq!(take(t, taker).await?.len(), 0, "runs taken by the taker that does not say what it drives");
    Ok(())
}

async fn of_another(t: &Trial) -> Kept {
    queue(t, "r", 0, 0).await?;
    ensure_eq!(take(t, t.living().await?).await?, ["r"], "runs taken by the first");
    ensure_eq!(take_driving(t, t.living().await?, &[]).await?.len(), 0, "runs taken by one that drives nothing");
    Ok(())
}

async fn once(t: &Trial) -> Kept {
    queue(t, "r", 0, 0).await?;
    let (one, two) = (t.living().await?, t.living().await?);
    ensure_eq!(take(t, one).await?, ["r"], "runs taken by the first");
    ensure_eq!(take(t, two).await?.len(), 0, "runs taken by the second");
    Ok(())
}

async fn drives(t: &Trial) -> Kept {
    let mut writer = queue(t, "r", 0, 0).await?;
    let taken = take_from(t, t.living().await?, &[], 9).await?;
    let leased = taken.first().ok_or_else(|| Breach::new("the due run was not taken"))?;
    ensure_eq!((&leased.run, Some(leased.head)), (&writer.run, writer.head), "the taken run and its head");
    writer.write_as(&*t.store, Authority::Driver(leased.epoch)).await?;
    Ok(())
}

async fn dead_taker(t: &Trial) -> Kept {
    queue(t, "r", 0, 0).await?;
    let dead = t.dead().await?;
    for taker in [dead, new_incarnation()] {
        ensure_matches!(take(t, taker).await, Err(BeatError::Lapsed), "a taker that does not live");
    }
    Ok(())
}
