//! Laws of streams: pieces come early, add up, and change nothing about the answer.

use std::sync::{Arc, Mutex, PoisonError};

use artana_core::event::{FinishReason, ModelCategory, Usage};
use artana_ports::{Delta, ModelAnswer, Part};

use crate::{
    Law,
    law::{Kept, ensure, ensure_eq, ensure_matches, laws},
    model::{
        ModelTrial, Reply,
        trial::{listening, streamed_text, text_of, unexpected},
    },
};

pub(super) const LAWS: &[Law<ModelTrial>] = laws! {
    "stream/pieces_add_up" [Streaming]: "The pieces of text that arrive add up to the text of the answer." => add_up;
    "stream/pieces_come_early" [Streaming]: "A piece is passed on when it arrives, not when the answer is whole." => early;
    "stream/answer_is_the_same" [Streaming]: "Whether somebody listens or not, the answer is the same." => same;
    "stream/listeners_may_leave" [Streaming]: "An answer is not lost because nobody listens any more." => leave;
    "stream/a_cut_is_no_answer" [Streaming]: "A stream that breaks off is a failure of the network, not a shorter answer." => cut;
    "stream/reasoning_is_no_text" [Streaming, Reasoning]: "What a model thinks arrives as reasoning, not as text." => reasoning;
};

fn pieces(texts: &[&str]) -> Vec<Delta> {
    texts.iter().map(|text| Delta::Text((*text).to_owned())).collect()
}

async fn add_up(t: &ModelTrial) -> Kept {
    // No piece ends inside a character, but some end inside what a reader takes for one.
    for texts in [&["One", " and ", "two"][..], &["gr", "ü", "ße 👩\u{200d}", "👩 e", "\u{301}!"], &["alone"]] {
        let text = texts.concat();
        t.script.does(Reply::answer(ModelAnswer::text(text.clone()), pieces(texts)));
        let (said, arrived) = t.streamed().await;
        let answer = said.map_err(|error| unexpected(&error))?;
        ensure_eq!(streamed_text(&arrived), text, "the pieces together");
        ensure_eq!(text_of(&answer), text, "the text of an answer that was streamed");
    }
    Ok(())
}

async fn early(t: &ModelTrial) -> Kept {
    t.script.does(Reply::Stall { pieces: pieces(&["First", " then"]) });
    let (cx, mut arriving) = listening();
    let (model, request) = (Arc::clone(&t.model), t.prompt("What is new?"));
    let asking = tokio::spawn(async move { model.ask(&request, &cx).await });
    let mut arrived = Vec::new();
    t.soon(|| {
        arrived.extend(std::iter::from_fn(|| arriving.try_recv().ok()));
        asking.is_finished() || streamed_text(&arrived).starts_with("First")
    })
    .await;
    let still_asking = !asking.is_finished();
    asking.abort();
    ensure!(still_asking, "an answer came of a stream that had not ended");
    ensure!(streamed_text(&arrived).starts_with("First"), "nothing came before the end: {arrived:?}");
    Ok(())
}

fn whole() -> ModelAnswer {
    ModelAnswer {
        usage: Usage { input: 12, output: 6, ..Usage::default() },
        finish: FinishReason::Length,
        ..ModelAnswer::text("One and two")
    }
}

async fn same(t: &ModelTrial) -> Kept {
    t.script.does(Reply::answer(whole(), pieces(&["One ", "and", " two"])));
    let alone = t.said().await.map_err(|error| unexpected(&error))?;
    let (said, _) = t.streamed().await;
    let heard = said.map_err(|error| unexpected(&error))?;
    ensure_eq!(text_of(&heard), text_of(&alone), "the text of an answer that somebody heard");
    ensure_eq!((heard.usage, heard.finish), (alone.usage, alone.finish), "what came with it");
    Ok(())
}

async fn leave(t: &ModelTrial) -> Kept {
    let (cx, arriving) = listening();
    let listener = Mutex::new(Some(arriving));
    t.script.chooses(move |_| {
        // Whoever listened leaves while the provider has the request, before the first piece.
        drop(listener.lock().unwrap_or_else(PoisonError::into_inner).take());
        Reply::answer(whole(), pieces(&["One ", "and", " two"]))
    });
    let said = t.model.ask(&t.prompt("What is new?"), &cx).await;
    let answer = said.map_err(|error| unexpected(&error))?;
    ensure_eq!(text_of(&answer), "One and two", "the answer after the listener left");
    Ok(())
}

async fn cut(t: &ModelTrial) -> Kept {
    for texts in [&["One", " and"][..], &[]] {
        t.script.does(Reply::Cut { pieces: pieces(texts) });
        let (said, _) = t.streamed().await;
        ensure_matches!(said, Err(e) if e.category == ModelCategory::Network, "a stream cut after {} pieces", texts.len());
    }
    Ok(())
}

async fn reasoning(t: &ModelTrial) -> Kept {
    let parts = vec![Part::Reasoning("Surely.".into()), Part::Text("It is Paris.".into())];
    let thought = [Delta::Reasoning("Sure".into()), Delta::Reasoning("ly.".into())];
    let arriving = thought.into_iter().chain(pieces(&["It is ", "Paris."]));
    t.script.does(Reply::answer(ModelAnswer { parts, ..ModelAnswer::default() }, arriving));
    let (said, arrived) = t.streamed().await;
    said.map_err(|error| unexpected(&error))?;
    ensure_eq!(streamed_text(&arrived), "It is Paris.", "the text that arrived");
    let thought: String = arrived.iter().filter_map(reasoning_of).collect();
    ensure_eq!(thought, "Surely.", "the reasoning that arrived");
    Ok(())
}

fn reasoning_of(piece: &Delta) -> Option<&str> {
    match piece {
        Delta::Reasoning(text) => Some(text),
        Delta::Text(_) => None,
    }
}
