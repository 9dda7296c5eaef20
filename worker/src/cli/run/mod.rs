//! `offchainvm run`: a program on this machine, built and metered as an operator would. The quote.
//!
//! - `program`: what is named becomes a module, built in the worker's own sandbox if need be
//! - `quote`: what it would cost

mod program;
mod quote;

use super::arguments::{InputArgs, LimitArgs};
use crate::{
    chain::{Contract, Rpc},
    config::Config,
    execute::{ExecuteConfig, Executor, Outcome, Program, Task},
};
use anyhow::Context;
use near_account_id::AccountId;
use offchainvm_interface::{BuildTarget, MaxLimits, Pricing, ResourceLimits, SourcePath};
use program::Named;
use quote::{Quote, Terms};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};
use tokio_util::sync::CancellationToken;
use url::Url;

/// Arguments of `offchainvm run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A module, a folder with a cargo package, or a commit of a git repository (https://…@abc123)
    #[arg(value_name = "FILE.wasm|FOLDER|REPO@COMMIT")]
    program: String,
    /// The package's folder inside the repository; its root when absent
    #[arg(long, value_name = "FOLDER", value_parser = |text: &str| SourcePath::new(text))]
    path: Option<SourcePath>,
    /// What it is compiled for
    #[arg(long, value_name = "TRIPLE", value_parser = super::request::named::<BuildTarget>, default_value = "wasm32-wasip1")]
    target: BuildTarget,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// What random numbers are made from: 64 hexadecimal digits. On chain it is the request's handle
    #[arg(long, value_name = "HEX", value_parser = parse_seed, default_value = ZERO_SEED)]
    seed: [u8; 32],
    /// The contract whose prices and caps are asked for; the configuration's when absent, and without either the
    /// default prices
    #[arg(long, value_name = "ACCOUNT")]
    contract: Option<AccountId>,
    /// A node's JSON-RPC; the configuration's when absent
    #[arg(long, value_name = "URL")]
    rpc_url: Vec<Url>,
    /// A worker's configuration file (TOML)
    #[arg(long, env = "OFFCHAINVM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object on standard output instead
    #[arg(long)]
    json: bool,
}

const ZERO_SEED: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn parse_seed(text: &str) -> Result<[u8; 32], hex::FromHexError> {
    let mut seed = [0; 32];
    hex::decode_to_slice(text, &mut seed).map(|()| seed)
}

impl Args {
    /// Builds the program if need be, runs it and prints.
    ///
    /// # Errors
    /// When there is no program, a limit is out of range or the engine fails; not when the program does.
    pub async fn execute(self) -> anyhow::Result<ExitCode> {
        let config = Config::read(self.config.as_deref())?;
        let terms = self.terms(&config).await?;
        let limits = ResourceLimits::from(self.limits);
        limits.check(&terms.max_limits)?;
        let named = Named::read(&self.program, self.path.as_ref(), self.target)?;
        let wasm = named.wasm(&config).await?;
        let input = self.input.read()?;
        let outcome = run_once(wasm, Task { input, limits, seed: self.seed }, &config.execute, &terms).await?;

        let quote = Quote::new(&outcome, limits, &terms)?;
        if self.json {
            super::show::print_json(&quote)?;
        } else {
            io::stdout().write_all(&outcome.output)?;
            io::stdout().flush()?;
            quote.explain(&outcome.stderr);
        }
        Ok(if quote.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// What the contract asks for at present; its defaults when none is named.
    async fn terms(&self, config: &Config) -> anyhow::Result<Terms> {
        let Some(id) = self.contract.as_ref().or(config.chain.contract_id.as_ref()) else {
            return Ok(Terms {
                contract: None,
                pricing: Pricing::default(),
                max_limits: MaxLimits::default(),
                max_result_bytes: None,
            });
        };
        let urls = if self.rpc_url.is_empty() { &config.chain.rpc_urls } else { &self.rpc_url };
        let contract = Contract::new(Rpc::new(urls)?, id.clone());
        let asked = || format!("the prices of {id} cannot be asked for; without a contract the default prices serve");
        let settings = contract.config().await.with_context(asked)?;
        let pricing = contract.pricing().await.with_context(asked)?;
        let max_result_bytes = Some(settings.max_result_bytes);
        Ok(Terms { contract: Some(contract), pricing, max_limits: settings.max_limits, max_result_bytes })
    }
}

/// Runs on an executor that leaves nothing behind.
async fn run_once(wasm: Vec<u8>, task: Task, settings: &ExecuteConfig, terms: &Terms) -> anyhow::Result<Outcome> {
    let cache = tempfile::tempdir().context("no temporary folder")?;
    let cap = terms.max_result_bytes.and_then(|bytes| usize::try_from(bytes).ok());
    let max_output_bytes = settings.max_output_bytes.min(cap.unwrap_or(usize::MAX));
    let settings = ExecuteConfig { parallel_runs: 1, max_output_bytes, ..settings.clone() };
    let executor = Executor::new(&settings, cache.path())?;
    Ok(executor.run(&Program::bytes(wasm), task, CancellationToken::new()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_64_digits() {
        assert_eq!(parse_seed(ZERO_SEED), Ok([0; 32]));
        assert!(parse_seed("00").is_err());
    }
}
