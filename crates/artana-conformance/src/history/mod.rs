//! Histories as a kernel writes them: every kind of event, sealed one by one, each batch with the row that the fold
//! makes of it. Nothing here speaks to a store.

mod calls;
mod sessions;
mod waits;

use std::{sync::LazyLock, time::Duration};

use artana_core::{
    Actor, ContentRef, ContentType, Draft, Event, EventId, Genesis, Head, IncarnationId, LabelKey, Name, RunKey,
    RunRef, RunState, Seq, Stamp, StepKey, TenantKey,
    event::{Body, GenesisFields, RunStarted, WorkflowStarted},
    seal,
};
use artana_ports::{Append, Authority};

use crate::writer::{AT, content, new_event_id, run_ref};

/// The tenant of every history.
pub(crate) const TENANT: &str = "t";
/// Who makes the calls.
const OWNER: IncarnationId = IncarnationId::from_bytes([0xaa; 16]);
/// Who comes after.
const SUCCESSOR: IncarnationId = IncarnationId::from_bytes([0xbb; 16]);

/// An event of a batch: its step, if it has one, and what it says.
type Said = (Option<&'static str>, Body);

/// One run, told batch by batch.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) batches: Vec<Append>,
    pub(crate) events: Vec<Event>,
    /// The run it is a fork of, as that stood at the cut.
    pub(crate) parent: Option<RunState>,
    genesis: Genesis,
    state: Option<RunState>,
}

/// Tells runs that have every kind of event between them, and that pass through every status.
pub(crate) fn all() -> &'static [History] {
    static ALL: LazyLock<Vec<History>> = LazyLock::new(|| {
        let [run, fork] = calls::histories();
        vec![run, fork, waits::history(), sessions::history()]
    });
    &ALL
}

fn key() -> RunKey {
    RunKey::from_bytes([7; 32])
}

fn text(text: &str) -> ContentRef {
    let digest = key().digest(text.as_bytes());
    ContentRef { digest, len: text.len() as u64, kind: ContentType::Json }
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("histories use fit names")
}

fn actor() -> Actor {
    Actor::parse("ops@example").expect("a fit name")
}

impl History {
    /// A root run whose first event says no more than it has to.
    fn root(run: &str) -> Self {
        Self::of(Genesis::root(run_ref(TENANT, run), key().id()), None)
    }

    /// A fork of a run as it stands now.
    fn fork_of(parent: &Self, run: &str) -> Self {
        let state = parent.state().clone();
        let (root, key_id) = (parent.genesis.root.clone(), parent.genesis.key_id);
        let genesis = Genesis { run: run_ref(TENANT, run), root, parent: Some(state.link()), key_id };
        Self::of(genesis, Some(state))
    }

    fn of(genesis: Genesis, parent: Option<RunState>) -> Self {
        Self { batches: Vec::new(), events: Vec::new(), parent, genesis, state: None }
    }

    pub(crate) fn run(&self) -> &RunRef {
        &self.genesis.run
    }

    /// What the run's first event says.
    fn started(&self, workflow: Option<WorkflowStarted>) -> Said {
        let label = LabelKey::parse("team").expect("a fit name");
        let started = RunStarted {
            capabilities: Default::default(),
            flags: Default::default(),
            genesis: GenesisFields::from(&self.genesis),
            labels: [(label, self.run().run.to_string())].into(),
            limits: Default::default(),
            lineage: None,
            tenant_key_id: TenantKey::from_bytes([9; 32]).id(),
            workflow,
        };
        (None, started.into())
    }

    fn state(&self) -> &RunState {
        self.state.as_ref().expect("a run begins with its start")
    }

    /// Tells one event, a batch of its own, and returns its id.
    fn tell(&mut self, step: Option<&'static str>, body: impl Into<Body>) -> EventId {
        self.tell_all([(step, body.into())])
    }

    /// Tells a batch of events, and returns the id of the last.
    fn tell_all(&mut self, said: impl IntoIterator<Item = Said>) -> EventId {
        let expected = self.state.as_ref().map(RunState::head);
        let from = self.events.len();
        for (step, body) in said {
            let event = self.sealed(step, body);
            match &mut self.state {
                Some(state) => state.apply(&event).expect("what is told follows from what was told"),
                None => {
                    let state = RunState::start(&self.genesis.run, &event, self.parent.as_ref());
                    self.state = Some(state.expect("a start"));
                }
            }
            self.events.push(event);
        }
        let batch = self.batch(expected, &self.events[from..]);
        self.batches.push(batch);
        self.events.last().expect("a batch has an event").id()
    }

    fn sealed(&self, step: Option<&str>, body: Body) -> Event {
        let head = self.state.as_ref().map_or(Head { seq: Seq::ZERO, hash: self.genesis.hash() }, RunState::head);
        let step = step.map(|step| StepKey::parse(step).expect("histories use fit names"));
        let shared = self.genesis.parent.as_ref().map_or(0, |parent| parent.seq.get());
        let at = AT.after(Duration::from_secs(shared + head.seq.get()));
        let draft = Draft::new(step, body).expect("a small payload");
        seal(&self.genesis.run, &head, draft, Stamp { id: new_event_id(), at })
    }

    fn batch(&self, expected: Option<Head>, events: &[Event]) -> Append {
        let head = self.state().head();
        let number = u8::try_from(head.seq.get()).expect("histories are short");
        let begins = expected.is_none() && self.parent.is_none();
        Append {
            run: self.genesis.run.clone(),
            expected,
            authority: Authority::Outside(Actor::parse("a law").expect("a fit name")),
            events: events.iter().map(|event| event.record().clone()).collect(),
            content: vec![content(number, "{}")],
            claims: Vec::new(),
            releases: Vec::new(),
            view: self.state().view(),
            run_key: begins.then(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use artana_core::{RunView, Status};

    use super::*;

    #[test]
    fn the_histories_have_every_kind_of_event_and_every_status() {
        let histories = all();
        let kinds: BTreeSet<&str> =
            histories.iter().flat_map(|history| &history.events).map(|event| event.body().kind()).collect();
        assert_eq!(kinds, Body::KINDS.iter().copied().collect());
        let rows = || histories.iter().flat_map(|history| &history.batches).map(|batch| &batch.view);
        let statuses: BTreeSet<Status> = rows().map(|row| row.status).collect();
        assert_eq!(statuses, Status::ALL.into());
    }

    #[test]
    fn every_field_of_a_row_has_more_than_one_value_in_the_histories() {
        let histories = all();
        let rows: Vec<&RunView> =
            histories.iter().flat_map(|history| &history.batches).map(|batch| &batch.view).collect();
        type Shown = fn(&RunView) -> String;
        let fields: [(&str, Shown); 15] = [
            ("run", |row| format!("{:?}", row.run)),
            ("root", |row| format!("{:?}", row.root)),
            ("parent", |row| format!("{:?}", row.parent)),
            ("status", |row| format!("{:?}", row.status)),
            ("head", |row| format!("{:?}", row.head)),
            ("started_at", |row| format!("{:?}", row.started_at)),
            ("updated_at", |row| format!("{:?}", row.updated_at)),
            ("steps", |row| format!("{:?}", row.steps)),
            ("pending", |row| format!("{:?}", row.pending)),
            ("unknown", |row| format!("{:?}", row.unknown)),
            ("drifts", |row| format!("{:?}", row.drifts)),
            ("last_step", |row| format!("{:?}", row.last_step)),
            ("failed_step", |row| format!("{:?}", row.failed_step)),
            ("labels", |row| format!("{:?}", row.labels)),
            ("queued", |row| format!("{:?}", row.queued)),
        ];
        for (field, value) in fields {
            let values: BTreeSet<String> = rows.iter().map(|row| value(row)).collect();
            assert!(values.len() > 1, "{field} is always {values:?}");
        }
    }
}
