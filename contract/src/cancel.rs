//! The ways out when no answer comes: the sender's after the deadline, and the owner's at any time.

use crate::{
    answer::{self, Resume},
    config::NANOSECONDS,
    error::{ContractError, or_panic},
    pending, promise,
    settle::End,
    state::{Contract, ContractExt},
};
use near_sdk::{env, near};
use offchainvm_interface::{FailureCode, RequestId};

#[near]
impl Contract {
    /// Withdraws a request that is past its deadline and refunds its deposit in full.
    ///
    /// Caller: the request's sender. Emits `execution_completed` with the code `cancelled`; a transaction that still
    /// waits is woken and fails with it.
    /// Fails when the request does not wait, is another's, or is not old enough.
    pub fn cancel_stale_execution(&mut self, request_id: RequestId) {
        or_panic(self.check_stale(request_id));
        or_panic(self.cancel(request_id, "withdrawn by its sender"));
    }

    /// Withdraws any request and refunds its deposit in full.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Emits `execution_completed` with the code `cancelled`.
    /// Fails when the request does not wait.
    #[payable]
    pub fn emergency_cancel_execution(&mut self, request_id: RequestId) {
        or_panic(self.check_owner());
        or_panic(self.cancel(request_id, "withdrawn by the contract's owner"));
    }
}

impl Contract {
    fn check_stale(&self, request_id: RequestId) -> Result<(), ContractError> {
        let request = pending::request(request_id).ok_or(ContractError::UnknownRequest(request_id))?;
        let caller = env::predecessor_account_id();
        if caller != request.sender_id {
            return Err(ContractError::NotSender { request_id, caller });
        }
        let left = request.deadline.saturating_sub(env::block_timestamp());
        if left > 0 {
            return Err(ContractError::NotStale { request_id, seconds_left: left.div_ceil(NANOSECONDS) });
        }
        Ok(())
    }

    /// An answer that is on its way to the callback is passed over: the callback finds nothing to settle.
    fn cancel(&mut self, request_id: RequestId, why: &str) -> Result<(), ContractError> {
        let Some((request, handle)) = self.take(request_id) else {
            return Err(ContractError::UnknownRequest(request_id));
        };
        if handle.is_answered {
            let _ = answer::unstash(request_id);
        }
        // The message is for the suspended transaction, and the callback makes its own.
        let _ = self.settle(&request, End::failed(FailureCode::Cancelled, why.to_owned()));
        if let Ok(payload) = borsh::to_vec(&Resume::Cancelled) {
            promise::wake(handle.live, &payload);
        }
        Ok(())
    }
}
