//! The kernel: opens runs, lists them, and lets go of the store. What it shares with its runs is in `shared`.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use artana_core::{Actor, RunId, RunRef, RunState, Tenant, TenantId, TenantKey, event::GrantGiven};
use artana_ports::{EventStore, Finding, Page, RunQuery, StoreInfo};

use crate::{
    Error, KernelBuilder, Run,
    journal::{Capacity, Journal, Plan},
    load,
    shared::Shared,
};

/// A durable execution kernel over one store.
///
/// Cloning is cheap and shares everything. Dropping the last clone without [`Kernel::close`] is a
/// crash, which is safe: nothing that was acknowledged is lost.
#[derive(Debug, Clone)]
pub struct Kernel(pub(crate) Arc<Shared>);

impl Kernel {
    /// Begins a kernel over a store.
    pub fn builder(store: impl EventStore) -> KernelBuilder {
        Self::builder_shared(Arc::new(store))
    }

    /// Begins a kernel over a store that is shared with others.
    #[must_use]
    pub fn builder_shared(store: Arc<dyn EventStore>) -> KernelBuilder {
        KernelBuilder::new(store)
    }

    /// Opens a run.
    ///
    /// # Errors
    ///
    /// [`Error::RunNotFound`] when the tenant has no such run, [`Error::ExceedsBound`] when the tenant
    /// asks for more than the run was bound to, [`Error::Damaged`] when its ledger does not verify.
    pub async fn open_run(&self, tenant: &Tenant, id: &str) -> Result<Run, Error> {
        self.0.open()?;
        let run = RunRef::new(tenant.id()?.clone(), RunId::parse(id)?);
        let journal = self.journal(&run).await?;
        let exceeds = || journal.with_state(|state| tenant.exceeds(state.capabilities(), &state.limits()));
        if exceeds().is_some() {
            // Somebody may have granted it since this process last read.
            journal.refresh().await?;
        }
        match exceeds() {
            Some(what) => Err(Error::ExceedsBound { run, what }),
            None => Ok(Run::new(journal, tenant.clone())),
        }
    }

    /// Opens a run, or starts it if the tenant has no such run.
    ///
    /// # Errors
    ///
    /// As for [`Kernel::open_run`].
    pub async fn run(&self, tenant: &Tenant, id: &str) -> Result<Run, Error> {
        match self.open_run(tenant, id).await {
            Err(Error::RunNotFound { .. }) => {}
            other => return other,
        }
        match self.start_run(tenant, id).await {
            Err(Error::RunExists { .. }) => self.open_run(tenant, id).await,
            other => other,
        }
    }

    pub(crate) async fn journal(&self, run: &RunRef) -> Result<Arc<Journal>, Error> {
        if let Some(journal) = self.0.cached(run) {
            return Ok(journal);
        }
        let store = &*self.0.store;
        let state = load::load(store, run).await?;
        let key = load::family_key(store, state.genesis()).await?;
        Ok(self.0.keep(Journal::new(Arc::clone(&self.0), state, &key)))
    }

    /// Gives a run all capabilities and limits of `tenant`, and records who did.
    ///
    /// # Errors
    ///
    /// [`Error::RunNotFound`]; [`Error::Ended`] when the run has ended.
    pub async fn grant(&self, tenant: &Tenant, id: &str, by: Actor) -> Result<(), Error> {
        self.0.open()?;
        let run = RunRef::new(tenant.id()?.clone(), RunId::parse(id)?);
        let journal = self.journal(&run).await?;
        journal.refresh().await?;
        let grant = GrantGiven { by: by.clone(), capabilities: tenant.capabilities().clone(), limits: tenant.bounds() };
        let decide = move |state: &RunState, facts: &crate::journal::Facts<'_>| {
            crate::control::drivable(state)?;
            if state.status().is_finished() {
                return Err(Error::Ended { run: state.run().clone(), status: state.status() });
            }
            Plan::default().event(facts.id(), None, grant.clone())
        };
        journal.append_detached(Capacity::Outside(by), None, decide).await.map(drop)
    }

    /// Lists a tenant's runs, a page at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn runs(&self, query: &RunQuery) -> Result<Page, Error> {
        self.0.open()?;
        Ok(self.0.store.runs(query).await?)
    }

    /// Describes the store and how durable an acknowledged append is.
    #[must_use]
    pub fn store_info(&self) -> StoreInfo {
        self.0.store.info()
    }

    /// Looks for what is wrong with the store as a whole.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn doctor(&self) -> Result<Vec<Finding>, Error> {
        self.0.open()?;
        Ok(self.0.store.doctor().await?)
    }

    /// Finishes what is in flight, ends the heartbeat and closes the store. Later calls answer [`Error::Closed`].
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn close(&self) -> Result<(), Error> {
        if self.0.closed.swap(true, Ordering::AcqRel) {
            return Err(Error::Closed);
        }
        self.0.closing.cancel();
        self.0.lifeline.idle().await;
        let retired = self.0.lifeline.retire().await;
        self.0.journals.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.0.store.close().await?;
        retired
    }

    pub(crate) async fn tenant_key(&self, tenant: &TenantId) -> Result<TenantKey, Error> {
        if let Some(key) = self.0.store.tenant_key(tenant, None).await? {
            return Ok(key);
        }
        let candidate = TenantKey::from_bytes(self.random());
        let kept = self.0.store.tenant_key(tenant, Some(candidate)).await?;
        kept.ok_or_else(|| Error::Internal("the store kept no tenant key".into()))
    }

    pub(crate) fn random(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.entropy.fill(&mut bytes);
        bytes
    }
}
