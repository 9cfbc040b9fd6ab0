//! What an application keeps in a run: artifacts, summaries, checkpoints, notes. Typed, last write wins, history
//! stays. Nothing in the kernel believes any of it.

use std::collections::BTreeMap;

use artana_core::{
    ContentRef, ContentType, KeptValue, Name, RunState,
    event::{ArtifactSet, Body, Checkpoint, Note, SummaryWritten},
    json,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, Run,
    journal::{Facts, Plan},
};

impl Run {
    /// Sets an artifact. Setting what it already is writes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidValue`] when the value cannot be written as JSON, [`Error::Ended`] when the run has ended.
    pub async fn set_artifact<T: Serialize>(
        &self,
        name: impl AsRef<str>,
        value: &T,
        schema_version: u32,
    ) -> Result<(), Error> {
        let name = Name::parse(name)?;
        self.keep(&name, value, |name, value| ArtifactSet { name, schema_version, value }.into()).await
    }

    /// Reads an artifact; `None` where it was never set.
    ///
    /// # Errors
    ///
    /// [`Error::KeptValue`] when it was erased or is not a `T`.
    pub async fn artifact<T: DeserializeOwned>(&self, name: impl AsRef<str>) -> Result<Option<T>, Error> {
        let name = Name::parse(name)?;
        let found = self.latest(|state| state.kept().artifacts().get(&name).copied()).await?;
        self.kept_as(&name, found).await
    }

    /// Lists the artifacts: where each is recorded, which version of its shape it has, and its value's reference.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn artifacts(&self) -> Result<BTreeMap<Name, KeptValue>, Error> {
        self.latest(|state| state.kept().artifacts().clone()).await
    }

    /// Writes a summary of a type. Writing the latest one again writes nothing.
    ///
    /// # Errors
    ///
    /// As for [`Run::set_artifact`].
    pub async fn summary<T: Serialize>(&self, kind: impl AsRef<str>, value: &T) -> Result<(), Error> {
        let kind = Name::parse(kind)?;
        self.keep(&kind, value, |kind, value| SummaryWritten { kind, value }.into()).await
    }

    /// Reads the latest summary of a type; `None` where there is none.
    ///
    /// # Errors
    ///
    /// As for [`Run::artifact`].
    pub async fn latest_summary<T: DeserializeOwned>(&self, kind: impl AsRef<str>) -> Result<Option<T>, Error> {
        let kind = Name::parse(kind)?;
        let found = self.latest(|state| state.kept().summaries().get(&kind).copied()).await?;
        self.kept_as(&kind, found).await
    }

    /// Records that the run has come to a point it may want to go on from. Recording the latest one again
    /// writes nothing.
    ///
    /// # Errors
    ///
    /// As for [`Run::set_artifact`].
    pub async fn checkpoint<T: Serialize>(&self, name: impl AsRef<str>, value: &T) -> Result<(), Error> {
        let name = Name::parse(name)?;
        self.keep(&name, value, |name, value| Checkpoint { name, value }.into()).await
    }

    /// Reads the latest checkpoint of a name; `None` where there is none.
    ///
    /// # Errors
    ///
    /// As for [`Run::artifact`].
    pub async fn latest_checkpoint<T: DeserializeOwned>(&self, name: impl AsRef<str>) -> Result<Option<T>, Error> {
        let name = Name::parse(name)?;
        let found = self.latest(|state| state.kept().checkpoints().get(&name).copied()).await?;
        self.kept_as(&name, found).await
    }

    /// Writes something down, in a run of any status. Every note is recorded, equal ones too.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidValue`] when the value cannot be written as JSON.
    pub async fn note<T: Serialize>(&self, topic: impl AsRef<str>, value: &T) -> Result<(), Error> {
        let topic = Name::parse(topic)?;
        self.keep(&topic, value, |topic, value| Note { topic, value }.into()).await
    }

    async fn keep<T: Serialize>(
        &self,
        name: &Name,
        value: &T,
        body: impl FnOnce(Name, ContentRef) -> Body,
    ) -> Result<(), Error> {
        let invalid = |problem: String| Error::InvalidValue { run: self.name().clone(), name: name.clone(), problem };
        let value = serde_json::to_value(value).map_err(|_| invalid("it cannot be written as JSON".into()))?;
        let bytes = json::to_canonical(&value).map_err(|error| invalid(error.to_string()))?;
        let (value, content) = self.journal.content(ContentType::Json, bytes);
        let body = body(name.clone(), value);
        let decide = move |state: &RunState, facts: &Facts<'_>| {
            crate::control::drivable(state)?;
            if state.kept().holds(&body) {
                return Ok(Plan::default());
            }
            if state.status().is_finished() && !matches!(body, Body::Note(_)) {
                return Err(Error::Ended { run: state.run().clone(), status: state.status() });
            }
            Ok(Plan::default().event(facts.id(), None, body.clone())?.content([content.clone()]))
        };
        self.latest(|_| ()).await?;
        self.journal.append_detached(self.capacity(), None, decide).await.map(drop)
    }

    async fn kept_as<T: DeserializeOwned>(&self, name: &Name, found: Option<KeptValue>) -> Result<Option<T>, Error> {
        let Some(found) = found else { return Ok(None) };
        let refused = |problem: &str| Error::KeptValue {
            run: self.name().clone(),
            name: name.clone(),
            seq: found.seq,
            problem: problem.into(),
        };
        let bytes = self.journal.read_content(&found.value, found.seq).await?;
        let bytes = bytes.ok_or_else(|| refused("it was erased"))?;
        let value = json::parse(&bytes).map_err(|_| refused("it is not JSON"))?;
        serde_json::from_value(value).map(Some).map_err(|_| refused("it is not of the type asked for"))
    }
}
