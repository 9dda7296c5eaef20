//! A receipt arrives: it runs, waits for data, or is the data that another one waits for.
use super::{Applier, ApplyError};
use crate::state::{StateError, StateRead};
use near_account_id::AccountId;
use near_primitives::hash::CryptoHash;
use near_primitives::receipt::{DataReceipt, Receipt, ReceivedData, VersionedActionReceipt, VersionedReceiptEnum};
use near_primitives::trie_key::TrieKey;
use near_primitives::types::StateChangeCause;

impl Applier<'_> {
    /// Runs a receipt, and everything that has to run right after it.
    pub(super) fn run(&mut self, receipt: &Receipt) -> Result<(), ApplyError> {
        self.process(receipt)?;
        while let Some(receipt) = self.instant.pop_front() {
            self.process(&receipt)?;
        }
        Ok(())
    }

    fn process(&mut self, receipt: &Receipt) -> Result<(), ApplyError> {
        match receipt.versioned_receipt() {
            VersionedReceiptEnum::Action(action) => self.execute_or_postpone(receipt, &action),
            VersionedReceiptEnum::Data(data) => self.receive(receipt, &data),
            VersionedReceiptEnum::PromiseYield(action) => match action.input_data_ids().first() {
                Some(data_id) => self.store_yield(receipt, *data_id),
                None => Err(StateError::Missing("the data id of a yield").into()),
            },
            VersionedReceiptEnum::PromiseResume(data) => self.resume_yield(receipt.receiver_id(), &data),
            // Validation refuses the action that would send one.
            VersionedReceiptEnum::GlobalContractDistribution(_) => Ok(()),
        }
    }

    /// Runs a receipt whose data has all arrived; leaves it with its account otherwise.
    fn execute_or_postpone(
        &mut self,
        receipt: &Receipt,
        action: &VersionedActionReceipt<'_>,
    ) -> Result<(), ApplyError> {
        let (receiver_id, receipt_id) = (receipt.receiver_id(), *receipt.receipt_id());
        let mut missing = 0_u32;
        for data_id in action.input_data_ids() {
            if !self.update.contains(&received(receiver_id, *data_id)) {
                missing += 1;
                self.update.set(waits_for(receiver_id, *data_id), &receipt_id)?;
            }
        }
        if missing == 0 {
            return self.execute(receipt);
        }
        self.update.set(missing_count(receiver_id, receipt_id), &missing)?;
        self.update.set(postponed(receiver_id, receipt_id), receipt)?;
        self.update.commit(StateChangeCause::PostponedReceipt { receipt_hash: receipt_id });
        Ok(())
    }

    /// Keeps data for the receipt that waits for it, and runs that receipt if nothing else is missing.
    fn receive(&mut self, receipt: &Receipt, data: &DataReceipt) -> Result<(), ApplyError> {
        let receiver_id = receipt.receiver_id();
        self.store_received(receiver_id, data)?;
        let cause = StateChangeCause::PostponedReceipt { receipt_hash: *receipt.receipt_id() };
        let waiting = waits_for(receiver_id, data.data_id);
        let Some(receipt_id) = self.update.read::<CryptoHash>(&waiting)? else {
            self.update.commit(cause);
            return Ok(());
        };
        self.update.remove(waiting);
        let count = missing_count(receiver_id, receipt_id);
        let missing: u32 = self.update.read(&count)?.ok_or(StateError::Missing("the count of missing data"))?;
        if missing > 1 {
            self.update.set(count, &(missing - 1))?;
            self.update.commit(cause);
            return Ok(());
        }
        self.update.remove(count);
        let key = postponed(receiver_id, receipt_id);
        let ready: Receipt = self.update.read(&key)?.ok_or(StateError::Missing("a postponed receipt"))?;
        self.update.remove(key);
        self.execute(&ready)
    }

    pub(super) fn store_received(&mut self, receiver_id: &AccountId, data: &DataReceipt) -> Result<(), ApplyError> {
        let value = ReceivedData { data: data.data.clone() };
        Ok(self.update.set(received(receiver_id, data.data_id), &value)?)
    }

    /// Takes the data that a receipt has waited for; `None` stands for a failure.
    pub(super) fn take_received(
        &mut self,
        receiver_id: &AccountId,
        data_id: CryptoHash,
    ) -> Result<Option<Vec<u8>>, ApplyError> {
        let key = received(receiver_id, data_id);
        let ReceivedData { data } = self.update.read(&key)?.ok_or(StateError::Missing("received data"))?;
        self.update.remove(key);
        Ok(data)
    }
}

fn received(receiver_id: &AccountId, data_id: CryptoHash) -> TrieKey {
    TrieKey::ReceivedData { receiver_id: receiver_id.clone(), data_id }
}

fn waits_for(receiver_id: &AccountId, data_id: CryptoHash) -> TrieKey {
    TrieKey::PostponedReceiptId { receiver_id: receiver_id.clone(), data_id }
}

fn missing_count(receiver_id: &AccountId, receipt_id: CryptoHash) -> TrieKey {
    TrieKey::PendingDataCount { receiver_id: receiver_id.clone(), receipt_id }
}

fn postponed(receiver_id: &AccountId, receipt_id: CryptoHash) -> TrieKey {
    TrieKey::PostponedReceipt { receiver_id: receiver_id.clone(), receipt_id }
}
