//! What the code is told: the answer to an open ask, as the ledger has it. Nothing here decides whose turn it is.

use artana_core::{
    AskKind, ContentRef, Ordinal, Resumption, RunState, Seq, Step, StepKey, cycle::ToolCycle, limits::MAX_CONTENT_BATCH,
};

use super::{
    driver::Driver,
    machine::{Answer, Fits, Held, Told, Want},
    open::{Open, Standing},
    waits,
};
use crate::{Error, ahead::MAX_AHEAD_BYTES};

/// What somebody outside said, and where that is recorded.
enum Words {
    Signal(ContentRef, Seq),
    Said(Option<(ContentRef, Seq)>, Fits),
}

fn resumption(state: &RunState, key: &StepKey) -> Option<Resumption> {
    match state.step(key)? {
        Step::Pause(pause) => pause.resumed.clone(),
        _ => None,
    }
}

/// Returns what a closure's step has recorded.
fn result_of<'a>(state: &'a RunState, key: &StepKey) -> Option<&'a ContentRef> {
    match state.step(key)? {
        Step::Code(code) => match &code.cycle {
            ToolCycle::Succeeded(settled) => Some(&settled.outcome.result),
            _ => None,
        },
        _ => None,
    }
}

/// Lists what the closures asked from a place on have recorded, as much as is read at once.
fn results_from(state: &RunState, from: Ordinal) -> Vec<ContentRef> {
    let mut bytes = 0;
    let asked = state.program().asks_from(from).take(MAX_CONTENT_BATCH);
    let closures = asked.filter(|(_, asked)| matches!(asked.kind, AskKind::Compute | AskKind::Once));
    let keys = closures.filter_map(|(_, asked)| StepKey::parse(asked.name.as_deref()?).ok());
    let results = keys.filter_map(|key| result_of(state, &key).copied());
    results
        .take_while(|result| {
            bytes += result.len;
            bytes <= MAX_AHEAD_BYTES
        })
        .collect()
}

impl Driver {
    /// Gives the code an answer that is recorded. Returns whether it did: an answer that is in another run is not to
    /// be had while this one is stopped, and nothing that came later is told before it. What a person said and the code
    /// cannot read is none.
    pub(super) async fn deliver(&mut self, ordinal: Ordinal) -> Result<bool, Error> {
        let Some(answer) = self.answer(ordinal).await? else {
            self.look_for(ordinal);
            return Ok(false);
        };
        let Some(open) = self.open.remove(ordinal) else { return Ok(true) };
        if let Want::Signal { name } = open.want {
            *self.received.entry(name.clone()).or_default() += 1;
            // The next one that waits for this name has its turn.
            if let Some(next) = self.open.first_signal(&name) {
                self.look_for(next);
            }
        }
        self.alarm.deliver(&open.slot, answer);
        Ok(true)
    }

    async fn answer(&mut self, ordinal: Ordinal) -> Result<Option<Told>, Error> {
        let Some(open) = self.open.get(ordinal) else {
            return Err(Error::Internal("an answer was given twice".into()));
        };
        let words = match &open.want {
            Want::Step { .. } | Want::Child { .. } => {
                self.read_ahead(ordinal).await?;
                return self.performed(ordinal).await;
            }
            Want::Value(_) => {
                let value = self.state(|state| state.program().value(ordinal).map(|(_, value)| value.clone()));
                let value = value.ok_or_else(|| Error::Internal("a recorded value is gone".into()))?;
                return Ok(Some(Ok(Box::new(value))));
            }
            Want::Sleep { key, .. } => return self.plain(key, AskKind::Sleep, Box::new(())).map(Some),
            Want::OnRollback { key } => return self.plain(key, AskKind::OnRollback, Box::new(ordinal)).map(Some),
            Want::Signal { name } => {
                let received = self.received.get(name).copied().unwrap_or(0);
                let signal = self.state(|state| state.program().signals(name).get(received).copied());
                let signal = signal.ok_or_else(|| Error::Internal("a recorded signal is gone".into()))?;
                Words::Signal(signal.value, signal.place.seq)
            }
            Want::Pause { key, fits, .. } => match self.state(|state| resumption(state, key)) {
                Some(resumed) => Words::Said(resumed.input.map(|input| (input, resumed.at)), *fits),
                None => return Err(self.another(key, AskKind::Pause)),
            },
        };
        let answer: Answer = match words {
            Words::Signal(value, seq) => Box::new(self.content(&value, seq).await?),
            Words::Said(input, fits) => match self.heard(ordinal, input, fits).await? {
                Some(said) => Box::new(said),
                None => return Ok(None),
            },
        };
        Ok(Some(Ok(answer)))
    }

    /// Reads what a person said. `None` where the code cannot read it: then they are asked once more, unless the run is
    /// ending.
    async fn heard(
        &mut self,
        ordinal: Ordinal,
        input: Option<(ContentRef, Seq)>,
        fits: Fits,
    ) -> Result<Option<Option<Vec<u8>>>, Error> {
        let said = match input {
            Some((input, seq)) => Some(self.content(&input, seq).await?),
            None => None,
        };
        let Err(wanted) = fits(said.as_deref().unwrap_or(b"null")) else { return Ok(Some(said)) };
        // Code that could read it may have gone on from it, and then it stays what it was told.
        let next = self.machine.next();
        if self.state(|state| state.program().last().is_some_and(|last| last >= next)) {
            return Ok(Some(said));
        }
        if !self.state(RunState::is_closing) {
            waits::ask_again(self, ordinal, wanted).await?;
        }
        Ok(None)
    }

    /// An answer that says nothing but that it has come.
    fn plain(&self, key: &StepKey, kind: AskKind, answer: Answer) -> Result<Told, Error> {
        let same = self.state(|state| state.step(key).is_some_and(|step| step.kind() == kind.as_str()));
        if same { Ok(Ok(answer)) } else { Err(self.another(key, kind)) }
    }

    /// A key that somebody else used for something else.
    pub(super) fn another(&self, key: &StepKey, kind: AskKind) -> Error {
        let recorded = self.run.journal.with_state(|state| state.step(key).map_or("nothing", Step::kind));
        let drift = Box::new(crate::invoke::another_kind(recorded, kind.as_str()));
        Error::Drift { run: self.run.name().clone(), step: key.clone(), drift }
    }

    async fn content(&mut self, wanted: &ContentRef, seq: Seq) -> Result<Vec<u8>, Error> {
        let bytes = self.run.journal.read_content(wanted, seq).await?;
        bytes.ok_or_else(|| Error::Said { run: self.run.name().clone(), problem: "it was erased".into() })
    }

    /// Reads what the next steps have recorded together with what this one has.
    async fn read_ahead(&mut self, ordinal: Ordinal) -> Result<(), Error> {
        let recorded = |open: &Open| matches!(open.standing, Standing::Waiting);
        if ordinal < self.ahead_to || !self.open.get(ordinal).is_some_and(recorded) {
            return Ok(());
        }
        self.ahead_to = Ordinal::new(ordinal.get() + MAX_CONTENT_BATCH as u64);
        let wanted = self.state(|state| results_from(state, ordinal));
        if wanted.len() > 1 {
            self.drive.ahead.hold(self.run.journal.read_ahead(&wanted).await?);
        }
        Ok(())
    }

    /// Performs a step whose answer is recorded, which is to read it. `None` where that is not to be had now.
    async fn performed(&mut self, ordinal: Ordinal) -> Result<Option<Told>, Error> {
        let mut tried = false;
        loop {
            let Some(open) = self.open.get_mut(ordinal) else {
                return Err(Error::Internal("a performed step is gone".into()));
            };
            match std::mem::replace(&mut open.standing, Standing::Performing) {
                Standing::Performed(Ok(answer)) => return Ok(Some(Ok(answer))),
                Standing::Performed(Err(Held::Error(error))) if error.is_answer() => return Ok(Some(Err(error))),
                Standing::Performed(Err(Held::Error(error))) => return Err(error),
                Standing::Performing => self.one_ended().await?,
                Standing::Waiting if tried => {
                    open.standing = Standing::Waiting;
                    return Ok(None);
                }
                Standing::Doubt(error) if tried => return Err(error),
                // What was in doubt may have been cleared since, and what waited may have ended.
                Standing::Waiting
                | Standing::Doubt(_)
                | Standing::Child(_)
                | Standing::Performed(Err(Held::Suspended(_) | Held::Again | Held::Left)) => {
                    tried = true;
                    self.perform(ordinal);
                }
            }
        }
    }
}
