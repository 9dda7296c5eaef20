//! The promises that this contract makes, over the host's functions.
//!
//! Not through the SDK's `Promise`: that type imports the host function of every action, some newer than the oldest
//! protocol version this contract runs on.

use crate::config::{DATA_ID_REGISTER, FAIL_GAS, MIGRATE_GAS, PAID_GAS};
use near_sdk::{AccountId, Gas, GasWeight, NearToken, PromiseIndex, env, serde::Serialize, serde_json};
use offchainvm_interface::{DataId, RequestId, calls::RequestIdArgs, events::Payment};

const NOTHING: NearToken = NearToken::from_yoctonear(0);

/// The arguments of `fail_execution`.
#[derive(Serialize)]
#[serde(crate = "near_sdk::serde")]
struct Failure<'a> {
    message: &'a str,
}

/// The arguments of one of this contract's own methods. Text and numbers always have a JSON. Through types, because a
/// tree of JSON values would make the contract larger by a twentieth.
fn args(of_method: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(of_method).unwrap_or_default()
}

/// Suspends the transaction: its outcome will be that of `on_execution_response`, which gets all gas that is left, and
/// `at_least` that much. [`None`] when the host returned no handle, which it always does.
pub(crate) fn suspend(request_id: RequestId, at_least: Gas) -> Option<(PromiseIndex, DataId)> {
    let args = args(&RequestIdArgs { request_id });
    let promise = env::promise_yield_create("on_execution_response", &args, at_least, GasWeight(1), DATA_ID_REGISTER);
    let data_id = env::read_register(DATA_ID_REGISTER)?.try_into().ok()?;
    Some((promise, DataId(data_id)))
}

/// Wakes the transaction behind `data_id`. False when nothing waits there.
pub(crate) fn wake(data_id: DataId, payload: &[u8]) -> bool {
    env::promise_yield_resume(&data_id.0, payload)
}

/// Sends `amount` in a receipt of its own, whose failure does not touch the caller's. How it went is heard by the
/// private method `heard_by`, with `account_id` as whom the money belongs to.
pub(crate) fn pay(receiver_id: &AccountId, amount: NearToken, heard_by: &str, account_id: &AccountId) {
    if amount == NOTHING {
        return;
    }
    let payment = env::promise_batch_create(receiver_id);
    env::promise_batch_action_transfer(payment, amount);
    let hearing = env::promise_batch_then(payment, &env::current_account_id());
    let args = args(&Payment { account_id: account_id.clone(), amount });
    env::promise_batch_action_function_call(hearing, heard_by, &args, NOTHING, PAID_GAS);
}

/// Fails the caller's transaction with `message`, in a receipt of its own: a failure here would undo the settlement.
pub(crate) fn fail_caller(message: &str) {
    let promise = env::promise_batch_create(&env::current_account_id());
    let args = args(&Failure { message });
    env::promise_batch_action_function_call(promise, "fail_execution", &args, NOTHING, FAIL_GAS);
    env::promise_return(promise);
}

/// Deploys `code` here and has it convert the state, in one receipt: both happen, or neither.
pub(crate) fn replace_code(code: &[u8]) {
    let promise = env::promise_batch_create(&env::current_account_id());
    env::promise_batch_action_deploy_contract(promise, code);
    env::promise_batch_action_function_call_weight(promise, "migrate", b"{}", NOTHING, MIGRATE_GAS, GasWeight(1));
    env::promise_return(promise);
}
