//! What a block does: charge its transactions, run the receipts that are due, and say what came of it.
//!
//! Order of a block: `transaction` (charge, make receipts), then receipts (`receipt` decides whether one runs, waits or
//! wakes another): local ones, those delayed by a full block (`delayed`), arriving ones, and last the yields that have
//! waited too long (`yields`). A receipt that runs goes through `execute`: its actions (`actions`, `call`), the
//! refunds (`refund`), and the receipts it sends (`outgoing`).
mod actions;
mod call;
mod delayed;
mod execute;
pub(crate) mod outgoing;
mod receipt;
mod refund;
mod transaction;
pub(crate) mod yields;

use crate::state::{State, StateError, StateUpdate};
use crate::validate::Rules;
use crate::vm::{BlockFacts, VmError};
use near_parameters::RuntimeConfig;
use near_primitives::errors::IntegerOverflowError;
use near_primitives::receipt::Receipt;
use near_primitives::transaction::{ExecutionOutcomeWithId, SignedTransaction};
use near_primitives::types::{Balance, Gas};
use std::collections::VecDeque;
use std::sync::Arc;

/// A block that could not be applied: a fault in this program, never in a transaction or a contract.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The state is not what earlier blocks left.
    #[error(transparent)]
    State(#[from] StateError),
    /// The VM gave up.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// Gas or tokens beyond what their types hold.
    #[error("an integer overflow in gas or tokens")]
    Overflow,
}

impl From<IntegerOverflowError> for ApplyError {
    fn from(_: IntegerOverflowError) -> ApplyError {
        ApplyError::Overflow
    }
}

/// The block that is being made, as its receipts see it.
pub(crate) struct BlockContext<'a> {
    pub facts: BlockFacts<'a>,
    pub gas_price: Balance,
    pub gas_limit: Gas,
    pub config: &'a RuntimeConfig,
}

impl<'a> std::ops::Deref for BlockContext<'a> {
    type Target = BlockFacts<'a>;

    fn deref(&self) -> &BlockFacts<'a> {
        &self.facts
    }
}

/// What came of a block.
pub(crate) struct Applied {
    pub update: StateUpdate,
    pub outcomes: Vec<ExecutionOutcomeWithId>,
    /// Every receipt made in this block, the ones executed at once included.
    pub created: Vec<Arc<Receipt>>,
    /// The receipts for the next block.
    pub outgoing: Vec<Arc<Receipt>>,
    pub gas_used: Gas,
    /// Tokens that are gone.
    pub burnt: Balance,
    /// Tokens that the chain added.
    pub subsidized: Balance,
}

/// Applies transactions and arriving receipts to the state that the last block left.
pub(crate) fn apply(
    block: &BlockContext<'_>,
    base: State,
    transactions: &[SignedTransaction],
    incoming: &[Arc<Receipt>],
) -> Result<Applied, ApplyError> {
    let mut applier = Applier::new(block, base);
    for transaction in transactions {
        applier.take_in(transaction)?;
    }
    applier.run_local()?;
    applier.run_delayed()?;
    for receipt in incoming {
        applier.run_or_delay(receipt)?;
    }
    applier.time_yields_out()?;
    Ok(applier.finish())
}

/// A block in the making.
pub(crate) struct Applier<'a> {
    block: &'a BlockContext<'a>,
    update: StateUpdate,
    /// From transactions whose signer is also the receiver: they run in this block.
    local: VecDeque<Arc<Receipt>>,
    /// New receipts that run right after the one that made them.
    instant: VecDeque<Arc<Receipt>>,
    outcomes: Vec<ExecutionOutcomeWithId>,
    created: Vec<Arc<Receipt>>,
    outgoing: Vec<Arc<Receipt>>,
    gas_used: Gas,
    compute_used: u64,
    burnt: Balance,
    subsidized: Balance,
}

impl<'a> Applier<'a> {
    fn new(block: &'a BlockContext<'a>, base: State) -> Applier<'a> {
        Applier {
            block,
            update: StateUpdate::new(base),
            local: VecDeque::new(),
            instant: VecDeque::new(),
            outcomes: Vec::new(),
            created: Vec::new(),
            outgoing: Vec::new(),
            gas_used: Gas::ZERO,
            compute_used: 0,
            burnt: Balance::ZERO,
            subsidized: Balance::ZERO,
        }
    }

    fn finish(self) -> Applied {
        Applied {
            update: self.update,
            outcomes: self.outcomes,
            created: self.created,
            outgoing: self.outgoing,
            gas_used: self.gas_used,
            burnt: self.burnt,
            subsidized: self.subsidized,
        }
    }

    fn rules(&self) -> Rules<'a> {
        let limits = &self.block.config.wasm_config.limit_config;
        Rules { limits, protocol_version: self.block.protocol_version }
    }

    /// True when the block has no room for another receipt.
    fn is_full(&self) -> bool {
        self.compute_used >= self.block.gas_limit.as_gas()
    }

    fn note(&mut self, outcome: ExecutionOutcomeWithId) -> Result<(), ApplyError> {
        let gas = outcome.outcome.gas_burnt;
        self.gas_used = self.gas_used.checked_add_result(gas)?;
        let compute = outcome.outcome.compute_usage.unwrap_or(gas.as_gas());
        self.compute_used = self.compute_used.saturating_add(compute);
        self.outcomes.push(outcome);
        Ok(())
    }

    /// Sends a receipt to where it runs: right here, or in the next block.
    fn send(&mut self, receipt: Receipt) {
        let receipt = Arc::new(receipt);
        self.created.push(Arc::clone(&receipt));
        if receipt.is_instant_receipt() {
            self.instant.push_back(receipt);
        } else {
            self.outgoing.push(receipt);
        }
    }

    fn burn(&mut self, amount: Balance) -> Result<(), ApplyError> {
        self.burnt = self.burnt.checked_add(amount).ok_or(ApplyError::Overflow)?;
        Ok(())
    }
}
