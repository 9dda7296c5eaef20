//! The chain: takes transactions in, makes blocks, and answers what has happened.
use crate::apply::{self, Applied, ApplyError, BlockContext};
use crate::block::{Block, Chunk, digest};
use crate::door::Door;
use crate::fees;
use crate::genesis::{Genesis, GenesisError};
use crate::history::{History, TransactionRecord};
use crate::outcome::{FinalOutcome, Outcome, follow};
use crate::queue::Queue;
use crate::state::{PatchError, State, patch};
use crate::view::{self, ViewCall, ViewError, ViewOutcome};
use crate::vm::BlockFacts;
use near_parameters::{RuntimeConfig, RuntimeConfigStore};
use near_primitives::errors::InvalidTxError;
use near_primitives::hash::{CryptoHash, hash};
use near_primitives::receipt::Receipt;
use near_primitives::state_record::StateRecord;
use near_primitives::transaction::SignedTransaction;
use near_primitives::types::{Balance, BlockHeight, EpochId, Gas, ProtocolVersion};
use std::sync::Arc;
use std::time::Duration;

/// A block is final when this many have been made after it.
const FINALITY_LAG: usize = 2;
/// The only epoch a local chain knows.
const EPOCH_HEIGHT: u64 = 1;

/// A block that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Its transactions or receipts could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A state patch could not be applied.
    #[error(transparent)]
    Patch(#[from] PatchError),
}

/// A NEAR network in one value. Nothing happens between calls: blocks are made by whoever holds it.
pub struct Chain {
    genesis: Genesis,
    config: Arc<RuntimeConfig>,
    history: History,
    head: Arc<Block>,
    state: State,
    queue: Queue,
    /// Receipts for the next block.
    in_flight: Vec<Arc<Receipt>>,
    patch: Vec<StateRecord>,
    /// How far the chain's clock has been put forward, in nanoseconds.
    ahead_ns: u64,
    /// The part of it that no block shows yet.
    jump_ns: u64,
}

impl Chain {
    /// Starts a chain with its first block.
    pub fn new(genesis: Genesis) -> Result<Chain, GenesisError> {
        genesis.check()?;
        let config =
            Arc::clone(RuntimeConfigStore::for_chain_id(&genesis.chain_id).get_config(genesis.protocol_version));
        let storage = &config.fees.storage_usage_config;
        let state = genesis.state(storage.num_bytes_account, storage.num_extra_bytes_record)?;
        let head = Arc::new(first_block(&genesis)?);
        let mut history = History::default();
        history.add(Arc::clone(&head), state.clone(), Vec::new());
        Ok(Chain {
            genesis,
            config,
            history,
            head,
            state,
            queue: Queue::default(),
            in_flight: Vec::new(),
            patch: Vec::new(),
            ahead_ns: 0,
            jump_ns: 0,
        })
    }

    /// What the chain started from.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The rules in force.
    pub fn protocol_version(&self) -> ProtocolVersion {
        self.genesis.protocol_version
    }

    /// Fees and limits under these rules.
    pub fn runtime_config(&self) -> &Arc<RuntimeConfig> {
        &self.config
    }

    /// Checks a transaction against the head, as a node does at its door, and queues it for the next block. One that is
    /// known already is not run again.
    pub fn submit(&mut self, transaction: SignedTransaction) -> Result<CryptoHash, InvalidTxError> {
        let tx_hash = transaction.get_hash();
        if self.transaction(&tx_hash).is_some() {
            return Ok(tx_hash);
        }
        let recent = self
            .history
            .block(transaction.transaction.block_hash())
            .is_some_and(|named| named.height + self.genesis.transaction_validity_period >= self.head.height);
        if !recent {
            return Err(InvalidTxError::Expired);
        }
        let door = Door {
            config: &self.config,
            protocol_version: self.genesis.protocol_version,
            gas_price: self.head.next_gas_price,
            height: self.head.height + 1,
        };
        door.check(&transaction, &self.state)?;
        self.queue.push(transaction);
        Ok(tx_hash)
    }

    /// Makes the next block, one interval after the last.
    pub fn produce_block(&mut self) -> Result<Arc<Block>, ChainError> {
        let timestamp_ns = self.head.timestamp_ns.saturating_add(self.interval_ns()).saturating_add(self.jump_ns);
        self.make_block(self.head.height + 1, timestamp_ns)
    }

    /// Makes the next block at a wall-clock time, in nanoseconds since 1970. Time never runs backwards, and stays ahead
    /// of the wall clock by what the chain was fast-forwarded.
    pub fn produce_block_at(&mut self, now_ns: u64) -> Result<Arc<Block>, ChainError> {
        let timestamp_ns = now_ns.saturating_add(self.ahead_ns).max(self.head.timestamp_ns + 1);
        self.make_block(self.head.height + 1, timestamp_ns)
    }

    /// Moves height and time forward by `blocks`, and makes one block there. The heights between stay empty.
    pub fn fast_forward(&mut self, blocks: u64) -> Result<Arc<Block>, ChainError> {
        let blocks = blocks.max(1);
        let skipped = self.interval_ns().saturating_mul(blocks);
        self.ahead_ns = self.ahead_ns.saturating_add(skipped);
        let timestamp_ns = self.head.timestamp_ns.saturating_add(skipped).saturating_add(self.jump_ns);
        self.make_block(self.head.height.saturating_add(blocks), timestamp_ns)
    }

    /// Puts the clock forward: the next block is this much later.
    pub fn advance_time(&mut self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.ahead_ns = self.ahead_ns.saturating_add(by);
        self.jump_ns = self.jump_ns.saturating_add(by);
    }

    /// Writes records into the state with the next block, as a sandbox node does.
    pub fn patch_state(&mut self, records: Vec<StateRecord>) -> Result<(), PatchError> {
        patch::check(&records)?;
        self.patch.extend(records);
        Ok(())
    }

    /// The last block.
    pub fn head(&self) -> &Arc<Block> {
        &self.head
    }

    /// The last block that no fork could take back: two behind the head.
    pub fn final_block(&self) -> &Arc<Block> {
        self.history.recent(FINALITY_LAG).unwrap_or(&self.head)
    }

    /// The oldest height that is remembered.
    pub fn first_height(&self) -> BlockHeight {
        self.history.first_height().unwrap_or(self.head.height)
    }

    /// A block by height. Skipped heights have none.
    pub fn block_by_height(&self, height: BlockHeight) -> Option<&Arc<Block>> {
        self.history.block_at(height)
    }

    /// A block by hash.
    pub fn block_by_hash(&self, hash: &CryptoHash) -> Option<&Arc<Block>> {
        self.history.block(hash)
    }

    /// A block by its chunk's hash.
    pub fn block_by_chunk_hash(&self, hash: &CryptoHash) -> Option<&Arc<Block>> {
        self.history.block_with_chunk(hash)
    }

    /// The state after a block; `None` if the block is unknown, or too old for its state to be remembered.
    pub fn state_at(&self, block: &Block) -> Option<&State> {
        self.history.state_at(block.height)
    }

    /// An accepted transaction, waiting or in a block.
    pub fn transaction(&self, hash: &CryptoHash) -> Option<TransactionRecord> {
        self.history.transaction(hash).cloned().or_else(|| {
            let transaction = self.queue.get(hash)?.clone();
            Some(TransactionRecord { transaction, block_hash: None })
        })
    }

    /// What a transaction, or a receipt, came to; `None` if it has not been executed.
    pub fn outcome(&self, id: &CryptoHash) -> Option<&Arc<Outcome>> {
        self.history.outcome(id)
    }

    /// A receipt, executed or not.
    pub fn receipt(&self, id: &CryptoHash) -> Option<&Arc<Receipt>> {
        self.history.receipt(id)
    }

    /// The transaction that a receipt descends from.
    pub fn origin(&self, receipt_id: &CryptoHash) -> Option<CryptoHash> {
        self.history.origin(receipt_id)
    }

    /// A transaction with all that followed from it so far; `None` if it is unknown, or still waits for a block.
    pub fn final_outcome(&self, tx_hash: &CryptoHash) -> Option<FinalOutcome> {
        follow(&self.history, tx_hash, self.final_block().height)
    }

    /// Calls a method that only reads, as of `block`, whose state is `state`.
    pub fn view_call(&self, state: &State, block: &Block, call: ViewCall<'_>) -> Result<ViewOutcome, ViewError> {
        let facts = self.facts(block.height, block.timestamp_ns, block.random_value);
        view::run(call, state, block, &self.config, facts)
    }

    /// All tokens there are: in accounts, and on their way in receipts. Always the total supply; the tests hold it to
    /// that after every block.
    pub fn tokens(&self) -> Result<Balance, ApplyError> {
        let mut sum = Balance::ZERO;
        let mut add = |amount| {
            sum = sum.checked_add(amount).ok_or(ApplyError::Overflow)?;
            Ok::<_, ApplyError>(())
        };
        for (_, account) in self.state.accounts()? {
            add(account.amount())?;
            add(account.locked())?;
        }
        for receipt in &self.in_flight {
            add(fees::carried(&self.config, receipt)?)?;
        }
        for receipt in self.state.stored_receipts()? {
            add(fees::carried(&self.config, &receipt)?)?;
        }
        Ok(sum)
    }

    fn interval_ns(&self) -> u64 {
        u64::try_from(self.genesis.block_interval.as_nanos()).unwrap_or(u64::MAX)
    }

    fn facts(&self, height: BlockHeight, timestamp_ns: u64, random_value: CryptoHash) -> BlockFacts<'_> {
        BlockFacts {
            height,
            timestamp_ns,
            epoch_height: EPOCH_HEIGHT,
            random_value,
            chain_id: &self.genesis.chain_id,
            validator_id: &self.genesis.validator.account_id,
            protocol_version: self.genesis.protocol_version,
        }
    }

    fn make_block(&mut self, height: BlockHeight, timestamp_ns: u64) -> Result<Arc<Block>, ChainError> {
        let transactions = self.queue.take();
        let incoming = std::mem::take(&mut self.in_flight);
        let patch = std::mem::take(&mut self.patch);
        let random_value = digest(&(self.head.random_value, height));
        let context = BlockContext {
            facts: self.facts(height, timestamp_ns, random_value),
            gas_price: self.head.next_gas_price,
            gas_limit: self.genesis.gas_limit,
            config: &self.config,
        };
        let (applied, supply) = match self.apply(&context, &transactions, &incoming, patch) {
            Ok(applied) => applied,
            Err(error) => {
                // No receipt is lost: the next attempt finds what this one found, without the patch.
                self.in_flight = incoming;
                self.queue.put_back(transactions);
                return Err(error);
            }
        };
        let (state, state_changes) = applied.update.finish();

        let prev_state_root = self.head.chunk.state_root;
        let state_root =
            if state_changes.is_empty() { prev_state_root } else { digest(&(prev_state_root, &state_changes)) };
        let tx_root = digest(&transactions.iter().map(|transaction| transaction.get_hash()).collect::<Vec<_>>());
        let outgoing_root = digest(&applied.outgoing.iter().map(|receipt| *receipt.receipt_id()).collect::<Vec<_>>());
        let hash = digest(&(self.head.hash, height, timestamp_ns, state_root, tx_root));
        let chunk = Chunk {
            hash: digest(&("chunk", hash)),
            prev_state_root,
            state_root,
            tx_root,
            outcome_root: digest(&applied.outcomes),
            outgoing_receipts_root: outgoing_root,
            gas_used: applied.gas_used,
            gas_limit: self.genesis.gas_limit,
            balance_burnt: applied.burnt,
        };
        let outcomes = applied
            .outcomes
            .into_iter()
            .map(|outcome| Arc::new(Outcome { block_hash: hash, block_height: height, outcome }))
            .collect();
        let block = Arc::new(Block {
            height,
            hash,
            prev_hash: self.head.hash,
            prev_height: Some(self.head.height),
            ordinal: self.head.ordinal + 1,
            timestamp_ns,
            gas_price: self.head.next_gas_price,
            next_gas_price: self.next_gas_price(applied.gas_used),
            total_supply: supply,
            epoch_id: self.head.epoch_id,
            next_epoch_id: self.head.next_epoch_id,
            random_value,
            last_final_block: self.history.recent(FINALITY_LAG - 1).map_or(self.head.hash, |block| block.hash),
            protocol_version: self.genesis.protocol_version,
            chunk,
            transactions,
            receipts: incoming,
            outcomes,
            state_changes,
        });
        self.history.add(Arc::clone(&block), state.clone(), applied.created);
        self.state = state;
        self.in_flight = applied.outgoing;
        self.head = Arc::clone(&block);
        self.jump_ns = 0;
        Ok(block)
    }

    fn apply(
        &self,
        context: &BlockContext<'_>,
        transactions: &[SignedTransaction],
        incoming: &[Arc<Receipt>],
        patch: Vec<StateRecord>,
    ) -> Result<(Applied, Balance), ChainError> {
        let mut applied = apply::apply(context, self.state.clone(), transactions, incoming)?;
        let supply = self.head.total_supply.saturating_add(applied.subsidized).saturating_sub(applied.burnt);
        let supply = patch::apply(&mut applied.update, patch, supply)?;
        Ok((applied, supply))
    }

    /// Gas gets dearer when blocks are more than half full, and cheaper when they are not.
    fn next_gas_price(&self, gas_used: Gas) -> Balance {
        near_primitives::block::Block::compute_next_gas_price_checked(
            self.head.next_gas_price,
            gas_used,
            self.genesis.gas_limit,
            near_primitives::num_rational::Rational32::new_raw(1, 100),
            self.genesis.min_gas_price,
            self.genesis.max_gas_price,
        )
        .unwrap_or(self.genesis.max_gas_price)
    }
}

fn first_block(genesis: &Genesis) -> Result<Block, GenesisError> {
    let name = digest(&(&genesis.chain_id, genesis.height, genesis.timestamp_ns));
    let empty = hash(&[]);
    Ok(Block {
        height: genesis.height,
        hash: name,
        prev_hash: CryptoHash::default(),
        prev_height: None,
        ordinal: 1,
        timestamp_ns: genesis.timestamp_ns,
        gas_price: genesis.min_gas_price,
        next_gas_price: genesis.min_gas_price,
        total_supply: genesis.total_supply()?,
        epoch_id: EpochId::default(),
        next_epoch_id: EpochId(name),
        random_value: name,
        last_final_block: CryptoHash::default(),
        protocol_version: genesis.protocol_version,
        chunk: Chunk {
            hash: digest(&("chunk", name)),
            prev_state_root: empty,
            state_root: name,
            tx_root: empty,
            outcome_root: empty,
            outgoing_receipts_root: empty,
            gas_used: Gas::ZERO,
            gas_limit: genesis.gas_limit,
            balance_burnt: Balance::ZERO,
        },
        transactions: Vec::new(),
        receipts: Vec::new(),
        outcomes: Vec::new(),
        state_changes: Vec::new(),
    })
}
