//! Adapters that stream badly.

use artana_core::event::{ModelCategory, Usage};
use artana_ports::{Delta, Deltas, ModelAnswer, ModelContext, ModelError, ModelRequest};
use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    Sabotage,
    mischief::{Mischief, Said, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "stream/pieces_add_up": "Does not pass on the second piece." => DropsAPiece;
    "stream/pieces_come_early": "Passes on all pieces once the answer is whole." => HoldsBack;
    "stream/answer_is_the_same": "Counts no tokens where somebody listens." => CountsNothingAloud;
    "stream/listeners_may_leave": "Fails once nobody listens any more." => NeedsListeners;
    "stream/a_cut_is_no_answer": "Takes the pieces before a cut for the answer." => CutsShort;
    "stream/reasoning_is_no_text": "Passes on what the model thinks as text." => ThinksAloud;
};

/// Asks, and passes each piece on through a hook that counts them, as they come.
async fn hooked(
    at: Scene<'_>,
    request: &ModelRequest,
    cx: &ModelContext,
    mut pass: impl FnMut(usize, Delta) + Send,
) -> Said {
    if !cx.deltas.are_wanted() {
        return at.model.ask(request, cx).await;
    }
    let (deltas, mut pieces) = Deltas::channel();
    let inner = ModelContext { deltas, ..cx.clone() };
    let mut count = 0;
    let mut pass_on = |pieces: &mut UnboundedReceiver<Delta>| {
        while let Ok(piece) = pieces.try_recv() {
            pass(count, piece);
            count += 1;
        }
    };
    let mut asking = at.model.ask(request, &inner);
    let said = std::future::poll_fn(|waker| {
        let said = asking.as_mut().poll(waker);
        pass_on(&mut pieces);
        said
    })
    .await;
    pass_on(&mut pieces);
    said
}

#[derive(Debug, Default)]
struct DropsAPiece;

#[async_trait]
impl Mischief for DropsAPiece {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        let pass = |n, piece: Delta| {
            if n != 1 || matches!(piece, Delta::Reasoning(_)) {
                cx.deltas.send(piece);
            }
        };
        hooked(at, request, cx, pass).await
    }
}

#[derive(Debug, Default)]
struct HoldsBack;

#[async_trait]
impl Mischief for HoldsBack {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        let mut held = Vec::new();
        let said = hooked(at, request, cx, |_, piece| held.push(piece)).await;
        held.into_iter().for_each(|piece| cx.deltas.send(piece));
        said
    }
}

#[derive(Debug, Default)]
struct CountsNothingAloud;

#[async_trait]
impl Mischief for CountsNothingAloud {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        let heard = cx.deltas.are_wanted();
        let answer = at.model.ask(request, cx).await?;
        Ok(if heard { ModelAnswer { usage: Usage::default(), ..answer } } else { answer })
    }
}

#[derive(Debug, Default)]
struct NeedsListeners;

#[async_trait]
impl Mischief for NeedsListeners {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        let heard = cx.deltas.are_wanted();
        let answer = at.model.ask(request, cx).await?;
        if heard && !cx.deltas.are_wanted() {
            return Err(ModelError::new(ModelCategory::Network, "nobody listens"));
        }
        Ok(answer)
    }
}

#[derive(Debug, Default)]
struct CutsShort;

#[async_trait]
impl Mischief for CutsShort {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        let mut text = String::new();
        let said = hooked(at, request, cx, |_, piece| {
            if let Delta::Text(piece) = &piece {
                text.push_str(piece);
            }
            cx.deltas.send(piece);
        });
        match said.await {
            Err(error) if error.category == ModelCategory::Network && !text.is_empty() => Ok(ModelAnswer::text(text)),
            said => said,
        }
    }
}

#[derive(Debug, Default)]
struct ThinksAloud;

#[async_trait]
impl Mischief for ThinksAloud {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        let aloud = |_, piece: Delta| match piece {
            Delta::Text(text) | Delta::Reasoning(text) => cx.deltas.send(Delta::Text(text)),
        };
        hooked(at, request, cx, aloud).await
    }
}
