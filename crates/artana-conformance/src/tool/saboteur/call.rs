//! Tools that act too often, too seldom or under other keys, or whose results are none.

use artana_ports::{Probed, ToolContext, ToolError, ToolOutput};
use async_trait::async_trait;
use serde_json::Value;

use super::{
    Sabotage,
    mischief::{Called, Mischief, Notes, Scene, under_another_key},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "call/has_one_effect": "Acts once more under another key." => ActsTwice;
    "call/uses_its_key": "Has keys of its own." => HasItsOwnKeys;
    "call/attempts_share_an_effect": "Has another key for every attempt." => KeysByAttempt;
    "call/keys_have_effects_of_their_own": "Stays with the key it had for the same arguments." => KeysByArguments;
    "call/result_fits": "Recognises no result." => RecognisesNothing;
    "call/misfits_are_told": "Recognises anything." => RecognisesAnything;
    "call/effect_id_is_told": "Forgets the id of the effect." => ForgetsIds;
};

#[derive(Debug, Default)]
struct ActsTwice;

#[async_trait]
impl Mischief for ActsTwice {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        let again = under_another_key(&cx);
        let done = at.tool.call(args.clone(), cx).await?;
        let _ = at.tool.call(args, again).await;
        Ok(done)
    }
}

#[derive(Debug, Default)]
struct HasItsOwnKeys;

#[async_trait]
impl Mischief for HasItsOwnKeys {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        at.tool.call(args, under_another_key(&cx)).await
    }

    async fn probes(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Result<Probed, ToolError> {
        at.tool.probe(args, under_another_key(&cx)).await
    }
}

#[derive(Debug, Default)]
struct KeysByAttempt;

#[async_trait]
impl Mischief for KeysByAttempt {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        // The second attempt is made alone here, and the third is another one's.
        let cx = if cx.attempt > 2 { under_another_key(&cx) } else { cx };
        at.tool.call(args, cx).await
    }
}

#[derive(Debug, Default)]
struct KeysByArguments(Notes<Vec<(Value, ToolContext)>>);

#[async_trait]
impl Mischief for KeysByArguments {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        let cx = self.0.with(|known| match known.iter().find(|(before, _)| *before == args) {
            Some((_, first)) => first.clone(),
            None => {
                known.push((args.clone(), cx.clone()));
                cx
            }
        });
        at.tool.call(args, cx).await
    }
}

#[derive(Debug, Default)]
struct RecognisesNothing;

#[async_trait]
impl Mischief for RecognisesNothing {
    fn fits(&self, _: Scene<'_>, _: &Value) -> bool {
        false
    }
}

#[derive(Debug, Default)]
struct RecognisesAnything;

#[async_trait]
impl Mischief for RecognisesAnything {
    fn fits(&self, _: Scene<'_>, _: &Value) -> bool {
        true
    }
}

#[derive(Debug, Default)]
struct ForgetsIds;

#[async_trait]
impl Mischief for ForgetsIds {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        at.tool.call(args, cx).await.map(|done| ToolOutput { effect_id: None, ..done })
    }
}
