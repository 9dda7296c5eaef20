//! The binary `offchainvm`: arguments in, one call, an exit code out.

use std::process::ExitCode;

use clap::Parser;
use offchainvm_worker::cli::{Cli, in_words};

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _heeded = offchainvm_worker::failpoint::heed();
    let cli = Cli::parse();
    cli.run_alone().unwrap_or_else(|| run(cli)).unwrap_or_else(|error| {
        eprintln!("offchainvm: {}", in_words(&error));
        ExitCode::FAILURE
    })
}

#[tokio::main]
async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    cli.run().await
}
