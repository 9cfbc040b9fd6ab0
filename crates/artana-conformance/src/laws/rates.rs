//! Laws of rates and latest instants: claims that look at the store's clock.

use std::time::Duration;

use artana_ports::{AppendError, Claim, ClaimDenied, Rate};

use crate::{
    Law, Trial,
    law::{Kept, ensure_matches, laws},
    writer::Writer,
};

pub(super) const LAWS: &[Law] = laws! {
    "claims/rate_fills_a_window": "A window takes as much as its limit, and no more." => fills;
    "claims/rate_windows_are_fixed": "A window begins at a multiple of its length since 1970 on the store's clock." => fixed;
    "claims/rate_counts_amounts": "A claim counts for its amount." => amounts;
    "claims/rate_denied_counts_nothing": "A denied claim uses up nothing of the window." => denied;
    "claims/rate_outlives_a_clock_that_steps_back": "A clock that steps back counts on in the window it left, and so does one that comes back to it." => steps_back;
    "claims/not_after_is_the_last_instant": "A latest instant holds up to that instant on the store's clock, and not after." => not_after;
};

const MINUTE: Duration = Duration::from_secs(60);

/// Counts an amount against a limit for a minute.
async fn count(t: &Trial, writer: &mut Writer, limit: u64, amount: u64) -> Result<(), AppendError> {
    let claim = Claim::Rate(Rate { key: "rate".to_owned(), window: MINUTE, limit, amount });
    writer.claim(&*t.store, vec![claim]).await.map(drop)
}

async fn fills(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    for _ in 0..3 {
        count(t, &mut writer, 3, 1).await?;
    }
    let denied = count(t, &mut writer, 3, 1).await;
    let told = |e: &AppendError| matches!(e, AppendError::Denied(ClaimDenied::Rate { key, limit: 3 }) if key == "rate");
    ensure_matches!(denied, Err(e) if told(e), "a fourth of three");
    Ok(())
}

async fn fixed(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    t.advance_seconds(59);
    count(t, &mut writer, 10, 10).await?;
    ensure_matches!(
        count(t, &mut writer, 10, 10).await,
        Err(AppendError::Denied(_)),
        "twice in a window's last second"
    );
    t.advance_seconds(1);
    count(t, &mut writer, 10, 10).await?;
    t.advance_seconds(58);
    let denied = count(t, &mut writer, 10, 10).await;
    ensure_matches!(denied, Err(AppendError::Denied(_)), "twice in a window, 58 s apart");
    Ok(())
}

async fn amounts(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    count(t, &mut writer, 10, 6).await?;
    ensure_matches!(count(t, &mut writer, 10, 6).await, Err(AppendError::Denied(_)), "12 of 10");
    Ok(())
}

async fn denied(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    count(t, &mut writer, 10, 6).await?;
    ensure_matches!(count(t, &mut writer, 10, 9).await, Err(AppendError::Denied(_)), "15 of 10");
    count(t, &mut writer, 10, 4).await?;
    Ok(())
}

async fn steps_back(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    count(t, &mut writer, 20, 10).await?;
    t.clock.step_back(Duration::from_secs(1));
    count(t, &mut writer, 20, 5).await?;
    let denied = count(t, &mut writer, 20, 15).await;
    ensure_matches!(denied, Err(AppendError::Denied(_)), "30 of 20, a second before the window");
    t.advance_seconds(1);
    let denied = count(t, &mut writer, 20, 10).await;
    ensure_matches!(denied, Err(AppendError::Denied(_)), "25 of 20, back in the window");
    Ok(())
}

async fn not_after(t: &Trial) -> Kept {
    let mut writer = Writer::new("t", "r");
    let latest = t.now();
    writer.claim(&*t.store, vec![Claim::NotAfter(latest)]).await?;
    t.clock.advance(Duration::from_micros(1));
    let denied = writer.claim(&*t.store, vec![Claim::NotAfter(latest)]).await;
    let told = |e: &AppendError| matches!(e, AppendError::Denied(ClaimDenied::NotAfter));
    ensure_matches!(denied, Err(e) if told(e), "an instant that has passed");
    Ok(())
}
