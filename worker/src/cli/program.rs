//! `offchainvm program`: programs that are built already, kept for requests that name them by their digest.

use std::{fs, path::PathBuf, process::ExitCode, time::SystemTime};

use anyhow::{Context, ensure};
use clap::Subcommand;
use offchainvm_interface::Sha256;

use super::{
    opened::StoreArgs,
    show::{Table, print, print_json, span},
};
use crate::{build::Artifacts, config::Config, job::WasmDigest, program, store::Blobs};

/// Arguments of `offchainvm program`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep a program, for this worker and those that share its blobs; prints the digest that requests name it by
    Add {
        /// A WASI preview 1 command, a WASI preview 2 command (a component), or a module with the exports of
        /// wasm32-unknown-unknown
        #[arg(value_name = "FILE.wasm")]
        file: PathBuf,
    },
    /// List the programs on this machine: those that were added, then those that were built, the last used first
    List {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a program; a request that names its commit builds it again
    Remove {
        /// SHA-256 of the program
        #[arg(value_name = "SHA256")]
        digest: WasmDigest,
    },
}

/// A program, as `list --json` writes it.
#[derive(Debug, serde::Serialize)]
struct Listed {
    wasm_sha256: String,
    size_bytes: u64,
    added: bool,
    unused_seconds: u64,
}

impl Args {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        let config = self.store.config()?;
        let artifacts = Artifacts::open(&config.store.build_dir(), config.build.program_cache_bytes())?;
        match self.command {
            Command::Add { file } => {
                let wasm = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
                let most = config.build.max_wasm_bytes();
                ensure!(wasm.len() as u64 <= most, "{} has more than {most} bytes (build.max_wasm_mb)", file.display());
                let target = program::check(&wasm, None)?;
                let added = artifacts.add(&wasm)?;
                blobs(&config)?.put(wasm).await?;
                eprintln!("a program for {target}, {} bytes", added.size);
                print(&format!("{}\n", added.digest))?;
            }
            Command::List { json } => list(&artifacts, json)?,
            Command::Remove { digest } => {
                let was_here = artifacts.remove(digest)?;
                let blobs = blobs(&config)?;
                let was_shared = blobs.exists(Sha256(digest.0)).await?;
                blobs.remove(Sha256(digest.0)).await?;
                ensure!(was_here || was_shared, "there is no program {digest}");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn blobs(config: &Config) -> anyhow::Result<Blobs> {
    Ok(Blobs::open(&config.blobs, &config.store.blobs_dir())?)
}

fn list(artifacts: &Artifacts, json: bool) -> anyhow::Result<()> {
    let now = SystemTime::now();
    let programs = artifacts.list()?;
    if json {
        let listed: Vec<Listed> = programs
            .iter()
            .map(|each| Listed {
                wasm_sha256: each.digest.to_string(),
                size_bytes: each.size,
                added: each.added,
                unused_seconds: now.duration_since(each.used).unwrap_or_default().as_secs(),
            })
            .collect();
        return print_json(&listed);
    }
    let mut table = Table::new(["SHA256", "BYTES", "ORIGIN", "UNUSED FOR"]);
    for each in &programs {
        table.row([
            each.digest.to_string(),
            each.size.to_string(),
            if each.added { "added" } else { "built" }.to_owned(),
            span(now.duration_since(each.used).unwrap_or_default()),
        ]);
    }
    Ok(print(&table.to_string())?)
}
