//! The promises that this contract makes, over the host's functions.
//!
//! Not through the SDK's `Promise`: that type imports the host function of every action, some newer than the oldest
//! protocol version this contract runs on.

use crate::config::{DATA_ID_REGISTER, FAIL_GAS, MIN_RESPONSE_GAS};
use near_sdk::{AccountIdRef, GasWeight, NearToken, PromiseIndex, env, serde_json::json};
use offchainvm_interface::{DataId, RequestId, Resume};

/// Suspends the transaction: its outcome will be that of `on_execution_response`. All gas that is left goes there.
/// [`None`] when the host returned no handle, which it always does.
pub(crate) fn suspend(request_id: RequestId) -> Option<(PromiseIndex, DataId)> {
    let args = json!({ "request_id": request_id }).to_string();
    let promise = env::promise_yield_create(
        "on_execution_response",
        args.as_bytes(),
        MIN_RESPONSE_GAS,
        GasWeight(1),
        DATA_ID_REGISTER,
    );
    let data_id = env::read_register(DATA_ID_REGISTER)?.try_into().ok()?;
    Some((promise, DataId(data_id)))
}

/// Wakes the transaction behind `data_id`. False when nothing waits there.
pub(crate) fn wake(data_id: DataId, resume: &Resume) -> bool {
    borsh::to_vec(resume).is_ok_and(|payload| env::promise_yield_resume(&data_id.0, &payload))
}

/// Sends `amount` in a receipt of its own, whose failure does not touch the caller's.
pub(crate) fn pay(receiver: &AccountIdRef, amount: NearToken) {
    if amount > NearToken::from_yoctonear(0) {
        let promise = env::promise_batch_create(&receiver.to_owned());
        env::promise_batch_action_transfer(promise, amount);
    }
}

/// Fails the caller's transaction with `message`, in a receipt of its own: a failure here would undo the settlement.
pub(crate) fn fail_caller(message: &str) {
    let promise = env::promise_batch_create(&env::current_account_id());
    let args = json!({ "message": message }).to_string();
    env::promise_batch_action_function_call(
        promise,
        "fail_execution",
        args.as_bytes(),
        NearToken::from_yoctonear(0),
        FAIL_GAS,
    );
    env::promise_return(promise);
}
