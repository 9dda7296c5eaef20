//! The command line.

mod arguments;
mod compile_module;
mod jobs;
mod keys;
mod opened;
mod pause;
mod program;
mod request;
mod run;
mod show;
mod status;
mod verify;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// OffchainVM: programs off chain, answers on chain.
#[derive(Debug, Parser)]
#[command(name = "offchainvm", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a contract's requests: the operator's service.
    Worker(worker::WorkerArgs),
    /// Make, show and remove the access keys on which an operator's answers leave.
    Keys(keys::Args),
    /// Ask a contract to run a program, wait for the answer and print it.
    ///
    /// Standard output is the program's; the story of the request is told on standard error. The exit code is 0 only
    /// if the program's result came back.
    Request(Box<request::Args>),
    /// Run a program here, and say what it would cost.
    ///
    /// A folder or a commit is built first, as an operator would build it. Standard output is the program's; what it
    /// used and cost, and which limits would be enough, is told on standard error. The exit code is 0 only if the
    /// program succeeded.
    Run(run::Args),
    /// Check a receipt: what the chain says of the request, and another run of the program
    ///
    /// The request is found by its block's time, in the event that announced it; how it was settled, in the contract
    /// or in the event that said so. The program is taken from the configured store, from --wasm, or built again with
    /// --rebuild; then it is run again, and output, instructions and peak memory are compared bit for bit.
    ///
    /// Exit codes: 0 PASS, everything is so. 1 FAIL, something is not so, and it is named. 2 UNPROVEN, something could
    /// not be checked.
    Verify(verify::Args),
    /// Say how a worker stands: jobs by stage, how old the oldest are, blocks, lanes, processes
    Status(status::Args),
    /// Look at jobs, and repair what went wrong with them
    Jobs(jobs::Args),
    /// Keep programs that are built already, so that requests can name them by their digest
    Program(program::Args),
    /// Stop building and running new requests, in every worker of a store; answers are still published
    ///
    /// Requests go on being taken in and wait. One that cannot be answered in time any more is answered with
    /// `deadline_missed`, and its caller refunded.
    Pause(pause::Args),
    /// Build and run requests again
    Resume(pause::Args),
    /// Compile the module on standard input to machine code, within limits: what `worker` and `run` start for themselves
    #[command(hide = true)]
    CompileModule(compile_module::Args),
}

/// An error with its causes, each said once: many a message holds its cause's already.
#[must_use]
pub fn in_words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        _ if said.contains(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}

impl Cli {
    /// Does what the command line says, if that is a command which must not have any threads but its own.
    #[must_use]
    pub fn run_alone(&self) -> Option<anyhow::Result<ExitCode>> {
        match &self.command {
            Command::CompileModule(args) => Some(args.execute()),
            _ => None,
        }
    }

    /// Does what the command line says; the exit code is the command's own verdict.
    ///
    /// # Errors
    /// Says what failed; it is for people.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Worker(args) => worker::run(args).await.map(|()| ExitCode::SUCCESS),
            Command::Keys(args) => args.execute().await.map(|()| ExitCode::SUCCESS),
            Command::Request(args) => args.execute().await,
            Command::Run(args) => args.execute().await,
            Command::Verify(args) => Ok(args.execute().await),
            Command::Status(args) => args.execute().await,
            Command::Jobs(args) => args.execute().await,
            Command::Program(args) => args.execute().await,
            Command::Pause(args) => args.execute(true).await,
            Command::Resume(args) => args.execute(false).await,
            Command::CompileModule(args) => args.execute(),
        }
    }
}
