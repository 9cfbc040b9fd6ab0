//! One world: lives that end where they are told to, one that goes on to the end, and what must hold then.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use artana_core::{Event, Record, RunId, RunRef, Tenant, event::Body};
use artana_kernel::{Error, Kernel};

use super::{
    CrashReport, CrashWorld, Scenario, Violation,
    closures::{self, Executions},
    life::{Ended, TICK, all_rows, block_on, go_on, pass_time},
    models::{self, Asked, Recorded},
};
use crate::{
    SeededEntropy,
    fault::{FaultModel, FaultStore, FaultTool, Faults, Point},
};

/// How long a life counts as alive after its last heartbeat.
const TTL: Duration = Duration::from_secs(15);

/// What happened where nothing crashed.
pub(super) struct Calm {
    ended: Ended,
    effects: usize,
    asked: Vec<Asked>,
}

/// One world, and the crashes in it.
pub(super) struct Trial<'a, S> {
    scenario: &'a S,
    world: CrashWorld,
    crashes: Vec<Point>,
    lives: usize,
    executions: Executions,
    unknown: bool,
    violations: Vec<Violation>,
}

impl<'a, S: Scenario> Trial<'a, S> {
    pub(super) fn new(scenario: &'a S, crashes: Vec<Point>) -> Self {
        let world = CrashWorld::new();
        scenario.prepare(&world);
        let executions = Executions::default();
        Self { scenario, world, crashes, lives: 0, executions, unknown: false, violations: Vec::new() }
    }

    pub(super) fn calm(mut self, report: &mut CrashReport) -> (Calm, Vec<Point>) {
        let faults = Faults::record();
        let ended = self.live(&faults).expect("nothing was told to crash");
        let (effects, asked) = (self.world.provider.book().len(), self.world.witness.noted());
        let calm = Calm { ended: ended.clone(), effects, asked };
        self.judge(&ended, &calm);
        report.violations.append(&mut self.violations);
        (calm, faults.points())
    }

    /// Crashes as planned, lives to the end, and returns the points of that last life.
    pub(super) fn judged(mut self, calm: &Calm, report: &mut CrashReport) -> Vec<Point> {
        let faults = Faults::record();
        self.crash_and_go_on(calm, &faults);
        report.worlds += 1;
        report.unknown += usize::from(self.unknown);
        report.violations.append(&mut self.violations);
        faults.points()
    }

    fn crash_and_go_on(&mut self, calm: &Calm, last: &Faults) {
        for point in self.crashes.clone() {
            if self.live(&Faults::crash_at(point.n)).is_some() {
                return self.violated("a point was not reached: the scenario is not deterministic");
            }
            self.world.clock.advance(TTL + TICK);
        }
        let before = self.ledgers();
        let ended = self.live(last).expect("nothing was told to crash");
        let after = self.ledgers();
        for (run, rows) in before {
            if !after.get(&run).is_some_and(|now| now.starts_with(&rows)) {
                self.violated(format!("events of run {} are gone", run.run));
            }
        }
        self.unknown = ended == Ended::Unknown;
        if ended != calm.ended && !(self.unknown && self.scenario.may_stay_unknown()) {
            self.violated(format!("it ended as {ended:?} instead of {:?}", calm.ended));
        }
        self.judge(&ended, calm);
    }

    /// Checks what must hold at the end of every world.
    fn judge(&mut self, ended: &Ended, calm: &Calm) {
        self.judge_effects(ended, calm);
        if *ended != Ended::Unknown {
            self.repeat(ended);
        }
        self.verify();
        self.judge_models(calm);
        let (ran, crashes) = (self.world.closures.noted(), self.crashes.len());
        closures::judge(&ran, &self.executions, crashes).into_iter().for_each(|what| self.violated(what));
        for contradiction in self.world.contradictions() {
            self.violated(contradiction);
        }
    }

    fn judge_effects(&mut self, ended: &Ended, calm: &Calm) {
        let book = self.world.provider.book();
        for entry in &book {
            let effects = self.world.provider.effects(&entry.key);
            if effects > 1 {
                self.violated(format!("{effects} effects happened under the key {}", entry.key));
            }
        }
        let missing = book.len() < calm.effects && *ended != Ended::Unknown;
        if book.len() > calm.effects || missing {
            self.violated(format!("{} effects happened instead of {}", book.len(), calm.effects));
        }
    }

    /// A finished program answers from the ledger.
    fn repeat(&mut self, ended: &Ended) {
        let noticed = |trial: &Self| {
            let world = &trial.world;
            (trial.ledgers(), world.provider.calls(), world.questions(), world.closures.times())
        };
        let before = noticed(self);
        let again = self.live(&Faults::record()).expect("nothing was told to crash");
        if again != *ended {
            self.violated(format!("repeated, it ended as {again:?} instead of {ended:?}"));
        }
        if noticed(self) != before {
            self.violated("repeated, it wrote, called, asked or ran something");
        }
    }

    fn verify(&mut self) {
        let kernel = self.kernel(&Faults::record());
        let started = self.started().into_iter().map(|(_, run)| run);
        let runs: BTreeSet<RunRef> = started.chain(self.ledgers().into_keys()).collect();
        for run in runs {
            let broken = match block_on(kernel.verify(&Tenant::new(run.tenant.as_str()), run.run.as_str())) {
                Ok(report) => report.first_break.map(|found| found.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(broken) = broken {
                self.violated(format!("run {} does not verify: {broken}", run.run));
            }
        }
    }

    /// The ledgers and the models tell the same of every question.
    fn judge_models(&mut self, calm: &Calm) {
        match self.recorded() {
            Err(error) => self.violated(format!("what the models were asked cannot be read: {error}")),
            Ok(recorded) => {
                let (asked, crashes) = (self.world.witness.noted(), self.crashes.len());
                models::judge(&asked, &recorded, &calm.asked, crashes).into_iter().for_each(|what| self.violated(what));
            }
        }
    }

    fn recorded(&self) -> Result<Recorded, Error> {
        let (kernel, mut recorded) = (self.kernel(&Faults::record()), Recorded::default());
        let tenants: Vec<Tenant> = self.started().into_iter().map(|(tenant, _)| tenant).collect();
        for (run, rows) in self.ledgers() {
            let known = tenants.iter().find(|tenant| tenant.id().is_ok_and(|id| *id == run.tenant));
            let tenant = known.expect("a run is of a tenant of the scenario");
            block_on(async {
                let run = kernel.open_run(tenant, run.run.as_str()).await?;
                recorded.add(&run, &rows).await
            })?;
        }
        Ok(recorded)
    }

    /// Lives one life. `None` means that it crashed.
    fn live(&mut self, faults: &Faults) -> Option<Ended> {
        self.lives += 1;
        self.world.closures.next_life();
        let kernel = self.kernel(faults);
        let (scenario, world) = (self.scenario, &self.world);
        let ended = block_on(async {
            tokio::select! {
                biased;
                _ = faults.crashed() => None,
                ended = pass_time(&world.clock, go_on(scenario, &kernel, world)) => Some(ended),
            }
        });
        drop(kernel);
        self.executions.add(self.lives, &self.ledgers());
        ended
    }

    fn kernel(&self, faults: &Faults) -> Kernel {
        let store = FaultStore::new(Arc::new(self.world.store.clone()), faults.clone());
        let mut builder = Kernel::builder(store)
            .clock(Arc::new(self.world.clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(self.lives as u64)))
            .time_to_live(TTL);
        for tool in self.scenario.tools(&self.world) {
            builder = builder.tool(FaultTool::new(tool, faults.clone()));
        }
        if let Some(model) = self.scenario.model(&self.world) {
            builder = builder.model(FaultModel::new(self.world.witness.watch(model, self.lives), faults.clone()));
        }
        builder.build().expect("the scenario's tools are sound")
    }

    fn started(&self) -> Vec<(Tenant, RunRef)> {
        let run = |(tenant, id): (Tenant, String)| {
            let owner = tenant.id().expect("the scenario's tenant is fit").clone();
            let run = RunRef::new(owner, RunId::parse(id).expect("the scenario's run id is fit"));
            (tenant, run)
        };
        self.scenario.runs().into_iter().map(run).collect()
    }

    /// Returns the rows of all runs there are: those the scenario names, their forks and their children.
    fn ledgers(&self) -> BTreeMap<RunRef, Vec<Record>> {
        let mut ledgers = BTreeMap::new();
        let mut due: Vec<RunRef> = self.started().into_iter().map(|(_, run)| run).collect();
        while let Some(run) = due.pop() {
            let rows = block_on(all_rows(&self.world.store, &run));
            due.extend(rows.iter().filter_map(begun_by).map(|begun| RunRef::new(run.tenant.clone(), begun)));
            if !rows.is_empty() {
                ledgers.insert(run, rows);
            }
        }
        ledgers
    }

    fn violated(&mut self, what: impl Into<String>) {
        self.violations.push(Violation { crashes: self.crashes.clone(), what: what.into() });
    }
}

/// Returns the fork or the child an event tells of, if it does.
fn begun_by(row: &Record) -> Option<RunId> {
    if !matches!(row.kind.as_bytes(), b"run_forked" | b"child_started") {
        return None;
    }
    match Event::decode(row.clone()).ok()?.body() {
        Body::RunForked(forked) => Some(forked.fork.clone()),
        Body::ChildStarted(started) => Some(started.run.clone()),
        _ => None,
    }
}
