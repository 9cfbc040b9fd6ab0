//! The data of a store in memory, and the one transaction on it: everything is checked before anything changes.

use std::collections::BTreeMap;

use artana_core::{Digest, EventId, Head, Record, RunId, RunKey, RunRef, RunView, TenantId, TenantKey, Timestamp};
use artana_ports::{Append, AppendError, Appended, Claim, DueQuery, Leased, Release};

use super::{
    claims::Claims,
    lease::{Lease, Lives},
};

/// Everything a store keeps.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) tenants: BTreeMap<TenantId, Tenant>,
    pub(super) lives: Lives,
}

/// Everything of one tenant.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) runs: BTreeMap<RunId, Run>,
    families: BTreeMap<RunId, Family>,
    claims: Claims,
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
        self.tenants.get(tenant)?.claims.holder(key)
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
        let actual: Option<Head> = run.map(|run| run.view.head);
        if actual != batch.expected {
            return Err(AppendError::Conflict { actual });
        }
        let mut lease = run.map(|run| run.lease).unwrap_or_default();
        let epoch = lease.admit(&batch.authority, &self.lives, now)?;
        if batch.releases.contains(&Release::Lease) {
            lease.release();
        }
        let tenant = self.tenants.get(&batch.run.tenant);
        let claims = changed_claims(tenant, &batch.claims, &batch.releases, now)?;

        let head = batch.view.head;
        self.commit(batch, lease, claims);
        Ok(Appended { head, epoch })
    }

    /// Writes what was checked. Nothing here can fail.
    fn commit(&mut self, batch: Append, lease: Lease, claims: Option<Claims>) {
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
        let lives = &self.lives;
        let mut due: Vec<(&TenantId, &RunId, &mut Run)> = self
            .tenants
            .iter_mut()
            .flat_map(|(tenant, data)| data.runs.iter_mut().map(move |(id, run)| (tenant, id, run)))
            .filter(|(tenant, id, run)| run.is_due(tenant, query, now) && run.is_free((tenant, id), query, lives, now))
            .collect();
        due.sort_by_key(|(_, _, run)| {
            run.view.queued.as_ref().map(|queued| (-i128::from(queued.priority), queued.due_at))
        });
        let taken = due.into_iter().take(query.limit as usize);
        taken
            .filter_map(|(tenant, id, run)| {
                let place = run.view.queued.clone()?;
                Some(Leased {
                    run: RunRef::new(tenant.clone(), id.clone()),
                    died: run.lease.owner().map(|owner| owner.incarnation).filter(|owner| *owner != query.taker),
                    epoch: run.lease.grant(query.taker),
                    head: run.view.head,
                    due_at: place.due_at,
                    queue: place.queue,
                })
            })
            .collect()
    }
}

impl Run {
    /// Nobody alive holds it, or the taker does and knows nothing of it.
    fn is_free(&self, (tenant, id): (&TenantId, &RunId), query: &DueQuery, lives: &Lives, now: Timestamp) -> bool {
        let holder = self.lease.live_owner(lives, now);
        holder.is_none_or(|by| query.retakes(&RunRef::new(tenant.clone(), id.clone()), by.incarnation))
    }

    fn is_due(&self, tenant: &TenantId, query: &DueQuery, now: Timestamp) -> bool {
        let queued = self.view.queued.as_ref();
        queued.is_some_and(|queued| queued.due_at <= now && query.wants(tenant, &queued.queue))
    }
}

/// Returns a tenant's claims as a batch would leave them, if it touches any.
fn changed_claims(
    tenant: Option<&Tenant>,
    claims: &[Claim],
    releases: &[Release],
    now: Timestamp,
) -> Result<Option<Claims>, AppendError> {
    if claims.is_empty() && releases.is_empty() {
        return Ok(None);
    }
    let mut changed = tenant.map(|tenant| tenant.claims.clone()).unwrap_or_default();
    releases.iter().for_each(|release| changed.release(release));
    for claim in claims {
        changed.claim(claim, now)?;
    }
    Ok(Some(changed))
}
