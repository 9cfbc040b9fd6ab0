//! What a fork takes over from its parent: the shared prefix by reference, never its effects.

use std::{collections::BTreeMap, sync::Arc};

use super::{CodeStep, RunState, Step, ToolStep};
use crate::{
    RunId, Seq, StepKey,
    cycle::ToolCycle,
    event::{Cause, CodeKind, Doubt, Effect},
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
    /// How many ancestors that run has.
    depth: usize,
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
                    let (holder, depth) = (parent.run().run.clone(), parent.depth());
                    let shared = Shared { run: holder, depth, origin: (run.clone(), at), step };
                    steps.insert(key.clone(), shared);
                }
                // An ancestor's own effect under the key stands, whatever a look of the parent's came to.
                None if step.effect().is_some() => {}
                None => drop(steps.remove(key)),
            }
        }
        Arc::new(Self { depth: parent.depth() + 1, steps })
    }

    pub(super) fn step(&self, key: &StepKey) -> Option<&Step> {
        self.steps.get(key).map(|shared| &shared.step)
    }

    pub(super) fn depth_of(&self, key: &StepKey) -> Option<usize> {
        self.steps.get(key).map(|shared| shared.depth)
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
    match step {
        Step::Model(model) => (!matches!(model.cycle, ModelCycle::Requested(_))).then(|| step.clone()),
        Step::Tool(tool) => match &tool.cycle {
            ToolCycle::Requested(_) | ToolCycle::RetryDue(_) if tool.effect == Effect::Read => None,
            cycle => Some(
                doubted(cycle)
                    .map_or_else(|| step.clone(), |cycle| Step::Tool(Arc::new(ToolStep { cycle, ..(**tool).clone() }))),
            ),
        },
        Step::Code(code) => match &code.cycle {
            ToolCycle::RetryDue(_) if code.kind == CodeKind::Compute => None,
            cycle => Some(
                doubted(cycle)
                    .map_or_else(|| step.clone(), |cycle| Step::Code(Arc::new(CodeStep { cycle, ..(**code).clone() }))),
            ),
        },
        // What the parent still waits for is the parent's; a fork asks anew. An instant is the same for both.
        Step::Pause(pause) => pause.resumed.is_some().then(|| step.clone()),
        Step::Child(child) => child.ended.is_some().then(|| step.clone()),
        Step::Timer(_) | Step::Rollback(_) => Some(step.clone()),
    }
}

/// Returns the cycle of a call that was under way, as a fork has it: nobody there can say what became of it.
fn doubted(cycle: &ToolCycle) -> Option<ToolCycle> {
    match cycle {
        ToolCycle::Requested(attempt) => {
            Some(ToolCycle::Unknown(*attempt, Doubt { cause: Cause::OwnerLost, error: None }))
        }
        _ => None,
    }
}
