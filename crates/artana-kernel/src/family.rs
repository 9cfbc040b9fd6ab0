//! Effects in a family of forks: each belongs to the run that begins it first under its key.

use artana_core::{
    EventId, ParentLink, RunId, RunRef, RunState, Step, StepKey,
    decide::{ToolAsk, effect_claim, held_key},
    event::{Body, CodeKind, Effect},
};
use artana_ports::Claim;

use crate::{Error, Kernel, Run};

/// Returns what an event has to claim. A run records that it is forked before the fork can begin anything, so
/// a run without forks need not claim.
pub(crate) fn claim(before: &RunState, step: &StepKey, body: &Body, holder: EventId) -> Option<Claim> {
    held_key(before, Some(step), body).map(|key| Claim::Unique { key, holder })
}

/// Returns what a call claims that wants the effect for its own run: nobody shall repeat it unasked. It goes on
/// without the claim where a relative has it.
pub(crate) fn own_claim(before: &RunState, ask: &ToolAsk, holder: EventId) -> Option<Claim> {
    let alone = before.genesis().parent.is_none() && before.forks().is_empty();
    let key = || effect_claim(&before.genesis().root, &ask.step, &ask.tool.name);
    (ask.own_effect && !alone && ask.effect != Effect::Read).then(|| Claim::Unique { key: key(), holder })
}

/// A fork does not repeat an effect that an ancestor has begun, before the cut or after it.
pub(crate) async fn not_an_ancestors(run: &Run, ask: &ToolAsk) -> Result<(), Error> {
    let own = ask.effect == Effect::Read || ask.own_effect || run.parent().is_none();
    if own || run.journal.with_state(|state| state.step(&ask.step).is_some()) {
        return Ok(());
    }
    not_begun_by_an_ancestor(run, &ask.step).await
}

/// A fork does not run a closure again that must not run twice, and that an ancestor has begun.
pub(crate) async fn no_ancestor_ran(run: &Run, step: &StepKey) -> Result<(), Error> {
    if run.parent().is_none() || run.journal.with_state(|state| state.step(step).is_some()) {
        return Ok(());
    }
    not_begun_by_an_ancestor(run, step).await
}

async fn not_begun_by_an_ancestor(run: &Run, step: &StepKey) -> Result<(), Error> {
    match effect_of_ancestor(run, step).await? {
        None => Ok(()),
        holder => Err(Error::EffectBelongsToAncestor { run: run.name().clone(), step: step.clone(), holder }),
    }
}

fn is_effect(step: &Step) -> bool {
    match step {
        Step::Tool(tool) => tool.effect != Effect::Read,
        Step::Code(code) => code.kind == CodeKind::Once,
        _ => false,
    }
}

/// Says where an effect of this key was begun by an ancestor, before or after the cut, if it was.
async fn effect_of_ancestor(run: &Run, step: &StepKey) -> Result<Option<RunId>, Error> {
    let kernel = Kernel(std::sync::Arc::clone(&run.journal.shared));
    let mut link = run.journal.genesis.parent.clone();
    while let Some(ParentLink { run: id, .. }) = link {
        let ancestor = RunRef::new(run.name().tenant.clone(), id.clone());
        let journal = kernel.journal(&ancestor).await?;
        journal.refresh().await?;
        let begun = journal.with_state(|state| {
            let own = state.holder(step).is_none();
            own && state.step(step).is_some_and(is_effect)
        });
        if begun {
            return Ok(Some(id));
        }
        link = journal.genesis.parent.clone();
    }
    Ok(None)
}
