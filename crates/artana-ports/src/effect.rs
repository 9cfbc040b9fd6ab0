//! The right to let one effect of one recorded request leave, and who says whether it still may. It knows neither
//! heartbeats nor leases.

use std::{fmt, sync::Arc};

use artana_core::{Event, RequestId, event::Body};

use crate::Epoch;

/// Says whether whoever recorded a request still counts as alive, and as the one who may act on it.
pub trait Gate: fmt::Debug + Send + Sync + 'static {
    /// Looks, at a clock that counts suspension. Asked as the last thing before an effect leaves, so it must not wait.
    fn is_open(&self) -> bool;
}

/// The right to let one effect leave. There is one for each recorded request of a call, and spending it takes it away.
///
/// It is had from the event that records the request, so it can be for no other one. It is not cloned:
///
/// ```compile_fail
/// fn twice(token: artana_ports::EffectToken) {
///     let _ = token.spend();
///     let _ = token.spend();
/// }
/// ```
#[derive(Debug)]
#[must_use = "an effect leaves with its token"]
pub struct EffectToken {
    request: RequestId,
    epoch: Option<Epoch>,
    gate: Arc<dyn Gate>,
}

impl EffectToken {
    /// Makes the token of a request that is durable, under the epoch of the lease it was recorded under, if the run is
    /// leased. `None` for an event that requests nothing.
    pub fn of(event: &Event, epoch: Option<Epoch>, gate: Arc<dyn Gate>) -> Option<Self> {
        let request = match event.body() {
            Body::ModelRequested(_) | Body::ToolRequested(_) | Body::StepRequested(_) => event.id().into(),
            Body::ToolReconcileRequested(again) => again.request,
            _ => return None,
        };
        Some(Self { request, epoch, gate })
    }

    /// Returns the request whose effect it is.
    #[must_use]
    pub fn request(&self) -> RequestId {
        self.request
    }

    /// Returns the epoch of the lease under which the request was recorded. It grows with every grant, so that a host
    /// which remembers the highest one of a run can refuse older ones.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// Looks whether the effect may leave, without letting it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.gate.is_open()
    }

    /// Lets the effect leave. What comes between this and the effect is the window in which a process can be stopped
    /// unseen.
    ///
    /// # Errors
    ///
    /// [`KeptBack`] when others may believe this process dead: the effect must not leave.
    pub fn spend(self) -> Result<(), KeptBack> {
        if self.is_good() { Ok(()) } else { Err(KeptBack) }
    }
}

/// An effect did not leave, because others may believe this process dead or have taken its run over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the heartbeat ran out before the call left")]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say but that")]
pub struct KeptBack;
