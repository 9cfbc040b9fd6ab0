//! Laws of probes: what they say of a key is true, and they do nothing but look.

use artana_ports::Probed;

use crate::{
    Breach, Law,
    law::{Kept, ensure_eq, ensure_matches, laws},
    tool::{
        Manner, ToolTrial,
        trial::{Key, json_of, unexpected},
    },
};

pub(super) const LAWS: &[Law<ToolTrial>] = laws! {
    "probe/unseen_has_not_landed" [Probe]: "A key under which nothing was called has not landed." => unseen;
    "probe/landed_with_its_result" [Probe]: "An effect that happened has landed, with the result of its call." => landed;
    "probe/lost_replies_have_landed" [Probe]: "An effect whose reply was lost has landed." => lost;
    "probe/refused_has_not_landed" [Probe]: "A call that was refused has not landed." => refused;
    "probe/goes_by_the_key" [Probe]: "That the same arguments landed under another key says nothing." => by_key;
    "probe/does_nothing" [Probe]: "A probe has no effect." => nothing;
    "probe/silence_is_a_doubt" [Probe]: "Where the outside does not answer, nobody knows." => silence;
};

async fn found(t: &ToolTrial, key: &Key) -> Result<Probed, Breach> {
    t.probe(key).await.map_err(|error| unexpected(&error))
}

async fn unseen(t: &ToolTrial) -> Kept {
    ensure_eq!(found(t, &Key::new(1)).await?, Probed::NotLanded, "a key that nobody used");
    Ok(())
}

async fn landed(t: &ToolTrial) -> Kept {
    let key = Key::new(1);
    let done = t.done(&key).await?;
    let Probed::Landed(output) = found(t, &key).await? else {
        return Err(Breach::new("an effect that happened has not landed"));
    };
    ensure_eq!(json_of(&output)?, json_of(&done)?, "the result that the probe found");
    Ok(())
}

async fn lost(t: &ToolTrial) -> Kept {
    let key = Key::new(1);
    t.failed(Manner::LoseReply, &key).await?;
    ensure_matches!(found(t, &key).await?, Probed::Landed(_), "an effect whose reply was lost");
    Ok(())
}

async fn refused(t: &ToolTrial) -> Kept {
    for (n, manner) in [(1, Manner::Refuse), (2, Manner::Reject)] {
        let key = Key::new(n);
        t.failed(manner, &key).await?;
        ensure_eq!(found(t, &key).await?, Probed::NotLanded, "a call after {manner:?}");
    }
    Ok(())
}

async fn by_key(t: &ToolTrial) -> Kept {
    t.done(&Key::new(1)).await?;
    ensure_eq!(found(t, &Key::new(2)).await?, Probed::NotLanded, "another key");
    Ok(())
}

async fn nothing(t: &ToolTrial) -> Kept {
    for _ in 0..2 {
        found(t, &Key::new(1)).await?;
    }
    ensure_eq!(t.bench.effects(), Vec::<String>::new(), "the effects of probes");
    Ok(())
}

async fn silence(t: &ToolTrial) -> Kept {
    let (done, never) = (Key::new(1), Key::new(2));
    t.done(&done).await?;
    t.bench.lose_lookups();
    for key in [done, never] {
        ensure_matches!(t.probe(&key).await, Ok(Probed::Unknown) | Err(_), "a probe that is not answered");
    }
    Ok(())
}
