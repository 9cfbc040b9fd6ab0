//! Stores whose rows go their own way in the course of a run.

use artana_core::{RunRef, RunView};
use artana_ports::{Listed, Page, RunQuery, StoreError};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "views/row_is_the_fold": "Forgets the failed step of a run that has ended." => ForgetsTheFailedStep;
    "views/row_is_the_fold": "Lists a run that is being cancelled without its place in the queue." => LeavesTheQueue;
};

fn forgetful(listed: Listed) -> Listed {
    match listed {
        Listed::View(row) if row.status.is_finished() => Listed::View(RunView { failed_step: None, ..row }),
        other => other,
    }
}

#[derive(Debug, Default)]
struct ForgetsTheFailedStep;

#[async_trait]
impl Mischief for ForgetsTheFailedStep {
    async fn view(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Listed>, StoreError> {
        Ok(at.store.view(run).await?.map(forgetful))
    }
}

#[derive(Debug, Default)]
struct LeavesTheQueue;

#[async_trait]
impl Mischief for LeavesTheQueue {
    async fn runs(&self, at: Scene<'_>, query: &RunQuery) -> Result<Page, StoreError> {
        let mut page = at.store.runs(query).await?;
        for item in &mut page.items {
            if let Listed::View(row) = item
                && row.status == artana_core::Status::Cancelling
            {
                row.queued = None;
            }
        }
        Ok(page)
    }
}
