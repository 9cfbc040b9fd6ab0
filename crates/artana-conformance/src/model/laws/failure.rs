//! Laws of failures: of which kind they are, what they tell, and what they must not.

use std::time::Duration;

use artana_core::event::ModelCategory;

use crate::{
    Law,
    law::{Kept, ensure, ensure_eq, ensure_matches, laws},
    model::{Failure, ModelTrial, Reply},
};

pub(super) const LAWS: &[Law<ModelTrial>] = laws! {
    "failure/rate_limits": "A rate limit is one, and nothing else is." => rate_limit;
    "failure/refusals": "A status of 4xx is the provider's refusal." => refusals;
    "failure/outages": "A status of 5xx is the provider's own failure." => outages;
    "failure/timeouts": "A status that tells of a timeout is one." => timeouts;
    "failure/no_connection": "A connection that closes without a word is a failure of the network." => hang_up;
    "failure/nonsense_is_no_answer": "Bytes that are not of the provider's protocol are a failure, never an answer." => nonsense;
    "failure/status_is_told": "The HTTP status of a failure is told, and none is made up." => status;
    "failure/retry_after_is_told" [RetryAfter]: "How long the provider asks to wait is told." => retry_after;
    "failure/request_id_is_told" [RequestIds]: "The provider's id of the request that failed is told." => request_id;
    "failure/words_are_kept": "What the provider says about a failure is in its message." => words;
    "failure/credential_stays_secret" [Credential]: "A provider that quotes the credential does not bring it into the failure." => credential;
    "failure/nobody_asks_again": "An adapter asks once: whether to ask again is not its decision." => once;
};

/// Checks that statuses come to a category.
async fn come_to(t: &ModelTrial, statuses: &[u16], category: ModelCategory) -> Kept {
    for status in statuses {
        let error = t.failed(Failure::new(*status, "so it is")).await?;
        ensure_eq!(error.category, category, "the category of the status {status}");
    }
    Ok(())
}

async fn rate_limit(t: &ModelTrial) -> Kept {
    come_to(t, &[429], ModelCategory::RateLimited).await
}

async fn refusals(t: &ModelTrial) -> Kept {
    come_to(t, &[400, 401, 403, 404, 413, 422], ModelCategory::Provider4xx).await
}

async fn outages(t: &ModelTrial) -> Kept {
    come_to(t, &[500, 502, 503, 529], ModelCategory::Provider5xx).await
}

async fn timeouts(t: &ModelTrial) -> Kept {
    come_to(t, &[408, 504], ModelCategory::Timeout).await
}

async fn hang_up(t: &ModelTrial) -> Kept {
    t.script.does(Reply::HangUp);
    ensure_matches!(t.said().await, Err(e) if e.category == ModelCategory::Network, "a connection that was closed");
    Ok(())
}

async fn nonsense(t: &ModelTrial) -> Kept {
    let replies: [&[u8]; 5] =
        [b"", b"<html><body>502 Bad Gateway</body></html>", b"\xff\xfe\x00", b"{\"id\": \"x", b"null"];
    for reply in replies {
        t.script.does(Reply::Nonsense(reply.to_vec()));
        let said = t.said().await;
        ensure!(said.is_err(), "{:?} became an answer: {said:?}", String::from_utf8_lossy(reply));
    }
    Ok(())
}

async fn status(t: &ModelTrial) -> Kept {
    for status in [400, 404, 408, 429, 500, 503] {
        let error = t.failed(Failure::new(status, "so it is")).await?;
        ensure_eq!(error.status, Some(status), "the status of a failure");
    }
    t.script.does(Reply::HangUp);
    ensure_matches!(t.said().await, Err(e) if e.status.is_none(), "the status where there was no reply");
    Ok(())
}

async fn retry_after(t: &ModelTrial) -> Kept {
    for (status, wait) in [(429, Some(7)), (503, Some(120)), (429, None)] {
        let retry_after = wait.map(Duration::from_secs);
        let error = t.failed(Failure { retry_after, ..Failure::new(status, "later") }).await?;
        ensure_eq!(error.retry_after, retry_after, "how long to wait after the status {status}");
    }
    Ok(())
}

async fn request_id(t: &ModelTrial) -> Kept {
    for id in ["req_1", "req_2"] {
        let error = t.failed(Failure { request_id: Some(id.into()), ..Failure::new(500, "oh") }).await?;
        ensure_eq!(error.request_id.as_deref(), Some(id), "the id of a request that failed");
    }
    Ok(())
}

async fn words(t: &ModelTrial) -> Kept {
    let said = "the parameter 'shape' must be one of: round, square";
    let error = t.failed(Failure::new(400, said)).await?;
    ensure!(error.message.contains(said), "the provider's words are not in the message: {:?}", error.message);
    Ok(())
}

async fn credential(t: &ModelTrial) -> Kept {
    let quoting = format!("Incorrect API key provided: {}. See our pages.", t.script.credential());
    for status in [401, 403, 500] {
        let error = t.failed(Failure::new(status, &quoting)).await?;
        let shown = format!("{error:?}");
        ensure!(!shown.contains(t.script.credential()), "the credential is in the failure of the status {status}");
    }
    Ok(())
}

async fn once(t: &ModelTrial) -> Kept {
    for reply in [429, 500, 503].map(|status| Reply::Fail(Failure::new(status, "later"))) {
        let before = t.script.received().len();
        t.script.does(reply.clone());
        ensure!(t.said().await.is_err(), "an answer came of {reply:?}");
        ensure_eq!(t.script.received().len() - before, 1, "how often the provider was asked");
    }
    Ok(())
}
