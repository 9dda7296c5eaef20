//! `scripts/demo`: one request through the whole product, told step by step.

#![allow(clippy::indexing_slicing, reason = "a demonstration reads JSON of its own making")]

use anyhow::{Context, Result, ensure};
use clap::Parser;
use near_workspaces::types::NearToken;
use offchainvm_localchain::Blocks;
use offchainvm_tests::{
    Network,
    artifacts::{self, workspace},
    repo::GitRepo,
    worker::{WorkerHome, WorkerProcess},
};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Runs one request through the whole product on this machine: a chain, the contract, a worker, a git repository.
#[derive(Parser)]
#[command(name = "scripts/demo")]
struct Args {
    /// The repository of the program; a new one made from examples/hello when absent.
    #[arg(long, requires = "commit")]
    repo: Option<String>,
    /// The commit to build, in full.
    #[arg(long, requires = "repo")]
    commit: Option<String>,
    /// The program's folder inside the repository.
    #[arg(long, requires = "repo")]
    path: Option<String>,
    /// What the program reads on standard input.
    #[arg(long, default_value = "NEAR")]
    input: String,
}

/// A real node's pace.
const BLOCK_TIME: Duration = Duration::from_millis(600);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let started = Instant::now();
    let step = |text: &str| println!("[{:5.1} s] {text}", started.elapsed().as_secs_f64());

    step("starting a NEAR of our own: the real NEAR VM in one process, a block every 600 ms");
    let net = Network::start_with(Blocks::Every(BLOCK_TIME)).await?;
    step(&format!(
        "chain at {}; contract {} deployed, operator {}",
        net.chain.rpc_url(),
        net.contract.id(),
        net.operator.id()
    ));

    let made = if args.repo.is_none() { Some(GitRepo::from_dir(&workspace().join("examples/hello"))?) } else { None };
    let repo = args.repo.clone().or(made.as_ref().map(GitRepo::url)).context("no repository")?;
    let commit = args.commit.clone().or(made.as_ref().map(|repo| repo.commit.clone())).context("no commit")?;
    step(&format!("program: {repo} at {commit}"));

    let home = WorkerHome::new(&net)?;
    let mut worker = home.start()?;
    worker.wait_for("worker.ready", None).await?;
    step("worker ready");

    let before = net.balance(net.user.id()).await?;
    step(&format!("{} asks: `offchainvm request`", net.user.id()));
    let answer = request(&net, home.path(), &args, &repo, &commit)?;
    step("answered");

    println!("\nwhat the worker did");
    tell(&home)?;
    println!("\nwhat the caller got");
    println!("  result        {}", answer["result"]);
    bill(&net, &answer, before).await?;
    stop(worker).await?;
    net.chain.stop().await?;
    step("everything stopped");
    Ok(())
}

/// Runs the caller's command as a process of its own; its progress goes to our standard error.
fn request(net: &Network, folder: &Path, args: &Args, repo: &str, commit: &str) -> Result<Value> {
    let key = net.user.secret_key();
    let key_file = folder.join("user.json");
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key_file)?;
    let content = json!({"account_id": net.user.id(), "public_key": key.public_key().to_string(), "private_key": key.to_string()});
    serde_json::to_writer(file, &content)?;

    let mut command = Command::new(artifacts::offchainvm());
    command.args(["request", "--json", "--rpc-url", net.chain.rpc_url(), "--contract", net.contract.id().as_str()]);
    command.args(["--repo", repo, "--commit", commit, "--input", &args.input]).arg("--key-file").arg(key_file);
    if let Some(path) = &args.path {
        command.args(["--path", path]);
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the request failed: {}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).context("the answer of `offchainvm request --json`")
}

fn tell(home: &WorkerHome) -> Result<()> {
    for line in home.log()?.iter().filter(|line| line["request_id"] == json!(1)) {
        if let (Some(event), Some(message)) = (line["event"].as_str(), line["message"].as_str()) {
            println!("  {event:<18} {message}");
        }
    }
    Ok(())
}

async fn bill(net: &Network, answer: &Value, before: u128) -> Result<()> {
    let after = net.balance(net.user.id()).await?;
    let near = |yocto: u128| NearToken::from_yoctonear(yocto).exact_amount_display();
    println!("  used          {}", answer["resources_used"]);
    println!("  cost          {}", answer["cost"]);
    println!("  refund        {}", answer["refund"]);
    println!("  balance fell  {} (cost and gas)", near(before.saturating_sub(after)));
    let stats = net.stats().await?;
    println!("  contract      {} succeeded, {} in escrow, {} earned", stats.succeeded, stats.escrow, stats.fees);
    Ok(())
}

async fn stop(worker: WorkerProcess) -> Result<()> {
    let status = worker.stop().await?;
    ensure!(status.success(), "the worker ended with {status}");
    Ok(())
}
