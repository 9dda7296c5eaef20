//! A call that only reads, against the state after some block.
use crate::block::Block;
use crate::state::{State, StateError, StateRead, StateUpdate};
use crate::vm::{self, BlockFacts, Returned, VmError};
use near_account_id::AccountId;
use near_crypto::{KeyType, PublicKey};
use near_parameters::RuntimeConfig;
use near_primitives::errors::FunctionCallError;
use near_primitives::hash::CryptoHash;
use near_primitives::types::Balance;

/// What a view returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewOutcome {
    /// The returned bytes; empty if the method returned nothing.
    pub result: Vec<u8>,
    /// What it logged.
    pub logs: Vec<String>,
}

/// Why a view did not return.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// There is no such account.
    #[error("account {0} does not exist")]
    UnknownAccount(AccountId),
    /// The call failed.
    #[error("wasm execution failed with error: {message}")]
    Failed {
        /// The VM's own words, as in a node's answer.
        message: String,
        /// The same, as in an outcome.
        error: FunctionCallError,
    },
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The VM gave up.
    #[error(transparent)]
    Vm(#[from] VmError),
}

/// Whom a view asks, and what.
#[derive(Clone, Copy, Debug)]
pub struct ViewCall<'a> {
    /// The contract's account.
    pub account_id: &'a AccountId,
    /// Its method.
    pub method_name: &'a str,
    /// The method's arguments.
    pub args: &'a [u8],
}

pub(crate) fn run(
    view: ViewCall<'_>,
    state: &State,
    block: &Block,
    config: &RuntimeConfig,
    facts: BlockFacts<'_>,
) -> Result<ViewOutcome, ViewError> {
    let account_id = view.account_id;
    let account = state.account(account_id)?.ok_or_else(|| ViewError::UnknownAccount(account_id.clone()))?;
    let key = borsh::to_vec(&PublicKey::empty(KeyType::ED25519)).map_err(|_| StateError::Encoding("public key"))?;
    let call = vm::Call {
        config,
        account_id,
        account: &account,
        method_name: view.method_name,
        args: view.args,
        gas: config.wasm_config.limit_config.max_gas_burnt,
        deposit: Balance::ZERO,
        signer_id: account_id,
        signer_public_key: key,
        predecessor_id: account_id,
        refund_to: account_id,
        promise_results: &[],
        output_data_receivers: Vec::new(),
        action_hash: CryptoHash::default(),
        block: BlockFacts { random_value: block.random_value, ..facts },
        view: true,
        proof_size_before: 0,
    };
    let outcome = vm::run(call, &mut StateUpdate::new(state.clone()))?;
    match outcome.result {
        Err(failure) => Err(ViewError::Failed { message: failure.message, error: failure.error }),
        Ok(success) => Ok(ViewOutcome {
            result: match success.returned {
                Returned::Value(value) => value,
                Returned::Nothing | Returned::Receipt(_) => Vec::new(),
            },
            logs: outcome.logs,
        }),
    }
}
