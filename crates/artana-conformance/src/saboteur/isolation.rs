//! Stores that confuse tenants, or names that are nearly the same.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use artana_core::{Digest, EventId, Head, Record, RunKey, RunRef, Seq, TenantId, TenantKey, verify::Stored};
use artana_ports::{Append, AppendError, Appended, Authority, Claim, ClaimDenied, Page, RunQuery, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Leases, Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "isolation/events": "Reads another tenant's run of the same id." => SharesEvents;
    "isolation/heads": "Answers the head of another tenant's run of the same id." => SharesHeads;
    "isolation/content": "Answers another tenant's content of the same run." => SharesContent;
    "isolation/run_keys": "Answers the key of another tenant's run of the same id." => SharesRunKeys;
    "isolation/tenant_keys": "Has one key for all tenants." => OneKeyForAll;
    "isolation/claims": "Holds a unique key for all tenants." => SharesClaims;
    "isolation/listing": "Lists all tenants' runs." => ListsAll;
    "isolation/leases": "Holds a lease for all runs of the same id." => SharesLeases;
    "isolation/separators": "Joins the names of tenant and run with a slash." => JoinsNames;
    "isolation/names_are_bytes": "Finds runs whatever the case of their ids." => IgnoresCase;
    "isolation/names_are_not_code": "Fails on ids with a quote." => ExecutesNames;
};

/// The runs there are.
#[derive(Debug, Default)]
struct Known(Notes<BTreeSet<RunRef>>);

impl Known {
    fn note(&self, run: &RunRef) {
        self.0.with(|runs| runs.insert(run.clone()));
    }

    fn like(&self, alike: impl Fn(&RunRef) -> bool) -> Vec<RunRef> {
        self.0.with(|runs| runs.iter().filter(|run| alike(run)).cloned().collect())
    }

    /// Reads a run or, where it is empty, one like it.
    async fn read_any(
        &self,
        at: Scene<'_>,
        run: &RunRef,
        (after, limit): (Seq, u32),
        alike: impl Fn(&RunRef) -> bool,
    ) -> Result<Vec<Record>, StoreError> {
        let mut rows = at.store.read(run, after, limit).await?;
        for other in self.like(alike) {
            if rows.is_empty() {
                rows = at.store.read(&other, after, limit).await?;
            }
        }
        Ok(rows)
    }
}

#[derive(Debug, Default)]
struct SharesEvents(Known);

#[async_trait]
impl Mischief for SharesEvents {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.note(&batch.run);
        at.store.append(batch).await
    }

    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.0.read_any(at, run, (after, limit), |other| other.run == run.run).await
    }
}

#[derive(Debug, Default)]
struct SharesHeads(Known);

#[async_trait]
impl Mischief for SharesHeads {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.note(&batch.run);
        at.store.append(batch).await
    }

    async fn head(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Head>, StoreError> {
        let mut head = at.store.head(run).await?;
        for other in self.0.like(|other| other.run == run.run) {
            head = head.or(at.store.head(&other).await?);
        }
        Ok(head)
    }
}

#[derive(Debug, Default)]
struct SharesContent(Known);

#[async_trait]
impl Mischief for SharesContent {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.note(&batch.run);
        at.store.append(batch).await
    }

    async fn content(&self, at: Scene<'_>, root: &RunRef, digests: &[Digest]) -> Result<Vec<Stored>, StoreError> {
        let mut stored = at.store.content(root, digests).await?;
        for other in self.0.like(|other| other.run == root.run) {
            for (mine, theirs) in stored.iter_mut().zip(at.store.content(&other, digests).await?) {
                if *mine == Stored::Missing {
                    *mine = theirs;
                }
            }
        }
        Ok(stored)
    }
}

#[derive(Debug, Default)]
struct SharesRunKeys(Known);

#[async_trait]
impl Mischief for SharesRunKeys {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.note(&batch.run);
        at.store.append(batch).await
    }

    async fn run_key(&self, at: Scene<'_>, root: &RunRef) -> Result<Option<RunKey>, StoreError> {
        let mut key = at.store.run_key(root).await?;
        for other in self.0.like(|other| other.run == root.run) {
            key = key.or(at.store.run_key(&other).await?);
        }
        Ok(key)
    }
}

#[derive(Debug, Default)]
struct OneKeyForAll(Notes<Option<TenantKey>>);

#[async_trait]
impl Mischief for OneKeyForAll {
    async fn tenant_key(
        &self,
        at: Scene<'_>,
        tenant: &TenantId,
        candidate: Option<TenantKey>,
    ) -> Result<Option<TenantKey>, StoreError> {
        let key = at.store.tenant_key(tenant, candidate).await?;
        Ok(key.map(|key| self.0.with(|one| one.get_or_insert(key).clone())))
    }
}

#[derive(Debug, Default)]
struct SharesClaims(Notes<BTreeMap<String, (TenantId, EventId)>>);

#[async_trait]
impl Mischief for SharesClaims {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        for claim in &batch.claims {
            let Claim::Unique { key, holder } = claim else { continue };
            let mine = (batch.run.tenant.clone(), *holder);
            let (tenant, holder) = self.0.with(|keys| keys.entry(key.clone()).or_insert(mine).clone());
            if tenant != batch.run.tenant {
                return Err(ClaimDenied::Unique { key: key.clone(), holder }.into());
            }
        }
        at.store.append(batch).await
    }
}

#[derive(Debug, Default)]
struct ListsAll(Known);

#[async_trait]
impl Mischief for ListsAll {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.note(&batch.run);
        at.store.append(batch).await
    }

    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut page = at.store.runs(query).await?;
        for other in self.0.like(|other| other.tenant != query.tenant) {
            page.items.extend(at.store.view(&other).await?);
        }
        Ok(page)
    }
}

#[derive(Debug, Default)]
struct SharesLeases(Leases);

#[async_trait]
impl Mischief for SharesLeases {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        let held = self.0.all().into_iter().find(|(run, _)| run.run == batch.run.run && run.tenant != batch.run.tenant);
        if let (Authority::Plain(_), Some((_, by))) = (&batch.authority, held) {
            return Err(AppendError::Fenced { by });
        }
        let answer = at.store.append(batch.clone()).await;
        self.0.note(&batch, &answer);
        answer
    }
}

#[derive(Debug, Default)]
struct JoinsNames(Known);

#[async_trait]
impl Mischief for JoinsNames {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.note(&batch.run);
        at.store.append(batch).await
    }

    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let joined = run.to_string();
        self.0.read_any(at, run, (after, limit), |other| other.to_string() == joined).await
    }
}

#[derive(Debug, Default)]
struct IgnoresCase(Known);

#[async_trait]
impl Mischief for IgnoresCase {
    async fn append(&self, at: Scene<'_>, batch: Append) -> Result<Appended, AppendError> {
        self.0.note(&batch.run);
        at.store.append(batch).await
    }

    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        let (tenant, name) = (&run.tenant, run.run.as_str().to_lowercase());
        let alike = |other: &RunRef| other.tenant == *tenant && other.run.as_str().to_lowercase() == name;
        self.0.read_any(at, run, (after, limit), alike).await
    }
}

#[derive(Debug, Default)]
struct ExecutesNames;

#[async_trait]
impl Mischief for ExecutesNames {
    async fn read(&self, at: Scene<'_>, run: &RunRef, after: Seq, limit: u32) -> Result<Vec<Record>, StoreError> {
        if run.run.as_str().contains('\'') {
            return Err(StoreError::Unavailable { reason: "a syntax error".to_owned() });
        }
        at.store.read(run, after, limit).await
    }
}
