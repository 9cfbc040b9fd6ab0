//! What a person types to have a run, to decide something about one, or to tell it something. Each decision says in
//! whose name it is recorded. Values are checked where they are used; nothing here does anything.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct EnqueueArgs {
    /// The name under which a worker has registered the code.
    pub(crate) name: String,
    /// What the code is given; null, if nothing is given.
    #[arg(long, value_name = "JSON")]
    pub(crate) input: Option<String>,
    /// The run's id; one is made, if none is given.
    #[arg(long, value_name = "RUN")]
    pub(crate) id: Option<String>,
    /// The queue; the one named like the code, if none is given.
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<String>,
    /// The higher, the earlier among those that are due.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i64,
    /// How long it waits before it is due, such as 90s, 15m, 36h or 3d.
    #[arg(long, value_name = "DURATION")]
    pub(crate) delay: Option<String>,
    /// Names what is asked for: asking twice makes one run, whose id is made of it, and shows it as it stands.
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    pub(crate) deduplicate: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ForkArgs {
    /// The run's id.
    pub(crate) run: String,
    /// The key of the step before which the fork leaves.
    #[arg(long, value_name = "STEP")]
    pub(crate) at: String,
    /// The fork's id; one derived from the run's that is free, if none is given.
    #[arg(long, value_name = "NEW")]
    pub(crate) id: Option<String>,
    /// Who wants it.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
}

#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// The run's id.
    pub(crate) run: String,
    /// The step's key.
    #[arg(long)]
    pub(crate) step: String,
    #[command(flatten)]
    pub(crate) found: Found,
    /// Who found it out.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// On what evidence.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Found {
    /// The effect happened, with this result.
    #[arg(long, value_name = "JSON")]
    pub(crate) succeeded: Option<String>,
    /// The effect did not happen and will not.
    #[arg(long)]
    pub(crate) failed: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The run's id.
    pub(crate) run: String,
    /// Who cancels.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The run's id.
    pub(crate) run: String,
    /// Who pauses it.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run's id.
    pub(crate) run: String,
    /// Who lets it go on.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// Only this pause, as explain names it.
    #[arg(long, value_name = "ID")]
    pub(crate) ticket: Option<String>,
    /// What the code that paused is told.
    #[arg(long, value_name = "JSON", requires = "ticket")]
    pub(crate) input: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BlockArgs {
    /// The run's id.
    pub(crate) run: String,
    /// The name.
    pub(crate) key: String,
    /// Who does so.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// What is kept with it.
    #[arg(long, value_name = "JSON")]
    pub(crate) metadata: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SignalArgs {
    /// The run's id.
    pub(crate) run: String,
    /// The signal's name.
    pub(crate) name: String,
    /// Who sends it.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// What it says; null, if nothing is given.
    #[arg(long, value_name = "JSON")]
    pub(crate) value: Option<String>,
}
