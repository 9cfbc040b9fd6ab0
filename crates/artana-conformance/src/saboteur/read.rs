//! Stores that give back less, more or other than they were given.

use std::collections::BTreeMap;

use artana_core::{ChainHash, Head, RawText, Record, RunRef, Seq, TenantId, Timestamp};
use artana_ports::{Append, AppendError, Appended, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "chain/verifies_after_reading": "Damages the link of every 128th row." => DamagesLinks;
    "chain/head_is_the_last_row": "Answers the first head it was asked for, for ever." => RemembersTheHead;
    "read/payloads_are_exact": "Repairs payloads that are not UTF-8." => RepairsText;
    "read/texts_are_exact": "Trims spaces off kinds and steps." => TrimsText;
    "read/no_step_is_no_step": "Makes an empty step of no step." => EmptySteps;
    "read/times_are_exact": "Keeps times to the millisecond." => RoundsTimes;
    "read/pages_make_the_whole": "Loses a row of a full page in the middle of a run." => SkipsInPages;
    "read/limit_is_kept": "Takes a limit of none for one." => NoneIsOne;
    "read/page_is_bounded": "Gives every row there is." => UnboundedPages;
    "read/after_the_end_is_nothing": "Takes a large sequence for a negative one." => SignedSequences;
    "read/missing_run_has_no_rows": "Fails to go on reading a run that does not exist." => MissingIsAnError;
    "read/missing_run_has_no_head": "Has a head for every run of a tenant it knows." => HeadOfAnything;
};

#[derive(Debug, Default)]
struct DamagesLinks;

#[async_trait]
impl Mischief for DamagesLinks {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let mut rows = at.store.read(run, after, limit).await?;
        for row in rows.iter_mut().filter(|row| row.seq.get().is_multiple_of(128)) {
            row.prev_hash = ChainHash::from_bytes([0; 32]);
        }
        Ok(rows)
    }
}

#[derive(Debug, Default)]
struct RemembersTheHead(Notes<BTreeMap<RunRef, Head>>);

#[async_trait]
impl Mischief for RemembersTheHead {
    async fn head(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Head>, StoreError> {
        let head = at.store.head(run).await?;
        Ok(head.map(|head| self.0.with(|heads| *heads.entry(run.clone()).or_insert(head))))
    }
}

#[derive(Debug, Default)]
struct RepairsText;

#[async_trait]
impl Mischief for RepairsText {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let mut rows = at.store.read(run, after, limit).await?;
        for row in &mut rows {
            row.payload = String::from_utf8_lossy(&row.payload).into_owned().into_bytes();
        }
        Ok(rows)
    }
}

#[derive(Debug, Default)]
struct TrimsText;

#[async_trait]
impl Mischief for TrimsText {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let mut rows = at.store.read(run, after, limit).await?;
        for row in &mut rows {
            row.kind = RawText::new(row.kind.as_bytes().trim_ascii());
            row.step = row.step.as_ref().map(|step| RawText::new(step.as_bytes().trim_ascii()));
        }
        Ok(rows)
    }
}

#[derive(Debug, Default)]
struct EmptySteps;

#[async_trait]
impl Mischief for EmptySteps {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let mut rows = at.store.read(run, after, limit).await?;
        for row in &mut rows {
            row.step.get_or_insert(RawText::from(""));
        }
        Ok(rows)
    }
}

#[derive(Debug, Default)]
struct RoundsTimes;

#[async_trait]
impl Mischief for RoundsTimes {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let mut rows = at.store.read(run, after, limit).await?;
        for row in &mut rows {
            row.at = Timestamp::from_micros(row.at.as_micros().div_euclid(1000).saturating_mul(1000));
        }
        Ok(rows)
    }
}

#[derive(Debug, Default)]
struct SkipsInPages;

#[async_trait]
impl Mischief for SkipsInPages {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let mut rows = at.store.read(run, after, limit).await?;
        if after > Seq::ZERO && limit > 2 && rows.len() == limit as usize {
            rows.remove(1);
        }
        Ok(rows)
    }
}

#[derive(Debug, Default)]
struct NoneIsOne;

#[async_trait]
impl Mischief for NoneIsOne {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        at.store.read(run, after, limit.max(1)).await
    }
}

#[derive(Debug, Default)]
struct UnboundedPages;

#[async_trait]
impl Mischief for UnboundedPages {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let mut rows = at.store.read(run, after, limit).await?;
        while let Some(last) = rows.last().filter(|_| rows.len() < limit as usize).map(|row| row.seq) {
            let more = at.store.read(run, last, limit).await?;
            if more.is_empty() {
                break;
            }
            rows.extend(more);
        }
        Ok(rows)
    }
}

#[derive(Debug, Default)]
struct SignedSequences;

#[async_trait]
impl Mischief for SignedSequences {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let after = if i64::try_from(after.get()).is_ok() { after } else { Seq::ZERO };
        at.store.read(run, after, limit).await
    }
}

#[derive(Debug, Default)]
struct MissingIsAnError;

#[async_trait]
impl Mischief for MissingIsAnError {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        if after > Seq::ZERO && at.store.head(run).await?.is_none() {
            return Err(StoreError::Missing { place: run.to_string() });
        }
        at.store.read(run, after, limit).await
    }
}

#[derive(Debug, Default)]
struct HeadOfAnything(Notes<BTreeMap<TenantId, Head>>);

#[async_trait]
impl Mischief for HeadOfAnything {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.with(|known| known.insert(batch.run.tenant.clone(), Head { seq: Seq::ZERO, ..batch.view.head }));
        at.store.append(batch).await
    }

    async fn head(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Head>, StoreError> {
        let head = at.store.head(run).await?;
        Ok(head.or_else(|| self.0.with(|known| known.get(&run.tenant).copied())))
    }
}
