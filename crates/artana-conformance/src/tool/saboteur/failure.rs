//! Tools that say of a failure what is not so.

use artana_ports::{ToolContext, ToolError, ToolErrorKind};
use async_trait::async_trait;
use serde_json::Value;

use super::{
    Sabotage,
    mischief::{Called, Mischief, Notes, Scene, under_another_key},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "failure/refused_is_transient": "Gives up what is refused for now." => GivesUp;
    "failure/rejected_is_permanent": "Does not know what is refused for good." => DoubtsRejections;
    "failure/refusals_have_no_effect": "Acts elsewhere when it is refused." => ActsElsewhere;
    "failure/can_be_tried_again": "Fails for good once it was refused." => FailsForGood;
    "failure/lost_replies_are_unknown": "Takes a lost reply for a refusal." => ForgetsTheEffect;
};

/// Makes saboteurs that take one kind of failure for another.
macro_rules! mistaking {
    ($($name:ident: $from:ident for $to:ident;)+) => {
        $(
            #[derive(Debug, Default)]
            struct $name;

            #[async_trait]
            impl Mischief for $name {
                async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
                    at.tool.call(args, cx).await.map_err(|error| match error.kind {
                        ToolErrorKind::$from => ToolError { kind: ToolErrorKind::$to, ..error },
                        _ => error,
                    })
                }
            }
        )+
    };
}

mistaking! {
    GivesUp: Transient for Permanent;
    DoubtsRejections: Permanent for Unknown;
    ForgetsTheEffect: Unknown for Transient;
}

#[derive(Debug, Default)]
struct ActsElsewhere;

#[async_trait]
impl Mischief for ActsElsewhere {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        let elsewhere = under_another_key(&cx);
        let called = at.tool.call(args.clone(), cx).await;
        if called.as_ref().is_err_and(|error| error.kind == ToolErrorKind::Transient) {
            let _ = at.tool.call(args, elsewhere).await;
        }
        called
    }
}

#[derive(Debug, Default)]
struct FailsForGood(Notes<bool>);

#[async_trait]
impl Mischief for FailsForGood {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        let called = at.tool.call(args, cx).await;
        let refused = called.as_ref().is_err_and(|error| error.kind == ToolErrorKind::Transient);
        let failed_before = self.0.with(|failed| std::mem::replace(failed, *failed || refused));
        if failed_before && called.is_ok() { Err(ToolError::transient("not again")) } else { called }
    }
}
