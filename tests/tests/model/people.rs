//! Everybody who appears in the sequences.

use near_account_id::AccountId;
use near_crypto::{InMemorySigner, KeyType, Signer};

/// An account with a key of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Who {
    /// Owns the contract at first.
    Owner,
    /// Is sometimes offered the contract.
    Heir,
    /// Resolves at first.
    Operator,
    /// Resolves when told to.
    Substitute,
    /// Asks; never deleted.
    Alice,
    /// Asks; never deleted.
    Bob,
    /// Asks, and is deleted and made again.
    Carol,
    /// Asks, and is deleted and made again.
    Dan,
}

impl Who {
    pub const ALL: [Self; 8] =
        [Self::Alice, Self::Bob, Self::Carol, Self::Dan, Self::Owner, Self::Heir, Self::Operator, Self::Substitute];
    pub const USERS: [Self; 4] = [Self::Alice, Self::Bob, Self::Carol, Self::Dan];
    pub const MORTALS: [Self; 2] = [Self::Carol, Self::Dan];
    pub const OPERATORS: [Self; 2] = [Self::Operator, Self::Substitute];
    pub const OWNERS: [Self; 2] = [Self::Owner, Self::Heir];

    pub fn id(self) -> AccountId {
        account(&format!("{self:?}").to_lowercase())
    }
}

/// The account that pays for the others.
pub fn root() -> AccountId {
    "test.near".parse().unwrap()
}

/// Where the contract lives.
pub fn contract() -> AccountId {
    account("offchainvm")
}

/// An account that never exists.
pub fn nobody() -> AccountId {
    account("nobody")
}

/// Who inherits what deleted accounts leave behind.
pub fn estate() -> AccountId {
    account("estate")
}

/// The one key of an account.
pub fn signer(account_id: &AccountId) -> Signer {
    InMemorySigner::from_seed(account_id.clone(), KeyType::ED25519, account_id.as_str())
}

fn account(name: &str) -> AccountId {
    format!("{name}.{}", root()).parse().unwrap()
}
