//! How the contract's methods are called: names, arguments, gas.

use crate::{data_id::DataId, limits::ResourceLimits, request::RequestId, response::ExecutionResponse};
use near_account_id::AccountId;
use near_gas::NearGas;
use near_token::NearToken;
use serde::{Deserialize, Serialize};

/// Names of the methods that are called from outside.
pub mod method {
    /// `new`: [`super::NewArgs`].
    pub const NEW: &str = "new";
    /// `request_execution`: [`crate::RequestArgs`], payable.
    pub const REQUEST_EXECUTION: &str = "request_execution";
    /// `resolve_execution`: [`super::ResolveArgs`], operators only.
    pub const RESOLVE_EXECUTION: &str = "resolve_execution";
    /// `cancel_stale_execution`: [`super::RequestIdArgs`], the request's sender only.
    pub const CANCEL_STALE_EXECUTION: &str = "cancel_stale_execution";
    /// `resolve_executions`: [`super::ResolveManyArgs`] → array of [`crate::views::Resolved`], operators only.
    pub const RESOLVE_EXECUTIONS: &str = "resolve_executions";
    /// `emergency_cancel_execution`: [`super::RequestIdArgs`], owner only.
    pub const EMERGENCY_CANCEL_EXECUTION: &str = "emergency_cancel_execution";
    /// `claim_credit`: [`super::ClaimCreditArgs`], who has a credit.
    pub const CLAIM_CREDIT: &str = "claim_credit";
    /// `set_operator`: [`super::SetOperatorArgs`], owner only.
    pub const SET_OPERATOR: &str = "set_operator";
    /// `set_pricing`: [`crate::Pricing`], owner only.
    pub const SET_PRICING: &str = "set_pricing";
    /// `set_paused`: [`super::SetPausedArgs`], owner only.
    pub const SET_PAUSED: &str = "set_paused";
    /// `add_operator`: [`super::OperatorArgs`], owner only.
    pub const ADD_OPERATOR: &str = "add_operator";
    /// `remove_operator`: [`super::OperatorArgs`], owner only.
    pub const REMOVE_OPERATOR: &str = "remove_operator";
    /// `propose_owner`: [`super::ProposeOwnerArgs`], owner only.
    pub const PROPOSE_OWNER: &str = "propose_owner";
    /// `accept_owner`, who was proposed only.
    pub const ACCEPT_OWNER: &str = "accept_owner";
    /// `set_limits`: [`crate::MaxLimits`], owner only.
    pub const SET_LIMITS: &str = "set_limits";
    /// `set_config`: [`super::SetConfigArgs`], owner only.
    pub const SET_CONFIG: &str = "set_config";
    /// `withdraw_fees`: [`super::WithdrawFeesArgs`], owner only.
    pub const WITHDRAW_FEES: &str = "withdraw_fees";
    /// `upgrade`: the new code as it is, owner only.
    pub const UPGRADE: &str = "upgrade";
    /// `migrate`, the contract itself only.
    pub const MIGRATE: &str = "migrate";
    /// `get_request`: [`super::RequestIdArgs`] → [`crate::ExecutionRequest`] or null.
    pub const GET_REQUEST: &str = "get_request";
    /// `get_stats` → [`crate::views::Stats`].
    pub const GET_STATS: &str = "get_stats";
    /// `get_pricing` → [`crate::Pricing`].
    pub const GET_PRICING: &str = "get_pricing";
    /// `get_config` → [`crate::views::Config`].
    pub const GET_CONFIG: &str = "get_config";
    /// `list_pending`: [`super::ListPendingArgs`] → array of [`crate::ExecutionRequest`].
    pub const LIST_PENDING: &str = "list_pending";
    /// `get_request_input`: [`super::RequestIdArgs`] → string or null.
    pub const GET_REQUEST_INPUT: &str = "get_request_input";
    /// `get_receipt`: [`super::RequestIdArgs`] → [`crate::views::Receipt`] or null.
    pub const GET_RECEIPT: &str = "get_receipt";
    /// `get_operators` → array of account ids.
    pub const GET_OPERATORS: &str = "get_operators";
    /// `get_max_limits` → [`crate::MaxLimits`].
    pub const GET_MAX_LIMITS: &str = "get_max_limits";
    /// `get_credit`: [`super::AccountIdArgs`] → yoctoNEAR.
    pub const GET_CREDIT: &str = "get_credit";
    /// `estimate_cost`: [`super::EstimateCostArgs`] → yoctoNEAR.
    pub const ESTIMATE_COST: &str = "estimate_cost";
}

/// Gas that a caller should attach to `request_execution`; what is left comes back.
pub const REQUEST_GAS: NearGas = NearGas::from_tgas(100);
/// Gas that an operator should attach to `resolve_execution`; what is left comes back.
/// Enough for the largest response: measured by the end-to-end tests.
pub const RESOLVE_GAS: NearGas = NearGas::from_tgas(200);
/// Gas that an operator should attach to `resolve_executions` with at most [`MAX_BATCH`] answers.
pub const BATCH_GAS: NearGas = NearGas::from_tgas(300);
/// The most answers in one call of `resolve_executions`, each of at most [`BATCH_ENTRY_BYTES`]: what 300 Tgas are
/// enough for, with a reserve of a tenth (`docs/GAS.md` has the figures).
pub const MAX_BATCH: usize = 180;
/// The most JSON that an answer in a full batch may have, in bytes.
pub const BATCH_ENTRY_BYTES: usize = 512;
/// Gas for a small administrative call.
pub const ADMIN_GAS: NearGas = NearGas::from_tgas(30);

/// The arguments of `new`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NewArgs {
    /// Who administers the contract.
    pub owner_id: AccountId,
    /// Who may resolve requests.
    pub operator_id: AccountId,
}

/// The arguments of `resolve_execution`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
pub struct ResolveArgs {
    /// The request's handle.
    pub data_id: DataId,
    /// Its outcome.
    pub response: ExecutionResponse,
}

/// The arguments of `resolve_executions`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ResolveManyArgs {
    /// The answers, each for itself.
    pub responses: Vec<ResolveArgs>,
}

/// The arguments of the methods that name one request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RequestIdArgs {
    /// The request's number.
    pub request_id: RequestId,
}

/// The arguments of `set_operator`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SetOperatorArgs {
    /// The only operator from now on.
    pub new_operator_id: AccountId,
}

/// The arguments of `set_paused`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SetPausedArgs {
    /// Whether new requests are refused.
    pub paused: bool,
}

/// The arguments of `list_pending`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ListPendingArgs {
    /// How many entries to pass over.
    pub from_index: u64,
    /// How many to return at most.
    pub limit: u64,
}

/// The arguments of `add_operator` and `remove_operator`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OperatorArgs {
    /// Who may resolve from now on, or no longer.
    pub operator_id: AccountId,
}

/// The arguments of `propose_owner`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProposeOwnerArgs {
    /// Who may accept; null withdraws the offer.
    pub new_owner_id: Option<AccountId>,
}

/// The arguments of `set_config`; what is absent stays.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct SetConfigArgs {
    /// Seconds from a request to its deadline, for new requests.
    pub deadline_seconds: Option<u64>,
    /// The largest `return_value`, in bytes.
    pub max_result_bytes: Option<u32>,
    /// How many settled requests are remembered.
    pub receipt_history: Option<u32>,
}

/// The arguments of `withdraw_fees`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct WithdrawFeesArgs {
    /// How much, in yoctoNEAR; everything when absent.
    pub amount: Option<NearToken>,
    /// Where to; the owner when absent.
    pub receiver_id: Option<AccountId>,
}

/// The arguments of `claim_credit`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ClaimCreditArgs {
    /// Where to; the caller when absent.
    pub receiver_id: Option<AccountId>,
}

/// The arguments of the views that name one account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AccountIdArgs {
    /// The account.
    pub account_id: AccountId,
}

/// The arguments of `estimate_cost`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EstimateCostArgs {
    /// What the program may use; the defaults when absent.
    pub resource_limits: Option<ResourceLimits>,
    /// How many bytes `input_data` has.
    pub input_len: u64,
}
