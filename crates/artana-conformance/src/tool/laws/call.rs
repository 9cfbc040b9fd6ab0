//! Laws of calls: one effect, under the key of the step, and a result that is one.

use std::collections::BTreeSet;

use crate::{
    Law,
    law::{Kept, ensure, ensure_eq, laws},
    tool::{
        ToolTrial,
        trial::{Key, json_of, unexpected},
    },
};

pub(super) const LAWS: &[Law<ToolTrial>] = laws! {
    "call/has_one_effect": "One call has one effect." => one;
    "call/uses_its_key": "The outside gets the idempotency key that the call was given." => key;
    "call/attempts_share_an_effect": "Another attempt of a call has the same key, and the same result." => attempts;
    "call/keys_have_effects_of_their_own": "The same arguments under another key are another effect." => keys;
    "call/result_fits": "A result is JSON, not larger than declared, and what the tool says it returns." => result;
    "call/misfits_are_told": "A value that is no result of the tool is told from one." => misfit;
    "call/effect_id_is_told" [EffectIds]: "The outside's own id of the effect is told." => effect_id;
};

async fn one(t: &ToolTrial) -> Kept {
    t.done(&Key::new(1)).await?;
    ensure_eq!(t.bench.effects().len(), 1, "how many effects one call had");
    Ok(())
}

async fn key(t: &ToolTrial) -> Kept {
    let key = Key::new(1);
    t.done(&key).await?;
    ensure!(t.bench.effects().contains(&key.text()), "no effect happened under the key: {:?}", t.bench.effects());
    Ok(())
}

async fn attempts(t: &ToolTrial) -> Kept {
    let key = Key::new(1);
    let first = t.done(&key).await?;
    let before = t.bench.effects();
    for attempt in [2, 3] {
        let again = t.tool.call(t.args(), key.context(attempt)).await.map_err(|error| unexpected(&error))?;
        ensure_eq!(json_of(&again)?, json_of(&first)?, "the result of attempt {attempt}");
    }
    ensure_eq!(t.bench.effects(), before, "the effects after further attempts");
    Ok(())
}

async fn keys(t: &ToolTrial) -> Kept {
    t.done(&Key::new(1)).await?;
    let before = t.bench.effects().len();
    t.done(&Key::new(2)).await?;
    ensure!(t.bench.effects().len() > before, "a call under another key had no effect");
    Ok(())
}

async fn result(t: &ToolTrial) -> Kept {
    for (n, args) in (1..).zip(t.bench.args()) {
        let done = t.tool.call(args, Key::new(n).context(1)).await.map_err(|error| unexpected(&error))?;
        let most = t.tool.spec().max_result;
        ensure!(done.result.len() <= most, "a result of {} bytes, more than {most}", done.result.len());
        ensure!(t.tool.fits_result(&json_of(&done)?), "the tool does not recognise its own result");
    }
    Ok(())
}

async fn misfit(t: &ToolTrial) -> Kept {
    ensure!(!t.tool.fits_result(&t.bench.misfit()), "what is no result is taken for one");
    Ok(())
}

async fn effect_id(t: &ToolTrial) -> Kept {
    let mut told = BTreeSet::new();
    for (key, args) in [1, 2].map(Key::new).into_iter().zip(t.bench.args()) {
        let done = t.tool.call(args, key.context(1)).await.map_err(|error| unexpected(&error))?;
        let of_an_effect = t.bench.effects().iter().any(|key| t.bench.effect_id(key) == done.effect_id);
        ensure!(done.effect_id.is_some() && of_an_effect, "{:?} is the id of no effect", done.effect_id);
        told.extend(done.effect_id);
    }
    ensure_eq!(told.len(), 2, "how many ids two effects have");
    Ok(())
}
