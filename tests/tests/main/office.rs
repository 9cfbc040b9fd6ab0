//! Judges what killed workers of workflows left behind, and speaks for whoever resolves what is in doubt: by what the
//! books say, and only of processes that are dead.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use artana_core::{RunState, Status, Step, StepKey, Tenant, cycle::ToolCycle, event::CodeKind};
use artana_kernel::{Kernel, Resolve, Run};
use artana_ports::{Listed, RunQuery};
use artana_tests::{
    diary::{Diary, Line},
    flow::{self, EFFECTS, ONCE, REFUND, SHIPPED},
    work::{Ahead, GENERATION, TENANT},
};

use crate::{
    oracle::{effect_key, verified},
    process::Scene,
};

/// Longest time that anything takes here that takes as long as it takes.
pub(crate) const HOPELESS: Duration = Duration::from_secs(120);

/// A ledger of workflows, as a process sees it that drives none.
pub(crate) struct Office<'s> {
    scene: &'s Scene,
    pub(crate) kernel: Kernel,
    tenant: Tenant,
}

impl<'s> Office<'s> {
    /// Opens it in the time of a generation.
    pub(crate) async fn open(scene: &'s Scene, generation: u32) -> Self {
        let clock = Ahead(GENERATION * generation);
        let store = scene.store(clock).await;
        let kernel = Kernel::builder_shared(store).clock(Arc::new(clock)).build().expect("a kernel");
        Self { scene, kernel, tenant: Tenant::new(TENANT) }
    }

    pub(crate) async fn close(self) {
        self.kernel.close().await.expect("closes");
    }

    pub(crate) async fn enqueue(&self, name: &str, n: u64) -> Run {
        self.kernel.enqueue(&self.tenant, name, &n).deduplicate(n.to_string()).await.expect("a run")
    }

    /// Lists all runs with where they stand.
    pub(crate) async fn runs(&self) -> BTreeMap<String, Status> {
        let mut query = RunQuery::all(self.tenant.id().expect("a tenant").clone());
        let mut runs = BTreeMap::new();
        loop {
            let page = self.kernel.runs(&query).await.expect("a listing");
            for listed in page.items {
                let Listed::View(view) = listed else { panic!("a damaged row: {listed:?}") };
                runs.insert(view.run.run.to_string(), view.status);
            }
            query.after = page.next;
            if query.after.is_none() {
                return runs;
            }
        }
    }

    pub(crate) async fn run(&self, id: &str) -> Run {
        self.kernel.open_run(&self.tenant, id).await.expect("a run")
    }

    /// Resolves whatever was to be done once and is in doubt, and returns how many were.
    pub(crate) async fn resolve(&self) -> usize {
        let (diary, mut resolved) = (self.diary(), 0);
        for (id, _) in self.runs().await.iter().filter(|(_, status)| !is_over(**status)) {
            let run = self.run(id).await;
            for step in run.latest(doubts).await.expect("a state") {
                let line: Line = ("once".into(), id.clone(), step.to_string());
                let what = match diary.get(&line) {
                    Some(_) => Resolve::succeeded("ann", "null", "the diary has it"),
                    None => Resolve::failed("ann", "the diary does not have it"),
                };
                run.resolve(step.as_str(), what).await.expect("a person may resolve it");
                resolved += 1;
            }
        }
        resolved
    }

    pub(crate) fn diary(&self) -> BTreeMap<Line, usize> {
        self.scene.diary().read().expect("a diary")
    }

    /// Lists the computing that is recorded, with how often its closure had run by then.
    pub(crate) async fn computed(&self) -> BTreeMap<Line, usize> {
        let (diary, mut computed) = (self.diary(), BTreeMap::new());
        for id in self.runs().await.into_keys() {
            for step in self.run(&id).await.latest(recorded).await.expect("a state") {
                let line: Line = ("compute".into(), id.clone(), step.to_string());
                let times = diary.get(&line).copied().unwrap_or(0);
                assert!(times > 0, "{line:?} is recorded and never ran");
                computed.insert(line, times);
            }
        }
        computed
    }

    /// Resolves what is in doubt until every run has ended. Returns how many doubts a person resolved.
    pub(crate) async fn settles(&self) -> usize {
        let (mut resolved, begun) = (0, Instant::now());
        loop {
            resolved += self.resolve().await;
            let mut left = self.runs().await;
            left.retain(|_, status| !is_over(*status));
            if left.is_empty() {
                return resolved;
            }
            assert!(begun.elapsed() < HOPELESS, "these runs do not end: {left:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Checks that all orders up to this number ended as they should, with each effect once, and all else as well.
    pub(crate) async fn agrees(&self, orders: u64) {
        let runs = self.runs().await;
        let mut keys = Vec::new();
        for n in 0..orders {
            let (order, child) = (format!("{}:{n}", flow::ORDER), self.child(n).await);
            let spoiled = flow::is_spoiled(n);
            assert_eq!(runs[&order], if spoiled { Status::Failed } else { Status::Completed }, "{order}");
            assert_eq!(runs[&child], Status::Completed, "{child}");
            self.returned(&order, (!spoiled).then(|| flow::total(n))).await;
            let sum = format!("{}:{n}", flow::SUM);
            self.returned(&sum, Some((0..flow::ADDENDS).sum())).await;
            let undone = spoiled.then_some(REFUND);
            keys.extend(EFFECTS.into_iter().chain(undone).map(|(step, tool)| effect_key(TENANT, &order, step, tool)));
            keys.push(effect_key(TENANT, &child, SHIPPED.0, SHIPPED.1));
            self.once(&[&order, &child], n);
        }
        let mut book: Vec<String> = self.scene.book().into_iter().map(|entry| entry.key).collect();
        keys.sort();
        book.sort();
        assert_eq!(book, keys, "each effect happened once");
        for run in runs.keys() {
            verified(&self.kernel, &self.tenant, run).await;
        }
    }

    async fn child(&self, n: u64) -> String {
        let run = self.run(&format!("{}:{n}", flow::ORDER)).await;
        artana_core::decide::child_id(run.name(), &StepKey::parse(flow::CHILD).expect("a key")).to_string()
    }

    async fn returned(&self, run: &str, expected: Option<u64>) {
        let run = self.run(run).await;
        let Some(output) = run.latest(|state| state.output().copied()).await.expect("a state") else {
            return assert_eq!(None, expected, "{}", run.id());
        };
        let said = run.content(&output).await.expect("content").expect("content");
        assert_eq!(String::from_utf8(said).ok(), expected.map(|n| n.to_string()), "{}", run.id());
    }

    /// Checks that what these runs do once was done once, whatever was in doubt meanwhile.
    fn once(&self, runs: &[&str], n: u64) {
        let diary = self.diary();
        let lines = diary.iter().filter(|((kind, run, _), _)| kind == "once" && runs.contains(&run.as_str()));
        let mut done: Vec<(&str, usize)> =
            lines.map(|((_, _, key), times)| (key.split_once('/').expect("a turn").0, *times)).collect();
        done.sort_unstable();
        assert_eq!(done, ONCE.map(|place| (place, 1)), "order {n}");
    }
}

/// Returns whether a run has ended.
pub(crate) fn is_over(status: Status) -> bool {
    matches!(status, Status::Completed | Status::Failed | Status::Cancelled)
}

fn code(state: &RunState, kind: CodeKind) -> impl Iterator<Item = (&StepKey, &ToolCycle)> {
    state.steps().filter_map(move |(key, step)| match step {
        Step::Code(code) if code.kind == kind => Some((key, &code.cycle)),
        _ => None,
    })
}

fn doubts(state: &RunState) -> Vec<StepKey> {
    let once = code(state, CodeKind::Once);
    once.filter(|(_, cycle)| matches!(cycle, ToolCycle::Unknown(..))).map(|(key, _)| key.clone()).collect()
}

fn recorded(state: &RunState) -> Vec<StepKey> {
    let computed = code(state, CodeKind::Compute);
    computed.filter(|(_, cycle)| matches!(cycle, ToolCycle::Succeeded(_))).map(|(key, _)| key.clone()).collect()
}

/// Checks that computing ran again only where a process died of it: as often in each run, at most, as deaths are
/// recorded in its family, times the steps that the run has under way at once. `unseen` deaths may not be recorded yet.
///
/// Returns how often something ran again.
pub(crate) fn again_by_death(scene: &Scene, diary: &BTreeMap<Line, usize>, unseen: usize) -> usize {
    let deaths = deaths(scene);
    let mut again: BTreeMap<&str, usize> = BTreeMap::new();
    for ((kind, run, step), times) in diary.iter().filter(|((kind, _, _), _)| kind == "compute") {
        let known = deaths.get(family(run)).copied().unwrap_or(0) + unseen;
        assert!(*times <= 1 + known, "{kind} {run} {step} ran {times} times, with {known} deaths");
        *again.entry(run).or_default() += times - 1;
    }
    for (run, again) in &again {
        let known = deaths.get(family(run)).copied().unwrap_or(0) + unseen;
        let most = known * flow::at_once(run);
        assert!(*again <= most, "steps of {run} ran again {again} times, with {known} deaths");
    }
    again.values().sum()
}

/// The run that no other one started: deaths are recorded where they are met, in it or in its children.
fn family(run: &str) -> &str {
    run.split_once('/').map_or(run, |(root, _)| root)
}

/// Counts the deaths that are recorded in each family.
fn deaths(scene: &Scene) -> BTreeMap<String, usize> {
    let mut deaths = BTreeMap::new();
    for run in scene.runs_of("driver_changed") {
        *deaths.entry(family(&run).to_owned()).or_default() += 1;
    }
    deaths
}

/// Checks that nothing ran again that was recorded already.
pub(crate) fn never_again(before: &BTreeMap<Line, usize>, diary: &BTreeMap<Line, usize>) {
    for (line, times) in before {
        assert_eq!(diary.get(line), Some(times), "{line:?} ran again after it was recorded");
    }
}

/// Lends the diary's type to whoever only counts.
pub(crate) type Computed = BTreeMap<Line, usize>;

impl Scene {
    /// Borrows what the closures of this place say.
    pub(crate) fn diary(&self) -> Diary {
        Diary::new(self.file("diary"))
    }
}
