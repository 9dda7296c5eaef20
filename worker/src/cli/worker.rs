//! `offchainvm worker`: the operator's service.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};
use url::Url;

use crate::{
    chain::{EndpointState, name_of},
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
        print!("{}", describe(&config, &args.role, &found));
        return Ok(());
    }
    let mut signals = Signals::listen().context("listening for SIGTERM and SIGINT")?;
    let found = tokio::select! {
        found = Surroundings::wait_for(&config, &args.role) => found?,
        () = signals.next() => {
            info!(event = "worker.stopped", "told to stop before the worker could start");
            return Ok(());
        }
    };
    for line in describe(&config, &args.role, &found).lines() {
        info!(event = "worker.summary", "{line}");
    }
    let service = Service::builder(config).roles(args.role).surroundings(found).launch().await?;
    signals.stop(service).await;
    Ok(())
}

fn describe(config: &Config, roles: &Roles, found: &Surroundings) -> String {
    let paused = if found.settings.paused { ", paused" } else { "" };
    let signer = found.signer.as_ref().map_or_else(|| "(signs nothing)".to_owned(), |signer| format!("{signer:?}"));
    format!(
        "roles      {roles}\ncontract   {} on {}{paused}\noperator   {signer}\nlanes      {}\nnode       {}\nblocks     {}\n\
         data       {}\nstore      {}\n",
        found.contract.id(),
        found.chain_id,
        found.signer.iter().chain(&found.lane_signers).count(),
        nodes(&found.contract.rpc().endpoints()),
        if config.chain.block_sources.is_empty() { "(none)".to_owned() } else { names(&config.chain.block_sources) },
        config.store.path.display(),
        config.store.database(),
    )
}

fn nodes(states: &[EndpointState]) -> String {
    let node = |state: &EndpointState| match state.condition.failures {
        0 => state.name.clone(),
        _ => format!("{} (does not answer)", state.name),
    };
    states.iter().map(node).collect::<Vec<_>>().join(", ")
}

/// Without what comes after the host: that may be a key.
fn names(urls: &[Url]) -> String {
    urls.iter().map(name_of).collect::<Vec<_>>().join(", ")
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
