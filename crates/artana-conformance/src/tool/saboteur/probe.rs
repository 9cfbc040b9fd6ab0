//! Tools whose probes say what is not so, or do more than look.

use artana_ports::{Probed, ToolContext, ToolError, ToolErrorKind, ToolOutput};
use async_trait::async_trait;
use serde_json::Value;

use super::{
    Sabotage,
    mischief::{Called, Mischief, Notes, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "probe/unseen_has_not_landed": "Knows nothing as long as nothing was called." => KnowsNothing;
    "probe/landed_with_its_result": "Does not find the result." => LosesTheResult;
    "probe/lost_replies_have_landed": "Believes that what got no reply never happened." => BelievesInReplies;
    "probe/refused_has_not_landed": "Believes that every call that was made has landed." => BelievesInCalls;
    "probe/goes_by_the_key": "Goes by the arguments." => GoesByArguments;
    "probe/does_nothing": "Does what has not landed." => DoesIt;
    "probe/silence_is_a_doubt": "Takes silence for a no." => SilenceIsNo;
};

type Found = Result<Probed, ToolError>;

fn landed(result: &str) -> Found {
    Ok(Probed::Landed(ToolOutput::new(result)))
}

#[derive(Debug, Default)]
struct KnowsNothing(Notes<bool>);

#[async_trait]
impl Mischief for KnowsNothing {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        self.0.with(|called| *called = true);
        at.tool.call(args, cx).await
    }

    async fn probes(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Found {
        if self.0.with(|called| *called) { at.tool.probe(args, cx).await } else { Ok(Probed::Unknown) }
    }
}

#[derive(Debug, Default)]
struct LosesTheResult;

#[async_trait]
impl Mischief for LosesTheResult {
    async fn probes(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Found {
        match at.tool.probe(args, cx).await? {
            Probed::Landed(_) => landed("null"),
            other => Ok(other),
        }
    }
}

/// Remembers the last failure of each key.
#[derive(Debug, Default)]
struct Failures(Notes<Vec<(String, ToolErrorKind)>>);

impl Failures {
    async fn call(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        let key = cx.idempotency_key().to_owned();
        let called = at.tool.call(args, cx).await;
        if let Err(error) = &called {
            self.0.with(|failures| failures.push((key, error.kind)));
        }
        called
    }

    fn of(&self, cx: &ToolContext) -> Option<ToolErrorKind> {
        self.0
            .with(|failures| failures.iter().rev().find(|(key, _)| key == cx.idempotency_key()).map(|(_, kind)| *kind))
    }
}

#[derive(Debug, Default)]
struct BelievesInReplies(Failures);

#[async_trait]
impl Mischief for BelievesInReplies {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        self.0.call(at, args, cx).await
    }

    async fn probes(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Found {
        match self.0.of(&cx) {
            Some(ToolErrorKind::Unknown) => Ok(Probed::NotLanded),
            _ => at.tool.probe(args, cx).await,
        }
    }
}

#[derive(Debug, Default)]
struct BelievesInCalls(Failures);

#[async_trait]
impl Mischief for BelievesInCalls {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        self.0.call(at, args, cx).await
    }

    async fn probes(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Found {
        match self.0.of(&cx) {
            Some(ToolErrorKind::Transient | ToolErrorKind::Permanent) => landed("null"),
            _ => at.tool.probe(args, cx).await,
        }
    }
}

#[derive(Debug, Default)]
struct GoesByArguments(Notes<Vec<(Value, ToolContext)>>);

#[async_trait]
impl Mischief for GoesByArguments {
    async fn calls(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Called {
        self.0.with(|calls| calls.push((args.clone(), cx.clone())));
        at.tool.call(args, cx).await
    }

    async fn probes(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Found {
        let first = self.0.with(|calls| calls.iter().find(|(before, _)| *before == args).map(|(_, cx)| cx.clone()));
        at.tool.probe(args, first.unwrap_or(cx)).await
    }
}

#[derive(Debug, Default)]
struct DoesIt;

#[async_trait]
impl Mischief for DoesIt {
    async fn probes(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Found {
        let found = at.tool.probe(args.clone(), cx.clone()).await?;
        if found == Probed::NotLanded {
            let _ = at.tool.call(args, cx).await;
        }
        Ok(found)
    }
}

#[derive(Debug, Default)]
struct SilenceIsNo;

#[async_trait]
impl Mischief for SilenceIsNo {
    async fn probes(&self, at: Scene<'_>, args: Value, cx: ToolContext) -> Found {
        match at.tool.probe(args, cx).await {
            Ok(Probed::Unknown) | Err(_) => Ok(Probed::NotLanded),
            found => found,
        }
    }
}
