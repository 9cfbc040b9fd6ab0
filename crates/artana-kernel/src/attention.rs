//! What people and the outside world tell a run: stop here, go on, and here is what you waited for.

use artana_core::{
    Actor, Content, ContentRef, ContentType, EventId, Name, Pause, RunState, StepKey, Tenant,
    event::{Body, Paused, Resumed, SignalReceived},
};
use serde::Serialize;

use crate::{
    Error, Kernel, Run, Ticket,
    code::to_json,
    control::{drivable, is_here},
    journal::{Capacity, Facts, Plan},
};

impl Kernel {
    /// Sends a run a signal. It is received once, by whoever waits for it now or later.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the run has ended, [`Error::Moved`] when the rest of it is done in a fork,
    /// [`Error::InvalidValue`] when the value cannot be written as JSON.
    pub async fn signal<T: Serialize>(
        &self,
        tenant: &Tenant,
        run: &str,
        (name, by): (&str, &str),
        value: &T,
    ) -> Result<(), Error> {
        self.open_run(tenant, run).await?.signal(name, by, value).await
    }
}

impl Run {
    /// Sends the run a signal. It is received once, by whoever waits for it now or later.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the run has ended, [`Error::Moved`] when the rest of it is done in a fork,
    /// [`Error::InvalidValue`] when the value cannot be written as JSON.
    pub async fn signal<T: Serialize>(&self, name: &str, by: &str, value: &T) -> Result<(), Error> {
        let (name, by) = (Name::parse(name)?, Actor::parse(by)?);
        let (value, content) = self.said(&name, value)?;
        let received = SignalReceived { by: by.clone(), name, value };
        self.tell(by, None, received.into(), Some(content)).await.map(drop)
    }

    /// Pauses the run: nothing new starts until somebody lifts the pause. What was begun runs to its outcome. An empty
    /// reason is none.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the run has ended, [`Error::Moved`] when the rest of it is done in a fork.
    pub async fn pause(&self, by: &str, reason: &str) -> Result<Ticket, Error> {
        let by = Actor::parse(by)?;
        let said = (!reason.is_empty()).then(|| self.journal.content(ContentType::Text, reason.as_bytes().to_vec()));
        let (reason, content) = said.unzip();
        let paused = Paused { by: Some(by.clone()), reason, ..NO_PAUSE };
        self.paused(by, paused, content).await
    }

    /// Blocks the run by name until the same name is unblocked. A name that blocks it already stays as it is. Metadata
    /// that is written as `null` is none.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the run has ended, [`Error::Moved`] when the rest of it is done in a fork,
    /// [`Error::InvalidValue`] when the metadata cannot be written as JSON.
    pub async fn block<T: Serialize>(&self, key: &str, by: &str, metadata: &T) -> Result<Ticket, Error> {
        let (key, by) = (Name::parse(key)?, Actor::parse(by)?);
        if let Some(ticket) = self.latest(|state| blocked_by(state, &key)).await? {
            return Ok(ticket);
        }
        let (metadata, content) = self.said_if_any(&key, metadata)?.unzip();
        let paused = Paused { block: Some(key), by: Some(by.clone()), metadata, ..NO_PAUSE };
        self.paused(by, paused, content).await
    }

    /// Lifts what blocks the run by this name.
    ///
    /// # Errors
    ///
    /// [`Error::NoPause`] when nothing does, [`Error::Moved`] when the rest of the run is done in a fork.
    pub async fn unblock(&self, key: &str, by: &str) -> Result<(), Error> {
        self.unblock_with(key, by, &()).await
    }

    /// Lifts what blocks the run by this name, and keeps with it what there is to say. What is written as `null` is
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NoPause`] when nothing does, [`Error::Moved`] when the rest of the run is done in a fork,
    /// [`Error::InvalidValue`] when the metadata cannot be written as JSON.
    pub async fn unblock_with<T: Serialize>(&self, key: &str, by: &str, metadata: &T) -> Result<(), Error> {
        let (key, by) = (Name::parse(key)?, Actor::parse(by)?);
        self.latest(is_here).await??;
        let ticket = self.latest(|state| blocked_by(state, &key)).await?;
        let ticket = ticket.ok_or_else(|| self.no_pause(key.as_str()))?;
        let said = self.said_if_any(&key, metadata)?;
        self.lift(&ticket, by, said).await
    }

    /// Lifts what stops the run from outside: pauses of people, and parking. What blocks it by name stays, and so do the
    /// questions of its own code, each of which is answered by its ticket: see [`Self::resume_with`].
    ///
    /// # Errors
    ///
    /// [`Error::Unanswered`] when only its own code's questions are open, [`Error::NoPause`] when there is nothing to
    /// lift, [`Error::Moved`] when the rest of the run is done in a fork.
    pub async fn resume(&self, by: &str) -> Result<(), Error> {
        let by = Actor::parse(by)?;
        self.latest(is_here).await??;
        let open = self.pauses().await?;
        let open = open.into_iter().filter(|(_, pause)| pause.block.is_none()).map(|(ticket, _)| ticket);
        let (asked, outside): (Vec<Ticket>, Vec<Ticket>) = open.partition(|ticket| ticket.step.is_some());
        if outside.is_empty() && !asked.is_empty() {
            return Err(Error::Unanswered(self.name().clone(), asked));
        }
        if outside.is_empty() {
            return Err(self.no_pause("to lift"));
        }
        for ticket in outside {
            self.lift(&ticket, by.clone(), None).await?;
        }
        Ok(())
    }

    /// Lifts one pause, and tells the step that began it what somebody had to say. What is written as `null` is
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NoPause`] when it is not open, [`Error::Moved`] when the rest of the run is done in a fork,
    /// [`Error::InvalidValue`] when the input cannot be written as JSON.
    pub async fn resume_with<T: Serialize>(&self, pause: EventId, by: &str, input: &T) -> Result<(), Error> {
        let by = Actor::parse(by)?;
        self.latest(is_here).await??;
        let open = self.pauses().await?;
        let ticket = open.into_iter().map(|(ticket, _)| ticket).find(|ticket| ticket.id == pause);
        let ticket = ticket.ok_or_else(|| self.no_pause(&pause.to_string()))?;
        let name = Name::parse("input").expect("the name is fit");
        let said = self.said_if_any(&name, input)?;
        self.lift(&ticket, by, said).await
    }

    /// Lists the pauses that nobody has lifted.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn pauses(&self) -> Result<Vec<(Ticket, Pause)>, Error> {
        self.latest(|state| {
            state.pauses().iter().map(|(id, pause)| (ticket(state, *id, pause), pause.clone())).collect()
        })
        .await
    }

    fn no_pause(&self, pause: &str) -> Error {
        Error::NoPause { run: self.name().clone(), pause: pause.to_owned() }
    }

    fn said<T: Serialize>(&self, name: &Name, value: &T) -> Result<(ContentRef, Content), Error> {
        let invalid = |problem| Error::InvalidValue { run: self.name().clone(), name: name.clone(), problem };
        Ok(self.journal.content(ContentType::Json, to_json(value).map_err(invalid)?))
    }

    /// A step that is told nothing reads `null` too.
    fn said_if_any<T: Serialize>(&self, name: &Name, value: &T) -> Result<Option<(ContentRef, Content)>, Error> {
        Ok(Some(self.said(name, value)?).filter(|(_, content)| content.bytes != b"null"))
    }

    async fn paused(&self, by: Actor, paused: Paused, content: Option<Content>) -> Result<Ticket, Error> {
        let events = self.tell(by, None, paused.into(), content).await?;
        let id = events.first().map(artana_core::Event::id);
        let id = id.ok_or_else(|| Error::Internal("a pause was not recorded".into()))?;
        Ok(Ticket { run: self.name().clone(), id, step: None })
    }

    async fn lift(&self, ticket: &Ticket, by: Actor, said: Option<(ContentRef, Content)>) -> Result<(), Error> {
        let (input, content) = said.unzip();
        let resumed = Resumed { by: by.clone(), input, pause: ticket.id };
        self.tell(by, ticket.step.clone(), resumed.into(), content).await.map(drop)
    }

    /// Records what somebody outside says, unless the run has ended, or it is said already.
    async fn tell(
        &self,
        by: Actor,
        step: Option<StepKey>,
        body: Body,
        content: Option<Content>,
    ) -> Result<Vec<artana_core::Event>, Error> {
        self.latest(drivable).await??;
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            if state.status().is_finished() {
                return Err(Error::Ended { run: state.run().clone(), status: state.status() });
            }
            is_here(state)?;
            if let Body::Resumed(resumed) = &body
                && !state.pauses().contains_key(&resumed.pause)
            {
                let pause = resumed.pause.to_string();
                return Err(Error::NoPause { run: state.run().clone(), pause });
            }
            Ok(Plan::default().event(facts.id(), step.as_ref(), body.clone())?.content(content.clone()))
        };
        let events = self.journal.append_detached(Capacity::Outside(by), None, decide).await;
        self.journal.shared.registry.knock();
        events
    }
}

const NO_PAUSE: Paused = Paused { block: None, by: None, metadata: None, ordinal: None, reason: None, suspends: false };

fn ticket(state: &RunState, id: EventId, pause: &Pause) -> Ticket {
    Ticket { run: state.run().clone(), id, step: pause.step.clone() }
}

fn blocked_by(state: &RunState, key: &Name) -> Option<Ticket> {
    let found = state.pauses().iter().find(|(_, pause)| pause.block.as_ref() == Some(key));
    found.map(|(id, pause)| ticket(state, *id, pause))
}
