//! What anyone may read, free of charge.

use crate::{
    config::MAX_PAGE,
    error::{ContractError, or_panic},
    fees, pending, pricing, receipts,
    request::check_input,
    state::{Contract, ContractExt},
    storage,
};
use near_sdk::{AccountId, NearToken, near};
use offchainvm_interface::{
    ExecutionRequest, MaxLimits, Pricing, RequestId, ResourceLimits,
    views::{Config, Receipt, Stats},
};

#[near]
impl Contract {
    /// The request, while it waits; null before and after.
    #[must_use]
    pub fn get_request(&self, request_id: RequestId) -> Option<ExecutionRequest> {
        pending::request(request_id)
    }

    /// The input of a waiting request that was too large for its event; null for any other.
    #[must_use]
    pub fn get_request_input(&self, request_id: RequestId) -> Option<String> {
        pending::input(request_id).and_then(|input| String::from_utf8(input).ok())
    }

    /// How a settled request ended; null before, and once `receipt_history` later ones have ended.
    #[must_use]
    pub fn get_receipt(&self, request_id: RequestId) -> Option<Receipt> {
        receipts::find(self, request_id)
    }

    /// The deposit that `request_execution` demands for these limits and `input_len` bytes of `input_data`, to the
    /// yocto.
    ///
    /// Fails when a limit is out of range, or the input too large.
    #[must_use]
    pub fn estimate_cost(&self, resource_limits: Option<ResourceLimits>, input_len: u64) -> NearToken {
        let limits = resource_limits.unwrap_or_default();
        or_panic(limits.check(&self.max_limits).map_err(ContractError::from));
        or_panic(check_input(input_len));
        or_panic(pricing::required_deposit(&self.pricing, &limits, input_len).map_err(ContractError::from)).total
    }

    /// The requests that wait, in no particular order: at most `limit` (100 by default and at most) after the first
    /// `from_index`. Settling moves entries, so a reader of several pages may see one twice or must ask again.
    #[must_use]
    pub fn list_pending(&self, from_index: Option<u64>, limit: Option<u64>) -> Vec<ExecutionRequest> {
        let from = u32::try_from(from_index.unwrap_or(0)).unwrap_or(u32::MAX);
        let limit = u32::try_from(limit.unwrap_or(u64::MAX)).map_or(MAX_PAGE, |limit| limit.min(MAX_PAGE));
        self.page(from, limit).collect()
    }

    /// What has passed through the contract.
    #[must_use]
    pub fn get_stats(&self) -> Stats {
        let outcomes = &self.outcomes;
        Stats {
            total_requests: self.total_requests,
            pending_requests: self.waiting.into(),
            succeeded: outcomes.succeeded,
            failed: outcomes.failed_source + outcomes.failed_program + outcomes.failed_operator,
            failed_source: outcomes.failed_source,
            failed_program: outcomes.failed_program,
            failed_operator: outcomes.failed_operator,
            timed_out: outcomes.timed_out,
            cancelled: outcomes.cancelled,
            escrow: self.escrow,
            requests_storage: self.requests_storage,
            fees: self.fees,
            credits: self.credits,
        }
    }

    /// The price list for new requests.
    #[must_use]
    pub fn get_pricing(&self) -> Pricing {
        self.pricing
    }

    /// The most that a request may ask for.
    #[must_use]
    pub fn get_max_limits(&self) -> MaxLimits {
        self.max_limits
    }

    /// Who may resolve requests, in the order in which they were added.
    #[must_use]
    pub fn get_operators(&self) -> Vec<AccountId> {
        self.operators.clone()
    }

    /// Refunds of the account that could not be sent and wait for `claim_credit`, in yoctoNEAR.
    #[must_use]
    pub fn get_credit(&self, account_id: AccountId) -> NearToken {
        fees::credit_of(&account_id)
    }

    /// Who may do what, and the bounds of every request.
    #[must_use]
    pub fn get_config(&self) -> Config {
        Config {
            owner_id: self.owner_id.clone(),
            proposed_owner_id: self.proposed_owner_id.clone(),
            operator_id: self.operators.first().cloned(),
            operators: self.operators.clone(),
            paused: self.paused,
            max_limits: self.max_limits,
            max_result_bytes: self.max_result_bytes,
            stale_after_seconds: self.deadline_seconds,
            receipt_history: self.receipt_history,
            state_version: storage::version().unwrap_or(1),
        }
    }
}
