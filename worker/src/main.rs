//! The binary `offchainvm`: arguments in, one call, an exit code out.

use std::process::ExitCode;

use clap::Parser;
use offchainvm_worker::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _heeded = offchainvm_worker::failpoint::heed();
    match Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("offchainvm: {error:#}");
            ExitCode::FAILURE
        }
    }
}
