//! A bare JSON-RPC client: the recording holds what goes over the wire, so no typed client may stand in between.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use near_account_id::AccountId;
use near_crypto::PublicKey;
use near_primitives::hash::CryptoHash;
use near_primitives::transaction::SignedTransaction;
use serde_json::{Value, json};

/// A real node may need this long for one answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
/// How often the head is asked for while waiting for blocks.
const POLL: Duration = Duration::from_millis(20);
/// When waiting for blocks fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Blocks after a fast-forward until timed-out yields have run their callbacks and the refunds are through.
const SETTLED: u64 = 8;

/// The newest block.
pub struct Head {
    pub height: u64,
    pub hash: CryptoHash,
}

/// A node, by its address.
pub struct Rpc {
    url: String,
    http: reqwest::Client,
}

impl Rpc {
    pub fn new(url: &str) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { url: url.to_owned(), http })
    }

    /// The whole answer: `result` or `error`.
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": "conformance", "method": method, "params": params });
        let response = self.http.post(&self.url).json(&body).send().await?;
        response.json().await.with_context(|| format!("the answer to {method} is no JSON"))
    }

    pub async fn head(&self) -> Result<Head> {
        let answer = self.ask("block", json!({ "finality": "optimistic" })).await?;
        let header = &answer["result"]["header"];
        Ok(Head {
            height: header["height"].as_u64().context("a head without a height")?,
            hash: parse_hash(&header["hash"])?,
        })
    }

    pub async fn height_of(&self, block_hash: &Value) -> Result<u64> {
        let answer = self.ask("block", json!({ "block_id": block_hash })).await?;
        answer["result"]["header"]["height"].as_u64().with_context(|| format!("no block {block_hash}: {answer}"))
    }

    pub async fn nonce(&self, account_id: &AccountId, public_key: &PublicKey) -> Result<u64> {
        let answer = self
            .ask(
                "query",
                json!({
                    "request_type": "view_access_key",
                    "finality": "optimistic",
                    "account_id": account_id,
                    "public_key": public_key,
                }),
            )
            .await?;
        answer["result"]["nonce"].as_u64().with_context(|| format!("no nonce in {answer}"))
    }

    /// What an account can spend; `None` when there is no such account.
    pub async fn balance(&self, account_id: &AccountId) -> Result<Option<i128>> {
        let answer = self
            .ask("query", json!({ "request_type": "view_account", "finality": "optimistic", "account_id": account_id }))
            .await?;
        answer["result"]["amount"].as_str().map(|amount| amount.parse().context("a balance")).transpose()
    }

    pub async fn send(&self, transaction: &SignedTransaction, wait_until: &str) -> Result<Value> {
        let encoded = BASE64_STANDARD.encode(borsh::to_vec(transaction)?);
        self.ask("send_tx", json!({ "signed_tx_base64": encoded, "wait_until": wait_until })).await
    }

    /// Moves height and time by `blocks`, then waits until what that sets off has happened.
    pub async fn fast_forward(&self, blocks: u64) -> Result<()> {
        let start = self.head().await?.height;
        // A real node drops the answer when it is slow; what counts is the height.
        let _ = self.ask("sandbox_fast_forward", json!({ "delta_height": blocks })).await;
        self.until_height(start + blocks + SETTLED).await
    }

    pub async fn until_height(&self, height: u64) -> Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let head = self.head().await?.height;
            if head >= height {
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < deadline, "still at height {head}, waiting for {height}");
            tokio::time::sleep(POLL).await;
        }
    }
}

fn parse_hash(value: &Value) -> Result<CryptoHash> {
    let text = value.as_str().with_context(|| format!("{value} is no hash"))?;
    text.parse().map_err(|error| anyhow!("{text}: {error}"))
}
