//! `cancel_stale_execution`: the sender's way out when nobody answers and the callback never came.

use crate::{
    error::{ContractError, or_panic},
    promise,
    resume::End,
    state::{Contract, ContractExt},
};
use near_sdk::{env, near};
use offchainvm_interface::{FailureCode, RequestId, ResourcesUsed, Resume};

const NANOSECONDS: u64 = 1_000_000_000;

#[near]
impl Contract {
    /// Withdraws a request that nobody has answered for ten minutes and refunds its deposit in full.
    ///
    /// Caller: the request's sender. Emits `execution_completed` with the code `cancelled`; a transaction that still
    /// waits is woken and fails with it.
    /// Fails when the request does not wait, is another's, was answered already, or is not old enough.
    pub fn cancel_stale_execution(&mut self, request_id: RequestId) {
        or_panic(self.cancel(request_id));
    }
}

impl Contract {
    fn cancel(&mut self, request_id: RequestId) -> Result<(), ContractError> {
        let request = self.pending.get(&request_id).ok_or(ContractError::UnknownRequest(request_id))?;
        let caller = env::predecessor_account_id();
        if caller != request.sender_id {
            return Err(ContractError::NotSender { request_id, caller });
        }
        let age = env::block_timestamp().saturating_sub(request.timestamp);
        let left = self.stale_after_seconds.saturating_mul(NANOSECONDS).saturating_sub(age);
        if left > 0 {
            return Err(ContractError::NotStale { request_id, seconds_left: left.div_ceil(NANOSECONDS) });
        }
        let Some(request) = self.take(request_id) else {
            return Err(ContractError::UnknownRequest(request_id));
        };
        let text = "withdrawn by its sender".to_owned();
        // The message is for the suspended transaction, and the callback makes its own.
        let _ = self.settle(&request, End::Failure(FailureCode::Cancelled, text, ResourcesUsed::default()));
        promise::wake(request.data_id, &Resume::Cancelled);
        Ok(())
    }
}
