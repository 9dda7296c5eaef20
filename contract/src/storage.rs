//! Prefixes of the contract's storage. Append only: a prefix once used keeps its meaning for ever.

use near_sdk::{BorshStorageKey, near};

/// Which collection a storage key belongs to; borsh writes the variant's number.
#[near]
#[derive(BorshStorageKey)]
pub(crate) enum StorageKey {
    /// Requests that wait, by id.
    Pending,
    /// Ids of requests that wait, by the handle of their yield.
    ByDataId,
    /// Answers on their way to the callback, by request id.
    Answers,
}
