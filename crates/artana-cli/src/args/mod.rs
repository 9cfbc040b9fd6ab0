//! What can be typed. Values are checked where they are used; nothing here does anything.

mod decide;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    look::Format,
    open::Access,
    speller::{DEFAULT_STORE, DEFAULT_TENANT},
};

pub(crate) use decide::{BlockArgs, CancelArgs, EnqueueArgs, ForkArgs, PauseArgs, ResolveArgs, ResumeArgs, SignalArgs};

const CODES: &str = "Exit codes: 0 fine, 1 invalid or failed, 2 usage, 3 needs a human, 4 not found, \
                     5 store unavailable.";

/// Looks at durable runs, verifies them, and says what a person found out.
#[derive(Debug, Parser)]
#[command(name = "artana", version, after_help = CODES)]
pub(crate) struct Stock {
    #[command(flatten)]
    pub(crate) store: StoreAddress,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: StockCommand,
}

#[derive(Debug, Args)]
pub(crate) struct StoreAddress {
    /// The store, as sqlite://PATH or postgres://USER@HOST/DATABASE.
    #[arg(long = "store", value_name = "URL", env = "ARTANA_STORE", hide_env_values = true, global = true,
          default_value = DEFAULT_STORE)]
    pub(crate) address: String,
}

/// Looks at durable runs over this program's own store and tools.
#[derive(Debug, Parser)]
#[command(version, after_help = CODES)]
pub(crate) struct Embedded {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: EmbeddedCommand,
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The tenant whose runs are meant.
    #[arg(long, env = "ARTANA_TENANT", hide_env_values = true, global = true, default_value = DEFAULT_TENANT)]
    pub(crate) tenant: String,
    /// Answers, and errors, as JSON: one object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Tables and trees although the answer goes to no terminal; COLUMNS says how wide.
    #[arg(long, global = true, conflicts_with = "json")]
    pub(crate) pretty: bool,
}

impl Common {
    pub(crate) fn format(&self) -> Format {
        match (self.json, self.pretty) {
            (true, _) => Format::Json,
            (_, true) => Format::Pretty,
            _ => Format::Text,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum StockCommand {
    /// Kills a payment at the worst moment, and shows one charge and a ledger that verifies.
    Demo(DemoArgs),
    /// Writes a small project that builds and runs: one model, one tool, one run.
    Init(InitArgs),
    #[command(flatten)]
    Over(Command),
    /// Drives runs that are due. Needs the code that drives them: see artana_cli::main.
    Worker(WorkArgs),
    /// Writes completions for a shell to standard output.
    Completions(CompletionArgs),
    #[command(name = "demo-provider", hide = true)]
    DemoProvider(ProviderArgs),
    #[command(name = "demo-worker", hide = true)]
    DemoWorker(WorkerArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum EmbeddedCommand {
    #[command(flatten)]
    Over(Command),
    /// Drives runs that are due with the code this program has registered, until SIGTERM or ctrl-c.
    ///
    /// It serves the runs of all tenants. Once it is asked to end, it takes nothing new, lets the steps under way
    /// end, leaves the runs to other workers, and exits 0; asked once more, it ends at once, and exits 1.
    Worker(WorkArgs),
    /// Writes completions for a shell to standard output.
    Completions(CompletionArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder, which must be empty or new.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// What kind of project: dev has a model of its own, and needs no key and no network.
    #[arg(long, value_name = "dev|enforced", default_value = "dev")]
    pub(crate) profile: String,
    /// Where the project gets Artana from: the checkout this program was built from, the repository, or the
    /// registry. What works today, if none is named.
    #[arg(long, value_name = "path|git|registry")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// Takes runs of this queue only, of those named like the registered code if none is named; may be given several
    /// times.
    #[arg(long = "queue", value_name = "QUEUE")]
    pub(crate) queues: Vec<String>,
    /// How many runs it drives at once.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    pub(crate) concurrency: usize,
    /// How many runs of one tenant it drives at once; as many as of all, if none is given.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) per_tenant: Option<usize>,
    /// How many runs of a queue it drives at once, such as mail=2; may be given once for each of several queues.
    #[arg(long, value_name = "QUEUE=N", value_parser = queue_limit)]
    pub(crate) per_queue: Vec<(String, usize)>,
    /// How long it waits before it asks again what is due when nothing was, such as 250ms, 1s or 1m.
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    pub(crate) poll: String,
    /// How many processes a run may kill in a row, or how often in a row its code may fail without an outcome, before
    /// no worker takes it until a person resumes it.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) park_after: u32,
}

fn queue_limit(text: &str) -> Result<(String, usize), String> {
    let (queue, runs) =
        text.rsplit_once('=').ok_or_else(|| "it takes a queue and a number, such as mail=2".to_owned())?;
    if queue.is_empty() {
        return Err("it takes the name of a queue before the =".to_owned());
    }
    Ok((queue.to_owned(), at_least_one(runs)?))
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "it takes a number from 1 on".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell.
    pub(crate) shell: Shell,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs: what they did, whether their ledgers hold, and what a person decides.
    #[command(subcommand)]
    Run(RunCommand),
    /// The store itself.
    #[command(subcommand)]
    Store(StoreCommand),
}

impl Command {
    /// Says what the command wants of the store.
    pub(crate) fn access(&self) -> Access {
        match self {
            Self::Run(
                RunCommand::Resolve(_)
                | RunCommand::Reconcile { .. }
                | RunCommand::Cancel(_)
                | RunCommand::Fork(_)
                | RunCommand::Pause(_)
                | RunCommand::Resume(_)
                | RunCommand::Block(_)
                | RunCommand::Unblock(_)
                | RunCommand::Signal(_)
                | RunCommand::Enqueue(_),
            ) => Access::Append,
            Self::Run(_) | Self::Store(_) => Access::Read,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// Lists the tenant's runs.
    ///
    /// In a pipe a run is a line of values between tabs, with a dash where there is none, in this order: run, status,
    /// steps, unknown, drifts, events, started, updated, last_step, parent, problem. With --pretty they have headings,
    /// with --json names.
    List(ListArgs),
    /// Shows where a run stands. Exits 3 when a step is in doubt, 1 when the run failed.
    Status {
        /// The run's id.
        run: String,
    },
    /// Shows how far a run's work has come. Exits as status does.
    ///
    /// Percent is of tasks. Steps are those that were begun, and steps_done those of them that have an answer. How long
    /// the rest takes is told while the work goes on: not once something stops it, or its process is dead, or a task
    /// has taken more than twice as long as any before.
    Progress(ProgressArgs),
    /// Tells what happened in a run, what it waits for, and what can be done. Exits as status does.
    Explain(ExplainArgs),
    /// Shows all events of a run.
    Events {
        /// The run's id.
        run: String,
    },
    /// Shows the last events of a run.
    Tail(TailArgs),
    /// Shows the steps of a run by their scopes, and those of its children, with times, tokens and costs.
    Steps(StepsArgs),
    /// Shows the artifacts of a run, the latest of each name.
    Artifacts(KeptArgs),
    /// Shows the summaries, checkpoints and notes of a run, the latest of each name.
    Summaries(KeptArgs),
    /// Shows what calls used and cost, by model and tool; of all runs, if none is named.
    Cost(CostArgs),
    /// Compares two runs, or a run and its fork, step by step. Exits 0 when they are the same, 1 when they differ.
    ///
    /// The order of the steps and the time they took make no difference; how the runs stand does. A ledger that is
    /// broken exits 1 too, and an error says so. Values are shown only with --content.
    Diff(DiffArgs),
    /// Shows where a run comes from, its children and forks, and theirs.
    Tree {
        /// The run's id.
        run: String,
    },
    /// Verifies a ledger and names its first break. Exits 1 when there is one.
    #[command(visible_alias = "verify")]
    VerifyLedger {
        /// The run's id.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        run: Option<String>,
        /// All of the tenant's runs.
        #[arg(long)]
        all: bool,
    },
    /// Enqueues a run of code by its name, for a worker that has the code.
    Enqueue(EnqueueArgs),
    /// Records what a person found out about a step in doubt.
    Resolve(ResolveArgs),
    /// Asks the tool what became of a step in doubt. Needs the tool: see artana_cli::main.
    Reconcile {
        /// The run's id.
        run: String,
        /// The step's key.
        #[arg(long)]
        step: String,
    },
    /// Forks a run before a step: what came before is shared, and the fork goes its own way from there.
    Fork(ForkArgs),
    /// Pauses a run: nothing new starts until somebody resumes it, and what was begun runs to its outcome.
    Pause(PauseArgs),
    /// Lifts what people, or parking, stopped a run with, but no block by name; or one pause, with an answer for the
    /// code that asked.
    Resume(ResumeArgs),
    /// Blocks a run by name until the same name is unblocked.
    Block(BlockArgs),
    /// Lifts what blocks a run by a name.
    Unblock(BlockArgs),
    /// Sends a run a signal: it is received once, by code that waits for it now or later.
    Signal(SignalArgs),
    /// Cancels a run: nothing new starts, and what was begun runs to its outcome.
    Cancel(CancelArgs),
    /// Writes a run as JSON Lines, for auditors.
    Export(ExportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only runs in this status; may be given several times.
    #[arg(long)]
    pub(crate) status: Vec<String>,
    /// Only runs with this label.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) label: Option<String>,
    /// yes: only runs that went on although an ask differed from what was recorded; no: only the others.
    #[arg(long, value_name = "yes|no")]
    pub(crate) drift: Option<String>,
    /// Only forks of this run.
    #[arg(long, value_name = "RUN")]
    pub(crate) parent: Option<String>,
    /// Only runs that started at this time or later: RFC 3339, or a date, which begins at midnight UTC.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only runs that started before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The run's id.
    pub(crate) run: String,
    /// Tells also what people, tools and providers said about it.
    #[arg(long)]
    pub(crate) content: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StepsArgs {
    /// The run's id.
    pub(crate) run: String,
    /// Shows also what models and tools were asked, and what they and the code answered.
    #[arg(long)]
    pub(crate) content: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// The run's id.
    pub(crate) run: String,
    /// How many events.
    #[arg(short = 'n', long, default_value_t = 10)]
    pub(crate) lines: u64,
    /// All events after this sequence: the cursor to go on from, once the last event was seen.
    #[arg(long, value_name = "SEQ", conflicts_with = "lines")]
    pub(crate) after: Option<u64>,
    /// Goes on as the run does, until it ends or you interrupt.
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProgressArgs {
    /// The run's id.
    pub(crate) run: String,
    /// Shows it again whenever it has changed, until the run ends or you interrupt.
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeptArgs {
    /// The run's id.
    pub(crate) run: String,
    /// Only what is kept under this name.
    pub(crate) name: Option<String>,
    /// Earlier values too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Shows the values; the value alone, as JSON, where one is named.
    #[arg(long)]
    pub(crate) content: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CostArgs {
    /// The run's id.
    pub(crate) run: Option<String>,
    /// The run with its forks and theirs. What a fork shares counts once.
    #[arg(long, requires = "run")]
    pub(crate) tree: bool,
    /// Only calls of this model.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Only calls of this tool; with --model, of either.
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: Option<String>,
    /// Only what was recorded at this time or later: RFC 3339, or a date, which begins at midnight UTC.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only what was recorded before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The one run's id.
    pub(crate) a: String,
    /// The other run's id.
    pub(crate) b: String,
    /// Shows the values that differ.
    #[arg(long)]
    pub(crate) content: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The run's id.
    pub(crate) run: String,
    /// Includes what the events refer to, in clear.
    #[arg(long)]
    pub(crate) content: bool,
    /// Includes the key of the content's digests. Whoever has it can test guesses of erased content.
    #[arg(long)]
    pub(crate) keys: bool,
    /// Writes to a file instead, which appears when it is whole.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Shows what the store is.
    Info,
    /// Looks for what is wrong with the store as a whole. Exits 1 when something is broken.
    Doctor(DoctorArgs),
    /// Makes the store, or brings its schema up to date: once for each release, before its programs start.
    ///
    /// Many may do this at once, and one of them does it. What is cut short leaves the store as it was. Programs of an
    /// older version that still run then read the store, and are refused when they write.
    Migrate(MigrateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Exits 1 for a notice, too: weak settings, tables that nobody vacuums, connections that run out, due runs that
    /// nobody takes.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Changes nothing, and says what would be done. Exits 1 when there is something to do.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leaves the provider's book and the ledgers in this folder, which must be empty or new.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Stops at the unknown outcome, and shows what a person can do.
    #[arg(long)]
    pub(crate) no_reconcile: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProviderArgs {
    #[arg(long)]
    pub(crate) book: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[arg(long)]
    pub(crate) ledger: PathBuf,
    #[arg(long)]
    pub(crate) provider: u16,
    #[arg(long)]
    pub(crate) reconcile: bool,
}
