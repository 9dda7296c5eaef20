//! What a node's refusal of a transaction means for the lane that sent it. Pure.

use near_account_id::AccountId;
use near_primitives::{
    errors::{InvalidAccessKeyError, InvalidTxError},
    views::{AccessKeyPermissionView, AccessKeyView},
};
use offchainvm_interface::calls::method;

use crate::chain::{BlockRef, next_nonce};

/// A nonce must be below (height + 1) times this.
const NONCES_PER_BLOCK: u64 = 1_000_000;
/// By how many blocks the node that takes a transaction may be ahead of the one that told of the key.
const AHEAD: u64 = 30;

/// What follows a refusal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// The same call goes with a new nonce and a newer block; the nonce must be above this one.
    SignAgain {
        /// The last nonce that the node knows of; 0 when it did not say.
        used: u64,
    },
    /// The node or its shard takes nothing of the kind right now.
    Later,
    /// The account, or the key's allowance, cannot pay.
    NoMoney,
    /// The key may not do this, or is gone.
    BadKey,
    /// The call itself is not acceptable.
    BadCall,
}

impl Refusal {
    pub(super) fn of(error: &InvalidTxError) -> Self {
        use InvalidTxError as E;
        match error {
            E::InvalidNonce { ak_nonce, .. } => Self::SignAgain { used: *ak_nonce },
            E::Expired | E::InvalidChain => Self::SignAgain { used: 0 },
            E::NonceTooLarge { .. } | E::ShardCongested { .. } | E::ShardStuck { .. } | E::StorageError(_) => {
                Self::Later
            }
            E::NotEnoughBalance { .. }
            | E::LackBalanceForState { .. }
            | E::InvalidAccessKeyError(InvalidAccessKeyError::NotEnoughAllowance { .. }) => Self::NoMoney,
            E::InvalidAccessKeyError(_) | E::SignerDoesNotExist { .. } | E::InvalidSignature => Self::BadKey,
            _ => Self::BadCall,
        }
    }
}

/// The smallest nonce that may be used with a key that a node shows so at `block`. [`None`] when no chain can be in that
/// state: the node is not to be believed, and the number would be remembered for ever.
pub(super) fn least_nonce(block: BlockRef, key: &AccessKeyView) -> Option<u64> {
    (key.nonce < ceiling(block.height)).then(|| next_nonce(block, key.nonce))
}

/// Whether a chain that was at `block` a moment ago may take the nonce now.
pub(super) fn is_near(nonce: u64, block: BlockRef) -> bool {
    nonce < ceiling(block.height.saturating_add(AHEAD))
}

fn ceiling(height: u64) -> u64 {
    height.saturating_add(1).saturating_mul(NONCES_PER_BLOCK)
}

/// What a key may do for us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Permission {
    /// Any batch.
    Batches,
    /// One answer at a time.
    SingleAnswers,
    /// Nothing.
    Nothing,
}

impl Permission {
    pub(super) fn of(key: &AccessKeyView, contract: &AccountId) -> Self {
        let AccessKeyPermissionView::FunctionCall { receiver_id, method_names, .. } = &key.permission else {
            return match key.permission {
                AccessKeyPermissionView::FullAccess => Self::Batches,
                _ => Self::Nothing,
            };
        };
        let may = |method: &str| method_names.is_empty() || method_names.iter().any(|name| name == method);
        match (receiver_id == contract.as_str(), may(method::RESOLVE_EXECUTION), may(method::RESOLVE_EXECUTIONS)) {
            (true, true, true) => Self::Batches,
            (true, true, false) => Self::SingleAnswers,
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use near_primitives::{hash::CryptoHash, types::Balance};

    use super::*;

    fn at(height: u64) -> BlockRef {
        BlockRef { height, hash: CryptoHash::default() }
    }

    fn key(nonce: u64, permission: AccessKeyPermissionView) -> AccessKeyView {
        AccessKeyView { nonce, permission }
    }

    fn nonce(height: u64, last: u64) -> Option<u64> {
        least_nonce(at(height), &key(last, AccessKeyPermissionView::FullAccess))
    }

    #[test]
    fn a_nonce_is_above_the_keys_and_of_its_block() {
        assert_eq!(nonce(7, 3), Some(7_000_000));
        assert_eq!(nonce(7, 7_500_000), Some(7_500_001));
        assert_eq!(nonce(7, 7_999_999), Some(8_000_000));
    }

    #[test]
    fn a_nonce_that_no_chain_can_have_is_not_believed() {
        assert_eq!(nonce(7, 8_000_000), None);
        assert_eq!(nonce(7, u64::MAX), None);
        assert!(is_near(8_000_000, at(7)) && !is_near(39_000_000, at(7)));
    }

    #[test]
    fn refusals_lead_to_another_signature_a_wait_or_an_end() {
        let account: AccountId = "op.near".parse().unwrap();
        let money = Balance::from_yoctonear(1);
        let public_key = "ed25519:3ThNatHmFR6gtMEFMEBPw6M1PGH6FVbGMzwBd4JqHTFT".parse().unwrap();
        let allowance = InvalidAccessKeyError::NotEnoughAllowance {
            account_id: account.clone(),
            public_key: Box::new(public_key),
            allowance: money,
            cost: money,
        };
        let cases = [
            (InvalidTxError::InvalidNonce { tx_nonce: 3, ak_nonce: 5 }, Refusal::SignAgain { used: 5 }),
            (InvalidTxError::Expired, Refusal::SignAgain { used: 0 }),
            (InvalidTxError::NonceTooLarge { tx_nonce: 9, upper_bound: 8 }, Refusal::Later),
            (
                InvalidTxError::NotEnoughBalance { signer_id: account.clone(), balance: money, cost: money },
                Refusal::NoMoney,
            ),
            (InvalidTxError::LackBalanceForState { signer_id: account, amount: money }, Refusal::NoMoney),
            (InvalidTxError::InvalidAccessKeyError(allowance), Refusal::NoMoney),
            (InvalidTxError::InvalidAccessKeyError(InvalidAccessKeyError::RequiresFullAccess), Refusal::BadKey),
            (InvalidTxError::TransactionSizeExceeded { size: 2, limit: 1 }, Refusal::BadCall),
        ];
        for (error, expected) in cases {
            assert_eq!(Refusal::of(&error), expected, "{error}");
        }
    }

    #[test]
    fn a_key_for_one_method_sends_no_batches_and_one_for_another_contract_nothing() {
        let contract: AccountId = "vm.near".parse().unwrap();
        let of = |receiver: &str, methods: &[&str]| {
            let permission = AccessKeyPermissionView::FunctionCall {
                allowance: None,
                receiver_id: receiver.to_owned(),
                method_names: methods.iter().map(|method| (*method).to_owned()).collect(),
            };
            Permission::of(&key(1, permission), &contract)
        };
        assert_eq!(of("vm.near", &[]), Permission::Batches);
        assert_eq!(of("vm.near", &["resolve_executions", "resolve_execution"]), Permission::Batches);
        assert_eq!(of("vm.near", &["resolve_execution"]), Permission::SingleAnswers);
        assert_eq!(of("vm.near", &["resolve_executions"]), Permission::Nothing);
        assert_eq!(of("other.near", &[]), Permission::Nothing);
    }
}
