//! Processes are stopped by the system in the middle of their work for longer than they count as alive, and go on when
//! another one has taken over. What they were about to write or to send is refused; what they had sent is settled late.
//! The provider's book is the truth about effects, and it ignores the keys of charges, so that a second one shows.
//!
//! The same tests find duplicates once a process is blind to its deadline, or nobody looks at its epoch.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use artana_core::{Event, Status, Tenant, event::Body};
use artana_kernel::{Kernel, Run};
use artana_tests::{
    payment::{LETTER, PAID, PAYMENT, POSTED},
    work::{Ahead, TENANT},
};

use crate::{
    office::is_over,
    oracle::{effect_key, verified},
    process::{Scene, Worker},
};

/// How long a process that will be stopped counts as alive, in milliseconds, and one that will not.
const SHORT: &str = "ttl=300";
pub(crate) const LONG: &str = "ttl=60000";
/// What a payment passes at the ports, each before and after, and at how many times of each a process is stopped.
const PORTS: [(&str, usize); 8] = [
    ("beat", 1),
    ("take_due", 1),
    ("head", 1),
    ("read", 6),
    ("run_key", 1),
    ("content", 1),
    ("append", 6),
    ("tool.call", 2),
];
/// Makes a process blind to its deadline, and lets whatever it writes pass.
pub(crate) const UNFENCED: [&str; 2] = ["clock=still", "fence=off"];

/// A store that processes share, with a provider.
pub(crate) struct Ground {
    pub(crate) scene: Scene,
    pub(crate) kernel: Kernel,
    tenant: Tenant,
}

impl Ground {
    pub(crate) async fn file() -> Self {
        Self::of(Scene::new()).await
    }

    /// `None`, said loudly, where there is no server.
    pub(crate) async fn server() -> Option<Self> {
        Some(Self::of(Scene::on_postgres()?).await)
    }

    async fn of(scene: Scene) -> Self {
        let kernel = Kernel::builder_shared(scene.store(Ahead::default()).await).build().expect("a kernel");
        Self { scene, kernel, tenant: Tenant::new(TENANT) }
    }

    /// Starts a process that serves these runs.
    pub(crate) fn payer(&self, runs: &str, arguments: &[&str]) -> Worker {
        let payer = &mut Command::new(env!("CARGO_BIN_EXE_payer"));
        Worker::start(self.scene.tell(payer).arg(format!("runs={runs}")).args(arguments))
    }

    pub(crate) async fn enqueue(&self, name: &str, id: &str) -> Run {
        self.kernel.enqueue(&self.tenant, name, &1_u64).id(id).queue(id).await.expect("a run")
    }

    /// Stops a process that stays at a point, at a moment when no thread of it has the file locked.
    fn freeze(&self, worker: &Worker) {
        loop {
            worker.freeze();
            if self.scene.is_free() {
                return;
            }
            worker.thaw();
        }
    }

    /// Starts a process on a run and stops it at a point. `None` where it has ended without coming there.
    pub(crate) async fn frozen(&self, id: &str, point: &str, sabotage: &[&str]) -> Option<Frozen> {
        let park = format!("park={point}");
        let mut worker = self.payer(id, &[&[SHORT, park.as_str()], sabotage].concat());
        loop {
            let line = worker.hear().expect("it says where it is");
            if line == "over" {
                worker.end();
                return None;
            }
            if let Some(at) = line.strip_prefix("parked ") {
                self.freeze(&worker);
                return Some(Frozen { worker, at: at.to_owned() });
            }
        }
    }

    /// Waits until a run stands like this.
    pub(crate) async fn until(&self, run: &Run, stands: impl Fn(Status) -> bool) {
        loop {
            let view = run.view().await.expect("a view");
            if stands(view.status) {
                return;
            }
            run.wait_past(view.head.seq).await.expect("the store answers");
        }
    }

    async fn events(&self, run: &Run) -> Vec<Event> {
        let (mut events, mut all) = (run.events(), Vec::new());
        while let Some(event) = events.try_next().await.expect("events can be read") {
            all.push(event);
        }
        all
    }

    async fn kinds(&self, run: &Run) -> Vec<String> {
        self.events(run).await.iter().map(|event| event.kind().to_string()).collect()
    }

    /// Waits until a run has an event of a kind.
    async fn until_kind(&self, run: &Run, kind: &str) {
        loop {
            let events = self.events(run).await;
            if events.iter().any(|event| event.kind() == kind) {
                return;
            }
            run.wait_past(events.last().expect("its start").seq()).await.expect("the store answers");
        }
    }

    pub(crate) fn effects(&self) -> BTreeMap<String, usize> {
        let mut effects = BTreeMap::new();
        self.scene.book().into_iter().for_each(|entry| *effects.entry(entry.key).or_default() += 1);
        effects
    }

    /// Says what is wrong: effects that happened more or less than once, and requests of the dead.
    pub(crate) async fn wrong(&self, run: &Run, effects: &[(&str, &str)]) -> Vec<String> {
        let (book, mut wrong) = (self.effects(), Vec::new());
        for (step, tool) in effects {
            let times = book.get(&effect_key(TENANT, run.id(), step, tool)).copied().unwrap_or(0);
            if times != 1 {
                wrong.push(format!("{} did {step} {times} times", run.id()));
            }
        }
        let mut dead = BTreeSet::new();
        for event in self.events(run).await {
            let by = match event.body() {
                Body::DriverChanged(changed) => {
                    dead.insert(changed.from);
                    continue;
                }
                Body::ToolRequested(asked) => asked.incarnation,
                Body::ModelRequested(asked) => asked.incarnation,
                Body::StepRequested(asked) => asked.incarnation,
                Body::ToolReconcileRequested(asked) => asked.incarnation,
                _ => continue,
            };
            if dead.contains(&by) {
                wrong.push(format!("{} of {} was written by the dead", event.seq(), run.id()));
            }
        }
        verified(&self.kernel, &self.tenant, run.id()).await;
        wrong
    }

    pub(crate) async fn close(self) {
        self.kernel.close().await.expect("closes");
    }
}

/// A process that was stopped.
pub(crate) struct Frozen {
    worker: Worker,
    pub(crate) at: String,
}

impl Frozen {
    fn thaw(&mut self) {
        self.worker.thaw();
        self.worker.tell("go on");
    }

    /// Goes on to its end.
    pub(crate) fn end(mut self) {
        self.thaw();
        self.worker.end();
    }
}

/// Stops a process at each of these points that it comes to, each in a payment of its own, has another process take over all that they
/// left and finish it, and lets them go on. Returns what was wrong then, and where they were.
async fn payments(
    ground: &Ground,
    points: impl Iterator<Item = String>,
    sabotage: &[&str],
) -> (Vec<String>, Vec<String>) {
    let (mut runs, mut frozen) = (Vec::new(), Vec::new());
    for (n, point) in points.enumerate() {
        let run = ground.enqueue(PAYMENT, &format!("run-{n}")).await;
        frozen.extend(ground.frozen(run.id(), &point, sabotage).await);
        runs.push(run);
    }
    let ids: Vec<&str> = runs.iter().map(Run::id).collect();
    let other = ground.payer(&ids.join(","), &[LONG]);
    for run in &runs {
        ground.until(run, is_over).await;
    }
    other.end();
    let places = frozen.iter().map(|frozen| frozen.at.clone()).collect();
    frozen.into_iter().for_each(Frozen::end);
    let mut wrong = Vec::new();
    for run in &runs {
        assert_eq!(run.status().await.expect("a status"), Status::Completed);
        wrong.extend(ground.wrong(run, &PAID).await);
    }
    (wrong, places)
}

/// At the calls of ports, before and after, that a payment makes on its way.
async fn frozen_everywhere(ground: Ground) {
    assert_eq!(everywhere(&ground, &[]).await, [""; 0]);
    ground.close().await;
}

/// The same again, with nobody to refuse anything: what the sweep finds then is what it looks for.
async fn unfenced_everywhere(ground: Ground) {
    let wrong = everywhere(&ground, &UNFENCED).await;
    println!("{wrong:#?}");
    assert!(wrong.iter().any(|wrong| wrong.ends_with("did pay 2 times")), "{wrong:?}");
    ground.close().await;
}

/// Stops processes at all ports, and checks that each was stopped where it was to be. Returns what was wrong.
async fn everywhere(ground: &Ground, sabotage: &[&str]) -> Vec<String> {
    let (wrong, places) = payments(ground, points(&PORTS), sabotage).await;
    stopped_at(&PORTS, &places);
    wrong
}

/// Lists the points before and after the calls of these ports, each so many times.
pub(crate) fn points(ports: &[(&'static str, usize)]) -> impl Iterator<Item = String> {
    let times = ports.iter().flat_map(|(port, times)| (1..=*times).map(move |n| (port, n)));
    times.flat_map(|(port, n)| [format!("{port}.before:{n}"), format!("{port}.after:{n}")])
}

/// Checks that processes were stopped at all of these points, and nowhere else.
pub(crate) fn stopped_at(ports: &[(&'static str, usize)], places: &[String]) {
    for (port, times) in ports {
        for side in ["before", "after"] {
            let point = format!(" {port}.{side}");
            assert_eq!(places.iter().filter(|at| at.ends_with(&point)).count(), *times, "{point}: {places:?}");
        }
    }
    let all: usize = ports.iter().map(|(_, times)| 2 * times).sum();
    assert_eq!(places.len(), all, "{places:?}");
    println!("{all} processes were stopped");
}

/// Stopped on the way to a tool, a process that is blind to its deadline sends what somebody else has sent since.
async fn blind(ground: Ground) {
    let points = || ["tool.call.before:1".to_owned()].into_iter();
    let (wrong, _) = payments(&ground, points(), &UNFENCED[..1]).await;
    assert_eq!(wrong, ["run-0 did pay 2 times"]);
    ground.close().await;
}

/// A process is stopped before it records a request, and goes on when another one has taken the run over and not come
/// to that step yet. Returns what was wrong in the end.
async fn old_epoch(ground: &Ground, sabotage: &[&str]) -> Vec<String> {
    let run = ground.enqueue(PAYMENT, "run-0").await;
    let mut first = ground.frozen("run-0", "append.before:2", sabotage).await.expect("it requests a charge");
    let mut other = ground.payer("run-0", &[LONG, "park=append.after:1"]);
    other.hear_of("parked");
    assert_eq!(ground.kinds(&run).await.last().map(String::as_str), Some("driver_changed"));
    first.thaw();
    if sabotage.is_empty() {
        first.worker.hear_of("left");
    } else {
        ground.until_kind(&run, "tool_completed").await;
    }
    other.tell("go on");
    other.end();
    first.worker.end();
    assert_eq!(run.status().await.expect("a status"), Status::Completed);
    ground.wrong(&run, &PAID).await
}

async fn an_old_epoch(ground: Ground) {
    assert_eq!(old_epoch(&ground, &[]).await, [""; 0]);
    ground.close().await;
}

async fn no_epoch(ground: Ground) {
    let wrong = old_epoch(&ground, &UNFENCED).await;
    assert!(wrong.iter().any(|wrong| wrong.ends_with("was written by the dead")), "{wrong:?}");
    ground.close().await;
}

/// Stopped after it has sent what nobody can be asked about: the other one leaves a doubt, which the answer settles.
async fn settles(ground: Ground) {
    let run = ground.enqueue(LETTER, "run-0").await;
    let frozen = ground.frozen("run-0", "tool.call.after:1", &[]).await.expect("it posts a letter");
    let other = ground.payer("run-0", &[LONG]);
    ground.until(&run, |status| status == Status::NeedsReconciliation).await;
    frozen.end();
    other.end();
    assert_eq!(run.status().await.expect("a status"), Status::Completed);
    assert_eq!(ground.wrong(&run, &[POSTED]).await, [""; 0]);
    let kinds = ground.kinds(&run).await;
    assert!(kinds.iter().any(|kind| kind == "late_outcome"), "{kinds:?}");
    ground.close().await;
}

/// Stopped after it has sent what can be asked about: the other one has found out, and the answer is evidence.
async fn is_evidence(ground: Ground) {
    let run = ground.enqueue(PAYMENT, "run-0").await;
    let frozen = ground.frozen("run-0", "tool.call.after:1", &[]).await.expect("it pays");
    ground.payer("run-0", &[LONG]).end();
    frozen.end();
    assert_eq!(ground.wrong(&run, &PAID).await, [""; 0]);
    assert_eq!(ground.kinds(&run).await.last().map(String::as_str), Some("late_outcome"));
    ground.close().await;
}

/// Stopped inside a tool's own code, after the last look and before it sends: the window that is left. What is sent
/// then is sent under the key it always had, and a provider that honours keys does nothing.
async fn window(ground: Ground) {
    let mut wrong = Vec::new();
    for (n, inside) in ["inside.register:1", "inside.charge:1"].into_iter().enumerate() {
        let run = ground.enqueue(PAYMENT, &format!("run-{n}")).await;
        let frozen = ground.frozen(run.id(), inside, &[]).await.expect("it calls the tool");
        ground.payer(run.id(), &[LONG]).end();
        frozen.end();
        wrong.push(ground.wrong(&run, &PAID).await);
    }
    assert_eq!(wrong, [vec![], vec!["run-1 did pay 2 times".to_owned()]], "the second provider ignores keys");
    ground.close().await;
}

/// Runs a body on a server, where there is one.
pub(crate) async fn on_server<F: Future<Output = ()>>(body: impl FnOnce(Ground) -> F) {
    if let Some(ground) = Ground::server().await {
        body(ground).await;
    }
}

#[tokio::test]
async fn a_payer_stopped_anywhere_pays_once_on_sqlite() {
    frozen_everywhere(Ground::file().await).await;
}

#[tokio::test]
async fn a_payer_stopped_anywhere_pays_once_on_postgres() {
    on_server(frozen_everywhere).await;
}

#[tokio::test]
async fn payers_that_nobody_fences_pay_twice_when_stopped_anywhere_on_sqlite() {
    unfenced_everywhere(Ground::file().await).await;
}

#[tokio::test]
async fn payers_that_nobody_fences_pay_twice_when_stopped_anywhere_on_postgres() {
    on_server(unfenced_everywhere).await;
}

#[tokio::test]
async fn a_payer_blind_to_its_deadline_pays_twice_on_sqlite() {
    blind(Ground::file().await).await;
}

#[tokio::test]
async fn a_payer_blind_to_its_deadline_pays_twice_on_postgres() {
    on_server(blind).await;
}

#[tokio::test]
async fn a_stopped_payer_writes_nothing_after_a_takeover_on_sqlite() {
    an_old_epoch(Ground::file().await).await;
}

#[tokio::test]
async fn a_stopped_payer_writes_nothing_after_a_takeover_on_postgres() {
    on_server(an_old_epoch).await;
}

#[tokio::test]
async fn a_payer_whose_epoch_nobody_checks_writes_after_a_takeover_on_sqlite() {
    no_epoch(Ground::file().await).await;
}

#[tokio::test]
async fn a_payer_whose_epoch_nobody_checks_writes_after_a_takeover_on_postgres() {
    on_server(no_epoch).await;
}

#[tokio::test]
async fn a_late_answer_settles_what_was_in_doubt_on_sqlite() {
    settles(Ground::file().await).await;
}

#[tokio::test]
async fn a_late_answer_settles_what_was_in_doubt_on_postgres() {
    on_server(settles).await;
}

#[tokio::test]
async fn a_late_answer_to_what_was_found_out_is_evidence_on_sqlite() {
    is_evidence(Ground::file().await).await;
}

#[tokio::test]
async fn a_late_answer_to_what_was_found_out_is_evidence_on_postgres() {
    on_server(is_evidence).await;
}

#[tokio::test]
async fn what_is_sent_in_the_last_window_is_caught_by_its_key_on_sqlite() {
    window(Ground::file().await).await;
}

#[tokio::test]
async fn what_is_sent_in_the_last_window_is_caught_by_its_key_on_postgres() {
    on_server(window).await;
}
