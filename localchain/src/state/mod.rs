//! The state: what every account owns, one map from trie keys to borsh values.
//!
//! `State` is a persistent map: a copy costs nothing, so each block keeps its own. `StateUpdate` is a block's (or a
//! view's) pending writes on top. `StateRead` are the questions that both answer. `trie` counts the nodes a real
//! node's Merkle-Patricia trie would walk through, since contracts pay for them. `patch` writes records from outside.
pub(crate) mod patch;
mod read;
mod trie;
mod update;

pub use patch::PatchError;
pub use read::StateRead;
pub(crate) use update::{Lookup, StateUpdate};

use imbl::OrdMap;
use std::ops::Bound;
use std::sync::Arc;

/// A stored value, shared between all the states that hold it.
pub(crate) type Value = Arc<[u8]>;

/// A state that can no longer be read or written: a fault in this program, not in a contract.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StateError {
    /// A value is not what its key promises.
    #[error("the value under state key {key} is no {expected}")]
    Corrupt {
        /// The key, in hexadecimal.
        key: String,
        /// The type that was expected.
        expected: &'static str,
    },
    /// A value does not fit its encoding.
    #[error("a {0} cannot be encoded")]
    Encoding(&'static str),
    /// Something that an earlier write promised is not there.
    #[error("{0} is missing from the state")]
    Missing(&'static str),
}

/// The state after some block.
#[derive(Clone, Default)]
pub struct State {
    entries: OrdMap<Arc<[u8]>, Value>,
}

impl State {
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Value> {
        self.entries.get(key)
    }

    pub(crate) fn write(&mut self, key: Vec<u8>, value: Option<Value>) {
        match value {
            Some(value) => {
                self.entries.insert(key.into(), value);
            }
            None => {
                self.entries.remove(key.as_slice());
            }
        }
    }

    /// Entries whose key starts with `prefix`, in order.
    pub(crate) fn prefixed<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a Value)> {
        self.entries
            .range::<_, [u8]>((Bound::Included(prefix), Bound::Unbounded))
            .map(|(key, value)| (key.as_ref(), value))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("entries", &self.entries.len()).finish()
    }
}
