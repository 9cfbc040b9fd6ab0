//! The first event of a run, or of a fork. Of many racing starters exactly one writes it.

use std::sync::Arc;

use artana_core::{
    Content, ContentRef, ContentType, Draft, Event, Genesis, Head, RunId, RunKey, RunRef, RunState, Seq, Stamp, Tenant,
    event::{GenesisFields, Lineage, RunEnqueued, RunStarted, WorkflowStarted},
    seal,
};
use artana_ports::{Append, AppendError, Authority};

use crate::{
    Error, Kernel, Run,
    error::{append_failed, kernel_actor},
    journal::Journal,
    send::{event_after, send},
};

/// What is known of a run at its beginning.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    pub(crate) lineage: Option<Lineage>,
    pub(crate) workflow: Option<WorkflowStarted>,
    pub(crate) enqueued: Option<RunEnqueued>,
    /// What the run's code is given, in canonical JSON.
    pub(crate) input: Option<Vec<u8>>,
}

impl Beginning {
    fn input(&self, key: &RunKey) -> (Option<ContentRef>, Option<Content>) {
        let Some(bytes) = self.input.clone() else { return (None, None) };
        let digest = key.digest(&bytes);
        let reference = ContentRef { digest, len: bytes.len() as u64, kind: ContentType::Json };
        (Some(reference), Some(Content { digest, bytes }))
    }
}

impl Kernel {
    /// Starts a run under an id, or under one the kernel makes.
    ///
    /// # Errors
    ///
    /// [`Error::RunExists`] when the tenant has such a run already; of many racing starters one wins.
    pub async fn start_run<'a>(&self, tenant: &Tenant, id: impl Into<Option<&'a str>>) -> Result<Run, Error> {
        let id = match id.into() {
            Some(id) => RunId::parse(id)?,
            None => RunId::parse(self.0.event_id(self.0.clock.now()).to_string())?,
        };
        self.begin(tenant, RunRef::new(tenant.id()?.clone(), id), Beginning::default()).await
    }

    /// Starts a run with what is known of it at its beginning.
    pub(crate) async fn begin(&self, tenant: &Tenant, run: RunRef, beginning: Beginning) -> Result<Run, Error> {
        let _busy = self.0.enter()?;
        let tenant_key = self.tenant_key(&run.tenant).await?;
        let key = RunKey::from_bytes(self.random());
        let genesis = Genesis::root(run.clone(), key.id());
        let (input, content) = beginning.input(&key);
        let workflow = beginning.workflow.map(|workflow| WorkflowStarted { input, ..workflow });
        let started = RunStarted {
            capabilities: tenant.capabilities().clone(),
            flags: Default::default(),
            genesis: GenesisFields::from(&genesis),
            labels: tenant.labels().clone(),
            limits: tenant.bounds(),
            lineage: beginning.lineage,
            tenant_key_id: tenant_key.id(),
            workflow,
        };
        let (mut state, first) = self.first_event(&genesis, started, None)?;
        let mut events = vec![first];
        if let Some(enqueued) = beginning.enqueued {
            events.push(self.next_event(&mut state, enqueued)?);
        }
        match self.append_first(&state, events, content, Some(key.clone())).await {
            Ok(()) => {}
            Err(AppendError::Conflict { .. }) => return Err(Error::RunExists { run }),
            Err(error) => return Err(append_failed(&run, error)),
        }
        let journal = self.0.keep(Journal::new(Arc::clone(&self.0), state, &key));
        Ok(Run::new(journal, tenant.clone()))
    }

    /// A conflict may be with our own start, whose commit went unseen.
    async fn append_first(
        &self,
        state: &RunState,
        events: Vec<Event>,
        content: Option<Content>,
        key: Option<RunKey>,
    ) -> Result<(), AppendError> {
        let run = state.run().clone();
        let append = Append {
            run: run.clone(),
            expected: None,
            authority: Authority::Outside(kernel_actor()),
            events: events.iter().map(|event| event.record().clone()).collect(),
            content: content.into_iter().collect(),
            claims: Vec::new(),
            releases: Vec::new(),
            view: state.view(),
            run_key: key,
        };
        let sent = match send(&self.0, append).await {
            Err(AppendError::Conflict { .. })
                if event_after(&self.0, &run, Seq::ZERO).await? == events.first().map(Event::id) =>
            {
                Ok(())
            }
            known => known.map(drop),
        };
        if sent.is_ok() {
            self.0.observed(&run, events.iter());
        }
        sent
    }

    /// Starts a fork with what its parent has been given since; one that is there already is left as it is.
    pub(crate) async fn start_fork(
        &self,
        parent: &RunState,
        genesis: Genesis,
        started: RunStarted,
    ) -> Result<(), Error> {
        let started = RunStarted { genesis: GenesisFields::from(&genesis), ..started };
        let (mut state, first) = self.first_event(&genesis, started, Some(parent))?;
        let mut events = vec![first];
        // A fork of a run that workers drive is theirs to drive too.
        if let Some(enqueued) = parent.enqueued().cloned() {
            events.push(self.next_event(&mut state, enqueued)?);
        }
        match self.append_first(&state, events, None, None).await {
            Ok(()) | Err(AppendError::Conflict { .. }) => Ok(()),
            Err(error) => Err(append_failed(&genesis.run, error)),
        }
    }

    fn next_event(&self, state: &mut RunState, enqueued: RunEnqueued) -> Result<Event, Error> {
        let at = self.0.clock.now();
        let stamp = Stamp { id: self.0.event_id(at), at };
        let event = seal(state.run(), &state.head(), Draft::new(None, enqueued)?, stamp);
        state.apply(&event)?;
        Ok(event)
    }

    fn first_event(
        &self,
        genesis: &Genesis,
        started: RunStarted,
        parent: Option<&RunState>,
    ) -> Result<(RunState, Event), Error> {
        let at = self.0.clock.now();
        let stamp = Stamp { id: self.0.event_id(at), at };
        let before = Head { seq: Seq::ZERO, hash: genesis.hash() };
        let event = seal(&genesis.run, &before, Draft::new(None, started)?, stamp);
        let state = RunState::start(&genesis.run, &event, parent)?;
        Ok((state, event))
    }
}
