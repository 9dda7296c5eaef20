//! `offchainvm request`: a caller's command. Sends a request, waits for its answer, prints what came back.
//!
//! - `follow`: the transaction, from the first byte sent to its outcome
//! - `story`: what the outcome says, for a person and for a program

mod follow;
mod story;

use super::arguments::{InputArgs, LimitArgs};
use crate::chain::{Call, Contract, KeySource, OperatorSigner, Rpc, Secret};
use anyhow::{Context, bail, ensure};
use near_account_id::AccountId;
use near_token::NearToken;
use offchainvm_interface::{
    BuildTarget, CodeSource, CommitId, GitSource, RepoUrl, RequestArgs, ResourceLimits, ResponseFormat, SourcePath,
    calls::{self, EstimateCostArgs},
};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as ValueError};
use std::{path::PathBuf, process::ExitCode, time::Duration};
use story::Story;
use url::Url;

/// Arguments of `offchainvm request`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The OffchainVM contract's account
    #[arg(long, value_name = "ACCOUNT")]
    contract: AccountId,
    /// The account that asks and pays; the key file's when absent
    #[arg(long, value_name = "ACCOUNT")]
    signer: Option<AccountId>,
    /// A full-access key, as near-cli keeps it
    #[arg(long, value_name = "FILE", required_unless_present = "private_key", conflicts_with = "private_key")]
    key_file: Option<PathBuf>,
    /// A full-access key itself; with --signer. Better given by the environment: other users see arguments
    #[arg(long, value_name = "KEY", env = "NEAR_CALLER_KEY", hide_env_values = true, requires = "signer")]
    private_key: Option<Secret>,
    /// A node's JSON-RPC
    #[arg(long, value_name = "URL", default_value = "https://rpc.testnet.near.org")]
    rpc_url: Url,
    #[command(flatten)]
    program: ProgramArgs,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// What the transaction returns: text, json or bytes (as base64)
    #[arg(long, value_name = "FORMAT", value_parser = named::<ResponseFormat>, default_value = "text")]
    format: ResponseFormat,
    /// What to attach, such as "0.1 NEAR"; by default the worst case under the limits and the request's storage. What
    /// is not used comes back
    #[arg(long, value_name = "AMOUNT")]
    deposit: Option<NearToken>,
    /// Who gets back what is not used; the signer when absent
    #[arg(long, value_name = "ACCOUNT")]
    refund_to: Option<AccountId>,
    /// Only build and keep the program, and print its digest
    #[arg(long)]
    compile_only: bool,
    /// Seconds to wait for the outcome
    #[arg(long, value_name = "N", default_value_t = 900)]
    wait: u64,
    /// Print one JSON object on standard output instead
    #[arg(long)]
    json: bool,
}

/// Which program.
#[derive(Debug, clap::Args)]
struct ProgramArgs {
    /// A git repository with a cargo package
    #[arg(long, value_name = "URL", value_parser = |text: &str| RepoUrl::new(text))]
    repo: RepoUrl,
    /// A commit of it, 6 to 40 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = |text: &str| CommitId::new(text))]
    commit: CommitId,
    /// The package's folder inside the repository; its root when absent
    #[arg(long, value_name = "FOLDER", value_parser = |text: &str| SourcePath::new(text))]
    path: Option<SourcePath>,
    /// What it is compiled for
    #[arg(long, value_name = "TRIPLE", value_parser = named::<BuildTarget>, default_value = "wasm32-wasip1")]
    target: BuildTarget,
}

/// Reads a value by the name that it has in the contract's JSON.
pub(super) fn named<T: DeserializeOwned>(text: &str) -> Result<T, ValueError> {
    T::deserialize(text.into_deserializer())
}

impl Args {
    /// Sends the request and prints its story.
    ///
    /// # Errors
    /// When the request cannot be made, or nothing is known of it in time; not when it fails.
    pub async fn execute(self) -> anyhow::Result<ExitCode> {
        let signer = self.signer()?;
        let contract = Contract::new(Rpc::new([&self.rpc_url])?, self.contract.clone());
        let (json, wait, asked_deposit) = (self.json, self.wait, self.deposit);
        let request = self.request()?;
        let deposit = match asked_deposit {
            Some(deposit) => deposit,
            None => deposit_for(&contract, &request).await?,
        };
        eprintln!("{} asks {} and attaches {}", signer.account_id(), contract.id(), deposit.exact_amount_display());

        let call =
            Call::new(contract.id().clone(), calls::method::REQUEST_EXECUTION, &request, calls::REQUEST_GAS.as_gas())?
                .with_deposit(deposit);
        let outcome = follow::send(contract.rpc(), &signer, call, Duration::from_secs(wait)).await?;

        let story = Story::read(&outcome, contract.id(), deposit, request.response_format.unwrap_or_default());
        story.print(json)?;
        Ok(if story.succeeded() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn signer(&self) -> anyhow::Result<OperatorSigner> {
        let source = match (&self.key_file, &self.private_key, &self.signer) {
            (Some(path), _, _) => KeySource::File(path.clone()),
            (None, Some(key), Some(account_id)) => {
                KeySource::Given { account_id: account_id.clone(), private_key: key.clone() }
            }
            _ => bail!("give --key-file, or --signer and the key in NEAR_CALLER_KEY"),
        };
        let signer = OperatorSigner::load(&source)?;
        if let Some(expected) = &self.signer {
            let found = signer.account_id();
            ensure!(found == expected, "the key file is {found}'s, but --signer is {expected}");
        }
        Ok(signer)
    }

    fn request(self) -> anyhow::Result<RequestArgs> {
        let ProgramArgs { repo, commit, path, target } = self.program;
        let input = String::from_utf8(self.input.read()?).context("input_data is text, and this input is not UTF-8")?;
        Ok(RequestArgs {
            code_source: CodeSource::Git(GitSource { repo, commit, build_target: target, path }),
            resource_limits: Some(ResourceLimits::from(self.limits)),
            input_data: (!input.is_empty()).then_some(input),
            response_format: Some(self.format),
            refund_to: self.refund_to,
            compile_only: self.compile_only.then_some(true),
        })
    }
}

/// What the contract will ask for.
async fn deposit_for(contract: &Contract, request: &RequestArgs) -> anyhow::Result<NearToken> {
    let config = contract.config().await?;
    ensure!(!config.paused, "{} is paused: it takes no new requests", contract.id());
    let limits = request.resource_limits.unwrap_or_default();
    limits.check(&config.max_limits)?;
    let input_len = request.input_data.as_ref().map_or(0, |input| input.len() as u64);
    Ok(contract.estimate_cost(&EstimateCostArgs { resource_limits: Some(limits), input_len }).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    const REQUIRED: &str = "request --contract vm.near --repo https://h/p --commit abcdef --key-file key.json";

    fn parse(more: &str) -> Result<Args, clap::Error> {
        Line::try_parse_from(format!("{REQUIRED} {more}").split_whitespace()).map(|line| line.args)
    }

    #[test]
    fn arguments_become_the_contracts_own_json() {
        let args = parse("--target wasm32-wasi --path a/b --input hi --format json --max-seconds 5").unwrap();
        assert_eq!(
            serde_json::to_value(args.request().unwrap()).unwrap(),
            serde_json::json!({
                "code_source": {
                    "repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1", "path": "a/b"
                },
                "resource_limits": {
                    "max_instructions": 1_000_000_000, "max_memory_mb": 128, "max_execution_seconds": 5
                },
                "input_data": "hi",
                "response_format": "json",
            })
        );
    }

    #[test]
    fn what_the_contract_would_refuse_is_refused_here() {
        for (more, fault) in [
            ("--commit main", "6 to 40 hexadecimal digits"),
            ("--repo nowhere", "no scheme"),
            ("--target x86_64", "unknown variant"),
            ("--format xml", "unknown variant"),
            ("--path ../up", "relative folder"),
        ] {
            let option = more.split(' ').next().unwrap();
            let line: Vec<&str> = REQUIRED.split(' ').collect();
            let line: Vec<&str> = match line.iter().position(|word| *word == option) {
                Some(at) => {
                    line.iter().enumerate().filter(|(n, _)| *n != at && *n != at + 1).map(|(_, w)| *w).collect()
                }
                None => line,
            };
            let error = Line::try_parse_from(line.into_iter().chain(more.split(' '))).unwrap_err().to_string();
            assert!(error.contains(fault), "{more}: {error}");
        }
    }

    #[test]
    fn amounts_are_written_with_their_unit() {
        assert_eq!(parse("").unwrap().deposit, None);
        let line = REQUIRED.split(' ').chain(["--deposit", "0.25 NEAR"]);
        let args = Line::try_parse_from(line).unwrap().args;
        assert_eq!(args.deposit, Some(NearToken::from_millinear(250)));
    }
}
