//! A transaction becomes a receipt: its signer pays, or it fails with the reason.
use super::{Applier, ApplyError};
use crate::door::Door;
use near_primitives::receipt::Receipt;
use near_primitives::transaction::{
    ExecutionMetadata, ExecutionOutcome, ExecutionOutcomeWithId, ExecutionStatus, SignedTransaction,
};
use near_primitives::types::StateChangeCause;
use near_primitives::utils::create_receipt_id_from_transaction;
use std::sync::Arc;

impl Applier<'_> {
    /// Charges the signer and makes the receipt. What was fine at the door may fail here, after another transaction of
    /// the same signer: that is an outcome too.
    pub(super) fn take_in(&mut self, signed: &SignedTransaction) -> Result<(), ApplyError> {
        let transaction = &signed.transaction;
        let door = Door {
            config: self.block.config,
            protocol_version: self.block.protocol_version,
            gas_price: self.block.gas_price,
            height: self.block.height,
        };
        let charged = match door.charge(transaction, &self.update) {
            Ok(charged) => charged,
            Err(error) => return self.note(ExecutionOutcomeWithId::failed(signed, error)),
        };
        charged.write(transaction, &mut self.update)?;
        self.update.commit(StateChangeCause::TransactionProcessing { tx_hash: signed.get_hash() });
        self.burn(charged.cost.burnt_amount)?;

        let receipt_id = create_receipt_id_from_transaction(signed.hash(), self.block.height);
        self.note(ExecutionOutcomeWithId {
            id: signed.get_hash(),
            outcome: ExecutionOutcome {
                status: ExecutionStatus::SuccessReceiptId(receipt_id),
                logs: Vec::new(),
                receipt_ids: vec![receipt_id],
                gas_burnt: charged.cost.gas_burnt,
                compute_usage: Some(charged.cost.gas_burnt.as_gas()),
                tokens_burnt: charged.cost.burnt_amount,
                executor_id: transaction.signer_id().clone(),
                metadata: ExecutionMetadata::V1,
            },
        })?;
        let receipt = Arc::new(Receipt::from_tx(
            receipt_id,
            transaction.signer_id().clone(),
            transaction.receiver_id().clone(),
            transaction.public_key().clone(),
            charged.cost.receipt_gas_price,
            transaction.actions().to_vec(),
        ));
        self.created.push(Arc::clone(&receipt));
        if transaction.signer_id() == transaction.receiver_id() {
            self.local.push_back(receipt);
        } else {
            self.outgoing.push(receipt);
        }
        Ok(())
    }
}
