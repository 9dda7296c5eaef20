//! `offchainvm worker`: the operator's service.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::{
    config::Config,
    service::{Handle, Roles, Service, Surroundings},
    telemetry,
};

/// Arguments of `offchainvm worker`.
#[derive(Args, Debug)]
pub(super) struct WorkerArgs {
    /// The configuration file (TOML); what it leaves out has its default.
    #[arg(long, env = "OFFCHAINVM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// What this process does: index, build, execute, publish, api, with commas between them, or all.
    ///
    /// Processes with different roles, also on different machines, meet in one store: set store.database_url.
    #[arg(long, default_value = "all", value_name = "ROLES")]
    role: Roles,
    /// Check configuration, key, chain and contract, print what was found, and stop.
    #[arg(long)]
    check_config: bool,
    /// Print the commented default configuration, and stop.
    #[arg(long, conflicts_with = "check_config")]
    print_default_config: bool,
}

pub(super) async fn run(args: WorkerArgs) -> anyhow::Result<()> {
    if args.print_default_config {
        print!("{}", crate::config::DEFAULT_TOML);
        return Ok(());
    }
    let config = Config::load(args.config.as_deref())?;
    telemetry::start(&config.log)?;
    if args.check_config {
        let found = Surroundings::find(&config, &args.role).await?;
        print!("{}", found.describe(&config, &args.role));
        return Ok(());
    }
    let mut signals = Signals::listen().context("listening for SIGTERM and SIGINT")?;
    let service = tokio::select! {
        service = Service::builder(config).roles(args.role).waits().launch() => service?,
        () = signals.next() => {
            info!(event = "worker.stopped", "told to stop before the worker could start");
            return Ok(());
        }
    };
    signals.stop(service).await;
    Ok(())
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The first signal drains, the second stops at once. Returns when the service has stopped.
    async fn stop(mut self, service: Handle) {
        self.next().await;
        let impatient = service.clone();
        tokio::spawn(async move {
            self.next().await;
            warn!("told to stop a second time");
            impatient.abort().await;
        });
        service.shutdown().await;
    }
}
