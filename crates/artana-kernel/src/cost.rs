//! What runs used and cost, by tenant, run, run tree, model, tool and time. Sums what the ledgers say.

use std::collections::VecDeque;

use artana_core::{
    Event, ModelId, RunId, RunRef, RunState, Tenant, TenantId, ToolName,
    cost::{Charge, Costs, charge},
};
use artana_ports::{Listed, RunQuery, TimeRange};

use crate::{Error, Kernel, load};

/// Which calls to sum up.
#[derive(Debug, Clone)]
pub struct CostQuery {
    tenant: Tenant,
    runs: Runs,
    model: Option<String>,
    tool: Option<String>,
    time: TimeRange,
}

#[derive(Debug, Clone)]
enum Runs {
    All,
    One(String),
    Tree(String),
}

impl CostQuery {
    /// Sums up all runs of a tenant.
    #[must_use]
    pub fn tenant(tenant: &Tenant) -> Self {
        Self { tenant: tenant.clone(), runs: Runs::All, model: None, tool: None, time: TimeRange::default() }
    }

    /// Sums up one run, without its forks.
    #[must_use]
    pub fn run(tenant: &Tenant, id: impl Into<String>) -> Self {
        Self { runs: Runs::One(id.into()), ..Self::tenant(tenant) }
    }

    /// Sums up a run with its forks and theirs. What a fork shares with its parent counts once.
    #[must_use]
    pub fn tree(tenant: &Tenant, id: impl Into<String>) -> Self {
        Self { runs: Runs::Tree(id.into()), ..Self::tenant(tenant) }
    }

    /// Counts calls of this model only.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Counts calls of this tool only.
    #[must_use]
    pub fn tool(mut self, tool: impl Into<String>) -> Self {
        self.tool = Some(tool.into());
        self
    }

    /// Counts only what was recorded in a time: requests when they were made, costs when they were known.
    #[must_use]
    pub fn within(mut self, time: TimeRange) -> Self {
        self.time = time;
        self
    }

    fn counts(&self, charge: &Charge) -> bool {
        let both = self.model.is_none() && self.tool.is_none();
        let is = |asked: &Option<String>, name: &str| asked.as_deref().map_or(both, |asked| asked == name);
        match charge {
            Charge::Model(model, _) => is(&self.model, ModelId::as_str(model)),
            Charge::Tool(tool, _) => is(&self.tool, ToolName::as_str(tool)),
            _ => both,
        }
    }
}

/// What the calls of runs used and cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CostReport {
    /// The sums, by model and by tool.
    pub costs: Costs,
    /// How many runs were summed up.
    pub runs: u64,
    /// Runs that cannot be read, whose costs are missing here.
    pub broken: Vec<RunRef>,
}

impl Kernel {
    /// Sums up what calls used and cost. Of several runs a broken one hides none of the others.
    ///
    /// # Errors
    ///
    /// [`Error::RunNotFound`] when the tenant has no such run; [`Error::Damaged`] when the one run that was asked
    /// for, or the root of the tree, is broken; [`Error::Store`].
    pub async fn cost(&self, query: &CostQuery) -> Result<CostReport, Error> {
        self.0.open()?;
        let tenant = query.tenant.id()?.clone();
        let mut report = CostReport::default();
        match &query.runs {
            Runs::All => self.all(query, &tenant, &mut report).await?,
            Runs::One(id) => {
                self.add(query, RunRef::new(tenant, RunId::parse(id)?), &mut report).await?;
            }
            Runs::Tree(id) => self.tree(query, RunRef::new(tenant, RunId::parse(id)?), &mut report).await?,
        }
        Ok(report)
    }

    async fn all(&self, query: &CostQuery, tenant: &TenantId, report: &mut CostReport) -> Result<(), Error> {
        let mut page = RunQuery::all(tenant.clone());
        loop {
            let listed = self.0.store.runs(&page).await?;
            for item in listed.items {
                let run = match item {
                    Listed::View(view) => Some(view.run),
                    Listed::Broken { run, .. } => RunId::parse(run).ok().map(|run| RunRef::new(tenant.clone(), run)),
                };
                if let Some(run) = run {
                    self.add_or_skip(query, run, report).await?;
                }
            }
            match listed.next {
                Some(next) => page.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// A fork that its parent announced and that was never started costs nothing.
    async fn tree(&self, query: &CostQuery, root: RunRef, report: &mut CostReport) -> Result<(), Error> {
        let mut due = VecDeque::from(self.add(query, root.clone(), report).await?);
        while let Some(fork) = due.pop_front() {
            let fork = RunRef::new(root.tenant.clone(), fork);
            due.extend(self.add_or_skip(query, fork, report).await?);
        }
        Ok(())
    }

    async fn add_or_skip(&self, query: &CostQuery, run: RunRef, report: &mut CostReport) -> Result<Vec<RunId>, Error> {
        match self.add(query, run.clone(), report).await {
            Err(Error::Damaged { .. }) => {
                report.broken.push(run);
                Ok(Vec::new())
            }
            Err(Error::RunNotFound { .. }) => Ok(Vec::new()),
            other => other,
        }
    }

    /// Adds a run, and returns its forks.
    async fn add(&self, query: &CostQuery, run: RunRef, report: &mut CostReport) -> Result<Vec<RunId>, Error> {
        let mut costs = Costs::default();
        let look = |state: &RunState, event: &Event| {
            if let Some(charge) = charge(state, event)
                && query.time.contains(event.at())
                && query.counts(&charge)
            {
                costs.add(&charge);
            }
        };
        let state = load::visit(&*self.0.store, &run, look).await?;
        report.costs.merge(&costs);
        report.runs += 1;
        Ok(state.forks().keys().cloned().collect())
    }
}
