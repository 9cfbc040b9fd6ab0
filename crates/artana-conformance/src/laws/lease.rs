//! Laws of who may write: each authority against a lease that is free, held, held by the dead, or given back.

use artana_core::{Actor, IncarnationId};
use artana_ports::{Append, AppendError, Authority, Epoch, Owner, Release};

use crate::{
    Breach, Law, Trial,
    law::{Kept, ensure, ensure_eq, ensure_matches, laws},
    writer::{Writer, late, new_incarnation},
};

pub(super) const LAWS: &[Law] = laws! {
    "lease/plain_needs_a_life": "A plain append of a dead or unknown incarnation has lapsed." => plain_dead;
    "lease/plain_is_fenced_by_the_living": "A plain append is fenced while another live incarnation holds the lease." => plain_held;
    "lease/plain_is_fenced_by_itself": "A plain append is fenced by the lease of its own incarnation." => plain_own;
    "lease/plain_passes_the_dead": "A plain append passes the lease of a dead incarnation." => plain_passes;
    "lease/taking_answers_an_epoch": "Taking a free lease grants it, under an epoch above zero." => takes;
    "lease/taking_needs_a_life": "A dead or unknown incarnation takes no lease." => take_dead;
    "lease/held_is_not_taken": "A lease that another live incarnation holds is not taken, and its owner is named." => take_held;
    "lease/dead_is_taken_over": "The lease of a dead incarnation is taken over under a higher epoch." => take_over;
    "lease/taking_again_raises_the_epoch": "The holder may take its lease again; that is another grant." => take_again;
    "lease/driver_drives": "The holder's appends pass under its epoch, one after another." => drives;
    "lease/old_epoch_is_fenced": "An append under an old epoch is fenced, naming the owner now." => old_epoch;
    "lease/old_epoch_of_the_holder_is_fenced": "The holder's own older epoch is fenced." => own_old_epoch;
    "lease/driver_needs_a_life": "The holder's appends have lapsed with its heartbeat." => driver_dead;
    "lease/driver_needs_a_lease": "An append under the epoch of a lease that was given back has lapsed." => driver_released;
    "lease/release_frees": "A released lease fences nobody and is free to take." => release;
    "lease/is_given_back_without_an_event": "An append without an event gives a lease back." => given_back;
    "lease/release_keeps_the_epoch": "The epoch goes on growing after a release." => epoch_grows;
    "lease/outside_is_never_fenced": "A person's append passes every lease." => outside;
    "lease/late_is_never_fenced": "A late outcome passes every lease." => late_passes;
};

/// Starts a run whose lease the incarnation takes.
async fn leased(t: &Trial, holder: IncarnationId) -> Result<(Writer, Epoch), Breach> {
    let mut writer = Writer::new("t", "r");
    let epoch = take(t, &mut writer, holder).await?;
    Ok((writer, epoch))
}

async fn take(t: &Trial, writer: &mut Writer, taker: IncarnationId) -> Result<Epoch, Breach> {
    let appended = writer.write_as(&*t.store, Authority::TakeLease(taker)).await?;
    appended.epoch.ok_or_else(|| Breach::new("taking a lease answered no epoch"))
}

async fn give_back(t: &Trial, writer: &mut Writer, epoch: Epoch) -> Result<(), AppendError> {
    let releases = vec![Release::Lease];
    let batch = Append { authority: Authority::Driver(epoch), releases, ..writer.batch(1) };
    writer.send(&*t.store, batch).await.map(drop)
}

/// Checks that an append is fenced by this owner.
async fn fenced(t: &Trial, writer: &Writer, authority: Authority, owner: Owner) -> Kept {
    let refused = writer.clone().write_as(&*t.store, authority.clone()).await;
    ensure_matches!(refused, Err(AppendError::Fenced { by }) if *by == owner, "{authority:?} against {owner:?}");
    Ok(())
}

/// Checks that an append has lapsed.
async fn has_lapsed(t: &Trial, writer: &Writer, authority: Authority) -> Kept {
    let refused = writer.clone().write_as(&*t.store, authority.clone()).await;
    ensure_matches!(refused, Err(AppendError::Lapsed), "{authority:?}");
    Ok(())
}

async fn plain_dead(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let incarnation = t.living().await?;
    writer.write_as(&*t.store, Authority::Plain(incarnation)).await?;
    t.advance_seconds(11);
    has_lapsed(t, &writer, Authority::Plain(incarnation)).await?;
    has_lapsed(t, &writer, Authority::Plain(new_incarnation())).await
}

async fn plain_held(t: &Trial) -> Kept {
    let (holder, other) = (t.living().await?, t.living().await?);
    let (writer, epoch) = leased(t, holder).await?;
    fenced(t, &writer, Authority::Plain(other), Owner { incarnation: holder, epoch }).await
}

async fn plain_own(t: &Trial) -> Kept {
    let holder = t.living().await?;
    let (writer, epoch) = leased(t, holder).await?;
    fenced(t, &writer, Authority::Plain(holder), Owner { incarnation: holder, epoch }).await
}

async fn plain_passes(t: &Trial) -> Kept {
    let (mut writer, _) = leased(t, t.living().await?).await?;
    t.advance_seconds(11);
    let other = t.living().await?;
    writer.write_as(&*t.store, Authority::Plain(other)).await?;
    Ok(())
}

async fn takes(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write(&*t.store, 1).await?;
    let epoch = take(t, &mut writer, t.living().await?).await?;
    ensure!(epoch > Epoch::default(), "the first epoch is 0");
    Ok(())
}

async fn take_dead(t: &Trial) -> Kept {
    let writer = Writer::new("t", "r");
    let dead = t.dead().await?;
    has_lapsed(t, &writer, Authority::TakeLease(dead)).await?;
    has_lapsed(t, &writer, Authority::TakeLease(new_incarnation())).await
}

async fn take_held(t: &Trial) -> Kept {
    let (holder, other) = (t.living().await?, t.living().await?);
    let (writer, epoch) = leased(t, holder).await?;
    fenced(t, &writer, Authority::TakeLease(other), Owner { incarnation: holder, epoch }).await
}

async fn take_over(t: &Trial) -> Kept {
    let (mut writer, first) = leased(t, t.living().await?).await?;
    t.advance_seconds(11);
    let second = take(t, &mut writer, t.living().await?).await?;
    ensure!(second > first, "taken over under epoch {second} after {first}");
    Ok(())
}

async fn take_again(t: &Trial) -> Kept {
    let holder = t.living().await?;
    let (mut writer, first) = leased(t, holder).await?;
    let second = take(t, &mut writer, holder).await?;
    ensure!(second > first, "taken again under epoch {second} after {first}");
    Ok(())
}

async fn drives(t: &Trial) -> Kept {
    let (mut writer, epoch) = leased(t, t.living().await?).await?;
    for _ in 0..3 {
        let appended = writer.write_as(&*t.store, Authority::Driver(epoch)).await?;
        ensure_eq!(appended.epoch, None, "the epoch granted to a driver");
    }
    Ok(())
}

async fn old_epoch(t: &Trial) -> Kept {
    let (mut writer, first) = leased(t, t.living().await?).await?;
    give_back(t, &mut writer, first).await?;
    let incarnation = t.living().await?;
    let epoch = take(t, &mut writer, incarnation).await?;
    fenced(t, &writer, Authority::Driver(first), Owner { incarnation, epoch }).await
}

async fn own_old_epoch(t: &Trial) -> Kept {
    let incarnation = t.living().await?;
    let (mut writer, first) = leased(t, incarnation).await?;
    take(t, &mut writer, incarnation).await?;
    let refused = writer.write_as(&*t.store, Authority::Driver(first)).await;
    ensure_matches!(refused, Err(AppendError::Fenced { by }) if by.incarnation == incarnation, "its own old epoch");
    Ok(())
}

async fn driver_dead(t: &Trial) -> Kept {
    let (writer, epoch) = leased(t, t.living().await?).await?;
    t.advance_seconds(11);
    has_lapsed(t, &writer, Authority::Driver(epoch)).await
}

async fn driver_released(t: &Trial) -> Kept {
    let (mut writer, epoch) = leased(t, t.living().await?).await?;
    give_back(t, &mut writer, epoch).await?;
    has_lapsed(t, &writer, Authority::Driver(epoch)).await
}

async fn given_back(t: &Trial) -> Kept {
    let (mut writer, epoch) = leased(t, t.living().await?).await?;
    let releases = vec![Release::Lease];
    let batch = Append { authority: Authority::Driver(epoch), releases, ..writer.batch(0) };
    let appended = t.store.append(batch).await?;
    ensure_eq!(Some(appended.head), writer.head, "the head after an append without an event");
    take(t, &mut writer, t.living().await?).await?;
    Ok(())
}

async fn release(t: &Trial) -> Kept {
    let other = t.living().await?;
    let (mut writer, epoch) = leased(t, t.living().await?).await?;
    give_back(t, &mut writer, epoch).await?;
    writer.write_as(&*t.store, Authority::Plain(other)).await?;
    take(t, &mut writer, other).await?;
    Ok(())
}

async fn epoch_grows(t: &Trial) -> Kept {
    let holder = t.living().await?;
    let (mut writer, mut last) = leased(t, holder).await?;
    for _ in 0..3 {
        give_back(t, &mut writer, last).await?;
        let epoch = take(t, &mut writer, holder).await?;
        ensure!(epoch > last, "epoch {epoch} after {last}");
        last = epoch;
    }
    Ok(())
}

/// Checks that an authority passes a free lease, a held one and a dead one's.
async fn never_fenced(t: &Trial, authority: impl Fn() -> Authority) -> Kept {
    let mut writer = Writer::new("t", "r");
    writer.write_as(&*t.store, authority()).await?;
    take(t, &mut writer, t.living().await?).await?;
    writer.write_as(&*t.store, authority()).await?;
    t.advance_seconds(11);
    writer.write_as(&*t.store, authority()).await?;
    Ok(())
}

async fn outside(t: &Trial) -> Kept {
    let operator = Actor::parse("operator").expect("a fit name");
    never_fenced(t, || Authority::Outside(operator.clone())).await
}

async fn late_passes(t: &Trial) -> Kept {
    never_fenced(t, late).await
}
