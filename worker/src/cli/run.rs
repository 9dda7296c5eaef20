//! `offchainvm run`: a program on this machine, metered as an operator would meter it. The quote.

use super::arguments::{InputArgs, LimitArgs};
use crate::execute::{End, ExecuteConfig, Executor, Outcome, Program, Task};
use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use offchainvm_interface::{FailureCode, MaxLimits, Pricing, ResourceLimits, ResourcesUsed};
use serde::Serialize;
use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};
use tokio_util::sync::CancellationToken;

/// Arguments of `offchainvm run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The module: a WASI preview 1 command, such as cargo builds for wasm32-wasip1
    #[arg(value_name = "FILE.wasm")]
    module: PathBuf,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// What random numbers are made from: 64 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = parse_seed, default_value = ZERO_SEED)]
    seed: [u8; 32],
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
    /// Runs the module and prints.
    ///
    /// # Errors
    /// When a file cannot be read, a limit is out of range or the engine fails; not when the program does.
    pub async fn execute(self) -> anyhow::Result<ExitCode> {
        let limits = ResourceLimits::from(self.limits);
        limits.check(&MaxLimits::default())?;
        let wasm = fs::read(&self.module).with_context(|| format!("{} cannot be read", self.module.display()))?;
        let task = Task { input: self.input.read()?, limits, seed: self.seed };
        let outcome = run_once(wasm, task).await?;

        let quote = Quote::new(&outcome, limits)?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&quote)?);
        } else {
            io::stdout().write_all(&outcome.output)?;
            io::stdout().flush()?;
            quote.explain(&outcome);
        }
        Ok(if quote.success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Runs on an executor that leaves nothing behind.
async fn run_once(wasm: Vec<u8>, task: Task) -> anyhow::Result<Outcome> {
    let cache = tempfile::tempdir().context("no temporary folder")?;
    let config = ExecuteConfig { parallel_runs: 1, ..ExecuteConfig::default() };
    let executor = Executor::new(&config, cache.path())?;
    Ok(executor.run(&Program::bytes(wasm), task, CancellationToken::new()).await?)
}

/// What a run gave and what the contract would charge for it at its default price.
#[derive(Debug, Serialize)]
struct Quote {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<FailureCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Absent when the output is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    output_base64: String,
    resources_used: ResourcesUsed,
    resource_limits: ResourceLimits,
    /// In yoctoNEAR.
    cost: near_token::NearToken,
    /// What the limits can cost at most, in yoctoNEAR: with the request's storage, the deposit.
    worst_case: near_token::NearToken,
    pricing: Pricing,
}

impl Quote {
    fn new(outcome: &Outcome, limits: ResourceLimits) -> anyhow::Result<Self> {
        let pricing = Pricing::default();
        let (error_code, error) = match &outcome.end {
            End::Success => (None, None),
            End::Failed { code, message } => (Some(*code), Some(message.clone())),
        };
        Ok(Self {
            success: error_code.is_none(),
            error_code,
            error,
            output: String::from_utf8(outcome.output.clone()).ok(),
            output_base64: BASE64_STANDARD.encode(&outcome.output),
            resources_used: outcome.used,
            resource_limits: limits,
            cost: pricing.cost(&outcome.used)?,
            worst_case: pricing.worst_case(&limits)?,
            pricing,
        })
    }

    /// Tells a person, on standard error.
    fn explain(&self, outcome: &Outcome) {
        if let (Some(code), Some(error)) = (self.error_code, &self.error) {
            eprintln!("failed: {code}: {error}");
        } else if !outcome.stderr.is_empty() {
            eprint!("{}", outcome.stderr);
        }
        let ResourcesUsed { instructions, memory_bytes, time_seconds } = self.resources_used;
        eprintln!("used: {instructions} instructions, {memory_bytes} bytes of memory, {time_seconds} s");
        eprintln!("cost at the default price: {}", self.cost.exact_amount_display());
        eprintln!("deposit for these limits: {} and the request's storage", self.worst_case.exact_amount_display());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_quote_names_cost_and_worst_case() {
        let used = ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 << 20, time_seconds: 5 };
        let outcome = Outcome { end: End::Success, output: b"\xff".to_vec(), stderr: String::new(), used };
        let quote = Quote::new(&outcome, ResourceLimits::default()).unwrap();
        let json = serde_json::to_value(&quote).unwrap();
        assert_eq!(json["cost"], "21410000000000000000000");
        assert_eq!(json["worst_case"], "83800000000000000000000");
        assert_eq!(json["output_base64"], "/w==");
        assert_eq!(json.get("output"), None);
    }

    #[test]
    fn a_seed_has_64_digits() {
        assert_eq!(parse_seed(ZERO_SEED), Ok([0; 32]));
        assert!(parse_seed("00").is_err());
    }
}
