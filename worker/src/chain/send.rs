//! A call as a signed transaction, and what became of it.

use near_account_id::AccountId;
use near_primitives::{
    action::{Action, FunctionCallAction},
    errors::TxExecutionError,
    hash::CryptoHash,
    transaction::{SignedTransaction, Transaction, TransactionV0},
    types::Gas,
    views::{FinalExecutionOutcomeView, FinalExecutionStatus},
};
use near_token::NearToken;
use serde::Serialize;

use super::{rpc::BlockRef, signer::OperatorSigner};

/// A call of a contract's method.
#[derive(Clone, Debug)]
pub struct Call {
    /// The contract.
    pub receiver: AccountId,
    /// The method.
    pub method: &'static str,
    /// Its arguments, as JSON.
    pub args: Vec<u8>,
    /// Gas to attach, in gas units.
    pub gas: u64,
    /// Deposit to attach.
    pub deposit: NearToken,
}

/// The arguments cannot be written as JSON.
#[derive(Debug, thiserror::Error)]
#[error("the arguments of {method} cannot be written as JSON: {source}")]
pub struct SendError {
    method: &'static str,
    source: serde_json::Error,
}

impl Call {
    /// A call without a deposit.
    ///
    /// # Errors
    /// [`SendError`] when `args` cannot be written as JSON.
    pub fn new(receiver: AccountId, method: &'static str, args: &impl Serialize, gas: u64) -> Result<Self, SendError> {
        let args = serde_json::to_vec(args).map_err(|source| SendError { method, source })?;
        Ok(Self { receiver, method, args, gas, deposit: NearToken::from_yoctonear(0) })
    }

    /// The same call with a deposit.
    #[must_use]
    pub fn with_deposit(self, deposit: NearToken) -> Self {
        Self { deposit, ..self }
    }
}

/// Makes the call a transaction of the signer's, valid for a day from `recent`.
#[must_use]
pub fn sign_call(call: Call, signer: &OperatorSigner, nonce: u64, recent: CryptoHash) -> SignedTransaction {
    let action = Action::FunctionCall(Box::new(FunctionCallAction {
        method_name: call.method.to_owned(),
        args: call.args,
        gas: Gas::from_gas(call.gas),
        deposit: call.deposit,
    }));
    sign_actions(call.receiver, vec![action], signer, nonce, recent)
}

/// Makes actions on `receiver` a transaction of the signer's, valid for a day from `recent`. They happen all or not at
/// all.
#[must_use]
pub fn sign_actions(
    receiver: AccountId,
    actions: Vec<Action>,
    signer: &OperatorSigner,
    nonce: u64,
    recent: CryptoHash,
) -> SignedTransaction {
    signer.sign(Transaction::V0(TransactionV0 {
        signer_id: signer.account_id().clone(),
        public_key: signer.public_key(),
        nonce,
        receiver_id: receiver,
        block_hash: recent,
        actions,
    }))
}

/// The smallest nonce that a chain at `block` accepts from a key whose last one was `last`, and that leaves the numbers
/// of older blocks unused: it goes on being legal when the record of `last` is lost.
#[must_use]
pub fn next_nonce(block: BlockRef, last: u64) -> u64 {
    /// A nonce must be below (height + 1) times this.
    const NONCES_PER_BLOCK: u64 = 1_000_000;
    block.height.saturating_mul(NONCES_PER_BLOCK).max(last.saturating_add(1))
}

/// What became of a transaction, once it is executed.
#[derive(Clone, Debug)]
pub enum Landing {
    /// The call went through.
    Succeeded(Vec<u8>),
    /// The call failed on chain; its effects were rolled back.
    Failed(Box<TxExecutionError>),
    /// The first receipt has not been executed yet.
    Open,
}

/// Reads the outcome.
#[must_use]
pub fn landing_of(outcome: &FinalExecutionOutcomeView) -> Landing {
    match &outcome.status {
        FinalExecutionStatus::SuccessValue(value) => Landing::Succeeded(value.clone()),
        FinalExecutionStatus::Failure(error) => Landing::Failed(Box::new(error.clone())),
        FinalExecutionStatus::NotStarted | FinalExecutionStatus::Started => Landing::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(height: u64) -> BlockRef {
        BlockRef { height, hash: CryptoHash::default() }
    }

    #[test]
    fn a_nonce_grows_and_survives_the_loss_of_the_last_one() {
        assert_eq!(next_nonce(at(7), 0), 7_000_000);
        assert_eq!(next_nonce(at(7), 7_000_000), 7_000_001);
        assert_eq!(next_nonce(at(7), 6_999_999), 7_000_000);
        assert_eq!(next_nonce(at(7), 7_500_000), 7_500_001);
        assert!(next_nonce(at(8), 0) > next_nonce(at(7), 123_456));
    }
}
