//! Blocks as a source served them, kept in memory.

use super::fetch::fetch;
use anyhow::{Context, Result};
use axum::body::Bytes;
use serde_json::json;
use std::{collections::BTreeMap, ops::RangeInclusive, thread};

/// How many connections record: each waits for an answer most of the time.
const CONNECTIONS: u64 = 4;
/// What of a block tells the receipts that were executed in it.
const OUTCOMES: &[u8] = b"\"receipt_execution_outcomes\":[";

/// Blocks by height: the JSON that a source answered, `null` for heights that the chain passed over.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    blocks: BTreeMap<u64, Bytes>,
}

impl Recording {
    /// Asks the source at `url` for every height. It blocks.
    pub(super) fn of(url: &str, heights: RangeInclusive<u64>) -> Result<Self> {
        let (first, last) = heights.into_inner();
        let share = (last - first) / CONNECTIONS + 1;
        let blocks = thread::scope(|scope| {
            let recorders: Vec<_> = (0..CONNECTIONS)
                .map(|number| first + number * share)
                .map(|from| scope.spawn(move || fetch(url, from..=last.min(from + share - 1))))
                .collect();
            recorders
                .into_iter()
                .map(|recorder| recorder.join().ok().context("a recorder")?)
                .collect::<Result<Vec<_>>>()
        })?;
        Ok(Self { blocks: blocks.into_iter().flatten().collect() })
    }

    /// The first so many of the blocks.
    pub(super) fn first(&self, count: usize) -> Self {
        Self { blocks: self.blocks.iter().take(count).map(|(height, block)| (*height, block.clone())).collect() }
    }

    /// The same blocks, each made as large as a busy chain's by about so many bytes of what other contracts did.
    pub(super) fn busy(&self, bytes: usize) -> Result<Self> {
        let stranger = stranger();
        let strangers = vec![stranger.as_str(); bytes / stranger.len()].join(",");
        let enlarge = |(height, block): (&u64, &Bytes)| Ok((*height, enlarged(block, &strangers)?));
        Ok(Self { blocks: self.blocks.iter().map(enlarge).collect::<Result<_>>()? })
    }

    pub(super) fn block(&self, height: u64) -> Option<&Bytes> {
        self.blocks.get(&height)
    }

    pub(super) fn heights(&self) -> Result<RangeInclusive<u64>> {
        let (first, last) = (self.blocks.keys().next(), self.blocks.keys().next_back());
        Ok(*first.context("no blocks")?..=*last.context("no blocks")?)
    }

    pub(super) fn bytes(&self) -> usize {
        self.blocks.values().map(Bytes::len).sum()
    }
}

/// A block with further receipts before its own.
fn enlarged(block: &Bytes, receipts: &str) -> Result<Bytes> {
    if block.as_ref() == b"null" {
        return Ok(block.clone());
    }
    let start = block.windows(OUTCOMES.len()).position(|part| part == OUTCOMES).context("a block without a shard")?;
    let (before, after) = block.split_at(start + OUTCOMES.len());
    let comma: &[u8] = if receipts.is_empty() || after.starts_with(b"]") { b"" } else { b"," };
    Ok([before, receipts.as_bytes(), comma, after].concat().into())
}

/// A receipt of an account that nobody serves, as a block tells it.
fn stranger() -> String {
    let hash = "B8mfKm3vxBRfNNmKEgZUvyC5K2DZmX3kWgrGmeGE1Ajz";
    let receipt = json!({
        "execution_outcome": {"block_hash": hash, "id": hash, "proof": [{"hash": hash, "direction": "Left"}], "outcome": {
            "executor_id": "market.near", "status": {"SuccessValue": ""}, "gas_burnt": 2_428_012_302_642u64,
            "logs": ["EVENT_JSON:{\"standard\":\"nep141\",\"event\":\"ft_transfer\",\"data\":[{\"amount\":\"1\"}]}"],
            "receipt_ids": [hash, hash], "tokens_burnt": "242801230264200000000",
            "metadata": {"version": 3, "gas_profile": [{"cost": "WASM_INSTRUCTION", "gas_used": "21204"}]},
        }},
        "receipt": {"predecessor_id": "user.near", "receiver_id": "market.near", "receipt_id": hash, "receipt": {"Action": {
            "actions": [{"FunctionCall": {"method_name": "ft_transfer", "args": "e30=".repeat(100), "gas": 1u64,
                "deposit": "1"}}], "signer_id": "user.near", "gas_price": "103000000",
        }}},
        "tx_hash": hash,
    });
    receipt.to_string()
}
