//! Why a call is refused. The text is what the caller sees.

use crate::pricing::RequiredDeposit;
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
    #[error("input_data has {size} bytes, but at most {max} are taken")]
    InputTooLarge { size: u64, max: usize },
    #[error("Only an operator may call this method, and {0} is none")]
    NotOperator(AccountId),
    #[error("Only the owner may call this method, and {0} is not")]
    NotOwner(AccountId),
    #[error("Attach no deposit: this method takes none")]
    UnwantedDeposit,
    #[error("Attach exactly 1 yoctoNEAR: it shows that a full-access key has signed")]
    OneYocto,
    #[error("Only who was proposed as owner may accept, and {0} was not")]
    NotProposed(AccountId),
    #[error("{0} is an operator already")]
    OperatorAlready(AccountId),
    #[error("{0} is no operator")]
    UnknownOperator(AccountId),
    #[error("There are {0} operators already: remove one first")]
    TooManyOperators(usize),
    #[error("Each limit must be at least 1; to stop new requests, pause the contract")]
    ZeroLimit,
    #[error("{field} is {value}, but must be between {least} and {most}")]
    OutOfRange { field: &'static str, value: u64, least: u64, most: u64 },
    #[error("There are {fees} yoctoNEAR of fees, and {asked} were asked for")]
    FeesTooLow { asked: u128, fees: u128 },
    #[error("The contract's balance lacks {missing} yoctoNEAR for what it owes and its storage: send them to it first")]
    Locked { missing: u128 },
    #[error("{0} has no credit")]
    NoCredit(AccountId),
    #[error("Only the sender of request {request_id} may cancel it, and {caller} is not")]
    NotSender { request_id: RequestId, caller: AccountId },
    #[error("No request waits under data_id {0}: it was settled, or never made")]
    UnknownDataId(DataId),
    #[error("Request {0} does not wait: it was settled, or never made")]
    UnknownRequest(RequestId),
    #[error("Request {0} has been answered already")]
    AlreadyAnswered(RequestId),
    #[error("Request {0} cannot be answered in this block: its window has just closed")]
    WindowClosed(RequestId),
    #[error("Request {request_id} is not stale yet: it can be cancelled in {seconds_left} seconds")]
    NotStale { request_id: RequestId, seconds_left: u64 },
    #[error("response: success needs a return_value or an output_ref")]
    MissingReturnValue,
    #[error("The entry is not an answer of the form {{\"data_id\": …, \"response\": …}}: {0}")]
    MalformedEntry(String),
    #[error(
        "The answer to request {request_id} is stashed for a block, and the contract's balance does not cover the {needed} \
         yoctoNEAR of storage beside what it owes: send them to the contract, or answer with an output_ref"
    )]
    NoRoom { request_id: RequestId, needed: u128 },
    #[error("The call's input must be the new code, as it is")]
    NoCode,
    #[error("The state has version {0}, which this code does not know")]
    UnknownStateVersion(u32),
    #[error("response: {0} is settled by the chain and cannot be answered")]
    CodeOfTheChain(FailureCode),
    #[error("response: return_value has {size} bytes, but at most {max} are taken")]
    ResultTooLarge { size: usize, max: u32 },
    #[error("The contract's state cannot be written: {0}")]
    Encoding(String),
}

impl ContractError {
    /// The deposit does not cover the worst case and the storage.
    pub(crate) fn deposit(attached: NearToken, required: &RequiredDeposit) -> Self {
        Self::DepositTooSmall {
            attached: attached.as_yoctonear(),
            required: required.total.as_yoctonear(),
            worst_case: required.worst_case.as_yoctonear(),
            storage: required.storage.as_yoctonear(),
        }
    }
}

/// The value, or the end of the call: the one place that fails it.
pub(crate) fn or_panic<T>(result: Result<T, ContractError>) -> T {
    result.unwrap_or_else(|error| env::panic_str(&error.to_string()))
}
