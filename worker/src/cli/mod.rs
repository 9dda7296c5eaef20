//! The command line.

mod worker;

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
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Says what failed; it is for people.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Worker(args) => worker::run(args).await,
        }
    }
}
