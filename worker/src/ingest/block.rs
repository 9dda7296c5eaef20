//! A block as the neardata service tells it: of that, the few fields that are needed here.

use near_account_id::AccountId;
use serde::Deserialize;

use crate::store::{Cursor, Moment};

/// A final block.
#[derive(Clone, Debug, Deserialize)]
pub struct Block {
    block: BlockView,
    #[serde(default)]
    shards: Vec<Shard>,
}

#[derive(Clone, Debug, Deserialize)]
struct BlockView {
    header: Header,
}

#[derive(Clone, Debug, Deserialize)]
struct Header {
    height: u64,
    hash: String,
    prev_hash: String,
    prev_height: Option<u64>,
    /// Nanoseconds since 1970.
    timestamp: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct Shard {
    #[serde(default)]
    receipt_execution_outcomes: Vec<ReceiptOutcome>,
}

#[derive(Clone, Debug, Deserialize)]
struct ReceiptOutcome {
    execution_outcome: OutcomeWithId,
}

#[derive(Clone, Debug, Deserialize)]
struct OutcomeWithId {
    outcome: Outcome,
}

#[derive(Clone, Debug, Deserialize)]
struct Outcome {
    executor_id: AccountId,
    logs: Vec<String>,
    status: Status,
}

/// A receipt's end. Whatever is not a success rolled its state back, so its logs tell of nothing that is so.
#[derive(Clone, Debug, Deserialize)]
enum Status {
    SuccessValue(serde::de::IgnoredAny),
    SuccessReceiptId(serde::de::IgnoredAny),
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

/// A block that does not read.
#[derive(Debug, thiserror::Error)]
#[error("not a block of the neardata format: {0}")]
pub struct BlockFault(#[from] serde_json::Error);

impl Block {
    /// Reads the service's answer; [`None`] is a height that the chain skipped.
    ///
    /// # Errors
    /// [`BlockFault`] when it is something else.
    pub fn read(json: &[u8]) -> Result<Option<Self>, BlockFault> {
        Ok(serde_json::from_slice(json)?)
    }

    /// Its height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.block.header.height
    }

    /// Its own time.
    #[must_use]
    pub fn time(&self) -> Moment {
        Moment::from_block_time(self.block.header.timestamp)
    }

    /// Its own time, in nanoseconds since 1970, as the contract sees it.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.block.header.timestamp
    }

    /// The cursor that stands on it.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { height: self.block.header.height, hash: self.block.header.hash.clone() }
    }

    /// Whether it is the very next block after the one that `cursor` stands on.
    #[must_use]
    pub fn follows(&self, cursor: &Cursor) -> bool {
        let header = &self.block.header;
        header.prev_hash == cursor.hash && header.prev_height.is_none_or(|height| height == cursor.height)
    }

    /// The log lines that calls of `contract` wrote, those of failed ones left out, in the order of execution.
    pub fn logs_of<'a>(&'a self, contract: &'a AccountId) -> impl Iterator<Item = &'a str> {
        self.shards
            .iter()
            .flat_map(|shard| &shard.receipt_execution_outcomes)
            .map(|receipt| &receipt.execution_outcome.outcome)
            .filter(move |outcome| outcome.executor_id == *contract)
            .filter(|outcome| !matches!(outcome.status, Status::Other(_)))
            .flat_map(|outcome| outcome.logs.iter().map(String::as_str))
    }
}
