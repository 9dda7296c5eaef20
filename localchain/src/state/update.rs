//! Writes on top of a state: pending until committed, undone by a rollback, and visible to reads at once.
use super::{State, StateError, Value, read};
use borsh::BorshSerialize;
use near_account_id::AccountId;
use near_crypto::PublicKey;
use near_primitives::account::{AccessKey, Account};
use near_primitives::trie_key::{TrieKey, trie_key_parsers};
use near_primitives::types::{RawStateChange, RawStateChangesWithTrieKey, StateChangeCause};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Where a value was found, which decides what reading it costs.
pub(crate) enum Lookup {
    /// Written since the block began: free.
    Overlay(Option<Value>),
    /// From the state before the block: its trie nodes are paid for.
    Base(Option<Value>),
}

impl Lookup {
    pub(crate) fn into_value(self) -> Option<Value> {
        match self {
            Lookup::Overlay(value) | Lookup::Base(value) => value,
        }
    }
}

/// What was written under one key, in order.
struct Committed {
    key: TrieKey,
    changes: Vec<(StateChangeCause, Option<Value>)>,
}

/// A state with writes that the block has not finished.
pub(crate) struct StateUpdate {
    base: State,
    committed: BTreeMap<Vec<u8>, Committed>,
    prospective: BTreeMap<Vec<u8>, (TrieKey, Option<Value>)>,
    /// Keys whose values are in the storage proof.
    proven: RefCell<HashSet<Vec<u8>>>,
    proof_size: Cell<usize>,
}

/// What the way to another key adds to the storage proof: its leaf, and its share of the branches above.
const PROOF_BYTES_PER_KEY: usize = 200;
/// What removing a contract's key adds to a node's estimate of the storage proof.
const PROOF_BYTES_PER_REMOVAL: usize = 2_000;

impl StateUpdate {
    pub(crate) fn new(base: State) -> StateUpdate {
        StateUpdate {
            base,
            committed: BTreeMap::new(),
            prospective: BTreeMap::new(),
            proven: RefCell::default(),
            proof_size: Cell::new(0),
        }
    }

    pub(crate) fn lookup(&self, key: &[u8]) -> Lookup {
        if let Some((_, value)) = self.prospective.get(key) {
            return Lookup::Overlay(value.clone());
        }
        if let Some((_, value)) = self.committed.get(key).and_then(|committed| committed.changes.last()) {
            return Lookup::Overlay(value.clone());
        }
        Lookup::Base(self.base.get(key).cloned())
    }

    /// Nodes that a lookup touches in the trie as it was before the block.
    pub(crate) fn nodes_on_path(&self, key: &[u8]) -> u64 {
        self.base.nodes_on_path(key)
    }

    pub(crate) fn contains(&self, key: &TrieKey) -> bool {
        self.lookup(&key.to_vec()).into_value().is_some()
    }

    pub(crate) fn write(&mut self, key: TrieKey, value: Option<Value>) {
        if value.is_none() && matches!(key, TrieKey::ContractData { .. }) {
            self.record(PROOF_BYTES_PER_REMOVAL);
        }
        self.prospective.insert(key.to_vec(), (key, value));
    }

    pub(crate) fn set<T: BorshSerialize>(&mut self, key: TrieKey, value: &T) -> Result<(), StateError> {
        let bytes = borsh::to_vec(value).map_err(|_| StateError::Encoding(std::any::type_name::<T>()))?;
        self.write(key, Some(bytes.into()));
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: TrieKey) {
        self.write(key, None);
    }

    pub(crate) fn set_account(&mut self, account_id: &AccountId, account: &Account) -> Result<(), StateError> {
        self.set(TrieKey::Account { account_id: account_id.clone() }, account)
    }

    pub(crate) fn set_access_key(
        &mut self,
        account_id: &AccountId,
        public_key: &PublicKey,
        access_key: &AccessKey,
    ) -> Result<(), StateError> {
        self.set(read::access_key(account_id, public_key), access_key)
    }

    pub(crate) fn remove_access_key(&mut self, account_id: &AccountId, public_key: &PublicKey) {
        self.remove(read::access_key(account_id, public_key));
    }

    /// Removes an account with its code, keys and data. What waits for the account (yields, postponed receipts)
    /// stays, as on the real chain.
    pub(crate) fn remove_account(&mut self, account_id: &AccountId) -> Result<(), StateError> {
        self.remove(TrieKey::Account { account_id: account_id.clone() });
        self.remove(TrieKey::ContractCode { account_id: account_id.clone() });
        for key in self.keys(&trie_key_parsers::get_raw_prefix_for_access_keys(account_id)) {
            let key_handle = trie_key_parsers::parse_key_handle_from_access_key_key(&key, account_id)
                .map_err(|_| StateError::Missing("the key in an access key's name"))?;
            self.remove(TrieKey::AccessKey { account_id: account_id.clone(), key_handle });
        }
        let prefix = trie_key_parsers::get_raw_prefix_for_contract_data(account_id, &[]);
        for key in self.keys(&prefix) {
            let key = key.get(prefix.len()..).unwrap_or_default().to_vec();
            self.remove(TrieKey::ContractData { account_id: account_id.clone(), key });
        }
        Ok(())
    }

    fn keys(&self, prefix: &[u8]) -> BTreeSet<Vec<u8>> {
        let overlay = self.prospective.keys().chain(self.committed.keys()).filter(|key| key.starts_with(prefix));
        let base = self.base.prefixed(prefix).map(|(key, _)| key.to_vec());
        base.chain(overlay.cloned()).filter(|key| self.lookup(key).into_value().is_some()).collect()
    }

    /// Notes that a value is part of the proof that validators send each other. It is in there once, however often it
    /// is read.
    pub(crate) fn record_read(&self, key: &[u8], bytes: usize) {
        if !self.proven.borrow().contains(key) {
            self.proven.borrow_mut().insert(key.to_vec());
            self.record(bytes.saturating_add(PROOF_BYTES_PER_KEY));
        }
    }

    fn record(&self, bytes: usize) {
        self.proof_size.set(self.proof_size.get().saturating_add(bytes));
    }

    /// Estimated size of the storage proof so far, in bytes.
    pub(crate) fn proof_size(&self) -> usize {
        self.proof_size.get()
    }

    /// Keeps the pending writes, under the cause that `EXPERIMENTAL_changes` will show.
    pub(crate) fn commit(&mut self, cause: StateChangeCause) {
        for (raw, (key, value)) in std::mem::take(&mut self.prospective) {
            let committed = self.committed.entry(raw).or_insert_with(|| Committed { key, changes: Vec::new() });
            committed.changes.push((cause.clone(), value));
        }
    }

    /// Drops the pending writes.
    pub(crate) fn rollback(&mut self) {
        self.prospective.clear();
    }

    /// The state with all that was committed, and the list of changes. What was not committed is lost.
    pub(crate) fn finish(self) -> (State, Vec<RawStateChangesWithTrieKey>) {
        let mut state = self.base;
        let mut all = Vec::with_capacity(self.committed.len());
        for (raw, Committed { key: trie_key, changes }) in self.committed {
            if let Some((_, value)) = changes.last() {
                state.write(raw, value.clone());
            }
            let changes = changes
                .into_iter()
                .map(|(cause, value)| RawStateChange { cause, data: value.map(|value| value.to_vec()) })
                .collect();
            all.push(RawStateChangesWithTrieKey { trie_key, changes });
        }
        (state, all)
    }
}
