//! Prefixes of the contract's storage, and tables under them.
//!
//! Not the SDK's collections: they keep a cache and read what they are about to remove, and each of those reads costs
//! as much gas as the removal itself. Here every access is one call of the host.

use borsh::{BorshDeserialize, BorshSerialize};
use near_sdk::env;
use std::marker::PhantomData;

/// Which table a storage key belongs to: its first byte. Append only: a prefix once used keeps its meaning for ever.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Prefix {
    // 0 held the requests that wait in state version 1, in a map of the SDK's that kept the prefix in the root record.
    /// State version 1: ids of requests that wait, by the handle of their yield.
    ByDataIdV1 = 1,
    /// State version 1: answers on their way to the callback, by request id.
    AnswersV1 = 2,
    /// The version of the state; absent in version 1.
    Version = 3,
    /// Requests that wait, by id.
    Requests = 4,
    /// What a public handle leads to.
    Handles = 5,
    /// Requests that wait, numbered without gaps.
    Positions = 6,
    /// Answers too large for the resume payload, by request id.
    Stashes = 7,
    /// Inputs too large for the event, by request id.
    Inputs = 8,
    /// How the last requests ended.
    Receipts = 9,
    /// Refunds that could not be sent, by account.
    Credits = 10,
}

/// Values of one kind by keys of one kind, in borsh.
pub(crate) struct Table<K, V> {
    prefix: Prefix,
    kinds: PhantomData<fn(K) -> V>,
}

impl<K: BorshSerialize, V: BorshSerialize + BorshDeserialize> Table<K, V> {
    pub(crate) const fn new(prefix: Prefix) -> Self {
        Self { prefix, kinds: PhantomData }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        env::storage_read(&self.key(key)).and_then(|value| decode(&value))
    }

    pub(crate) fn put(&self, key: &K, value: &V) {
        env::storage_write(&self.key(key), &encode(value));
    }

    /// Removes the value and returns it.
    pub(crate) fn take(&self, key: &K) -> Option<V> {
        self.remove(key).then(env::storage_get_evicted).flatten().and_then(|value| decode(&value))
    }

    /// Removes the value; false when there was none.
    pub(crate) fn remove(&self, key: &K) -> bool {
        env::storage_remove(&self.key(key))
    }

    fn key(&self, key: &K) -> Vec<u8> {
        let mut bytes = vec![self.prefix as u8];
        bytes.extend(encode(key));
        bytes
    }
}

/// Borsh into memory fails for no value of ours.
fn encode<T: BorshSerialize>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).unwrap_or_default()
}

/// [`None`] for what is not a `T`; only this contract writes its state, and every change of a type is a migration.
fn decode<T: BorshDeserialize>(bytes: &[u8]) -> Option<T> {
    borsh::from_slice(bytes).ok()
}

/// The form of the state: [`None`] before versions were counted.
pub(crate) fn version() -> Option<u32> {
    env::storage_read(&[Prefix::Version as u8]).and_then(|value| decode(&value))
}

pub(crate) fn set_version(version: u32) {
    env::storage_write(&[Prefix::Version as u8], &encode(&version));
}
