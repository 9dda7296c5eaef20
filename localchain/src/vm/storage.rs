//! A contract's storage: where its values are, and what reaching them costs.
//!
//! A value written since the block began is at hand; any other is in the trie as the last block left it, and the nodes
//! on the way to it are paid for.
use super::external::{RuntimeExternal, VmResult};
use crate::state::{Lookup, Value};
use near_primitives::trie_key::TrieKey;
use near_vm_runner::logic::{StorageAccessTracker, ValuePtr};

impl RuntimeExternal<'_> {
    pub(super) fn storage_key(&self, key: &[u8]) -> TrieKey {
        TrieKey::ContractData { account_id: self.account_id.clone(), key: key.to_vec() }
    }

    /// Finds the value that a write or removal replaces. On the real chain this walks the trie, and is paid by the node.
    pub(super) fn replaced(
        &mut self,
        tracker: &mut dyn StorageAccessTracker,
        key: &TrieKey,
        pay_for_bytes: impl FnOnce(&mut dyn StorageAccessTracker, u64) -> VmResult<()>,
    ) -> VmResult<Option<Vec<u8>>> {
        let raw = key.to_vec();
        let (value, nodes) = match self.update.lookup(&raw) {
            Lookup::Overlay(value) => (value, 0),
            Lookup::Base(value) => {
                // The nodes on the path, and one more for the value they lead to.
                let nodes = self.update.nodes_on_path(&raw);
                self.update.record_read(&raw, value.as_ref().map_or(0, |value| value.len()));
                let held = u64::from(value.is_some());
                (value, nodes + held)
            }
        };
        if let Some(value) = &value {
            pay_for_bytes(tracker, value.len() as u64)?;
        }
        tracker.trie_node_touched(nodes)?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// Finds a value to read. Reads go past the trie, so that only the value itself is paid for, when it is taken.
    pub(super) fn found(&self, key: &[u8]) -> Option<StoredValue> {
        let raw = self.storage_key(key).to_vec();
        match self.update.lookup(&raw) {
            Lookup::Overlay(value) => value.map(|value| StoredValue { value, nodes: 0 }),
            Lookup::Base(value) => {
                self.update.record_read(&raw, value.as_ref().map_or(0, |value| value.len()));
                value.map(|value| StoredValue { value, nodes: 1 })
            }
        }
    }
}

/// A value in storage, not taken yet.
pub(super) struct StoredValue {
    value: Value,
    nodes: u64,
}

impl ValuePtr for StoredValue {
    fn len(&self) -> u32 {
        u32::try_from(self.value.len()).unwrap_or(u32::MAX)
    }

    fn deref(&self, tracker: &mut dyn StorageAccessTracker) -> VmResult<Vec<u8>> {
        tracker.trie_node_touched(self.nodes)?;
        Ok(self.value.to_vec())
    }
}
