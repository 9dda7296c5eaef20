//! Questions about a state, with or without pending writes.
use super::{State, StateError, StateUpdate, Value};
use borsh::BorshDeserialize;
use near_account_id::AccountId;
use near_crypto::{PublicKey, PublicKeyHandle};
use near_primitives::account::{AccessKey, Account};
use near_primitives::receipt::Receipt;
use near_primitives::trie_key::{TrieKey, col, trie_key_parsers};

/// Reading accounts, keys, code and contract data.
pub trait StateRead {
    /// The raw value under a trie key.
    #[doc(hidden)]
    fn value(&self, key: &TrieKey) -> Option<std::sync::Arc<[u8]>>;

    /// A value of a known type.
    #[doc(hidden)]
    fn read<T: BorshDeserialize>(&self, key: &TrieKey) -> Result<Option<T>, StateError> {
        self.value(key).map(|value| decode(&key.to_vec(), &value)).transpose()
    }

    /// An account, if it exists.
    fn account(&self, account_id: &AccountId) -> Result<Option<Account>, StateError> {
        self.read(&TrieKey::Account { account_id: account_id.clone() })
    }

    /// An access key, if the account has it.
    fn access_key(&self, account_id: &AccountId, public_key: &PublicKey) -> Result<Option<AccessKey>, StateError> {
        self.read(&access_key(account_id, public_key))
    }

    /// The contract that is deployed on the account itself.
    fn code(&self, account_id: &AccountId) -> Option<std::sync::Arc<[u8]>> {
        self.value(&TrieKey::ContractCode { account_id: account_id.clone() })
    }
}

impl StateRead for State {
    fn value(&self, key: &TrieKey) -> Option<Value> {
        self.get(&key.to_vec()).cloned()
    }
}

impl StateRead for StateUpdate {
    fn value(&self, key: &TrieKey) -> Option<Value> {
        self.lookup(&key.to_vec()).into_value()
    }
}

impl State {
    /// All access keys of an account, in the order of their encoding.
    pub fn access_keys(&self, account_id: &AccountId) -> Result<Vec<(PublicKeyHandle, AccessKey)>, StateError> {
        let prefix = trie_key_parsers::get_raw_prefix_for_access_keys(account_id);
        self.prefixed(&prefix)
            .map(|(key, value)| {
                let handle = trie_key_parsers::parse_key_handle_from_access_key_key(key, account_id);
                Ok((handle.map_err(|_| corrupt::<PublicKeyHandle>(key))?, decode(key, value)?))
            })
            .collect()
    }

    /// A contract's data under keys that begin with `prefix`: the contract's own keys, and the values.
    pub fn contract_data(&self, account_id: &AccountId, prefix: &[u8]) -> Vec<(Vec<u8>, std::sync::Arc<[u8]>)> {
        let start = trie_key_parsers::get_raw_prefix_for_contract_data(account_id, &[]).len();
        let prefix = trie_key_parsers::get_raw_prefix_for_contract_data(account_id, prefix);
        self.prefixed(&prefix)
            .map(|(key, value)| (key.get(start..).unwrap_or_default().to_vec(), value.clone()))
            .collect()
    }

    /// All accounts, in the order of their names.
    pub fn accounts(&self) -> Result<Vec<(AccountId, Account)>, StateError> {
        self.prefixed(&[col::ACCOUNT])
            .map(|(key, value)| {
                let account_id = trie_key_parsers::parse_account_id_from_account_key(key);
                Ok((account_id.map_err(|_| corrupt::<AccountId>(key))?, decode(key, value)?))
            })
            .collect()
    }
}

impl State {
    /// Receipts that wait in the state: for data, for an answer, or for room in a block.
    pub(crate) fn stored_receipts(&self) -> Result<Vec<Receipt>, StateError> {
        let columns = [col::POSTPONED_RECEIPT, col::PROMISE_YIELD_RECEIPT, col::DELAYED_RECEIPT_OR_INDICES];
        let indices = TrieKey::DelayedReceiptIndices.to_vec();
        let mut receipts = Vec::new();
        for column in columns {
            for (key, value) in self.prefixed(&[column]).filter(|(key, _)| *key != indices) {
                receipts.push(decode(key, value)?);
            }
        }
        Ok(receipts)
    }
}

pub(super) fn access_key(account_id: &AccountId, public_key: &PublicKey) -> TrieKey {
    TrieKey::AccessKey { account_id: account_id.clone(), key_handle: public_key.into() }
}

pub(super) fn decode<T: BorshDeserialize>(key: &[u8], value: &[u8]) -> Result<T, StateError> {
    T::try_from_slice(value).map_err(|_| corrupt::<T>(key))
}

fn corrupt<T>(key: &[u8]) -> StateError {
    let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
    StateError::Corrupt { key, expected: std::any::type_name::<T>() }
}
