//! Laws of failures: what they say of the effect is true.

use artana_ports::ToolErrorKind;

use crate::{
    Law,
    law::{Kept, ensure, ensure_eq, ensure_matches, laws},
    tool::{Manner, ToolTrial, trial::Key},
};

pub(super) const LAWS: &[Law<ToolTrial>] = laws! {
    "failure/refused_is_transient": "A call that is refused for now fails as transient." => transient;
    "failure/rejected_is_permanent": "A call that is refused for good fails as permanent." => permanent;
    "failure/refusals_have_no_effect": "A call that fails as transient or permanent has had no effect." => no_effect;
    "failure/can_be_tried_again": "After a transient failure the call can be made again, under the same key." => again;
    "failure/lost_replies_are_unknown": "Where the reply is lost or makes no sense, nobody claims to know." => unknown;
};

async fn transient(t: &ToolTrial) -> Kept {
    let kind = t.failed(Manner::Refuse, &Key::new(1)).await?;
    ensure_eq!(kind, ToolErrorKind::Transient, "a call that is refused for now");
    Ok(())
}

async fn permanent(t: &ToolTrial) -> Kept {
    let kind = t.failed(Manner::Reject, &Key::new(1)).await?;
    ensure_eq!(kind, ToolErrorKind::Permanent, "a call that is refused for good");
    Ok(())
}

async fn no_effect(t: &ToolTrial) -> Kept {
    for (n, manner) in (1..).zip([Manner::Refuse, Manner::Reject, Manner::Refuse]) {
        t.failed(manner, &Key::new(n)).await?;
        ensure_eq!(t.bench.effects(), Vec::<String>::new(), "the effects after {manner:?}");
    }
    Ok(())
}

async fn again(t: &ToolTrial) -> Kept {
    let key = Key::new(1);
    for attempt in [1, 2] {
        t.bench.next(Manner::Refuse);
        let refused = t.tool.call(t.args(), key.context(attempt)).await;
        ensure!(refused.is_err(), "attempt {attempt} is refused and has a result: {refused:?}");
    }
    let done = t.tool.call(t.args(), key.context(3)).await;
    ensure!(done.is_ok(), "the attempt after two that were refused fails: {done:?}");
    Ok(())
}

async fn unknown(t: &ToolTrial) -> Kept {
    let kind = t.failed(Manner::LoseReply, &Key::new(1)).await?;
    ensure_eq!(kind, ToolErrorKind::Unknown, "a call whose reply is lost");
    t.bench.next(Manner::Garble);
    // Bytes that are no result may be handed on as they are: that the effect happened is not in doubt then.
    let garbled = t.call(&Key::new(2)).await;
    ensure_matches!(
        garbled,
        Ok(_) | Err(artana_ports::ToolError { kind: ToolErrorKind::Unknown, .. }),
        "a call whose reply makes no sense"
    );
    Ok(())
}
