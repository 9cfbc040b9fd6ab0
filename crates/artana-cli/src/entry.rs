//! The two ways in: the stock binary, and a user's own. Parses, opens, hands over, and says how it ended.

use std::{env, ffi::OsString, process::ExitCode};

use artana_core::Tenant;
use artana_kernel::Kernel;
use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use crate::{
    args::{Command, Embedded, EmbeddedCommand, Stock, StockCommand, StoreCommand, WorkArgs},
    command::{
        self, Context, migrate,
        worker::{self, Ended},
    },
    completions, demo,
    failure::{Exit, Failure},
    init,
    look::Format,
    open,
    out::Out,
    speller::Speller,
};

/// Runs the verbs of the command line over `kernel`, as this process's arguments ask, and closes it.
///
/// The kernel's own store and tools are used, so `--store` is not offered and `run reconcile` works. The code that is
/// registered with it is driven by the verb `worker`.
/// Exit codes: 0 fine, 1 invalid or failed, 2 usage, 3 needs a human, 4 not found, 5 store unavailable.
pub async fn main(kernel: Kernel) -> ExitCode {
    main_with(kernel, env::args_os()).await
}

/// Like [`main`], with arguments of the caller's choice; the first is the program's name.
pub async fn main_with(kernel: Kernel, args: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let typed: Embedded = match typed(&args) {
        Ok(typed) => typed,
        Err(exit) => return exit,
    };
    let format = typed.common.format();
    let program = args.first().map_or("artana".into(), |name| name.to_string_lossy());
    let speller = Speller::new(&program, None, &typed.common.tenant);
    let out = Out::new(format);
    let command = match typed.command {
        EmbeddedCommand::Over(command) => Asked::Over(command),
        EmbeddedCommand::Worker(args) => Asked::Worker(args),
        EmbeddedCommand::Completions(args) => {
            let written = completions::write::<Embedded>(&args, &program, out);
            let closed = kernel.close().await.map_err(Failure::from);
            return ended(written.and_then(|exit| closed.map(|()| exit)), format);
        }
    };
    let context = Context { kernel, tenant: Tenant::new(&typed.common.tenant), out, speller };
    ended(asked(context, command).await, format)
}

/// Runs the stock binary, which opens the store it is told to and has no tools.
#[must_use]
pub fn stock() -> ExitCode {
    let args: Vec<OsString> = env::args_os().collect();
    let typed: Stock = match typed(&args) {
        Ok(typed) => typed,
        Err(exit) => return exit,
    };
    let format = typed.common.format();
    ended(stock_command(typed, format), format)
}

fn stock_command(typed: Stock, format: Format) -> Result<Exit, Failure> {
    let (address, tenant) = (typed.store.address, typed.common.tenant);
    match typed.command {
        StockCommand::Demo(args) => demo::run(&args, &tenant, Out::new(format)),
        StockCommand::Init(args) => init::run(&args, Out::new(format)),
        StockCommand::Worker(_) => Err(worker::needs_code()),
        StockCommand::Completions(args) => completions::write::<Stock>(&args, "artana", Out::new(format)),
        StockCommand::DemoProvider(args) => demo::provide(&args),
        StockCommand::DemoWorker(args) => runtime()?.block_on(demo::work(&args, &tenant)),
        StockCommand::Over(Command::Store(StoreCommand::Migrate(args))) => {
            runtime()?.block_on(migrate::perform(&address, &args, Out::new(format)))
        }
        StockCommand::Over(command) => runtime()?.block_on(async {
            let kernel = open::kernel(&address, command.access()).await?;
            let speller = Speller::stock(&address, &tenant);
            let context = Context { kernel, tenant: Tenant::new(&tenant), out: Out::new(format), speller };
            asked(context, Asked::Over(command)).await
        }),
    }
}

/// What is asked of a kernel.
enum Asked {
    Over(Command),
    Worker(WorkArgs),
}

/// Does a command, and closes the kernel whatever came of it, unless somebody is in a hurry: closing waits for the
/// steps under way.
async fn asked(mut context: Context, asked: Asked) -> Result<Exit, Failure> {
    let done = match asked {
        Asked::Over(command) => command::perform(&mut context, command).await,
        Asked::Worker(args) => match worker::perform(&mut context, &args).await {
            Ok(Ended::Cut) => return Ok(Exit::Invalid),
            ended => ended.map(|_| Exit::Fine),
        },
    };
    let written = context.out.finish();
    let closed = context.kernel.close().await;
    let exit = done?;
    written?;
    closed?;
    Ok(exit)
}

pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::invalid("artana::runtime", format!("no runtime can be started: {error}")))
}

fn ended(done: Result<Exit, Failure>, format: Format) -> ExitCode {
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print(format);
            failure.exit().into()
        }
    }
}

/// Reads the arguments. Help and versions are answers; what was not understood is an error, in JSON
/// where that was asked for.
fn typed<T: Parser>(args: &[OsString]) -> Result<T, ExitCode> {
    T::try_parse_from(args).map_err(|error| {
        if !error.use_stderr() {
            error.print().ok();
            return Exit::Fine.into();
        }
        if args.iter().any(|arg| arg == "--json") {
            let message = error.to_string();
            let message = message.trim().trim_start_matches("error: ");
            Failure::usage(message).print(Format::Json);
        } else {
            error.print().ok();
        }
        Exit::Usage.into()
    })
}
