//! Laws of an adapter's life: many asks at once, asks that are given up, and what it shows of itself.

use std::sync::Arc;

use artana_ports::{Message, ModelAnswer, ModelRequest, Part};

use crate::{
    Law,
    law::{Kept, ensure, ensure_eq, laws},
    model::{
        ModelTrial, Reply,
        trial::{context, text_of, unexpected},
    },
};

pub(super) const LAWS: &[Law<ModelTrial>] = laws! {
    "life/asks_do_not_mix": "Asks that are under way at once get each its own answer." => mix;
    "life/dropping_gives_up": "Dropping an ask ends its request at the provider." => drops;
    "life/goes_on_after_a_drop": "An ask that was dropped does not harm the next." => goes_on;
    "life/debug_shows_no_words": "What an adapter shows of itself holds no words, and no credential." => debug;
};

fn last_words(request: &ModelRequest) -> String {
    match request.messages.last().map(|message| message.parts.as_slice()) {
        Some([Part::Text(text), ..]) => text.clone(),
        _ => String::new(),
    }
}

async fn mix(t: &ModelTrial) -> Kept {
    t.script.chooses(|request| Reply::text(&format!("an answer to {}", last_words(request))));
    let ask = |n: usize| {
        let (model, request) = (Arc::clone(&t.model), t.talk([Message::user(format!("question {n}"))]));
        tokio::spawn(async move { model.ask(&request, &context()).await })
    };
    let asking: Vec<_> = (0..16).map(ask).collect();
    for (n, asking) in asking.into_iter().enumerate() {
        let answer = asking.await?.map_err(|error| unexpected(&error))?;
        ensure_eq!(text_of(&answer), format!("an answer to question {n}"), "an answer among sixteen");
    }
    Ok(())
}

/// Begins an ask that is not answered, and gives it up once it has reached the provider.
async fn give_up(t: &ModelTrial) -> Kept {
    t.script.does(Reply::Stall { pieces: Vec::new() });
    let (model, request) = (Arc::clone(&t.model), t.prompt("What is new?"));
    let asking = tokio::spawn(async move { model.ask(&request, &context()).await });
    let reached = t.soon(|| !t.script.received().is_empty() || asking.is_finished()).await;
    ensure!(reached && !asking.is_finished(), "an ask that nobody answers did not wait at the provider");
    asking.abort();
    let _ = asking.await;
    Ok(())
}

async fn drops(t: &ModelTrial) -> Kept {
    give_up(t).await?;
    ensure!(t.soon(|| t.script.over() == 1).await, "the request goes on at the provider");
    Ok(())
}

async fn goes_on(t: &ModelTrial) -> Kept {
    give_up(t).await?;
    t.script.does(Reply::text("still here"));
    let answer = t.said().await.map_err(|error| unexpected(&error))?;
    ensure_eq!(text_of(&answer), "still here", "the answer after an ask that was dropped");
    Ok(())
}

async fn debug(t: &ModelTrial) -> Kept {
    t.script.does(Reply::answer(ModelAnswer::text("a canary of an answer"), []));
    t.ask(&t.prompt("a canary of a prompt")).await.map_err(|error| unexpected(&error))?;
    let shown = format!("{:?} {:#?}", t.model, t.model);
    for secret in ["a canary", t.script.credential()] {
        ensure!(!shown.contains(secret), "the adapter's Debug output holds {secret:?}");
    }
    Ok(())
}
