//! What anyone may read, free of charge.

use crate::{
    config::MAX_PAGE,
    state::{Contract, ContractExt},
};
use near_sdk::near;
use offchainvm_interface::{
    ExecutionRequest, Pricing, RequestId,
    views::{Config, Stats},
};

#[near]
impl Contract {
    /// The request, while it waits; null before and after.
    #[must_use]
    pub fn get_request(&self, request_id: RequestId) -> Option<ExecutionRequest> {
        self.pending.get(&request_id).cloned()
    }

    /// The requests that wait, in no particular order: at most `limit` (100 by default and at most) after the first
    /// `from_index`. Settling moves entries, so a reader of several pages may see one twice or must ask again.
    #[must_use]
    pub fn list_pending(&self, from_index: Option<u64>, limit: Option<u64>) -> Vec<ExecutionRequest> {
        let skip = usize::try_from(from_index.unwrap_or(0)).unwrap_or(usize::MAX);
        let take = limit.unwrap_or(MAX_PAGE).min(MAX_PAGE);
        self.pending.values().skip(skip).take(take as usize).cloned().collect()
    }

    /// What has passed through the contract.
    #[must_use]
    pub fn get_stats(&self) -> Stats {
        Stats {
            total_requests: self.total_requests,
            pending_requests: self.pending.len().into(),
            succeeded: self.outcomes.succeeded,
            failed: self.outcomes.failed,
            timed_out: self.outcomes.timed_out,
            cancelled: self.outcomes.cancelled,
            escrow: self.escrow,
            fees: self.fees,
        }
    }

    /// The price list for new requests.
    #[must_use]
    pub fn get_pricing(&self) -> Pricing {
        self.pricing
    }

    /// Who may do what, and the bounds of every request.
    #[must_use]
    pub fn get_config(&self) -> Config {
        Config {
            owner_id: self.owner_id.clone(),
            operator_id: self.operators.first().cloned(),
            operators: self.operators.clone(),
            paused: self.paused,
            max_limits: self.max_limits,
            max_result_bytes: self.max_result_bytes,
            stale_after_seconds: self.stale_after_seconds,
        }
    }
}
