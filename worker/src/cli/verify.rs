//! `offchainvm verify`: whether what an operator signed is so.

use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, ensure};
use offchainvm_interface::{RequestId, receipt::SignedReceipt};
use url::Url;

use super::{
    opened::StoreArgs,
    show::{print, print_json},
};
use crate::{
    config::Config,
    stages::{KeptInputs, Programs},
    store::Blobs,
    verify::{Check, InputPlaces, Means, Presented, Report, Verdict, verify},
};

/// The largest receipt that is read, in bytes: they have some 2,000.
const MAX_RECEIPT_BYTES: u64 = 1 << 20;
/// How long whoever serves a receipt may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Arguments of `offchainvm verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A request's number, for the receipt that the configured store keeps; a file that holds a receipt (- for standard
    /// input); or the address of one, such as http://HOST/v1/requests/7/receipt
    #[arg(value_name = "REQUEST_ID|RECEIPT.json|URL")]
    receipt: String,
    /// Build the program again from its source, in the sandbox, with nothing kept from before
    #[arg(long)]
    rebuild: bool,
    /// The program, if it is not in the configured store
    #[arg(long, value_name = "FILE", conflicts_with = "rebuild")]
    wasm: Option<PathBuf>,
    /// The input, if neither the request's event holds it nor the worker keeps it
    #[arg(long, value_name = "FILE")]
    input_file: Option<PathBuf>,
    /// A node's JSON-RPC; the configuration's when absent
    #[arg(long, value_name = "URL")]
    rpc_url: Vec<Url>,
    /// Blocks by height, in the neardata service's format; the configuration's when absent
    #[arg(long, value_name = "URL")]
    block_source: Vec<Url>,
    #[command(flatten)]
    store: StoreArgs,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Checks, prints, and says by the exit code: 0 for a receipt that is so, 1 for one that is not, 2 for one that
    /// could not be checked.
    pub(super) async fn execute(self) -> ExitCode {
        match self.check().await {
            Ok(Verdict::Pass) => ExitCode::SUCCESS,
            Ok(Verdict::Fail) => ExitCode::from(1),
            Ok(Verdict::Unproven) => ExitCode::from(2),
            Err(error) => {
                eprintln!("offchainvm: {error:#}");
                ExitCode::from(2)
            }
        }
    }

    async fn check(self) -> anyhow::Result<Verdict> {
        let config = self.store.config()?;
        let mut presented = self.presented().await?;
        let file = |path: &PathBuf| fs::read(path).with_context(|| format!("{} cannot be read", path.display()));
        let blobs = blobs(&config)?;
        let means = Means {
            rpc_urls: or(&self.rpc_url, &config.chain.rpc_urls),
            block_sources: or(&self.block_source, &config.chain.block_sources),
            programs: blobs.clone().map(|blobs| Programs::new(blobs, config.build.max_wasm_bytes())),
            wasm: self.wasm.as_ref().map(file).transpose()?,
            input: self.input_file.as_ref().map(file).transpose()?,
            inputs: InputPlaces { kept: blobs.map(KeptInputs::new), url: self.input_address() },
            rebuild: self.rebuild.then(|| config.build.clone()),
            execute: config.execute.clone(),
        };
        let mut report = verify(&presented, means.clone()).await?;
        if let Some(other) = self.settled_with(&report).await {
            presented = other;
            report = verify(&presented, means).await?;
        }
        if self.json {
            print_json(&report)?;
        } else {
            print(&story(presented.last(), &report))?;
        }
        Ok(report.verdict)
    }

    async fn presented(&self) -> anyhow::Result<Presented> {
        let named = self.receipt.as_str();
        if let Ok(request_id) = named.parse::<RequestId>() {
            let opened = self.store.open().await?;
            let job = opened.store.job(request_id).await?;
            let job = job.with_context(|| format!("the store {} knows no job {named}", opened.store.database()))?;
            let receipts = opened.store.receipts(job.id).await?;
            opened.store.close().await;
            return Presented::kept(receipts).with_context(|| format!("the store keeps no receipt of request {named}"));
        }
        let json = match self.address() {
            Some(url) => download(url).await?,
            None if named == "-" => capped(io::stdin(), named)?,
            None => capped(fs::File::open(named).with_context(|| format!("{named} cannot be read"))?, named)?,
        };
        read(&json, named)
    }

    /// The address of a receipt, if that is what was given.
    fn address(&self) -> Option<Url> {
        Url::parse(&self.receipt).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
    }

    /// Where the worker that hands out the receipt hands out the input: beside it.
    fn input_address(&self) -> Option<Url> {
        let url = self.address()?;
        let segments: Vec<&str> = url.path_segments()?.collect();
        let receipt = segments.iter().rposition(|segment| *segment == "receipt")?;
        let mut input = url.clone();
        input.path_segments_mut().ok()?.clear().extend(segments.iter().take(receipt)).push("input");
        Some(input)
    }

    /// When the chain names another receipt: that one, if who serves receipts keeps it. An operator that does not know
    /// yet which of its receipts counts hands out the last.
    async fn settled_with(&self, report: &Report) -> Option<Presented> {
        let (mut url, sha256) = (self.address()?, report.settled_with?);
        url.path_segments_mut().ok()?.pop_if_empty().push(&sha256.to_string());
        let json = download(url).await.ok()?;
        read(&json, &self.receipt).ok()
    }
}

fn read(json: &[u8], name: &str) -> anyhow::Result<Presented> {
    let signed = serde_json::from_slice(json).with_context(|| format!("{name} is not a receipt"))?;
    Ok(Presented::Receipt(Box::new(signed)))
}

fn or(given: &[Url], configured: &[Url]) -> Vec<Url> {
    if given.is_empty() { configured.to_vec() } else { given.to_vec() }
}

/// What the configured workers keep, if there are any on this machine or elsewhere.
fn blobs(config: &Config) -> anyhow::Result<Option<Blobs>> {
    let folder = config.store.blobs_dir();
    if config.blobs.is_local() && !folder.is_dir() {
        return Ok(None);
    }
    Ok(Some(Blobs::open(&config.blobs, &folder)?))
}

fn capped(reader: impl Read, name: &str) -> anyhow::Result<Vec<u8>> {
    let mut json = Vec::new();
    reader.take(MAX_RECEIPT_BYTES + 1).read_to_end(&mut json).with_context(|| format!("{name} cannot be read"))?;
    ensure!(json.len() as u64 <= MAX_RECEIPT_BYTES, "{name} is longer than any receipt");
    Ok(json)
}

async fn download(url: Url) -> anyhow::Result<Vec<u8>> {
    let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let mut response = http.get(url.clone()).send().await?.error_for_status()?;
    let mut json = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        json.extend_from_slice(&chunk);
        ensure!(json.len() as u64 <= MAX_RECEIPT_BYTES, "{url} is longer than any receipt");
    }
    Ok(json)
}

fn story(signed: &SignedReceipt, report: &Report) -> String {
    let receipt = &signed.receipt;
    let (id, contract, chain) = (receipt.request_id, &receipt.contract_id, &receipt.chain_id);
    let mut text = format!("{}: the receipt of request {id} at {contract} on {chain}\n\n", word(report.verdict));
    for Check { name, verdict, detail, differs } in &report.checks {
        text += &format!("{:<9} {name:<11} {detail}\n", word(*verdict));
        for it in differs {
            text += &format!("{:21} {}: the receipt says {}, found {}\n", "", it.field, it.claimed, it.found);
        }
    }
    text + "\nWhat this does not prove: " + report.does_not_prove + "\n"
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Unproven => "UNPROVEN",
    }
}
