//! What gas an action takes, what a transaction costs, and what a record is billed for. Pure arithmetic.
use crate::state::StateError;
use near_account_id::AccountId;
use near_crypto::{KeyType, PublicKey};
use near_parameters::{ActionCosts, ParameterCost, RuntimeConfig, SignatureKind, transfer_exec_fee, transfer_send_fee};
use near_primitives::account::{AccessKey, AccessKeyPermission};
use near_primitives::errors::IntegerOverflowError;
use near_primitives::receipt::{Receipt, VersionedActionReceipt, VersionedReceiptEnum};
use near_primitives::transaction::{Action, Transaction};
use near_primitives::types::{Balance, Gas};

/// What a transaction costs its signer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransactionCost {
    /// Gas burnt by turning it into a receipt.
    pub gas_burnt: Gas,
    /// Tokens burnt with that gas.
    pub burnt_amount: Balance,
    /// Price at which the gas of everything that follows is bought.
    pub receipt_gas_price: Balance,
    /// All that the signer pays: both kinds of gas, and the deposits.
    pub total_cost: Balance,
}

type Fee = Result<ParameterCost, IntegerOverflowError>;

/// What it takes to send an action. `same_account`: sender and receiver are one.
fn send_fee(config: &RuntimeConfig, action: &Action, same_account: bool, receiver_id: &AccountId) -> Fee {
    let fee = |cost| config.fees.fee(cost).send_fee(same_account);
    let vm = &config.wasm_config;
    Ok(match action {
        Action::Transfer(_) => transfer_send_fee(
            &config.fees,
            same_account,
            vm.eth_implicit_accounts,
            vm.universal_accounts,
            receiver_id.get_account_type(),
        ),
        action => return sized_fee(action, fee),
    })
}

/// What it takes to execute an action.
pub(crate) fn exec_fee(config: &RuntimeConfig, action: &Action, receiver_id: &AccountId) -> Fee {
    let fee = |cost| config.fees.fee(cost).exec_fee();
    let vm = &config.wasm_config;
    Ok(match action {
        Action::Transfer(_) => transfer_exec_fee(
            &config.fees,
            vm.eth_implicit_accounts,
            vm.universal_accounts,
            receiver_id.get_account_type(),
        ),
        action => return sized_fee(action, fee),
    })
}

/// The fee of an action other than a transfer: a base, and so much a byte. Actions that validation refuses cost
/// nothing, since they are never sent.
fn sized_fee(action: &Action, fee: impl Fn(ActionCosts) -> ParameterCost) -> Fee {
    let with_bytes =
        |base, byte, bytes: usize| fee(base).checked_add_result(fee(byte).checked_mul_result(bytes as u64)?);
    match action {
        Action::CreateAccount(_) => Ok(fee(ActionCosts::create_account)),
        Action::DeployContract(deploy) => {
            with_bytes(ActionCosts::deploy_contract_base, ActionCosts::deploy_contract_byte, deploy.code.len())
        }
        Action::FunctionCall(call) => with_bytes(
            ActionCosts::function_call_base,
            ActionCosts::function_call_byte,
            call.method_name.len() + call.args.len(),
        ),
        Action::AddKey(add) => match &add.access_key.permission {
            AccessKeyPermission::FunctionCall(permission) => with_bytes(
                ActionCosts::add_function_call_key_base,
                ActionCosts::add_function_call_key_byte,
                permission.method_names.iter().map(|name| name.len() + 1).sum(),
            ),
            _ => Ok(fee(ActionCosts::add_full_access_key)),
        },
        Action::DeleteKey(_) => Ok(fee(ActionCosts::delete_key)),
        Action::DeleteAccount(_) => Ok(fee(ActionCosts::delete_account)),
        _ => Ok(ParameterCost::ZERO),
    }
}

/// What executing all of these actions takes, beside the gas they carry.
pub(crate) fn total_exec_fees(config: &RuntimeConfig, actions: &[Action], receiver_id: &AccountId) -> Fee {
    actions
        .iter()
        .try_fold(ParameterCost::ZERO, |sum, action| sum.checked_add_result(exec_fee(config, action, receiver_id)?))
}

/// The gas that function calls carry.
pub(crate) fn total_prepaid_gas(actions: &[Action]) -> Result<Gas, IntegerOverflowError> {
    actions.iter().try_fold(Gas::ZERO, |sum, action| sum.checked_add_result(action.get_prepaid_gas()))
}

/// The tokens that actions carry.
pub(crate) fn total_deposit(actions: &[Action]) -> Result<Balance, IntegerOverflowError> {
    actions
        .iter()
        .try_fold(Balance::ZERO, |sum, action| sum.checked_add(action.get_deposit_balance()))
        .ok_or(IntegerOverflowError)
}

/// Tokens for gas.
pub(crate) fn price(gas: Gas, gas_price: Balance) -> Result<Balance, IntegerOverflowError> {
    gas_price.checked_mul(u128::from(gas.as_gas())).ok_or(IntegerOverflowError)
}

/// Gas that a receipt has bought and not used before its first action runs.
pub(crate) fn bought_gas(
    config: &RuntimeConfig,
    receipt: &VersionedActionReceipt<'_>,
    receiver_id: &AccountId,
) -> Result<Gas, IntegerOverflowError> {
    let exec = total_exec_fees(config, receipt.actions(), receiver_id)?.gas;
    let base = config.fees.fee(ActionCosts::new_action_receipt).exec_fee().gas;
    total_prepaid_gas(receipt.actions())?.checked_add_result(exec)?.checked_add_result(base)
}

/// Tokens that travel with a receipt: its deposits, and its gas at the price it was bought for.
pub(crate) fn carried(config: &RuntimeConfig, receipt: &Receipt) -> Result<Balance, IntegerOverflowError> {
    let (VersionedReceiptEnum::Action(action) | VersionedReceiptEnum::PromiseYield(action)) =
        receipt.versioned_receipt()
    else {
        return Ok(Balance::ZERO);
    };
    let gas = price(bought_gas(config, &action, receipt.receiver_id())?, action.gas_price())?;
    total_deposit(action.actions())?.checked_add(gas).ok_or(IntegerOverflowError)
}

/// What a transaction costs at the given gas price.
pub(crate) fn transaction_cost(
    config: &RuntimeConfig,
    transaction: &Transaction,
    gas_price: Balance,
) -> Result<TransactionCost, IntegerOverflowError> {
    let receiver_id = transaction.receiver_id();
    let actions = transaction.actions();
    let same_account = transaction.signer_id() == receiver_id;
    let base = config.fees.fee(ActionCosts::new_action_receipt);
    let signature = match transaction.public_key().key_type() {
        KeyType::ED25519 => SignatureKind::Ed25519,
        KeyType::SECP256K1 => SignatureKind::Secp256k1,
        KeyType::MLDSA65 => SignatureKind::MlDsa65,
    };
    let sending =
        base.send_fee(same_account).checked_add_result(config.fees.signature_verification_costs[signature])?;
    let burnt = actions.iter().try_fold(sending, |sum, action| {
        sum.checked_add_result(send_fee(config, action, same_account, receiver_id)?)
    })?;
    let remaining = total_prepaid_gas(actions)?
        .checked_add_result(base.exec_fee().gas)?
        .checked_add_result(total_exec_fees(config, actions, receiver_id)?.gas)?;
    let receipt_gas_price = gas_price.max(config.min_gas_purchase_price);
    let burnt_amount = price(burnt.gas, gas_price)?;
    let total_cost = burnt_amount
        .checked_add(price(remaining, receipt_gas_price)?)
        .and_then(|cost| cost.checked_add(total_deposit(actions).ok()?))
        .ok_or(IntegerOverflowError)?;
    Ok(TransactionCost { gas_burnt: burnt.gas, burnt_amount, receipt_gas_price, total_cost })
}

/// Bytes of storage that an account is billed for a key.
pub(crate) fn access_key_storage(
    public_key: &PublicKey,
    access_key: &AccessKey,
    bytes_per_record: u64,
) -> Result<u64, StateError> {
    let value = borsh::object_length(access_key).map_err(|_| StateError::Encoding("access key"))?;
    Ok((public_key.trie_id_len() + value) as u64 + bytes_per_record)
}
