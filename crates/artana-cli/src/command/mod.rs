//! The verbs, one file each. They ask the kernel and write rows; they know no store and no file format.

mod block;
mod cancel;
mod cost;
mod diff;
mod doctor;
mod enqueue;
mod events;
mod explain;
mod export;
mod fork;
mod info;
mod kept;
mod lineage;
mod list;
pub(crate) mod migrate;
mod pause;
mod progress;
mod reconcile;
mod resolve;
mod resume;
mod signal;
mod status;
mod steps;
mod tail;
mod tree;
pub(crate) mod verify;
pub(crate) mod worker;

use artana_core::Tenant;
use artana_kernel::{Error, Kernel, Run};

use crate::{
    args::{Command, RunCommand, StoreCommand},
    doubt::Doubt,
    failure::{Exit, Failure},
    out::Out,
    speller::Speller,
};

/// What every verb works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) kernel: Kernel,
    pub(crate) tenant: Tenant,
    pub(crate) out: Out,
    pub(crate) speller: Speller,
}

/// Does what was asked.
pub(crate) async fn perform(cx: &mut Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(command) => run(cx, command).await,
        Command::Store(StoreCommand::Info) => Ok(info::perform(cx)),
        Command::Store(StoreCommand::Doctor(args)) => doctor::perform(cx, &args).await,
        Command::Store(StoreCommand::Migrate(_)) => Err(migrate::needs_address()),
    }
}

async fn run(cx: &mut Context, command: RunCommand) -> Result<Exit, Failure> {
    match command {
        RunCommand::List(args) => list::perform(cx, &args).await,
        RunCommand::Status { run } => status::perform(cx, &run).await,
        RunCommand::Progress(args) => progress::perform(cx, &args).await,
        RunCommand::Explain(args) => explain::perform(cx, &args).await,
        RunCommand::Events { run } => events::perform(cx, &run).await,
        RunCommand::Tail(args) => tail::perform(cx, &args).await,
        RunCommand::Steps(args) => steps::perform(cx, &args).await,
        RunCommand::Artifacts(args) => kept::perform(cx, kept::What::Artifacts, &args).await,
        RunCommand::Summaries(args) => kept::perform(cx, kept::What::Summaries, &args).await,
        RunCommand::Cost(args) => cost::perform(cx, &args).await,
        RunCommand::Diff(args) => diff::perform(cx, &args).await,
        RunCommand::Tree { run } => tree::perform(cx, &run).await,
        RunCommand::Fork(args) => fork::perform(cx, &args).await,
        RunCommand::VerifyLedger { run, .. } => verify::perform(cx, run.as_deref()).await,
        RunCommand::Enqueue(args) => enqueue::perform(cx, &args).await,
        RunCommand::Resolve(args) => resolve::perform(cx, args).await,
        RunCommand::Reconcile { run, step } => reconcile::perform(cx, &run, &step).await,
        RunCommand::Pause(args) => pause::perform(cx, &args).await,
        RunCommand::Resume(args) => resume::perform(cx, &args).await,
        RunCommand::Block(args) => block::perform(cx, &args).await,
        RunCommand::Unblock(args) => block::unblock(cx, &args).await,
        RunCommand::Signal(args) => signal::perform(cx, &args).await,
        RunCommand::Cancel(args) => cancel::perform(cx, &args).await,
        RunCommand::Export(args) => export::perform(cx, &args).await,
    }
}

impl Context {
    /// Says which tenant was looked at, and how to look at another. Which others there are nobody is told.
    pub(crate) fn elsewhere(&self) -> String {
        let tenant = self.tenant.id().map_or_else(|_| String::new(), |tenant| format!(" {tenant}"));
        format!("only tenant{tenant} was looked at; --tenant NAME or ARTANA_TENANT names another")
    }

    /// Opens a run to look at it or to record a person's word.
    pub(crate) async fn open(&self, run: &str) -> Result<Run, Failure> {
        self.kernel.open_run(&self.tenant, run).await.map_err(|error| self.explain(run, error))
    }

    /// Adds the command that goes on from an error.
    pub(crate) fn explain(&self, run: &str, error: Error) -> Failure {
        let next = match &error {
            Error::RunNotFound { .. } => Some(self.speller.command(&["run", "list"])),
            Error::Damaged { .. } => Some(self.speller.command(&["run", "verify-ledger", run])),
            Error::NothingRecorded { .. } | Error::NotInDoubt { .. } => {
                Some(self.speller.command(&["run", "steps", run]))
            }
            Error::Moved { fork, .. } => Some(self.speller.command(&["run", "explain", fork.as_str()])),
            Error::NoPause { .. } | Error::Ended { .. } => Some(self.speller.command(&["run", "explain", run])),
            Error::OwnerAlive { .. } | Error::InFlight { .. } => {
                Some(self.speller.command(&["run", "tail", run, "--follow"]))
            }
            _ => None,
        };
        let answers: Vec<String> = match &error {
            Error::Unanswered(_, asked) => asked.iter().map(|ticket| resume::answer(&self.speller, ticket)).collect(),
            _ => Vec::new(),
        };
        let elsewhere = matches!(error, Error::RunNotFound { .. }).then(|| self.elsewhere());
        let failure = Failure::from(error);
        next.into_iter().chain(elsewhere).chain(answers).fold(failure, Failure::next)
    }

    /// Explains an error of a step, with what is recorded of the step where that is in doubt.
    pub(crate) async fn explain_step(&self, run: &Run, step: &str, error: Error) -> Failure {
        let failure = self.explain(run.id(), error);
        let Ok(key) = artana_core::StepKey::parse(step) else { return failure };
        let doubt = run.latest(|state| Doubt::of(state, &key, &self.speller)).await;
        failure.about(doubt.ok().flatten())
    }
}
