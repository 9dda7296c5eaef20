//! What became of a transaction: the tree of its receipts, as a node shows it.
use crate::history::History;
use near_primitives::errors::{InvalidTxError, TxExecutionError};
use near_primitives::hash::CryptoHash;
use near_primitives::transaction::{ExecutionOutcomeWithId, ExecutionStatus};
use near_primitives::types::BlockHeight;
use near_primitives::views::{
    ExecutionOutcomeView, ExecutionOutcomeWithIdView, FinalExecutionOutcomeView, FinalExecutionStatus,
    SignedTransactionView, TxExecutionStatus,
};

/// The outcome of a transaction or a receipt, and where it happened.
#[derive(Debug)]
pub struct Outcome {
    /// The block it was executed in.
    pub block_hash: CryptoHash,
    /// That block's height.
    pub block_height: BlockHeight,
    /// What happened.
    pub outcome: ExecutionOutcomeWithId,
}

impl Outcome {
    /// As a node's answers show it. There is no Merkle proof: a local chain has no tree to prove from.
    pub fn view(&self) -> ExecutionOutcomeWithIdView {
        ExecutionOutcomeWithIdView {
            proof: Vec::new(),
            block_hash: self.block_hash,
            id: self.outcome.id,
            outcome: ExecutionOutcomeView::from(self.outcome.outcome.clone()),
        }
    }
}

/// A transaction's outcome so far.
pub struct FinalOutcome {
    /// All that has been executed, in a node's order: each receipt before those it has sent.
    pub view: FinalExecutionOutcomeView,
    /// How far the transaction has come, in terms of `wait_until`.
    pub reached: TxExecutionStatus,
}

/// Follows a transaction through its receipts. `None` if it is not known, or still waits for a block.
pub(crate) fn follow(history: &History, tx_hash: &CryptoHash, final_height: BlockHeight) -> Option<FinalOutcome> {
    let record = history.transaction(tx_hash)?;
    let root = history.outcome(tx_hash)?;
    let mut walk = Walk { history, found: Vec::new(), complete: true, complete_but_refunds: true };
    for receipt_id in &root.outcome.outcome.receipt_ids {
        walk.visit(receipt_id);
    }
    let status = walk.status(tx_hash);
    let latest = walk.found.iter().map(|outcome| outcome.block_height).max().unwrap_or(root.block_height);
    let settled = matches!(status, FinalExecutionStatus::Failure(_) | FinalExecutionStatus::SuccessValue(_));
    let reached = match (root.block_height <= final_height, settled && walk.complete_but_refunds) {
        (false, false) => TxExecutionStatus::Included,
        (false, true) => TxExecutionStatus::ExecutedOptimistic,
        (true, false) => TxExecutionStatus::IncludedFinal,
        (true, true) if walk.complete && latest <= final_height => TxExecutionStatus::Final,
        (true, true) => TxExecutionStatus::Executed,
    };
    let view = FinalExecutionOutcomeView {
        status,
        transaction: SignedTransactionView::from(record.transaction.clone()),
        transaction_outcome: root.view(),
        receipts_outcome: walk.found.iter().map(|outcome| outcome.view()).collect(),
    };
    Some(FinalOutcome { view, reached })
}

/// A walk through the tree of receipts.
struct Walk<'a> {
    history: &'a History,
    found: Vec<&'a Outcome>,
    complete: bool,
    complete_but_refunds: bool,
}

impl Walk<'_> {
    fn visit(&mut self, id: &CryptoHash) {
        let Some(outcome) = self.history.outcome(id) else {
            self.complete = false;
            let refund = self.history.receipt(id).is_some_and(|receipt| receipt.predecessor_id().is_system());
            self.complete_but_refunds &= refund;
            return;
        };
        self.found.push(outcome);
        for id in &outcome.outcome.outcome.receipt_ids {
            self.visit(id);
        }
    }

    /// The result: that of the first receipt that does not hand it on to another.
    fn status(&self, tx_hash: &CryptoHash) -> FinalExecutionStatus {
        let mut id = *tx_hash;
        while let Some(outcome) = self.history.outcome(&id) {
            match &outcome.outcome.outcome.status {
                ExecutionStatus::SuccessReceiptId(next) => id = *next,
                ExecutionStatus::SuccessValue(value) => return FinalExecutionStatus::SuccessValue(value.clone()),
                ExecutionStatus::Failure(error) => return FinalExecutionStatus::Failure(error.clone()),
                ExecutionStatus::Unknown => break,
            }
        }
        FinalExecutionStatus::Started
    }
}

impl FinalOutcome {
    /// The reason, if the transaction was refused when its block was made.
    pub fn refused(&self) -> Option<&InvalidTxError> {
        match &self.view.status {
            FinalExecutionStatus::Failure(TxExecutionError::InvalidTxError(error)) => Some(error),
            _ => None,
        }
    }
}
