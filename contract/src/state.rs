//! What the contract keeps: the root record and its beginning.

use crate::{config, storage::StorageKey};
use near_sdk::{AccountId, NearToken, PanicOnDefault, near, store::LookupMap};
use offchainvm_interface::{DataId, ExecutionResponse, MaxLimits, Pricing, RequestId};

use crate::pending::Pending;

/// The contract's root record.
#[near(contract_state)]
#[derive(PanicOnDefault)]
pub struct Contract {
    pub(crate) owner_id: AccountId,
    /// Who may resolve; in the order in which they were added.
    pub(crate) operators: Vec<AccountId>,
    pub(crate) pricing: Pricing,
    pub(crate) paused: bool,
    pub(crate) max_limits: MaxLimits,
    pub(crate) max_result_bytes: u32,
    pub(crate) stale_after_seconds: u64,
    /// How many requests were ever accepted; also the last one's id.
    pub(crate) total_requests: RequestId,
    pub(crate) outcomes: Outcomes,
    /// Deposits of the requests that wait.
    pub(crate) escrow: NearToken,
    /// Fees earned and not yet withdrawn.
    pub(crate) fees: NearToken,
    pub(crate) pending: Pending,
    pub(crate) by_data_id: LookupMap<DataId, RequestId>,
    /// Answers on their way to the callback: present once a request is answered; the response itself only when it
    /// is too large for the resume payload.
    pub(crate) answers: LookupMap<RequestId, Option<ExecutionResponse>>,
}

/// How many requests ended how.
#[near(serializers = [borsh])]
#[derive(Default)]
pub(crate) struct Outcomes {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) cancelled: u64,
}

#[near]
impl Contract {
    /// Sets the contract up, once.
    ///
    /// Caller: the contract's own account, so that nobody can be faster between deployment and set-up.
    /// Fails when called a second time.
    #[init]
    #[private]
    #[must_use]
    pub fn new(owner_id: AccountId, operator_id: AccountId) -> Self {
        Self {
            owner_id,
            operators: vec![operator_id],
            pricing: Pricing::default(),
            paused: false,
            max_limits: MaxLimits::default(),
            max_result_bytes: config::MAX_RESULT_BYTES,
            stale_after_seconds: config::STALE_AFTER_SECONDS,
            total_requests: 0,
            outcomes: Outcomes::default(),
            escrow: NearToken::from_yoctonear(0),
            fees: NearToken::from_yoctonear(0),
            pending: Pending::new(StorageKey::Pending),
            by_data_id: LookupMap::new(StorageKey::ByDataId),
            answers: LookupMap::new(StorageKey::Answers),
        }
    }
}
