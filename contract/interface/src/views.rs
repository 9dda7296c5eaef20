//! What the contract's views return.

use crate::{
    failure::FailureCode, limits::MaxLimits, request::RequestId, sha256::Sha256, trailing, usage::ResourcesUsed,
};
use borsh::{BorshDeserialize, BorshSerialize};
use near_account_id::AccountId;
use near_token::NearToken;
use serde::{Deserialize, Serialize};

/// `get_config`: who may do what, and the bounds of every request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
pub struct Config {
    /// Who administers the contract.
    pub owner_id: AccountId,
    /// Who was offered the ownership and has not accepted yet.
    pub proposed_owner_id: Option<AccountId>,
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
    /// Seconds from a request to its deadline: until then its window is renewed, from then on its sender may cancel it.
    pub stale_after_seconds: u64,
    /// How many settled requests are remembered.
    pub receipt_history: u32,
    /// The form of the contract's state.
    pub state_version: u32,
}

/// `get_stats`: what has passed through the contract.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
pub struct Stats {
    /// Requests ever accepted.
    pub total_requests: u64,
    /// Requests that wait.
    pub pending_requests: u64,
    /// Settled: the caller got a value.
    pub succeeded: u64,
    /// Settled: answered, but the caller got a failure. The sum of the next three.
    pub failed: u64,
    /// Settled: the source did not fetch or build.
    pub failed_source: u64,
    /// Settled: the program failed or exceeded a limit.
    pub failed_program: u64,
    /// Settled: the operator failed.
    pub failed_operator: u64,
    /// Settled: nobody answered in time.
    pub timed_out: u64,
    /// Settled: withdrawn by the caller.
    pub cancelled: u64,
    /// Deposits of the requests that wait, in yoctoNEAR.
    pub escrow: NearToken,
    /// Bytes of the contract's storage that those requests occupy, and their deposits pay for.
    pub requests_storage: u64,
    /// Fees earned and not withdrawn yet, in yoctoNEAR.
    pub fees: NearToken,
    /// Refunds that could not be sent and wait for their owners, without what their records lock up, in yoctoNEAR.
    pub credits: NearToken,
}

/// `get_receipt`: how a settled request ended.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
pub struct Receipt {
    /// The request's number.
    pub request_id: RequestId,
    /// Why it failed; null for a success.
    pub error_code: Option<FailureCode>,
    /// What was charged for.
    pub resources_used: ResourcesUsed,
    /// What was charged, in yoctoNEAR.
    pub cost: NearToken,
    /// What went back, in yoctoNEAR.
    pub refund: NearToken,
    /// The digest of the program, as the operator named it.
    pub wasm_sha256: Option<Sha256>,
    /// The digest of the output, with success.
    pub output_sha256: Option<Sha256>,
    /// The block in which it was settled.
    pub block_height: u64,
    /// The digest of the operator's receipt, if it made one.
    #[serde(default)]
    #[borsh(serialize_with = "trailing::write", deserialize_with = "trailing::read")]
    pub receipt_sha256: Option<Sha256>,
}

/// One entry of what `resolve_executions` returns, in the order of its argument.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
pub struct Resolved {
    /// Whether the answer was taken.
    pub accepted: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
