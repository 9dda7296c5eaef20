//! Blocks as the outside sees them: nearcore's views, filled with what a chain of one shard and one validator knows.
//!
//! Merkle roots and signatures have nothing behind them here, so they hold fixed values of the right kind.

use std::sync::Arc;

use near_crypto::{KeyType, Signature};
use near_primitives::bandwidth_scheduler::BandwidthRequests;
use near_primitives::hash::CryptoHash;
use near_primitives::receipt::Receipt;
use near_primitives::types::{AccountId, Balance, ShardId, StateChanges, StateChangesExt};
use near_primitives::views::{
    BlockHeaderView, BlockView, ChunkHeaderView, ChunkView, CongestionInfoView, ReceiptView, StateChangesView,
};

use crate::block::Block;
use crate::chain::Chain;

/// The only shard.
pub const SHARD: ShardId = ShardId::new(0);

/// A block with its chunk's header.
pub fn block(chain: &Chain, block: &Block) -> BlockView {
    BlockView { author: author(chain), header: header(block), chunks: vec![chunk_header(block)] }
}

/// A chunk: the transactions it includes, and the receipts it brings to be executed.
pub fn chunk(chain: &Chain, block: &Block) -> ChunkView {
    ChunkView {
        author: author(chain),
        header: chunk_header(block),
        transactions: block.transactions.iter().cloned().map(Into::into).collect(),
        receipts: incoming(block),
    }
}

/// Receipts that arrive with this block's chunk: the last block sent them.
pub fn incoming(block: &Block) -> Vec<ReceiptView> {
    block.receipts.iter().map(receipt).collect()
}

/// One receipt.
pub fn receipt(receipt: &Arc<Receipt>) -> ReceiptView {
    Receipt::clone(receipt).into()
}

/// What the block changed, and why.
pub fn state_changes(block: &Block) -> StateChangesView {
    StateChanges::from_changes(block.state_changes.iter().cloned()).into_iter().map(Into::into).collect()
}

/// The account that produces every block.
pub fn author(chain: &Chain) -> AccountId {
    chain.genesis().validator.account_id.clone()
}

fn header(block: &Block) -> BlockHeaderView {
    BlockHeaderView {
        height: block.height,
        prev_height: block.prev_height,
        epoch_id: block.epoch_id.0,
        next_epoch_id: block.next_epoch_id.0,
        hash: block.hash,
        prev_hash: block.prev_hash,
        prev_state_root: block.chunk.prev_state_root,
        block_body_hash: Some(block.chunk.hash),
        chunk_tx_root: block.chunk.tx_root,
        outcome_root: block.chunk.outcome_root,
        chunks_included: 1,
        timestamp: block.timestamp_ns,
        timestamp_nanosec: block.timestamp_ns,
        random_value: block.random_value,
        chunk_mask: vec![true],
        gas_price: block.next_gas_price,
        block_ordinal: Some(block.ordinal),
        total_supply: block.total_supply,
        last_final_block: block.last_final_block,
        last_ds_final_block: block.prev_hash,
        approvals: vec![Some(Box::new(signature()))],
        signature: signature(),
        latest_protocol_version: block.protocol_version,
        chunk_endorsements: Some(vec![vec![1]]),
        ..BlockHeaderView::default()
    }
}

/// The header of a block's only chunk. A real one reports on the chunk before; see [`Block`].
pub fn chunk_header(block: &Block) -> ChunkHeaderView {
    let chunk = &block.chunk;
    ChunkHeaderView {
        chunk_hash: chunk.hash,
        prev_block_hash: block.prev_hash,
        outcome_root: chunk.outcome_root,
        prev_state_root: chunk.prev_state_root,
        encoded_merkle_root: CryptoHash::default(),
        encoded_length: 0,
        height_created: block.height,
        height_included: block.height,
        shard_id: SHARD,
        gas_used: chunk.gas_used,
        gas_limit: chunk.gas_limit,
        rent_paid: Balance::ZERO,
        validator_reward: Balance::ZERO,
        balance_burnt: chunk.balance_burnt,
        outgoing_receipts_root: chunk.outgoing_receipts_root,
        tx_root: chunk.tx_root,
        validator_proposals: Vec::new(),
        congestion_info: Some(CongestionInfoView {
            delayed_receipts_gas: 0,
            buffered_receipts_gas: 0,
            receipt_bytes: 0,
            allowed_shard: 0,
        }),
        bandwidth_requests: Some(BandwidthRequests::empty()),
        proposed_split: None,
        signature: signature(),
    }
}

fn signature() -> Signature {
    Signature::empty(KeyType::ED25519)
}
