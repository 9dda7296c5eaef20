//! A full block leaves receipts for the next one, in order.
use super::{Applier, ApplyError};
use crate::state::{StateError, StateRead};
use near_primitives::receipt::{DelayedReceiptIndices, Receipt};
use near_primitives::trie_key::TrieKey;
use near_primitives::types::StateChangeCause;
use std::sync::Arc;

impl Applier<'_> {
    /// Runs the receipts that this block's transactions sent to their own signers.
    pub(super) fn run_local(&mut self) -> Result<(), ApplyError> {
        while let Some(receipt) = self.local.pop_front() {
            self.run_or_delay(&receipt)?;
        }
        Ok(())
    }

    /// Runs what earlier blocks had no room for.
    pub(super) fn run_delayed(&mut self) -> Result<(), ApplyError> {
        let mut indices = self.indices()?;
        while !self.is_full() && indices.first_index < indices.next_available_index {
            let key = TrieKey::DelayedReceipt { index: indices.first_index };
            let receipt: Receipt = self.update.read(&key)?.ok_or(StateError::Missing("a delayed receipt"))?;
            self.update.remove(key);
            indices.first_index += 1;
            self.keep(&indices)?;
            self.run(&receipt)?;
        }
        Ok(())
    }

    /// Runs a receipt if the block has room for it.
    pub(super) fn run_or_delay(&mut self, receipt: &Arc<Receipt>) -> Result<(), ApplyError> {
        if !self.is_full() {
            return self.run(receipt);
        }
        let mut indices = self.indices()?;
        let key = TrieKey::DelayedReceipt { index: indices.next_available_index };
        self.update.set(key, receipt.as_ref())?;
        indices.next_available_index += 1;
        self.keep(&indices)
    }

    fn indices(&self) -> Result<DelayedReceiptIndices, StateError> {
        Ok(self.update.read(&TrieKey::DelayedReceiptIndices)?.unwrap_or_default())
    }

    fn keep(&mut self, indices: &DelayedReceiptIndices) -> Result<(), ApplyError> {
        self.update.set(TrieKey::DelayedReceiptIndices, indices)?;
        self.update.commit(StateChangeCause::UpdatedDelayedReceipts);
        Ok(())
    }
}
