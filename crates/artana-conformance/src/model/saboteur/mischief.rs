//! What a saboteur may do: stand in for an ask, or change what goes in or comes out. The rest goes through.

use std::{fmt, sync::Arc};

use artana_ports::{ModelAnswer, ModelContext, ModelError, ModelPort, ModelRequest};
use async_trait::async_trait;

use crate::model::Scripted;

/// Where an ask happens: the honest adapter behind it, and its provider's script.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) model: &'a Arc<dyn ModelPort>,
    pub(super) script: &'a Scripted,
}

pub(super) type Said = Result<ModelAnswer, ModelError>;

/// Stands in for asks.
#[async_trait]
pub(super) trait Mischief: fmt::Debug + Send + Sync + 'static {
    /// Changes what is asked.
    fn asks(&self, request: &mut ModelRequest) {
        let _ = request;
    }

    /// Changes what is answered.
    fn answers(&self, answer: &mut ModelAnswer) {
        let _ = answer;
    }

    /// Changes how it fails.
    fn fails(&self, at: Scene<'_>, error: &mut ModelError) {
        let _ = (at, error);
    }

    /// Shows something in the adapter's Debug output.
    fn shows(&self) -> String {
        String::new()
    }

    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        let mut request = request.clone();
        self.asks(&mut request);
        let mut said = at.model.ask(&request, cx).await;
        match &mut said {
            Ok(answer) => self.answers(answer),
            Err(error) => self.fails(at, error),
        }
        said
    }
}

/// An adapter whose asks a mischief stands in for.
pub(super) struct Saboteur {
    pub(super) model: Arc<dyn ModelPort>,
    pub(super) script: Scripted,
    pub(super) mischief: Arc<dyn Mischief>,
}

impl fmt::Debug for Saboteur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.model, self.mischief.shows())
    }
}

#[async_trait]
impl ModelPort for Saboteur {
    async fn ask(&self, request: &ModelRequest, cx: &ModelContext) -> Said {
        self.mischief.ask(Scene { model: &self.model, script: &self.script }, request, cx).await
    }
}

/// Makes saboteurs that change one thing each.
macro_rules! mischiefs {
    ($($name:ident: $hook:ident($arg:ident: $type:ty) $body:block)+) => {
        $(
            #[derive(Debug, Default)]
            struct $name;

            #[::async_trait::async_trait]
            impl $crate::model::saboteur::mischief::Mischief for $name {
                fn $hook(&self, $arg: &mut $type) $body
            }
        )+
    };
}

pub(super) use mischiefs;
