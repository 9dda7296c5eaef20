//! What the contract's views return.

use crate::limits::MaxLimits;
use near_account_id::AccountId;
use near_token::NearToken;
use serde::{Deserialize, Serialize};

/// `get_config`: who may do what, and the bounds of every request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Config {
    /// Who administers the contract.
    pub owner_id: AccountId,
    /// The first of `operators`: the field that a contract with one operator has always shown.
    pub operator_id: Option<AccountId>,
    /// Who may resolve requests.
    pub operators: Vec<AccountId>,
    /// Whether new requests are refused.
    pub paused: bool,
    /// The most that a request may ask for.
    pub max_limits: MaxLimits,
    /// The largest `return_value`, in bytes.
    pub max_result_bytes: u32,
    /// Seconds after which the sender may cancel an unanswered request.
    pub stale_after_seconds: u64,
}

/// `get_stats`: what has passed through the contract.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Stats {
    /// Requests ever accepted.
    pub total_requests: u64,
    /// Requests that wait.
    pub pending_requests: u64,
    /// Settled: the caller got a value.
    pub succeeded: u64,
    /// Settled: answered, but the caller got a failure.
    pub failed: u64,
    /// Settled: nobody answered in time.
    pub timed_out: u64,
    /// Settled: withdrawn by the caller.
    pub cancelled: u64,
    /// Deposits of the requests that wait, in yoctoNEAR.
    pub escrow: NearToken,
    /// Fees earned so far, in yoctoNEAR.
    pub fees: NearToken,
}
