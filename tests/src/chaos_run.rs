//! `scripts/chaos`: a long chaos run, and what came of it.

use clap::Parser;
use offchainvm_tests::{
    chaos::{Settings, run},
    postgres::Postgres,
};
use std::{path::PathBuf, process::ExitCode};

/// Sends requests from many callers through a network that fails in every way, kills the workers throughout, and checks
/// afterwards that nothing was lost, nothing settled twice, and every yoctoNEAR is where it belongs.
///
/// The exit code is 0 only when all is well.
#[derive(Parser)]
#[command(name = "scripts/chaos")]
struct Args {
    /// How many requests are sent.
    #[arg(long, default_value_t = 1_000)]
    requests: usize,
    /// What faults, kills and requests are drawn from; drawn itself, and printed, when absent.
    #[arg(long, env = "OFFCHAINVM_CHAOS_SEED")]
    seed: Option<u64>,
    /// How many worker processes share the work.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// The database that the workers share, such as postgres://…; a file of their own when absent.
    #[arg(long)]
    database_url: Option<String>,
    /// Let the workers share a throw-away PostgreSQL, which scripts/install-postgresql installs.
    #[arg(long, conflicts_with = "database_url")]
    postgres: bool,
    /// A file for the workers' log.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(rand::random);
    eprintln!("seed {seed}");
    let postgres = args.postgres.then(Postgres::start).transpose()?;
    let settings = Settings {
        workers: args.workers,
        database_url: args.database_url.or_else(|| postgres.as_ref().map(Postgres::url)),
        log: args.log,
        ..Settings::new(seed, args.requests)
    };
    let report = run(&settings).await?;
    if args.json {
        println!("{}", report.json());
    } else {
        println!("{report}");
    }
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
