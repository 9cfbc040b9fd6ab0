//! What a fork takes over from its parent: the shared prefix by reference, never its effects.

use std::{collections::BTreeMap, sync::Arc};

use super::{RunState, Step, ToolStep};
use crate::{
    RunId, Seq, StepKey,
    cycle::ToolCycle,
    event::{Cause, Doubt, Effect},
    model_cycle::ModelCycle,
};

/// The steps a fork shares with its ancestors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Inherited {
    /// How many ancestors there are.
    pub(super) depth: usize,
    steps: BTreeMap<StepKey, Shared>,
}

/// A step of an ancestor.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shared {
    /// The run that holds it, where all positions in it are.
    run: RunId,
    /// Where the step began: its holder may have gone on with a step of its own ancestors.
    origin: (RunId, Seq),
    step: Step,
}

impl Inherited {
    /// Takes over what stands in `parent`, which is folded up to the cut. A model step or a look that was
    /// pending there never happened here; an effect that was pending is in doubt, and only the parent can
    /// find out.
    pub(super) fn from(parent: &RunState) -> Arc<Self> {
        let mut steps = parent.inherited.as_deref().cloned().unwrap_or_default().steps;
        for (key, step) in &parent.steps {
            match shared(step) {
                Some(step) => {
                    let (run, at) = parent.origin(key).expect("a step of the parent's own");
                    let shared = Shared { run: parent.run().run.clone(), origin: (run.clone(), at), step };
                    steps.insert(key.clone(), shared);
                }
                // An ancestor's own effect under the key stands, whatever a look of the parent's came to.
                None if step.tool().is_some() => {}
                None => drop(steps.remove(key)),
            }
        }
        Arc::new(Self { depth: parent.depth() + 1, steps })
    }

    pub(super) fn step(&self, key: &StepKey) -> Option<&Step> {
        self.steps.get(key).map(|shared| &shared.step)
    }

    pub(super) fn holder(&self, key: &StepKey) -> Option<&RunId> {
        self.steps.get(key).map(|shared| &shared.run)
    }

    pub(super) fn origin(&self, key: &StepKey) -> Option<(&RunId, Seq)> {
        self.steps.get(key).map(|shared| (&shared.origin.0, shared.origin.1))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&StepKey, &Step)> {
        self.steps.iter().map(|(key, shared)| (key, &shared.step))
    }
}

fn shared(step: &Step) -> Option<Step> {
    let tool = match step {
        Step::Model(model) => return (!matches!(model.cycle, ModelCycle::Requested(_))).then(|| step.clone()),
        Step::Tool(tool) => tool,
    };
    match &tool.cycle {
        ToolCycle::Requested(_) | ToolCycle::RetryDue(_) if tool.effect == Effect::Read => None,
        ToolCycle::Requested(attempt) => {
            let doubt = Doubt { cause: Cause::OwnerLost, error: None };
            let cycle = ToolCycle::Unknown(*attempt, doubt);
            Some(Step::Tool(Arc::new(ToolStep { cycle, ..(**tool).clone() })))
        }
        _ => Some(step.clone()),
    }
}
