//! What has happened: blocks, outcomes, receipts, transactions, and the states of the last blocks.
use crate::block::Block;
use crate::outcome::Outcome;
use crate::state::State;
use near_primitives::hash::CryptoHash;
use near_primitives::receipt::Receipt;
use near_primitives::transaction::SignedTransaction;
use near_primitives::types::BlockHeight;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Blocks that are remembered: some 16 hours of 600 ms.
const BLOCKS: usize = 100_000;
/// Blocks whose state is remembered. A state shares all that did not change with its neighbours.
const STATES: usize = 1_000;

/// A transaction that was accepted.
#[derive(Clone, Debug)]
pub struct TransactionRecord {
    /// The transaction.
    pub transaction: SignedTransaction,
    /// The block that took it in; `None` while it waits.
    pub block_hash: Option<CryptoHash>,
}

/// The past, as long as it is remembered.
#[derive(Default)]
pub(crate) struct History {
    blocks: BTreeMap<BlockHeight, Remembered>,
    heights: HashMap<CryptoHash, BlockHeight>,
    states: BTreeMap<BlockHeight, State>,
    transactions: HashMap<CryptoHash, TransactionRecord>,
    outcomes: HashMap<CryptoHash, Arc<Outcome>>,
    receipts: HashMap<CryptoHash, Arc<Receipt>>,
    /// The transaction each receipt descends from.
    origins: HashMap<CryptoHash, CryptoHash>,
}

struct Remembered {
    block: Arc<Block>,
    created: Vec<CryptoHash>,
}

impl History {
    /// Adds a block, with its state and the receipts it has made, and forgets what is too old.
    pub(crate) fn add(&mut self, block: Arc<Block>, state: State, created: Vec<Arc<Receipt>>) {
        let height = block.height;
        self.heights.insert(block.hash, height);
        self.heights.insert(block.chunk.hash, height);
        for transaction in &block.transactions {
            let record = TransactionRecord { transaction: transaction.clone(), block_hash: Some(block.hash) };
            self.transactions.insert(transaction.get_hash(), record);
        }
        for outcome in &block.outcomes {
            self.outcomes.insert(outcome.outcome.id, Arc::clone(outcome));
            let origin = self.origins.get(&outcome.outcome.id).copied().unwrap_or(outcome.outcome.id);
            self.origins.extend(outcome.outcome.outcome.receipt_ids.iter().map(|id| (*id, origin)));
        }
        let ids = created.iter().map(|receipt| *receipt.receipt_id()).collect();
        self.receipts.extend(created.into_iter().map(|receipt| (*receipt.receipt_id(), receipt)));
        self.blocks.insert(height, Remembered { block, created: ids });
        self.states.insert(height, state);
        if self.states.len() > STATES {
            self.states.pop_first();
        }
        if self.blocks.len() > BLOCKS {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, Remembered { block, created })) = self.blocks.pop_first() else { return };
        self.heights.remove(&block.hash);
        self.heights.remove(&block.chunk.hash);
        for transaction in &block.transactions {
            self.transactions.remove(transaction.hash());
        }
        for outcome in &block.outcomes {
            self.outcomes.remove(&outcome.outcome.id);
        }
        for id in &created {
            self.receipts.remove(id);
            self.origins.remove(id);
        }
    }

    pub(crate) fn block_at(&self, height: BlockHeight) -> Option<&Arc<Block>> {
        self.blocks.get(&height).map(|remembered| &remembered.block)
    }

    /// A block by its own hash.
    pub(crate) fn block(&self, hash: &CryptoHash) -> Option<&Arc<Block>> {
        self.named(hash).filter(|block| &block.hash == hash)
    }

    /// A block by the hash of its chunk.
    pub(crate) fn block_with_chunk(&self, hash: &CryptoHash) -> Option<&Arc<Block>> {
        self.named(hash).filter(|block| &block.chunk.hash == hash)
    }

    fn named(&self, hash: &CryptoHash) -> Option<&Arc<Block>> {
        self.block_at(*self.heights.get(hash)?)
    }

    /// The block that is `behind` blocks before the last, or the oldest there is.
    pub(crate) fn recent(&self, behind: usize) -> Option<&Arc<Block>> {
        let recent = self.blocks.values().rev().nth(behind).or_else(|| self.blocks.values().next());
        recent.map(|remembered| &remembered.block)
    }

    pub(crate) fn first_height(&self) -> Option<BlockHeight> {
        self.blocks.first_key_value().map(|(height, _)| *height)
    }

    pub(crate) fn state_at(&self, height: BlockHeight) -> Option<&State> {
        self.states.get(&height)
    }

    pub(crate) fn transaction(&self, hash: &CryptoHash) -> Option<&TransactionRecord> {
        self.transactions.get(hash)
    }

    pub(crate) fn outcome(&self, id: &CryptoHash) -> Option<&Arc<Outcome>> {
        self.outcomes.get(id)
    }

    pub(crate) fn origin(&self, receipt_id: &CryptoHash) -> Option<CryptoHash> {
        self.origins.get(receipt_id).copied()
    }

    pub(crate) fn receipt(&self, id: &CryptoHash) -> Option<&Arc<Receipt>> {
        self.receipts.get(id)
    }
}
