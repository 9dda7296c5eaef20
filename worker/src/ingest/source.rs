//! One block source: blocks by height over HTTP, from the neardata service or from anything that speaks its format.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::block::{Block, BlockFault};
use crate::chain::http_reason;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take. The service holds a question for the next block back until the block is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How large a block may be. They have a few megabytes at most; this protects the worker's memory from a source that
/// does not end.
const MAX_BLOCK_BYTES: usize = 256 << 20;

/// The service.
#[derive(Debug)]
pub(super) struct BlockSource {
    http: reqwest::Client,
    base: Url,
}

/// What is known of a height.
#[derive(Debug)]
pub(super) enum Fetched {
    /// The block.
    Block(Box<Block>),
    /// The chain has no block there.
    Skipped,
    /// The chain has not come that far.
    NotYet,
    /// The service does not go back that far.
    NotServed,
}

/// The service does not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No client could be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[source] reqwest::Error),
    /// It cannot be reached, or breaks off.
    #[error("the block source cannot be reached: {0}")]
    Unreachable(String),
    /// Its answer is an error.
    #[error("the block source answers {status} for block {height}: {body}")]
    Status {
        /// The height that was asked for.
        height: u64,
        /// The HTTP status.
        status: StatusCode,
        /// The beginning of what it said.
        body: String,
    },
    /// Its answer does not read.
    #[error("block {height} of the block source: {fault}")]
    Format {
        /// The height that was asked for.
        height: u64,
        /// What is wrong.
        fault: BlockFault,
    },
    /// Its answer does not end.
    #[error("block {0} of the block source has more than 256 MiB")]
    TooLarge(u64),
    /// There is none.
    #[error("no block source is configured")]
    None,
}

/// What the service says when there is no block.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "type")]
    kind: RefusalKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RefusalKind {
    BlockHeightTooHigh,
    BlockHeightTooLow,
    #[serde(other)]
    Other,
}

/// The HTTP client that the connections to all sources share.
pub(super) fn http() -> Result<reqwest::Client, SourceError> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .build()
        .map_err(SourceError::Client)
}

impl BlockSource {
    pub(super) fn new(base: &Url, http: reqwest::Client) -> Self {
        Self { http, base: base.clone() }
    }

    /// Asks for the final block at `height`. Which block comes back is for who asked to check.
    pub(super) async fn block(&self, height: u64) -> Result<Fetched, SourceError> {
        self.block_up_to(height, MAX_BLOCK_BYTES).await
    }

    /// The same with another cap on the block's size; above it the answer is [`SourceError::TooLarge`].
    pub(super) async fn block_up_to(&self, height: u64, max_bytes: usize) -> Result<Fetched, SourceError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/v0/block/{height}", self.base.path().trim_end_matches('/')));
        let response = self.http.get(url).send().await.map_err(unreachable)?;
        let status = response.status();
        let body = read_capped(response, height, max_bytes).await?;
        if status.is_success() {
            return match Block::read(&body).map_err(|fault| SourceError::Format { height, fault })? {
                Some(block) => Ok(Fetched::Block(Box::new(block))),
                None => Ok(Fetched::Skipped),
            };
        }
        match serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.kind) {
            Ok(RefusalKind::BlockHeightTooHigh) => Ok(Fetched::NotYet),
            Ok(RefusalKind::BlockHeightTooLow) => Ok(Fetched::NotServed),
            _ => {
                let body = String::from_utf8_lossy(&body).chars().take(200).collect();
                Err(SourceError::Status { height, status, body })
            }
        }
    }
}

fn unreachable(error: reqwest::Error) -> SourceError {
    SourceError::Unreachable(http_reason(error))
}

async fn read_capped(mut response: reqwest::Response, height: u64, max_bytes: usize) -> Result<Vec<u8>, SourceError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(SourceError::TooLarge(height));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
