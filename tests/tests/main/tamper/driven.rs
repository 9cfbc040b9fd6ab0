//! Events of kinds that only workflows, harnesses and people write, sealed and appended by hand past the kernel.

use artana_core::{
    Actor, ContentRef, Draft, EventId, IncarnationId, Name, Ordinal, RunId, RunRef, RunState, Seq, Stamp, StepKey,
    Timestamp,
    decide::held_key,
    event::{
        Body, ChildFinished, ChildOutcome, ChildStarted, CodeKind, CompensationRegistered, DriverChanged,
        HarnessFailed, HarnessSlept, HarnessWoke, Move, Outcome, Paused, Phase, Resumed, RunEnqueued, RunFinished,
        RunOutcome, RunParked, SignalReceived, StageEntered, StepCompleted, StepRequested, Success, TaskDefined,
        TaskMoved, TasksDefined, TimerFired, Trace, Traced, Value, ValueRecorded, Wait, WaitStarted,
    },
    seal,
};
use artana_ports::{Append, Authority, Claim, EventStore};

const WHEN: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
const OWNER: IncarnationId = IncarnationId::from_bytes([7; 16]);

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn actor() -> Actor {
    Actor::parse("heidi").expect("a name")
}

/// A run, read from its store, to which events are added.
struct Hand<'a> {
    store: &'a dyn EventStore,
    run: RunRef,
    state: RunState,
    records: Vec<artana_core::Record>,
    claims: Vec<Claim>,
}

impl<'a> Hand<'a> {
    async fn of(store: &'a dyn EventStore, run: RunRef) -> Self {
        let read = store.read(&run, Seq::ZERO, 1024).await.expect("rows");
        let mut events = read.into_iter().map(|record| artana_core::Event::decode(record).expect("an event"));
        let mut state = RunState::start(&run, &events.next().expect("a start"), None).expect("a run");
        events.for_each(|event| state.apply(&event).expect("it follows"));
        Self { store, run, state, records: Vec::new(), claims: Vec::new() }
    }

    fn add(&mut self, step: Option<&str>, body: impl Into<Body>) -> EventId {
        let number = self.state.head().seq.get();
        let stamp = Stamp { id: EventId::v7(1_767_225_600_000 + number, [9; 10]), at: WHEN };
        let (step, body) = (step.map(|step| StepKey::parse(step).expect("a key")), body.into());
        let held = held_key(&self.state, step.as_ref(), &body);
        self.claims.extend(held.map(|key| Claim::Unique { key, holder: stamp.id }));
        let event = seal(&self.run, &self.state.head(), Draft::new(step, body).expect("small"), stamp);
        self.state.apply(&event).expect("it follows");
        let id = event.id();
        self.records.push(event.into_record());
        id
    }

    async fn write(self) {
        let expected = self.store.head(&self.run).await.expect("a head");
        let (authority, view) = (Authority::Outside(actor()), self.state.view());
        let (content, releases, run_key) = (Vec::new(), Vec::new(), None);
        let (run, events, claims) = (self.run, self.records, self.claims);
        let batch = Append { run, expected, authority, events, content, claims, releases, view, run_key };
        self.store.append(batch).await.expect("a commit");
    }
}

/// A run that nothing was done in waits for a worker.
pub(super) async fn enqueue(store: &dyn EventStore, run: &RunRef) {
    let mut hand = Hand::of(store, run.clone()).await;
    hand.add(None, RunEnqueued { deduplication: None, due: WHEN, priority: -1, queue: name("slow") });
    hand.write().await;
}

/// The run's code asks something of each kind, and people stop it and let it go on. Where something is said, it is
/// what the family's vault already holds.
pub(super) async fn workflow(store: &dyn EventStore, run: &RunRef, said: ContentRef) {
    let mut hand = Hand::of(store, run.clone()).await;
    hand.add(None, ValueRecorded { ordinal: Ordinal::new(0), value: Value::Now(WHEN) });
    let asked = StepRequested { attempt: 1, incarnation: OWNER, ordinal: Some(Ordinal::new(1)) };
    let request = hand.add(Some("once"), asked);
    hand.add(Some("once"), completed(CodeKind::Once, Some(request), said));
    let (given_up, ordinal, wait) = (Vec::new(), Ordinal::new(2), Wait::Timer(WHEN));
    let wait = hand.add(Some("nap"), WaitStarted { given_up, ordinal, suspends: true, wait });
    hand.add(Some("nap"), TimerFired { wait });
    hand.add(None, SignalReceived { by: actor(), name: name("go"), value: said });
    hand.add(Some("undo"), CompensationRegistered { ordinal: Ordinal::new(3) });
    let child = RunId::parse("kid").expect("a name");
    hand.add(Some("kid"), ChildStarted { ordinal: Some(Ordinal::new(4)), run: child.clone() });
    hand.add(Some("kid"), ChildFinished { outcome: ChildOutcome::Cancelled, run: child });
    hand.add(None, DriverChanged { from: OWNER, to: IncarnationId::from_bytes([8; 16]) });
    let (by, reason) = (Some(actor()), Some(said));
    let paused = Paused { block: Some(name("audit")), by, metadata: None, ordinal: None, reason, suspends: false };
    let pause = hand.add(None, paused);
    hand.add(None, Resumed { by: actor(), input: Some(said), pause });
    hand.write().await;
}

/// A session in which a task is begun, put back, begun again and done, and which ends in a clean state; and one that
/// fails at once.
pub(super) async fn sessions(store: &dyn EventStore, run: &RunRef, said: ContentRef) {
    let mut hand = Hand::of(store, run.clone()).await;
    let task = name("backup");
    let moved = |to| TaskMoved { session: 1, task: task.clone(), to };
    hand.add(None, woken(1, 0, None));
    hand.add(None, StageEntered { round: 1, session: 1, stage: name("day") });
    let tasks = vec![TaskDefined { id: task.clone(), title: said }];
    hand.add(None, TasksDefined { session: 1, tasks });
    hand.add(None, moved(Move::InProgress(OWNER)));
    hand.add(None, moved(Move::Pending(said)));
    hand.add(None, moved(Move::InProgress(OWNER)));
    hand.add(None, moved(Move::Done(said)));
    hand.add(None, Trace { session: 1, what: Traced::Said { topic: name("rows"), value: said } });
    hand.add(None, HarnessSlept { session: 1 });
    hand.add(None, woken(2, 1, Some(task)));
    hand.add(None, HarnessFailed { error: said, phase: Phase::Work, session: 2 });
    hand.write().await;
}

fn woken(session: u64, done: u64, last_done: Option<Name>) -> HarnessWoke {
    let (in_progress, note, pending) = (None, None, 0);
    HarnessWoke { done, harness: name("nightly"), in_progress, incarnation: OWNER, last_done, note, pending, session }
}

/// The run has killed too many processes.
pub(super) async fn park(store: &dyn EventStore, run: &RunRef) {
    let mut hand = Hand::of(store, run.clone()).await;
    hand.add(None, RunParked { died: vec![OWNER], reason: None });
    hand.write().await;
}

/// What was registered to undo something is done, and the cancelled run ends.
pub(super) async fn undo(store: &dyn EventStore, run: &RunRef, said: ContentRef) {
    let mut hand = Hand::of(store, run.clone()).await;
    hand.add(Some("undo"), completed(CodeKind::Rollback, None, said));
    hand.add(None, RunFinished { outcome: RunOutcome::Cancelled, output: None });
    hand.write().await;
}

fn completed(kind: CodeKind, request: Option<EventId>, said: ContentRef) -> StepCompleted {
    let outcome = Outcome::Succeeded(Success { effect_id: None, rejected: None, result: said });
    StepCompleted { again: false, elapsed_us: 5, kind, ordinal: None, outcome, request: request.map(Into::into) }
}

/// Finds something that was said: the value of the run's artifact.
pub(super) async fn said(store: &dyn EventStore, run: &RunRef) -> ContentRef {
    let read = store.read(run, Seq::ZERO, 1024).await.expect("rows");
    let mut events = read.into_iter().filter_map(|record| artana_core::Event::decode(record).ok());
    let value = |event: artana_core::Event| match event.body() {
        Body::ArtifactSet(set) => Some(set.value),
        _ => None,
    };
    events.find_map(value).expect("an artifact")
}
