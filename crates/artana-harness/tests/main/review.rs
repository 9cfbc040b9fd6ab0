//! Draft, review, verify: three children in each round, until the predicate approves or the rounds are over.

use artana_core::Status;
use artana_harness::{DraftReviewVerify, DraftReviewVerifySupervisor, HarnessContext, Result};

use crate::world::{tenant, world};

/// Each draft is one longer than the one before; enough is as long as the number says.
struct Growing(usize);

impl DraftReviewVerify for Growing {
    type Draft = Vec<usize>;
    type Review = String;
    type Verified = usize;

    async fn draft(&self, cx: &HarnessContext, before: Option<&(Vec<usize>, String)>) -> Result<Vec<usize>> {
        let mut draft = before.map(|(draft, _)| draft.clone()).unwrap_or_default();
        draft.push(draft.len());
        Ok(cx.step("draft").compute(move || async move { Ok(draft) }).await?)
    }

    async fn review(&self, cx: &HarnessContext, draft: &Vec<usize>) -> Result<String> {
        let len = draft.len();
        Ok(cx.step("review").compute(move || async move { Ok(format!("{len} long")) }).await?)
    }

    async fn verify(&self, _: &HarnessContext, draft: &Vec<usize>, review: &String) -> Result<usize> {
        assert_eq!(*review, format!("{} long", draft.len()));
        Ok(draft.len())
    }

    fn approves(&self, _: &String, verified: &usize) -> bool {
        *verified >= self.0
    }
}

#[tokio::test]
async fn rounds_go_on_until_the_predicate_approves() {
    let world = world();
    let kernel = world.process();
    let supervisor = DraftReviewVerifySupervisor::new(&kernel, Growing(3)).rounds(5);
    let done = supervisor.run(&tenant(), "r").await.unwrap();
    assert_eq!((done.approved, done.rounds, done.draft), (true, 3, vec![0, 1, 2]));
    assert_eq!((done.review.as_str(), done.verified), ("3 long", 3));
    let children = supervisor.children(&tenant(), "r").await.unwrap();
    assert_eq!(children.len(), 9);
    let progress = supervisor.progress(&tenant(), "r").await.unwrap();
    let completed: Vec<&str> = progress.completed.iter().map(artana_core::Name::as_str).collect();
    assert_eq!((progress.status, completed), (Status::Completed, vec!["draft", "review", "verify"]));
    assert_eq!((progress.round, progress.percent()), (Some(3), None), "stages are no tasks");
}

#[tokio::test]
async fn when_the_rounds_are_over_the_last_draft_is_told_unapproved() {
    let world = world();
    let kernel = world.process();
    let supervisor = DraftReviewVerifySupervisor::new(&kernel, Growing(9)).rounds(2);
    let done = supervisor.run(&tenant(), "r").await.unwrap();
    assert_eq!((done.approved, done.rounds, done.draft), (false, 2, vec![0, 1]));
    assert_eq!(supervisor.run(&tenant(), "r").await.unwrap().rounds, 2, "the ledger answers");
}
