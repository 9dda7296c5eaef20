//! Why a call is refused. The text is what the caller sees.

use near_sdk::{AccountId, NearToken, env};
use offchainvm_interface::{CostOverflow, DataId, FailureCode, LimitsError, RequestId};

/// Why a call is refused; nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContractError {
    #[error("The contract is paused: new requests are refused, pending ones are settled as usual")]
    Paused,
    #[error("resource_limits: {0}")]
    Limits(#[from] LimitsError),
    #[error("{0}")]
    Cost(#[from] CostOverflow),
    #[error(
        "The deposit of {attached} yoctoNEAR is too small: attach at least {required} yoctoNEAR \
         ({worst_case} for the worst case under the limits, {storage} for storage); what is not used comes back"
    )]
    DepositTooSmall { attached: u128, required: u128, worst_case: u128, storage: u128 },
    #[error(
        "Attach at least {required} Tgas: the callback needs them; what is not used comes back (attached: {attached} Tgas)"
    )]
    TooLittleGas { attached: u64, required: u64 },
    #[error("input_data is too large: the event would have {size} bytes, but a log holds at most {max}")]
    InputTooLarge { size: usize, max: usize },
    #[error("Only an operator may call this method, and {0} is none")]
    NotOperator(AccountId),
    #[error("Only the owner may call this method, and {0} is not")]
    NotOwner(AccountId),
    #[error("Only the sender of request {request_id} may cancel it, and {caller} is not")]
    NotSender { request_id: RequestId, caller: AccountId },
    #[error("No request waits under data_id {0}: it was settled, or never made")]
    UnknownDataId(DataId),
    #[error("Request {0} does not wait: it was settled, or never made")]
    UnknownRequest(RequestId),
    #[error("Request {0} has been answered already")]
    AlreadyAnswered(RequestId),
    #[error("Request {0} can no longer be answered: its window has closed")]
    WindowClosed(RequestId),
    #[error("Request {request_id} is not stale yet: it can be cancelled in {seconds_left} seconds")]
    NotStale { request_id: RequestId, seconds_left: u64 },
    #[error("response: success needs a return_value")]
    MissingReturnValue,
    #[error("response: {0} is settled by the chain and cannot be answered")]
    CodeOfTheChain(FailureCode),
    #[error("response: return_value has {size} bytes, but at most {max} are taken")]
    ResultTooLarge { size: usize, max: u32 },
    #[error("The contract's state cannot be written: {0}")]
    Encoding(String),
}

impl ContractError {
    /// The deposit does not cover the worst case and the storage.
    pub(crate) fn deposit(attached: NearToken, worst_case: NearToken, storage: NearToken) -> Self {
        Self::DepositTooSmall {
            attached: attached.as_yoctonear(),
            required: worst_case.saturating_add(storage).as_yoctonear(),
            worst_case: worst_case.as_yoctonear(),
            storage: storage.as_yoctonear(),
        }
    }
}

/// The value, or the end of the call: the one place that fails it.
pub(crate) fn or_panic<T>(result: Result<T, ContractError>) -> T {
    result.unwrap_or_else(|error| env::panic_str(&error.to_string()))
}
