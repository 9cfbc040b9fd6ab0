//! Judges what killed and competing workers left behind: acknowledged steps are in the ledger, the
//! provider's book has each effect once and under the right key, and three verifiers find no break.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use artana_core::{Status, StepKey, Tenant, cycle::ToolCycle, export};
use artana_kernel::{Error, ExportOptions, Kernel};
use artana_tests::{
    verifier,
    work::{Ahead, STEPS, TENANT},
};

use crate::process::Scene;

/// The idempotency key of a step, from the formula on the format page alone.
pub(crate) fn effect_key(tenant: &str, run: &str, step: &str, tool: &str) -> String {
    let fields: [(u8, &str); 5] = [(0x00, "artana/1 effect"), (0x01, tenant), (0x02, run), (0x06, step), (0x1b, tool)];
    let mut frame = Vec::new();
    for (tag, value) in fields {
        frame.push(tag);
        frame.extend((value.len() as u64).to_le_bytes());
        frame.extend(value.as_bytes());
    }
    blake3::hash(&frame).to_string()
}

/// The keys of all effects a run of the worker's plan has.
pub(crate) fn effect_keys(run: &str) -> impl Iterator<Item = String> {
    let effects = STEPS.into_iter().filter(|(_, tool)| *tool != "count");
    effects.map(move |(step, tool)| effect_key(TENANT, run, step, tool))
}

/// Steps a worker got an acknowledgement for, by run.
pub(crate) type Acknowledged = BTreeMap<String, BTreeSet<String>>;

/// Adds the acknowledgements in what a worker said.
pub(crate) fn note(said: &[String], acknowledged: &mut Acknowledged) {
    for line in said {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["open", run] => drop(acknowledged.entry(run.into()).or_default()),
            ["ack", run, step, _] => drop(acknowledged.entry(run.into()).or_default().insert(step.into())),
            _ => {}
        }
    }
}

/// Opens a ledger as its workers left it.
pub(crate) struct Judge<'s> {
    scene: &'s Scene,
    kernel: Kernel,
    tenant: Tenant,
}

impl<'s> Judge<'s> {
    pub(crate) async fn open(scene: &'s Scene) -> Self {
        let store = scene.store(Ahead(Duration::ZERO)).await;
        let kernel = Kernel::builder_shared(store).build().expect("a kernel");
        Self { scene, kernel, tenant: Tenant::new(TENANT) }
    }

    /// Checks that runs verify and hold what was acknowledged. Returns how many events each has.
    pub(crate) async fn holds(&self, acknowledged: &Acknowledged) -> Vec<u64> {
        let mut events = Vec::new();
        for (run, steps) in acknowledged {
            events.push(self.verifies(run).await);
            let run = self.kernel.open_run(&self.tenant, run).await.expect("a run");
            for step in steps {
                let key = StepKey::parse(step).expect("a key");
                let succeeded = |state: &artana_core::RunState| {
                    state.tool_step(&key).is_some_and(|step| matches!(step.cycle, ToolCycle::Succeeded(_)))
                };
                assert!(run.latest(succeeded).await.expect("a state"), "{step} of {} was lost", run.id());
            }
        }
        events
    }

    /// Checks a run, which may not be there yet, that nobody got an acknowledgement for.
    pub(crate) async fn tolerates(&self, run: &str) {
        match self.kernel.verify(&self.tenant, run).await {
            Err(Error::RunNotFound { .. }) => {}
            _ => drop(self.verifies(run).await),
        }
    }

    /// Checks that all steps of a run are in the ledger, and that it ended.
    pub(crate) async fn finished(&self, run: &str) {
        let steps = STEPS.iter().map(|(step, _)| (*step).to_owned()).collect();
        self.holds(&Acknowledged::from([(run.to_owned(), steps)])).await;
        let run = self.kernel.open_run(&self.tenant, run).await.expect("a run");
        assert_eq!(run.status().await.expect("a status"), Status::Completed);
    }

    /// Checks that the book has exactly one effect of each step of these runs, and that it has
    /// at most one of each step of a run that is under way.
    pub(crate) fn book_agrees(&self, finished: impl IntoIterator<Item = String>, under_way: Option<&str>) {
        let mut book = BTreeMap::<String, usize>::new();
        for entry in self.scene.book() {
            *book.entry(entry.key).or_default() += 1;
        }
        for run in finished {
            for key in effect_keys(&run) {
                assert_eq!(book.remove(&key), Some(1), "effects of {run} under {key}");
            }
        }
        for key in under_way.into_iter().flat_map(effect_keys) {
            assert!(book.remove(&key).is_none_or(|times| times == 1), "a second effect under {key}");
        }
        assert!(book.is_empty(), "effects nobody asked for: {book:?}");
    }

    /// Verifies a run where it is stored, and its export by two verifiers that share no code.
    pub(crate) async fn verifies(&self, run: &str) -> u64 {
        verified(&self.kernel, &self.tenant, run).await
    }

    pub(crate) async fn close(self) {
        self.kernel.close().await.expect("closes");
    }
}

/// Verifies a run where it is stored, and its export by two verifiers that share no code. Returns how many events it has.
pub(crate) async fn verified(kernel: &Kernel, tenant: &Tenant, run: &str) -> u64 {
    let report = kernel.verify(tenant, run).await.expect("a verdict");
    assert!(report.is_ok(), "{report:?}");
    let file = exported(kernel, tenant, run).await;
    let product = export::verify(file.split(|byte| *byte == b'\n')).expect("an export");
    assert_eq!(product.first_break(), None);
    let independent = verifier::verify(&file).expect("an export");
    assert_eq!(independent.first_break(), None);
    assert_eq!(independent.runs[0].events, report.events);
    report.events
}

/// Exports a run whole, with its key and its content.
pub(crate) async fn exported(kernel: &Kernel, tenant: &Tenant, run: &str) -> Vec<u8> {
    let mut export =
        kernel.export(tenant, run, ExportOptions { content: true, key: true }).await.expect("an export begins");
    let mut file = Vec::new();
    while let Some(line) = export.next_line().await.expect("a line") {
        file.extend(line.into_bytes());
        file.push(b'\n');
    }
    file
}
