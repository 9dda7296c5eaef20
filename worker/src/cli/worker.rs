//! `offchainvm worker`: the operator's service.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::{
    config::Config,
    service::{Service, Summary},
    stage::Stop,
    telemetry,
};

/// Arguments of `offchainvm worker`.
#[derive(Args, Debug)]
pub(super) struct WorkerArgs {
    /// The configuration file (TOML); what it leaves out has its default.
    #[arg(long, env = "OFFCHAINVM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
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
        let (summary, _) = Summary::check(&config).await?;
        print!("{}", describe(&config, &summary));
        return Ok(());
    }
    let signals = Signals::listen().context("listening for SIGTERM and SIGINT")?;
    let service = Service::open(config.clone()).await?;
    for line in describe(&config, service.summary()).lines() {
        info!(event = "worker.summary", "{line}");
    }
    let stop = Stop::default();
    tokio::spawn(signals.forward(stop.clone()));
    service.run(stop).await;
    Ok(())
}

fn describe(config: &Config, summary: &Summary) -> String {
    let (contract, settings) = &summary.contract;
    let paused = if settings.paused { ", paused" } else { "" };
    format!(
        "contract   {contract} on {}{paused}\noperator   {:?}\nnode       {}\nblocks     {}\ndata       {}\n",
        summary.chain_id,
        summary.signer,
        config.chain.rpc_url,
        config.chain.block_source_url,
        config.store.path.display(),
    )
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

    /// The first signal drains, the second stops at once.
    async fn forward(mut self, stop: Stop) {
        self.next().await;
        stop.drain.cancel();
        self.next().await;
        warn!("told to stop a second time");
        stop.now.cancel();
    }
}
