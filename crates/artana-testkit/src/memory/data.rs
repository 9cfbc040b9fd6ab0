//! The data of a store in memory, and the one transaction on it: everything is checked before anything changes.

use std::collections::BTreeMap;

use artana_core::{Digest, EventId, Record, RunId, RunKey, RunRef, RunView, TenantId, TenantKey, Timestamp};
use artana_ports::{Append, AppendError, Appended, DueQuery, Holdings, Lease, Leased, Page, RunQuery};

use super::lives::Lives;

/// Everything a store keeps.
#[derive(Debug, Default)]
pub(super) struct Data {
    tenants: BTreeMap<TenantId, Tenant>,
    pub(super) lives: Lives,
}

/// Everything of one tenant.
#[derive(Debug, Default)]
struct Tenant {
    runs: BTreeMap<RunId, Run>,
    families: BTreeMap<RunId, Family>,
    claims: Holdings,
    key: Option<TenantKey>,
}

/// A run: its row, its events and its lease.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) view: RunView,
    pub(super) events: Vec<Record>,
    lease: Lease,
}

/// What the runs of a fork family share.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) key: Option<RunKey>,
    pub(super) vault: BTreeMap<Digest, Vec<u8>>,
}

impl Data {
    pub(super) fn run(&self, run: &RunRef) -> Option<&Run> {
        self.tenants.get(&run.tenant)?.runs.get(&run.run)
    }

    pub(super) fn family(&self, root: &RunRef) -> Option<&Family> {
        self.tenants.get(&root.tenant)?.families.get(&root.run)
    }

    pub(super) fn holder(&self, tenant: &TenantId, key: &str) -> Option<EventId> {
        self.tenants.get(tenant)?.claims.unique.get(key).copied()
    }

    pub(super) fn tenant_count(&self) -> usize {
        self.tenants.len()
    }

    pub(super) fn run_count(&self) -> usize {
        self.tenants.values().map(|tenant| tenant.runs.len()).sum()
    }

    /// Returns a tenant's key; without one, the candidate becomes it.
    pub(super) fn tenant_key(&mut self, tenant: &TenantId, candidate: Option<TenantKey>) -> Option<TenantKey> {
        match (self.tenants.get(tenant).and_then(|tenant| tenant.key.clone()), candidate) {
            (Some(key), _) => Some(key),
            (None, None) => None,
            (None, Some(candidate)) => {
                self.tenants.entry(tenant.clone()).or_default().key.insert(candidate).clone().into()
            }
        }
    }

    /// Commits a batch whose bounds were checked.
    pub(super) fn append(&mut self, batch: Append, now: Timestamp) -> Result<Appended, AppendError> {
        let run = self.run(&batch.run);
        batch.check_head(run.map(|run| run.view.head))?;
        let before = run.map(|run| run.lease).unwrap_or_default();
        let lease = before.after(&batch, |incarnation| Ok(self.lives.alive(incarnation, now)))?;
        let claims = self.changed_claims(&batch, now)?;

        let appended = batch.appended(lease);
        self.commit(batch, lease, claims);
        Ok(appended)
    }

    /// Returns the claims of a tenant as a batch leaves them, if it touches any.
    fn changed_claims(&self, batch: &Append, now: Timestamp) -> Result<Option<Holdings>, AppendError> {
        if batch.claims.is_empty() && batch.releases.is_empty() {
            return Ok(None);
        }
        let tenant = self.tenants.get(&batch.run.tenant);
        let claims = tenant.map(|tenant| tenant.claims.clone()).unwrap_or_default();
        Ok(Some(claims.after(batch, now)?))
    }

    /// Writes what was checked. Nothing here can fail.
    fn commit(&mut self, batch: Append, lease: Lease, claims: Option<Holdings>) {
        let tenant = self.tenants.entry(batch.run.tenant).or_default();
        if let Some(claims) = claims {
            tenant.claims = claims;
        }
        if !batch.content.is_empty() || batch.run_key.is_some() {
            let family = tenant.families.entry(batch.view.root.clone()).or_default();
            family.key = family.key.take().or(batch.run_key);
            for content in batch.content {
                family.vault.entry(content.digest).or_insert(content.bytes);
            }
        }
        match tenant.runs.get_mut(&batch.run.run) {
            Some(run) => {
                run.events.extend(batch.events);
                run.view = batch.view;
                run.lease = lease;
            }
            None => {
                tenant.runs.insert(batch.run.run, Run { view: batch.view, events: batch.events, lease });
            }
        }
    }

    /// Takes the leases of due runs for a taker that lives.
    pub(super) fn take_due(&mut self, query: &DueQuery, now: Timestamp) -> Vec<Leased> {
        let runs = self.tenants.values().flat_map(|tenant| tenant.runs.values());
        let leases = runs.map(|run| (&run.view, run.lease));
        let chosen = query.choose(leases, now, |incarnation| self.lives.alive(incarnation, now));
        for Leased { run, .. } in &chosen {
            let run = self.tenants.get_mut(&run.tenant).and_then(|tenant| tenant.runs.get_mut(&run.run));
            let lease = &mut run.expect("a run that was chosen is there").lease;
            *lease = lease.granted_to(query.taker);
        }
        chosen
    }

    /// Returns a page of a tenant's runs.
    pub(super) fn page(&self, query: &RunQuery) -> Page {
        let runs = self.tenants.get(&query.tenant).into_iter().flat_map(|tenant| tenant.runs.values());
        query.page(runs.map(|run| &run.view))
    }
}
