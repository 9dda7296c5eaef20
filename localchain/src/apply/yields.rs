//! Yields: receipts that wait for their own contract, and the queue that ends the wait.
use super::{Applier, ApplyError};
use crate::state::{StateError, StateRead, StateUpdate};
use near_account_id::AccountId;
use near_primitives::hash::{CryptoHash, YieldId};
use near_primitives::receipt::{
    DataReceipt, PromiseYieldIndices, PromiseYieldTimeout, Receipt, ReceiptEnum, ReceiptV0, VersionedReceiptEnum,
};
use near_primitives::trie_key::TrieKey;
use near_primitives::types::{BlockHeight, PromiseYieldStatus, StateChangeCause};
use near_primitives::utils::create_receipt_id_from_receipt_id;

fn status(receiver_id: &AccountId, data_id: CryptoHash) -> TrieKey {
    TrieKey::PromiseYieldStatus { receiver_id: receiver_id.clone(), data_id }
}

fn waiting(receiver_id: &AccountId, data_id: CryptoHash) -> TrieKey {
    TrieKey::PromiseYieldReceipt { receiver_id: receiver_id.clone(), data_id }
}

fn by_name(receiver_id: &AccountId, yield_id: YieldId) -> TrieKey {
    TrieKey::YieldIdToDataId { receiver_id: receiver_id.clone(), yield_id }
}

fn name_of(receiver_id: &AccountId, data_id: CryptoHash) -> TrieKey {
    TrieKey::DataIdToYieldId { receiver_id: receiver_id.clone(), data_id }
}

/// Notes, while the contract still runs, that it yields.
pub(crate) fn begin(update: &mut StateUpdate, account_id: &AccountId, data_id: CryptoHash) -> Result<(), StateError> {
    update.set(status(account_id, data_id), &PromiseYieldStatus::Yielded)
}

/// Gives a yield the name that its contract chose.
pub(crate) fn name(
    update: &mut StateUpdate,
    account_id: &AccountId,
    yield_id: YieldId,
    data_id: CryptoHash,
) -> Result<(), StateError> {
    update.set(name_of(account_id, data_id), &yield_id)?;
    update.set(by_name(account_id, yield_id), &data_id)
}

/// The yield with this name.
pub(crate) fn named(
    update: &StateUpdate,
    account_id: &AccountId,
    yield_id: YieldId,
) -> Result<Option<CryptoHash>, StateError> {
    update.read(&by_name(account_id, yield_id))
}

/// Notes that a yield is being resumed. False if nothing waits under this id.
pub(crate) fn resume(
    update: &mut StateUpdate,
    account_id: &AccountId,
    data_id: CryptoHash,
) -> Result<bool, StateError> {
    if !update.contains(&waiting(account_id, data_id)) && !update.contains(&status(account_id, data_id)) {
        return Ok(false);
    }
    update.set(status(account_id, data_id), &PromiseYieldStatus::ResumeInitiated)?;
    Ok(true)
}

/// Queues the time-outs of the yields among a call's new receipts.
pub(super) fn queue_timeouts(
    update: &mut StateUpdate,
    account_id: &AccountId,
    receipts: &[Receipt],
    expires_at: BlockHeight,
) -> Result<(), StateError> {
    let before = indices(update)?;
    let mut indices = before.clone();
    for receipt in receipts {
        let VersionedReceiptEnum::PromiseYield(action) = receipt.versioned_receipt() else { continue };
        let Some(data_id) = action.input_data_ids().first() else { continue };
        let timeout = PromiseYieldTimeout { account_id: account_id.clone(), data_id: *data_id, expires_at };
        update.set(TrieKey::PromiseYieldTimeout { index: indices.next_available_index }, &timeout)?;
        indices.next_available_index += 1;
    }
    if indices != before {
        update.set(TrieKey::PromiseYieldIndices, &indices)?;
    }
    Ok(())
}

fn indices(update: &StateUpdate) -> Result<PromiseYieldIndices, StateError> {
    Ok(update.read(&TrieKey::PromiseYieldIndices)?.unwrap_or_default())
}

impl Applier<'_> {
    /// A yield has reached its account: it waits there.
    pub(super) fn store_yield(&mut self, receipt: &Receipt, data_id: CryptoHash) -> Result<(), ApplyError> {
        self.update.set(waiting(receipt.receiver_id(), data_id), receipt)?;
        self.update.commit(StateChangeCause::PostponedReceipt { receipt_hash: *receipt.receipt_id() });
        Ok(())
    }

    /// An answer, or the end of the wait, has reached a yield's account: the yield runs, unless it has run before, or
    /// the time-out comes when an answer is already on its way.
    pub(super) fn resume_yield(&mut self, account_id: &AccountId, data: &DataReceipt) -> Result<(), ApplyError> {
        let data_id = data.data_id;
        if data.data.is_none()
            && self.update.read(&status(account_id, data_id))? == Some(PromiseYieldStatus::ResumeInitiated)
        {
            return Ok(());
        }
        let Some(receipt) = self.update.read::<Receipt>(&waiting(account_id, data_id))? else { return Ok(()) };
        self.update.remove(waiting(account_id, data_id));
        self.update.remove(status(account_id, data_id));
        if let Some(yield_id) = self.update.read::<YieldId>(&name_of(account_id, data_id))? {
            self.update.remove(by_name(account_id, yield_id));
            self.update.remove(name_of(account_id, data_id));
        }
        self.store_received(account_id, data)?;
        self.execute(&receipt)
    }

    /// Ends the wait of yields whose time has come; each runs in the next block.
    pub(super) fn time_yields_out(&mut self) -> Result<(), ApplyError> {
        let mut indices = indices(&self.update)?;
        let first = indices.first_index;
        let mut ended = 0;
        while indices.first_index < indices.next_available_index && !self.is_full() {
            let key = TrieKey::PromiseYieldTimeout { index: indices.first_index };
            let timeout: PromiseYieldTimeout =
                self.update.read(&key)?.ok_or(StateError::Missing("a queued time-out"))?;
            if timeout.expires_at > self.block.height {
                break;
            }
            if self.update.contains(&waiting(&timeout.account_id, timeout.data_id)) {
                let receipt_id = create_receipt_id_from_receipt_id(&timeout.data_id, self.block.height, ended);
                let data = DataReceipt { data_id: timeout.data_id, data: None };
                self.send(Receipt::V0(ReceiptV0 {
                    predecessor_id: timeout.account_id.clone(),
                    receiver_id: timeout.account_id,
                    receipt_id,
                    receipt: ReceiptEnum::PromiseResume(data),
                }));
                ended += 1;
            }
            self.update.remove(key);
            indices.first_index += 1;
        }
        if indices.first_index != first {
            self.update.set(TrieKey::PromiseYieldIndices, &indices)?;
            self.update.commit(StateChangeCause::UpdatedDelayedReceipts);
        }
        Ok(())
    }
}
