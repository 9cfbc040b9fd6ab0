//! Stores that say nothing, cry wolf, or do not know that they have ended.

use artana_core::{Head, RunRef};
use artana_ports::{Finding, Severity, StoreError, StoreInfo};
use async_trait::async_trait;

use super::{
    Sabotage,
    mischief::{Mischief, Scene},
    sabotages,
};

pub(super) const SABOTAGES: &[Sabotage] = sabotages! {
    "store/says_what_it_is": "Says nothing of its durability." => SaysNothing;
    "store/healthy_is_not_broken": "Finds something broken in a healthy store." => CriesWolf;
    "store/closed_is_closed": "Answers heads after its end." => AnswersAfterTheEnd;
};

#[derive(Debug, Default)]
struct SaysNothing;

#[async_trait]
impl Mischief for SaysNothing {
    fn info(&self, at: Scene<'_>) -> StoreInfo {
        StoreInfo { durability: String::new(), ..at.store.info() }
    }
}

#[derive(Debug, Default)]
struct CriesWolf;

#[async_trait]
impl Mischief for CriesWolf {
    async fn doctor(&self, at: Scene<'_>) -> Result<Vec<Finding>, StoreError> {
        let finding = Finding { severity: Severity::Broken, subject: "events".to_owned(), message: "lost".to_owned() };
        let mut findings = at.store.doctor().await?;
        findings.push(finding);
        Ok(findings)
    }
}

#[derive(Debug, Default)]
struct AnswersAfterTheEnd;

#[async_trait]
impl Mischief for AnswersAfterTheEnd {
    async fn head(&self, at: Scene<'_>, run: &RunRef) -> Result<Option<Head>, StoreError> {
        match at.store.head(run).await {
            Err(StoreError::Closed) => Ok(None),
            answer => answer,
        }
    }
}
