//! A block: one chunk of transactions and receipts, what became of them, and a name for it all.
use crate::outcome::Outcome;
use borsh::BorshSerialize;
use near_primitives::hash::CryptoHash;
use near_primitives::receipt::Receipt;
use near_primitives::transaction::SignedTransaction;
use near_primitives::types::{Balance, BlockHeight, EpochId, Gas, ProtocolVersion, RawStateChangesWithTrieKey};
use std::sync::Arc;

/// A block and everything that happened in it. Unlike a real node's, it states the results of its own chunk, not of
/// the one before: chunks are applied when the block is made.
#[derive(Debug)]
pub struct Block {
    /// Its height. Heights may be skipped (fast-forward), never reused.
    pub height: BlockHeight,
    /// Its name: the hash of the fields that tell it from other blocks.
    pub hash: CryptoHash,
    /// The block before.
    pub prev_hash: CryptoHash,
    /// The height of the block before; `None` for the first block.
    pub prev_height: Option<BlockHeight>,
    /// How many blocks there are up to and including this one.
    pub ordinal: u64,
    /// Nanoseconds since 1970, as contracts see them.
    pub timestamp_ns: u64,
    /// Price at which this block's transactions bought gas, in yoctoNEAR.
    pub gas_price: Balance,
    /// Price in the next block: what `gas_price` and a block header show.
    pub next_gas_price: Balance,
    /// All tokens after this block.
    pub total_supply: Balance,
    /// The epoch; a local chain stays in its first.
    pub epoch_id: EpochId,
    /// The epoch after this one.
    pub next_epoch_id: EpochId,
    /// Seed of this block's randomness.
    pub random_value: CryptoHash,
    /// The last block that was final when this one was made.
    pub last_final_block: CryptoHash,
    /// The rules in force.
    pub protocol_version: ProtocolVersion,
    /// The only shard's chunk.
    pub chunk: Chunk,
    /// Transactions that came in with this block.
    pub transactions: Vec<SignedTransaction>,
    /// Receipts that arrived in this block, sent by earlier ones. Not those that were born and executed here.
    pub receipts: Vec<Arc<Receipt>>,
    /// What became of transactions and receipts, in order of execution.
    pub outcomes: Vec<Arc<Outcome>>,
    /// Every write to the state and its cause, by key.
    pub state_changes: Vec<RawStateChangesWithTrieKey>,
}

/// What a chunk header says.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Its name.
    pub hash: CryptoHash,
    /// Stands for the state before. Not a Merkle root: each is the hash of the one before and of the block's writes.
    pub prev_state_root: CryptoHash,
    /// Stands for the state after.
    pub state_root: CryptoHash,
    /// Stands for the transactions.
    pub tx_root: CryptoHash,
    /// Stands for the outcomes.
    pub outcome_root: CryptoHash,
    /// Stands for the receipts sent to the next block.
    pub outgoing_receipts_root: CryptoHash,
    /// Gas that was burnt, refunds included.
    pub gas_used: Gas,
    /// Gas that may be burnt in one block.
    pub gas_limit: Gas,
    /// Tokens that were burnt.
    pub balance_burnt: Balance,
}

/// One hash over values that borsh can write.
pub(crate) fn digest(value: &impl BorshSerialize) -> CryptoHash {
    CryptoHash::hash_borsh(value)
}
