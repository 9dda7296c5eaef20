//! The NEAR VM: the only place that names `near_vm_runner`. Runs one method of one contract against a state update.
//!
//! `external` is what a contract may ask of the chain, `storage` what its data costs, `cache` keeps loaded contracts,
//! `convert` turns the VM's errors into those of outcomes.
mod cache;
mod convert;
mod external;
mod storage;

use crate::apply::outgoing::Outgoing;
use crate::state::StateUpdate;
use external::RuntimeExternal;
use near_account_id::AccountId;
use near_parameters::RuntimeConfig;
use near_primitives::account::Account;
use near_primitives::config::ViewConfig;
use near_primitives::errors::FunctionCallError;
use near_primitives::hash::CryptoHash;
use near_primitives::profile_data_v3::ProfileDataV3;
use near_primitives::types::{Balance, BlockHeight, Gas, ProtocolVersion, StorageUsage};
use near_vm_runner::logic::errors::{CompilationError, FunctionCallError as VmFunctionCallError, VMRunnerError};
use near_vm_runner::logic::types::PromiseResult;
use near_vm_runner::logic::{GasCounter, ReturnData, VMContext, VMOutcome};
use near_vm_runner::{Contract, ContractCode, ContractRuntimeCache};
use std::sync::Arc;

/// A call that could not be run at all: a fault in this program or in the VM, not in the contract.
#[derive(Debug, thiserror::Error)]
#[error("the VM could not run {method} of {account_id}: {reason}")]
pub struct VmError {
    account_id: AccountId,
    method: String,
    reason: String,
}

/// One call, with everything the contract can ask about it.
pub(crate) struct Call<'a> {
    pub config: &'a RuntimeConfig,
    pub account_id: &'a AccountId,
    /// The account as it is now, without the call's deposit.
    pub account: &'a Account,
    pub method_name: &'a str,
    pub args: &'a [u8],
    pub gas: Gas,
    pub deposit: Balance,
    pub signer_id: &'a AccountId,
    /// The signer's key, in borsh.
    pub signer_public_key: Vec<u8>,
    pub predecessor_id: &'a AccountId,
    pub refund_to: &'a AccountId,
    /// What the receipts that this one waited for have returned; `None` for a failure.
    pub promise_results: &'a [Option<Vec<u8>>],
    /// Who gets this call's result.
    pub output_data_receivers: Vec<AccountId>,
    pub action_hash: CryptoHash,
    pub block: BlockFacts<'a>,
    /// True for a call that may only read.
    pub view: bool,
    /// Storage proof when the receipt began, in bytes.
    pub proof_size_before: usize,
}

/// What a contract can learn about the block it runs in.
#[derive(Clone, Copy)]
pub(crate) struct BlockFacts<'a> {
    pub height: BlockHeight,
    pub timestamp_ns: u64,
    pub epoch_height: u64,
    pub random_value: CryptoHash,
    pub chain_id: &'a str,
    pub validator_id: &'a AccountId,
    pub protocol_version: ProtocolVersion,
}

/// What a method returned.
#[derive(Debug)]
pub(crate) enum Returned {
    Nothing,
    Value(Vec<u8>),
    /// The result is that of a promise: the index of one of the new receipts.
    Receipt(usize),
}

/// How a call ended.
pub(crate) struct CallOutcome {
    pub burnt_gas: Gas,
    /// Burnt gas, and what went to new promises.
    pub used_gas: Gas,
    pub compute: u64,
    pub logs: Vec<String>,
    pub profile: ProfileDataV3,
    pub result: Result<CallSuccess, CallFailure>,
}

/// A call that ended well.
pub(crate) struct CallSuccess {
    pub returned: Returned,
    pub balance: Balance,
    pub storage_usage: StorageUsage,
    /// Tokens that the chain added: one yocto on a promise of a contract that owns nothing.
    pub subsidized: Balance,
    pub outgoing: Outgoing,
}

/// A call that failed, in the words of an outcome and in those of a view.
pub(crate) struct CallFailure {
    pub error: FunctionCallError,
    pub message: String,
}

/// Compiles and loads a contract ahead of its first call. One that does not compile fails when called.
pub(crate) fn compile(code: &[u8], config: &RuntimeConfig) {
    let contract = Deployed { hash: CryptoHash::hash_bytes(code), code: Some(code.into()) };
    cache::holding(&contract, &config.wasm_config);
}

/// Runs the call. Writes stay pending in `update`, whether the call succeeds or not: the caller keeps or drops them.
pub(crate) fn run(call: Call<'_>, update: &mut StateUpdate) -> Result<CallOutcome, VmError> {
    let wasm_config = Arc::clone(&call.config.wasm_config);
    let max_gas_burnt = wasm_config.limit_config.max_gas_burnt;
    let counter =
        GasCounter::new(wasm_config.ext_costs.clone(), max_gas_burnt, wasm_config.regular_op_cost, call.gas, call.view);
    let contract = Deployed::of(&call, update);
    let cache = cache::holding(&contract, &wasm_config);
    let cache = cache.as_ref().map(|cache| cache as &dyn ContractRuntimeCache);
    let prepared = near_vm_runner::prepare(&contract, wasm_config, cache, counter, call.method_name);
    let context = context(&call, max_gas_burnt);
    let mut external = RuntimeExternal::new(&call, update);
    let ran = near_vm_runner::run(prepared, &mut external, &context, Arc::clone(&call.config.fees));
    let mut outgoing = external.into_outgoing();

    let mut outcome = match ran {
        Ok(outcome) => outcome,
        Err(VMRunnerError::ContractCodeNotPresent) => {
            let account_id = call.account_id.as_str().into();
            VMOutcome::nop_outcome(CompilationError::CodeDoesNotExist { account_id }.into_call_error())
        }
        Err(VMRunnerError::LoadingError(msg)) => VMOutcome::nop_outcome(VmFunctionCallError::LoadingError { msg }),
        Err(error) => return Err(call.broken(error.to_string())),
    };
    if !call.view {
        let unused = call.gas.saturating_sub(outcome.used_gas);
        let given = outgoing.share_out(unused).map_err(|_| call.broken("gas overflow".into()))?;
        outcome.used_gas = outcome.used_gas.saturating_add(given);
    }
    let result = match outcome.aborted {
        Some(error) => Err(CallFailure {
            message: format!("{error:?}"),
            error: convert::function_call_error(error, call.account_id),
        }),
        None => Ok(CallSuccess {
            returned: match outcome.return_data {
                ReturnData::None => Returned::Nothing,
                ReturnData::Value(value) => Returned::Value(value),
                ReturnData::ReceiptIndex(index) => {
                    Returned::Receipt(usize::try_from(index).map_err(|_| call.broken("receipt index".into()))?)
                }
            },
            balance: outcome.balance,
            storage_usage: outcome.storage_usage,
            subsidized: outcome.subsidized_amount,
            outgoing,
        }),
    };
    Ok(CallOutcome {
        burnt_gas: outcome.burnt_gas,
        used_gas: outcome.used_gas,
        compute: outcome.compute_usage,
        logs: outcome.logs,
        profile: ProfileDataV3 {
            actions_profile: outcome.profile.actions_profile,
            wasm_ext_profile: outcome.profile.wasm_ext_profile,
            wasm_gas: outcome.profile.wasm_gas,
        },
        result,
    })
}

impl Call<'_> {
    fn broken(&self, reason: String) -> VmError {
        VmError { account_id: self.account_id.clone(), method: self.method_name.into(), reason }
    }
}

fn context(call: &Call<'_>, max_gas_burnt: Gas) -> VMContext {
    VMContext {
        current_account_id: call.account_id.clone(),
        signer_account_id: call.signer_id.clone(),
        signer_account_pk: call.signer_public_key.clone(),
        predecessor_account_id: call.predecessor_id.clone(),
        refund_to_account_id: call.refund_to.clone(),
        input: call.args.into(),
        promise_results: call
            .promise_results
            .iter()
            .map(|result| match result {
                Some(data) => PromiseResult::Successful(data.as_slice().into()),
                None => PromiseResult::Failed,
            })
            .collect(),
        block_height: call.block.height,
        block_timestamp: call.block.timestamp_ns,
        epoch_height: call.block.epoch_height,
        account_balance: call.account.amount(),
        account_locked_balance: call.account.locked(),
        storage_usage: call.account.storage_usage(),
        account_contract: call.account.contract().into_owned(),
        attached_deposit: call.deposit,
        prepaid_gas: call.gas,
        random_seed: near_primitives::utils::create_random_seed(call.action_hash, call.block.random_value),
        view_config: call.view.then_some(ViewConfig { max_gas_burnt }),
        output_data_receivers: call.output_data_receivers.clone(),
    }
}

/// The contract as the VM asks for it: by hash if it is compiled already, by its code otherwise.
struct Deployed {
    hash: CryptoHash,
    code: Option<Arc<[u8]>>,
}

impl Deployed {
    fn of(call: &Call<'_>, update: &StateUpdate) -> Deployed {
        let hash = call.account.local_contract_hash();
        let code = hash.and_then(|_| crate::state::StateRead::code(update, call.account_id));
        Deployed { hash: hash.unwrap_or_default(), code }
    }
}

impl Contract for Deployed {
    fn hash(&self) -> CryptoHash {
        self.hash
    }

    fn get_code(&self) -> Option<Arc<ContractCode>> {
        self.code.as_ref().map(|code| Arc::new(ContractCode::new(code.to_vec(), Some(self.hash))))
    }
}

/// A compilation error is one way for a call to fail.
trait IntoCallError {
    fn into_call_error(self) -> VmFunctionCallError;
}

impl IntoCallError for CompilationError {
    fn into_call_error(self) -> VmFunctionCallError {
        VmFunctionCallError::CompilationError(self)
    }
}
