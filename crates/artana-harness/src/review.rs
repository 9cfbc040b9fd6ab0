//! Draft, review, verify: three children in each round, and a predicate that says when it is enough.

use artana_core::{ChildStep, StepKey, Tenant, progress::Progress};
use artana_kernel::{Kernel, ProgressWatch, Reorientation};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Error, Harness, HarnessContext, HarnessRunner, Result, TraceLevel, Worked,
    lifecycle::{hooks, pass_hooks_on, returned},
};

/// Something that is drafted, reviewed and verified until it is approved. Each part is a run of its own.
pub trait DraftReviewVerify: Send + Sync {
    /// What is drafted.
    type Draft: Serialize + DeserializeOwned + Send + Sync;
    /// What a review says.
    type Review: Serialize + DeserializeOwned + Send + Sync;
    /// What verifying comes to.
    type Verified: Serialize + DeserializeOwned + Send + Sync;

    /// Drafts, knowing what was said of the draft before.
    fn draft(
        &self,
        cx: &HarnessContext,
        before: Option<&(Self::Draft, Self::Review)>,
    ) -> impl Future<Output = Result<Self::Draft>> + Send;

    /// Reviews a draft.
    fn review(&self, cx: &HarnessContext, draft: &Self::Draft) -> impl Future<Output = Result<Self::Review>> + Send;

    /// Verifies a draft after its review.
    fn verify(
        &self,
        cx: &HarnessContext,
        draft: &Self::Draft,
        review: &Self::Review,
    ) -> impl Future<Output = Result<Self::Verified>> + Send;

    /// Says whether it is enough.
    fn approves(&self, review: &Self::Review, verified: &Self::Verified) -> bool;

    hooks!();
}

/// How it ended: with the last round's draft, approved or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reviewed<D, R, V> {
    /// Whether it was approved.
    pub approved: bool,
    /// The draft of the last round.
    pub draft: D,
    /// Its review.
    pub review: R,
    /// What verifying it came to.
    pub verified: V,
    /// In how many rounds.
    pub rounds: u64,
}

type ReviewedBy<D> =
    Reviewed<<D as DraftReviewVerify>::Draft, <D as DraftReviewVerify>::Review, <D as DraftReviewVerify>::Verified>;

/// Runs a draft through rounds of three children each. One value serves any number of runs and tenants at once.
#[derive(Debug, Clone)]
pub struct DraftReviewVerifySupervisor<D>(HarnessRunner<Supervised<D>>);

#[derive(Debug, Clone)]
struct Supervised<D> {
    parts: D,
    rounds: u64,
}

impl<D: DraftReviewVerify> Harness for Supervised<D> {
    pass_hooks_on!(parts);

    async fn work(&self, cx: &HarnessContext) -> Result<Worked> {
        let mut before = None;
        let mut round = 1;
        loop {
            let (draft, review, verified) = self.round(cx, round, before.as_ref()).await?;
            let approved = self.parts.approves(&review, &verified);
            if approved || round >= self.rounds {
                return Worked::finished(&Reviewed { approved, draft, review, verified, rounds: round });
            }
            before = Some((draft, review));
            round += 1;
        }
    }
}

impl<D: DraftReviewVerify> Supervised<D> {
    async fn round(
        &self,
        cx: &HarnessContext,
        round: u64,
        before: Option<&(D::Draft, D::Review)>,
    ) -> Result<(D::Draft, D::Review, D::Verified)> {
        let key = |part: &str| format!("round-{round}/{part}");
        let parts = &self.parts;
        cx.enter_stage("draft", round).await?;
        let draft = cx.run_child(&key("draft"), |cx| async move { parts.draft(&cx, before).await }).await?;
        cx.enter_stage("review", round).await?;
        let drafted = &draft;
        let review = cx.run_child(&key("review"), |cx| async move { parts.review(&cx, drafted).await }).await?;
        cx.enter_stage("verify", round).await?;
        let reviewed = &review;
        let verified =
            cx.run_child(&key("verify"), |cx| async move { parts.verify(&cx, drafted, reviewed).await }).await?;
        Ok((draft, review, verified))
    }
}

impl<D: DraftReviewVerify> DraftReviewVerifySupervisor<D> {
    /// Runs a draft through one round on a kernel.
    pub fn new(kernel: &Kernel, parts: D) -> Self {
        Self(HarnessRunner::new(kernel, Supervised { parts, rounds: 1 }).name("draft_review_verify"))
    }

    /// Sets how many rounds there are at most.
    #[must_use]
    pub fn rounds(mut self, rounds: u64) -> Self {
        self.0.harness.rounds = rounds.max(1);
        self
    }

    crate::runner::settings!();

    /// Runs the rounds to their end, or goes on with them, or answers how they ended.
    ///
    /// # Errors
    ///
    /// As for [`HarnessRunner::run`]; [`Error::Output`] when what is recorded is of other types.
    pub async fn run(&self, tenant: &Tenant, id: &str) -> Result<ReviewedBy<D>, Error> {
        self.0.run(tenant, id).await?;
        let run = self.0.opened(tenant, id).await?;
        let name = run.name().clone();
        returned(&run).await?.ok_or(Error::Output { run: name, problem: "it returned nothing".into() })
    }
}

crate::runner::lives_in_a_child!(DraftReviewVerifySupervisor<D: DraftReviewVerify>);
