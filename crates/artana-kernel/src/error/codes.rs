//! What code asks of an error: its stable code, and who can do something about it.

use artana_core::{RunRef, verify::ChainBreak};

use super::Error;

impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {self}", self.code())
    }
}

impl Error {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidId(_) => "artana::invalid_id",
            Self::InvalidTenant(tenant) => tenant.code(),
            Self::RunNotFound { .. } => "artana::run_not_found",
            Self::RunExists { .. } => "artana::run_exists",
            Self::ExceedsBound { .. } => "artana::exceeds_bound",
            Self::UnknownTool { .. } => "artana::unknown_tool",
            Self::InvalidArguments { .. } => "artana::invalid_arguments",
            Self::InvalidResult { .. } => "artana::invalid_result",
            Self::CapabilityMissing { .. } => "artana::capability_missing",
            Self::Drift { .. } => "artana::drift",
            Self::InvalidAsk { .. } => "artana::invalid_ask",
            Self::UnknownModel { .. } => "artana::unknown_model",
            Self::ModelFailed(_) => "artana::model_failed",
            Self::EffectBelongsToAncestor { .. } => "artana::effect_belongs_to_ancestor",
            Self::TooManyForks { .. } => "artana::too_many_forks",
            Self::Tied(..) => "artana::tied",
            Self::Moved { .. } => "artana::moved",
            Self::ToolChanged { .. } => "artana::tool_changed",
            Self::InFlight { .. } => "artana::in_flight",
            Self::ReconciliationRequired { .. } => "artana::reconciliation_required",
            Self::NeedsOperator { .. } => "artana::needs_operator",
            Self::ToolFailed { .. } => "artana::tool_failed",
            Self::ResultRejected { .. } => "artana::result_rejected",
            Self::Output { .. } => "artana::output",
            Self::InvalidValue { .. } => "artana::invalid_value",
            Self::KeptValue { .. } => "artana::kept_value",
            Self::NoEvent { .. } => "artana::no_event",
            Self::NotRunning { .. } => "artana::not_running",
            Self::Unfinished { .. } => "artana::unfinished",
            Self::Ended { .. } => "artana::ended",
            Self::NothingRecorded { .. } => "artana::nothing_recorded",
            Self::NotInDoubt { .. } => "artana::not_in_doubt",
            Self::OwnerAlive { .. } => "artana::owner_alive",
            Self::FormatTooNew { .. } => "artana::format_too_new",
            Self::ContentErased { .. } => "artana::content_erased",
            Self::Damaged { .. } => "artana::damaged",
            Self::Fenced { .. } => "artana::fenced",
            Self::StepFailed { .. } => "artana::step_failed",
            Self::ChildFailed { .. } => "artana::child_failed",
            Self::WorkflowFailed { .. } => "artana::workflow_failed",
            Self::WorkflowPanicked { .. } => "artana::workflow_panicked",
            Self::Diverged { .. } => "artana::diverged",
            Self::NotThatWorkflow { .. } => "artana::not_that_workflow",
            Self::ForeignWait { .. } => "artana::foreign_wait",
            Self::AskDropped { .. } => "artana::ask_dropped",
            Self::AskedInside { .. } => "artana::asked_inside",
            Self::StepKeyReused { .. } => "artana::step_key_reused",
            Self::Said { .. } => "artana::said",
            Self::UnknownWorkflow { .. } => "artana::unknown_workflow",
            Self::Orphaned { .. } => "artana::orphaned",
            Self::NoPause { .. } => "artana::no_pause",
            Self::Unanswered(..) => "artana::unanswered",
            Self::LeaseLost { .. } => "artana::lease_lost",
            Self::Unclean { .. } => "artana::unclean",
            Self::TaskRefused { .. } => "artana::task_refused",
            Self::SessionOver { .. } => "artana::session_over",
            Self::TooLarge(_) => "artana::too_large",
            Self::Denied(_) => "artana::claim_denied",
            Self::Store(store) => store.code(),
            Self::Closed => "artana::closed",
            Self::Internal(_) => "artana::internal",
        }
    }

    /// Returns whether the effect is in doubt and somebody has to find out.
    #[must_use]
    pub fn needs_reconciliation(&self) -> bool {
        matches!(self, Self::ReconciliationRequired { .. } | Self::NeedsOperator { .. })
    }

    /// Returns whether only a person can go on from here.
    #[must_use]
    pub fn needs_human(&self) -> bool {
        self.needs_reconciliation() || matches!(self, Self::ToolChanged { .. })
    }

    /// Returns whether the ledger holds what code is told here: it is then told the same ever after.
    /// Anything else says nothing about the step, and the code does not get to see it.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::ToolFailed { .. }
                | Self::ModelFailed(_)
                | Self::ResultRejected { .. }
                | Self::StepFailed { .. }
                | Self::ChildFailed { .. }
        )
    }

    /// Returns whether what undoes something has failed with it: by an answer, or because the effect is a relative's,
    /// which no later try changes.
    pub(crate) fn ends_undoing(&self) -> bool {
        self.is_answer() || matches!(self, Self::EffectBelongsToAncestor { .. })
    }

    pub(crate) fn damaged(run: &RunRef, found: ChainBreak) -> Self {
        Self::Damaged { run: run.clone(), found: Box::new(found) }
    }
}
