//! Adapters that take a failure for something else, or tell too little or too much of it.

use artana_core::event::ModelCategory;
use artana_ports::{ModelAnswer, ModelContext, ModelError, ModelRequest};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Said, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "failure/rate_limits": "Takes a rate limit for a refusal." => LimitsAreRefusals;
    "failure/refusals": "Takes what is not found for its own fault." => MissingIsInternal;
    "failure/outages": "Takes an overloaded provider for a broken network." => OverloadIsNetwork;
    "failure/timeouts": "Takes a gateway's timeout for an outage." => TimeoutsAreOutages;
    "failure/no_connection": "Takes a broken network for its own fault where nobody listens." => NetworkIsInternal;
    "failure/nonsense_is_no_answer": "Takes what it cannot read for an empty answer." => NonsenseIsAnAnswer;
    "failure/status_is_told": "Forgets the status." => ForgetsTheStatus;
    "failure/retry_after_is_told": "Forgets how long to wait." => ForgetsTheWait;
    "failure/request_id_is_told": "Forgets the id of the request." => ForgetsTheRequest;
    "failure/words_are_kept": "Says the kind of failure alone." => SaysTheKindAlone;
    "failure/credential_stays_secret": "Shows the credential that was refused." => ShowsTheCredential;
    "failure/nobody_asks_again": "Asks again after an outage." => AsksAgain;
};

/// Makes saboteurs that change one thing about failures each.
macro_rules! failing {
    ($($name:ident: |$at:ident, $error:ident| $body:expr;)+) => {
        $(
            #[derive(Debug, Default)]
            struct $name;

            #[async_trait]
            impl Mischief for $name {
                fn fails(&self, $at: Scene<'_>, $error: &mut ModelError) {
                    $body
                }
            }
        )+
    };
}

/// Takes failures of these statuses for another category.
fn mistake(error: &mut ModelError, statuses: &[u16], category: ModelCategory) {
    if error.status.is_some_and(|status| statuses.contains(&status)) {
        error.category = category;
    }
}

failing! {
    LimitsAreRefusals: |_at, error| mistake(error, &[429], ModelCategory::Provider4xx);
    MissingIsInternal: |_at, error| mistake(error, &[404], ModelCategory::Internal);
    OverloadIsNetwork: |_at, error| mistake(error, &[529], ModelCategory::Network);
    TimeoutsAreOutages: |_at, error| mistake(error, &[504], ModelCategory::Provider5xx);
    ForgetsTheStatus: |_at, error| error.status = None;
    ForgetsTheWait: |_at, error| error.retry_after = None;
    ForgetsTheRequest: |_at, error| error.request_id = None;
    SaysTheKindAlone: |_at, error| error.message = error.category.as_str().to_owned();
    ShowsTheCredential: |at, error| if error.status == Some(401) { error.message += at.script.credential() };
}

#[derive(Debug, Default)]
struct NetworkIsInternal;

#[async_trait]
impl Mischief for NetworkIsInternal {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        at.model.ask(request, cx).await.map_err(|error| match error.category {
            ModelCategory::Network if !cx.deltas.are_wanted() => {
                ModelError { category: ModelCategory::Internal, ..error }
            }
            _ => error,
        })
    }
}

#[derive(Debug, Default)]
struct NonsenseIsAnAnswer;

#[async_trait]
impl Mischief for NonsenseIsAnAnswer {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        match at.model.ask(request, cx).await {
            Err(error) if error.status.is_none() && error.category != ModelCategory::Network => {
                Ok(ModelAnswer::default())
            }
            said => said,
        }
    }
}

#[derive(Debug, Default)]
struct AsksAgain;

#[async_trait]
impl Mischief for AsksAgain {
    async fn ask(&self, at: Scene<'_>, request: &ModelRequest, cx: &ModelContext) -> Said {
        match at.model.ask(request, cx).await {
            Err(error) if error.category == ModelCategory::Provider5xx => at.model.ask(request, cx).await,
            said => said,
        }
    }
}
