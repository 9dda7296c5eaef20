//! What the contract keeps: the root record and its beginning.

use crate::{config, storage};
use borsh::{BorshDeserialize, BorshSerialize};
use near_sdk::{AccountId, NearToken, PanicOnDefault, env, near};
use offchainvm_interface::{FailureCode, MaxLimits, Owner, Pricing, RequestId};

/// The form of the state that this code reads and writes. The next one: add a prefix for every table whose values
/// change, keep today's types in `migrate/`, and convert there.
pub(crate) const STATE_VERSION: u32 = 2;

/// What the SDK's macros write into `contract_source_metadata` (NEP-330) comes from the environment, in which
/// `scripts/build-contract --release` sets it. Naming the variables tells cargo to build anew when they change.
const _: [Option<&str>; 2] =
    [option_env!("NEP330_BUILD_INFO_SOURCE_CODE_SNAPSHOT"), option_env!("NEP330_BUILD_INFO_BUILD_ENVIRONMENT")];

/// The contract's root record: read by every call, so it holds only what most calls need.
#[near(contract_state, serializers = [])]
#[derive(BorshDeserialize, BorshSerialize, PanicOnDefault)]
pub struct Contract {
    pub(crate) owner_id: AccountId,
    pub(crate) proposed_owner_id: Option<AccountId>,
    /// Who may resolve; in the order in which they were added.
    pub(crate) operators: Vec<AccountId>,
    pub(crate) pricing: Pricing,
    pub(crate) paused: bool,
    pub(crate) max_limits: MaxLimits,
    pub(crate) max_result_bytes: u32,
    pub(crate) deadline_seconds: u64,
    pub(crate) receipt_history: u32,
    /// How many requests were ever accepted; also the last one's id.
    pub(crate) total_requests: RequestId,
    /// How many requests wait.
    pub(crate) waiting: u32,
    pub(crate) outcomes: Outcomes,
    /// Deposits of the requests that wait.
    pub(crate) escrow: NearToken,
    /// Bytes of storage that those requests occupy. Their deposits brought the money for it, and get it back with it.
    pub(crate) requests_storage: u64,
    /// Fees earned and not yet withdrawn.
    pub(crate) fees: NearToken,
    /// Refunds that could not be sent, without what their records lock up.
    pub(crate) credits: NearToken,
}

/// How many requests ended how.
#[derive(BorshDeserialize, BorshSerialize, Default)]
pub(crate) struct Outcomes {
    pub(crate) succeeded: u64,
    pub(crate) failed_source: u64,
    pub(crate) failed_program: u64,
    pub(crate) failed_operator: u64,
    pub(crate) timed_out: u64,
    pub(crate) cancelled: u64,
}

impl Outcomes {
    pub(crate) fn count(&mut self, failure: Option<FailureCode>) {
        let counter = match failure {
            None => &mut self.succeeded,
            Some(FailureCode::Cancelled) => &mut self.cancelled,
            Some(code) => match code.owner() {
                Owner::Source => &mut self.failed_source,
                Owner::Program => &mut self.failed_program,
                Owner::Operator => &mut self.failed_operator,
                Owner::Chain => &mut self.timed_out,
            },
        };
        *counter = counter.saturating_add(1);
    }
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
        storage::set_version(STATE_VERSION);
        Self {
            owner_id,
            proposed_owner_id: None,
            operators: vec![operator_id],
            pricing: Pricing::default(),
            paused: false,
            max_limits: MaxLimits::default(),
            max_result_bytes: config::MAX_RESULT_BYTES,
            deadline_seconds: config::DEADLINE_SECONDS,
            receipt_history: config::RECEIPT_HISTORY,
            total_requests: 0,
            waiting: 0,
            outcomes: Outcomes::default(),
            escrow: NearToken::from_yoctonear(0),
            requests_storage: 0,
            fees: NearToken::from_yoctonear(0),
            credits: NearToken::from_yoctonear(0),
        }
    }
}

impl Contract {
    /// What the contract owes to others, and what its storage locks up, but for that of waiting requests, which is in
    /// their deposits. The balance is never below.
    pub(crate) fn owed(&self) -> NearToken {
        let bytes = env::storage_usage().saturating_sub(self.requests_storage);
        let storage = env::storage_byte_cost().saturating_mul(bytes.into());
        self.escrow.saturating_add(self.fees).saturating_add(self.credits).saturating_add(storage)
    }
}
