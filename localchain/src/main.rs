//! `offchainvm-localchain`: a NEAR network in one process, until it is told to stop.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use near_account_id::AccountId;
use near_crypto::{PublicKey, SecretKey};
use near_primitives::types::Balance;
use offchainvm_localchain::{Blocks, LocalChain};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A NEAR network in one process: the real NEAR VM, with a real node's JSON-RPC in front.
///
/// Point near-cli, near-workspaces or near-jsonrpc-client at the address it prints. Blocks by height are served in the
/// neardata format at /v0/block/HEIGHT and /v0/last_block/final. Nothing is kept on disk: every start is a new chain.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "IP")]
    host: IpAddr,

    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 3030, env = "OFFCHAINVM_LOCALCHAIN_PORT")]
    port: u16,

    /// Milliseconds between blocks; 0 produces blocks only on `sandbox_fast_forward`.
    #[arg(long, default_value_t = 600, value_name = "MS")]
    block_time_ms: u64,

    /// Protocol version, 84 or later; the newest known when left out.
    #[arg(long, value_name = "VERSION")]
    protocol_version: Option<u32>,

    /// Price of a unit of gas in an idle network, in yoctoNEAR.
    #[arg(long, default_value_t = 100_000_000, value_name = "YOCTO")]
    gas_price: u128,

    /// The network's name.
    #[arg(long, default_value = "localnet", value_name = "NAME")]
    chain_id: String,

    /// The account that owns everything at the start.
    #[arg(long, default_value = "test.near", value_name = "ACCOUNT")]
    root_account: AccountId,

    /// The root account's secret key (ed25519:…); a well-known test key when left out.
    #[arg(long, value_name = "KEY", env = "OFFCHAINVM_LOCALCHAIN_ROOT_KEY", hide_env_values = true)]
    root_key: Option<SecretKey>,

    /// One more account in the first block: its name, its balance in NEAR, its public key. May be repeated.
    #[arg(long, value_name = "NAME:NEAR:PUBLIC_KEY")]
    account: Vec<GenesisEntry>,

    /// Folder to write the root account's key to, as validator_key.json.
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,

    /// Say that the chain is ready as one line of JSON.
    #[arg(long)]
    json: bool,
}

/// What `--account` holds.
#[derive(Clone, Debug)]
struct GenesisEntry {
    account_id: AccountId,
    near: u128,
    public_key: PublicKey,
}

impl FromStr for GenesisEntry {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        // The key's own text holds a colon.
        let mut parts = text.splitn(3, ':');
        let mut next = || parts.next().context("expected NAME:NEAR:PUBLIC_KEY");
        Ok(Self {
            account_id: next()?.parse().context("account name")?,
            near: next()?.parse().context("balance in NEAR")?,
            public_key: next()?.parse().map_err(|error| anyhow!("public key: {error}"))?,
        })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;

    let chain = start(&arguments).await?;
    if let Some(home) = &arguments.home {
        write_key(home, &chain)?;
    }
    announce(&arguments, &chain);

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    chain.stop().await.context("stopping")
}

async fn start(arguments: &Arguments) -> Result<LocalChain> {
    let mut builder = LocalChain::builder()
        .address(SocketAddr::new(arguments.host, arguments.port))
        .blocks(match arguments.block_time_ms {
            0 => Blocks::ByHand,
            milliseconds => Blocks::Every(Duration::from_millis(milliseconds)),
        })
        .chain_id(&arguments.chain_id)
        .gas_price(Balance::from_yoctonear(arguments.gas_price))
        .root_account(arguments.root_account.clone());
    if let Some(key) = &arguments.root_key {
        builder = builder.root_key(key.clone());
    }
    if let Some(version) = arguments.protocol_version {
        builder = builder.protocol_version(version);
    }
    for entry in &arguments.account {
        let balance = Balance::from_near(entry.near);
        builder = builder.account(entry.account_id.clone(), balance, entry.public_key.clone());
    }
    builder.start().await.context("the local chain did not start")
}

/// Writes the key the way a node keeps its validator's, readable by its owner only.
fn write_key(home: &Path, chain: &LocalChain) -> Result<()> {
    let path = home.join("validator_key.json");
    let key = json!({
        "account_id": chain.root_account_id(),
        "public_key": chain.root_secret_key().public_key(),
        "secret_key": chain.root_secret_key(),
    });
    fs::create_dir_all(home).with_context(|| format!("cannot create {}", home.display()))?;
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    // The mode above is for a new file only.
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot protect {}", path.display()))?;
    serde_json::to_writer_pretty(file, &key).with_context(|| format!("cannot write {}", path.display()))
}

/// Says on stdout that requests are answered from now on, where, and who may sign.
fn announce(arguments: &Arguments, chain: &LocalChain) {
    if arguments.json {
        let ready = json!({
            "rpc_url": chain.rpc_url(),
            "chain_id": arguments.chain_id,
            "root_account_id": chain.root_account_id(),
            "root_secret_key": chain.root_secret_key(),
        });
        println!("{ready}");
    } else {
        println!("listening on {}", chain.rpc_url());
        println!("root account {}", chain.root_account_id());
        println!("root key     {}", chain.root_secret_key());
    }
}
