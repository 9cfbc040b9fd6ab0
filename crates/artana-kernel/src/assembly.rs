//! What entries plan, and the append that a batch of them becomes. An event that the fold does not
//! admit is never written; nothing here reads or sends anything.

use artana_core::{
    Content, Draft, Event, EventId, FoldError, IncarnationId, Projection, RunState, Stamp, StepKey, Timestamp,
    event::Body,
    limits::{MAX_APPEND_BYTES, MAX_CLAIMS, MAX_PAYLOAD_BYTES},
    seal,
};
use artana_ports::{Append, Authority, Claim, Release};

use crate::{Error, shared::Shared};

/// What an entry decides on, besides the fold.
pub(crate) struct Facts<'a> {
    pub(crate) incarnation: IncarnationId,
    pub(crate) now: Timestamp,
    shared: &'a Shared,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(incarnation: IncarnationId, now: Timestamp, shared: &'a Shared) -> Self {
        Self { incarnation, now, shared }
    }

    /// Makes an event id.
    pub(crate) fn id(&self) -> EventId {
        self.shared.event_id(self.now)
    }

    /// Makes a random number.
    pub(crate) fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        self.shared.entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// What an entry wants appended.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The drafts, each with its event's id.
    pub(crate) drafts: Vec<(EventId, Draft)>,
    /// The content they refer to.
    pub(crate) content: Vec<Content>,
    /// What must hold across runs.
    pub(crate) claims: Vec<Claim>,
    /// Whether whoever drives the run gives back its lease.
    pub(crate) releases: bool,
    /// Whether it is appended to take the run's lease, whatever else is in it.
    takes_lease: bool,
    /// Whether something begins with it that has an effect.
    pub(crate) begins: bool,
}

impl Plan {
    /// Takes the run's lease, even where nothing is to be recorded.
    pub(crate) fn takes_lease(mut self) -> Self {
        self.takes_lease = true;
        self
    }

    /// Gives back the run's lease.
    pub(crate) fn release(mut self) -> Self {
        self.releases = true;
        self
    }

    /// Adds an event of a step, or of the run itself.
    pub(crate) fn event(mut self, id: EventId, step: Option<&StepKey>, body: impl Into<Body>) -> Result<Self, Error> {
        let body = body.into();
        self.begins |= begins(&body);
        self.drafts.push((id, Draft::new(step.cloned(), body)?));
        Ok(self)
    }

    /// Adds content.
    pub(crate) fn content(mut self, content: impl IntoIterator<Item = Content>) -> Self {
        self.content.extend(content);
        self
    }

    /// Adds what must hold across runs for the plan to be appended.
    pub(crate) fn claim(mut self, claim: Option<Claim>) -> Self {
        self.claims.extend(claim);
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.drafts.is_empty() && !self.releases && !self.takes_lease
    }

    fn bytes(&self) -> usize {
        self.content.iter().map(|content| content.bytes.len()).sum::<usize>() + self.drafts.len() * MAX_PAYLOAD_BYTES
    }
}

/// Returns whether something begins with an event that a run which is stopped does not begin.
fn begins(body: &Body) -> bool {
    matches!(body, Body::ToolRequested(_) | Body::ModelRequested(_) | Body::StepRequested(_) | Body::ChildStarted(_))
}

/// A batch ready to be sent, and the events each of its entries gets back.
pub(crate) struct Sealed {
    pub(crate) append: Append,
    pub(crate) events: Vec<Vec<Event>>,
}

/// A batch being put together.
pub(crate) struct Assembly<'a> {
    state: &'a RunState,
    projection: Projection<'a>,
    bytes: usize,
    events: Vec<Vec<Event>>,
    content: Vec<Content>,
    claims: Vec<Claim>,
    releases: bool,
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(state: &'a RunState) -> Self {
        Self {
            state,
            projection: state.project(),
            bytes: 0,
            events: Vec::new(),
            content: Vec::new(),
            claims: Vec::new(),
            releases: false,
        }
    }

    pub(crate) fn has_room_for(&self, plan: &Plan) -> bool {
        let fits = self.bytes + plan.bytes() <= MAX_APPEND_BYTES && self.claims.len() + plan.claims.len() <= MAX_CLAIMS;
        self.events.is_empty() || fits
    }

    /// Seals a plan after what is there already, or leaves everything as it was.
    pub(crate) fn add(&mut self, plan: Plan, at: Timestamp) -> Result<(), Error> {
        let bytes = plan.bytes();
        let mut projection = self.projection.clone();
        let mut events = Vec::with_capacity(plan.drafts.len());
        for (id, draft) in plan.drafts {
            events.push(sealed(self.state, &mut projection, draft, Stamp { id, at })?);
        }
        self.projection = projection;
        self.bytes += bytes;
        self.events.push(events);
        self.content.extend(plan.content);
        self.claims.extend(plan.claims);
        self.releases |= plan.releases;
        Ok(())
    }

    /// Ends a closing run with the batch after which nothing is under way.
    pub(crate) fn close(&mut self, facts: &Facts<'_>) {
        let Some(last) = self.events.last_mut() else { return };
        let Some(finished) = self.projection.closes() else { return };
        let draft = Draft::new(None, finished).expect("the payload is a few bytes");
        let stamp = Stamp { id: facts.id(), at: facts.now };
        let event = sealed(self.state, &mut self.projection, draft, stamp).expect("the projection said that it closes");
        last.push(event);
    }

    pub(crate) fn finish(self, authority: Authority) -> Sealed {
        let append = Append {
            run: self.state.run().clone(),
            expected: Some(self.state.head()),
            authority,
            events: self.events.iter().flatten().map(|event| event.record().clone()).collect(),
            content: self.content,
            claims: self.claims,
            releases: self.releases.then_some(Release::Lease).into_iter().collect(),
            view: self.projection.view(),
            run_key: None,
        };
        Sealed { append, events: self.events }
    }
}

fn sealed(state: &RunState, projection: &mut Projection<'_>, draft: Draft, stamp: Stamp) -> Result<Event, Error> {
    let event = seal(state.run(), &projection.head(), draft, stamp);
    projection.apply(&event).map_err(|refused| match refused {
        // Others of this batch may have taken the last one.
        FoldError::Fork { .. } => Error::TooManyForks(state.run().clone()),
        FoldError::Task { task, why } => Error::TaskRefused { run: state.run().clone(), task, why },
        FoldError::Session { .. } => Error::SessionOver(state.run().clone()),
        other => other.into(),
    })?;
    Ok(event)
}
