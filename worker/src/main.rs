//! The binary `offchainvm`: arguments in, one call, an exit code out.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use offchainvm_worker::cli::{Cli, in_words};
use tokio::runtime::Runtime;

/// How long a command that is done waits for threads that are not: a name that is being looked up has no end but the
/// resolver's own, and nobody asks for the answer any more.
const LINGER: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _heeded = offchainvm_worker::failpoint::heed();
    let cli = Cli::parse();
    cli.run_alone().unwrap_or_else(|| run(cli)).unwrap_or_else(|error| {
        eprintln!("offchainvm: {}", in_words(&error));
        ExitCode::FAILURE
    })
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = Runtime::new()?;
    let ended = runtime.block_on(cli.run());
    runtime.shutdown_timeout(LINGER);
    ended
}
