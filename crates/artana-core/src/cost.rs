//! What calls use and cost: one event's share, sums of shares, and prices. Money is an integer, rounded up
//! once per call; a call without a known price is counted as such, never as free.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Event, ModelId, ModelStep, RunState, ToolName, ToolStep, Usd,
    event::{Abandoned, Answer, Body, Cost, Late, LateOutcome, ModelOutcome, Outcome, Resolution, Usage},
    json,
    model_cycle::ModelCycle,
};

/// What one token costs, in nano-dollars for a million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "these are the three prices that every provider publishes")]
pub struct Price {
    /// For input the provider has cached.
    pub cached: Usd,
    /// For other input.
    pub input: Usd,
    /// For output, reasoning included.
    pub output: Usd,
}

impl Price {
    /// Returns a price for a million tokens of input and of output; cached input costs as much as other.
    #[must_use]
    pub const fn per_million(input: Usd, output: Usd) -> Self {
        Self { cached: input, input, output }
    }

    /// Returns what a call cost, rounded up once to a nano-dollar; the largest amount there is if it does not fit.
    #[must_use]
    pub fn of(&self, usage: &Usage) -> Usd {
        let cached = usage.cached.min(usage.input);
        let share = |price: Usd, tokens: u64| u128::from(price.as_nanos()) * u128::from(tokens);
        let total = share(self.cached, cached)
            .saturating_add(share(self.input, usage.input - cached))
            .saturating_add(share(self.output, usage.output));
        Usd::nanos(u64::try_from(total.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

/// Prices by model, with a digest that events record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceTable {
    prices: BTreeMap<ModelId, Price>,
    digest: Option<Digest>,
}

impl PriceTable {
    /// Makes a table of prices.
    #[must_use]
    pub fn new(prices: impl IntoIterator<Item = (ModelId, Price)>) -> Self {
        let prices: BTreeMap<ModelId, Price> = prices.into_iter().collect();
        let value = serde_json::to_value(&prices).expect("names and integers are JSON");
        let canonical = json::to_canonical(&value).expect("names and integers are in the profile");
        Self { digest: (!prices.is_empty()).then(|| Digest::of_schema(&canonical)), prices }
    }

    /// Returns what a call of a model cost; `None` where the table has no price for it.
    #[must_use]
    pub fn cost(&self, model: &ModelId, usage: &Usage) -> Option<Cost> {
        Some(Cost { nanos: self.prices.get(model)?.of(usage), table: self.digest? })
    }
}

/// What one event says was used and spent, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Charge {
    /// A model's share.
    Model(ModelId, ModelCost),
    /// A tool's share.
    Tool(ToolName, ToolCost),
}

/// What the calls of a model used and cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelCost {
    /// Requests that were recorded.
    pub calls: u64,
    /// Requests that ended without an answer that can be used.
    pub failed: u64,
    /// Requests whose answer nobody will learn; the provider may have charged for them.
    pub abandoned: u64,
    /// Calls whose price is not known: answers of a model without one, and failures that gave no answer but that
    /// the provider may have charged for.
    pub unpriced: u64,
    /// What the others cost.
    pub cost: Usd,
    /// Tokens.
    pub usage: Usage,
    /// How long the calls took, in microseconds.
    pub elapsed_us: u64,
}

/// What the calls of a tool used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolCost {
    /// Attempts that were recorded.
    pub calls: u64,
    /// Attempts that are known not to have happened.
    pub failed: u64,
    /// Attempts that nobody knew the outcome of when they ended.
    pub unknown: u64,
    /// How long the calls took, in microseconds.
    pub elapsed_us: u64,
}

/// What calls used and cost, by model and by tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Costs {
    /// By model.
    pub models: BTreeMap<ModelId, ModelCost>,
    /// By tool.
    pub tools: BTreeMap<ToolName, ToolCost>,
}

impl Costs {
    /// Adds a share.
    pub fn add(&mut self, charge: &Charge) {
        match charge {
            Charge::Model(model, share) => self.models.entry(model.clone()).or_default().add(share),
            Charge::Tool(tool, share) => self.tools.entry(tool.clone()).or_default().add(share),
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        for (model, share) in &other.models {
            self.models.entry(model.clone()).or_default().add(share);
        }
        for (tool, share) in &other.tools {
            self.tools.entry(tool.clone()).or_default().add(share);
        }
    }

    /// Returns what all models together used and cost.
    #[must_use]
    pub fn total(&self) -> ModelCost {
        let mut total = ModelCost::default();
        self.models.values().for_each(|share| total.add(share));
        total
    }

    /// Returns whether nothing was called.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty() && self.tools.is_empty()
    }
}

impl ModelCost {
    fn add(&mut self, other: &Self) {
        let mine = &mut self.usage;
        let counts = [
            (&mut self.calls, other.calls),
            (&mut self.failed, other.failed),
            (&mut self.abandoned, other.abandoned),
            (&mut self.unpriced, other.unpriced),
            (&mut mine.input, other.usage.input),
            (&mut mine.output, other.usage.output),
            (&mut mine.cached, other.usage.cached),
            (&mut mine.reasoning, other.usage.reasoning),
            (&mut self.elapsed_us, other.elapsed_us),
        ];
        counts.into_iter().for_each(saturate);
        self.cost = Usd::nanos(self.cost.as_nanos().saturating_add(other.cost.as_nanos()));
    }

    fn of(outcome: &ModelOutcome, elapsed_us: u64) -> Self {
        let none = Self { elapsed_us, ..Self::default() };
        match outcome {
            ModelOutcome::Completed(answer) => none.with(answer),
            ModelOutcome::Failed(failure) => {
                let unknown = Self { unpriced: u64::from(failure.category.may_be_charged()), ..none };
                let spent = failure.answer.as_ref().map_or(unknown, |answer| none.with(answer));
                Self { failed: 1, ..spent }
            }
            ModelOutcome::Abandoned(Abandoned::NotSent) => none,
            ModelOutcome::Abandoned(_) => Self { abandoned: 1, ..none },
        }
    }

    /// The request's end was counted when it was closed. What came after it is paid for; but an answer that is
    /// recorded has been.
    fn late(step: &ModelStep, late: &LateOutcome, outcome: &ModelOutcome) -> Self {
        match &step.cycle {
            ModelCycle::Completed(answered) if answered.request == late.request => Self::default(),
            _ => {
                let of = Self::of(outcome, late.elapsed_us);
                // A failure that came late tells no more of its price than the request's end did.
                let unpriced = if of.failed > 0 && of.usage == Usage::default() { 0 } else { of.unpriced };
                Self { failed: 0, abandoned: 0, unpriced, ..of }
            }
        }
    }

    fn with(self, answer: &Answer) -> Self {
        let cost = answer.cost.map_or(Usd::ZERO, |cost| cost.nanos);
        Self { cost, unpriced: u64::from(answer.cost.is_none()), usage: answer.usage, ..self }
    }
}

impl ToolCost {
    fn add(&mut self, other: &Self) {
        let counts = [
            (&mut self.calls, other.calls),
            (&mut self.failed, other.failed),
            (&mut self.unknown, other.unknown),
            (&mut self.elapsed_us, other.elapsed_us),
        ];
        counts.into_iter().for_each(saturate);
    }

    /// The attempt's end was counted when it was closed, except that it failed where that was in doubt.
    fn late(step: &ToolStep, late: &LateOutcome, outcome: &Outcome) -> Self {
        let ended = Self { elapsed_us: late.elapsed_us, ..Self::default() };
        match outcome {
            Outcome::Failed(_) if step.cycle.is_settled_by(late.request, outcome) => Self { failed: 1, ..ended },
            Outcome::Succeeded(_) | Outcome::Failed(_) | Outcome::Unknown(_) => ended,
        }
    }

    fn of(outcome: &Outcome, elapsed_us: u64) -> Self {
        let ended = Self { elapsed_us, ..Self::default() };
        match outcome {
            Outcome::Succeeded(_) => ended,
            Outcome::Failed(_) => Self { failed: 1, ..ended },
            Outcome::Unknown(_) => Self { unknown: 1, ..ended },
        }
    }
}

fn saturate((sum, more): (&mut u64, u64)) {
    *sum = sum.saturating_add(more);
}

/// Returns what an event adds to the costs of a run that is folded up to the event before it. An answer that
/// came late was paid for like any other.
#[must_use]
pub fn charge(before: &RunState, event: &Event) -> Option<Charge> {
    let key = event.step()?;
    let model = |share| Some(Charge::Model(before.model_step(key)?.asked.model.clone(), share));
    let tool = |share| Some(Charge::Tool(before.tool_step(key)?.tool.name.clone(), share));
    match event.body() {
        Body::ModelRequested(asked) => {
            Some(Charge::Model(asked.model.clone(), ModelCost { calls: 1, ..ModelCost::default() }))
        }
        Body::ModelTerminal(ended) => model(ModelCost::of(&ended.outcome, ended.elapsed_us)),
        Body::ToolRequested(asked) => {
            Some(Charge::Tool(asked.tool.name.clone(), ToolCost { calls: 1, ..ToolCost::default() }))
        }
        Body::ToolAttemptFailed(_) => tool(ToolCost { failed: 1, ..ToolCost::default() }),
        Body::ToolCompleted(ended) => tool(ToolCost::of(&ended.outcome, ended.elapsed_us)),
        Body::ToolResolved(found) => match found.outcome {
            Resolution::Failed(_) | Resolution::NotLanded => tool(ToolCost { failed: 1, ..ToolCost::default() }),
            Resolution::Succeeded(_) | Resolution::Unknown(_) => None,
        },
        Body::LateOutcome(late) => match &late.what {
            Late::Model(outcome) => model(ModelCost::late(before.model_step(key)?, late, outcome)),
            Late::Tool(outcome) => tool(ToolCost::late(before.tool_step(key)?, late, outcome)),
        },
        _ => None,
    }
}
