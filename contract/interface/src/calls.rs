//! How the contract's methods are called: names, arguments, gas.

use crate::{data_id::DataId, request::RequestId, response::ExecutionResponse};
use near_account_id::AccountId;
use near_gas::NearGas;
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
    /// `set_operator`: [`super::SetOperatorArgs`], owner only.
    pub const SET_OPERATOR: &str = "set_operator";
    /// `set_pricing`: [`crate::Pricing`], owner only.
    pub const SET_PRICING: &str = "set_pricing";
    /// `set_paused`: [`super::SetPausedArgs`], owner only.
    pub const SET_PAUSED: &str = "set_paused";
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
}

/// Gas that a caller should attach to `request_execution`; what is left comes back.
pub const REQUEST_GAS: NearGas = NearGas::from_tgas(100);
/// Gas that an operator should attach to `resolve_execution`; what is left comes back.
/// Enough for the largest response: measured by the end-to-end tests.
pub const RESOLVE_GAS: NearGas = NearGas::from_tgas(200);
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
pub struct ResolveArgs {
    /// The request's handle.
    pub data_id: DataId,
    /// Its outcome.
    pub response: ExecutionResponse,
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
