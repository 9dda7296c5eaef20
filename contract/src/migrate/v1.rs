//! State version 1: the SDK's collections, no renewal, one form of answer.

use crate::{
    answer::{self, Answer, Outcome},
    config, pending,
    request::deadline,
    state::{self, Outcomes},
    storage::{Prefix, Table},
};
use borsh::{BorshDeserialize, BorshSerialize};
use near_sdk::{AccountId, NearToken, env};
use offchainvm_interface::{
    CodeSource, DataId, ExecutionRequest, FailureCode, MaxLimits, Pricing, RequestId, ResourceLimits, ResourcesUsed,
    ResponseFormat,
};

/// The root record.
#[derive(BorshDeserialize)]
pub(crate) struct Contract {
    owner_id: AccountId,
    operators: Vec<AccountId>,
    pricing: Pricing,
    paused: bool,
    max_limits: MaxLimits,
    max_result_bytes: u32,
    stale_after_seconds: u64,
    total_requests: RequestId,
    succeeded: u64,
    failed: u64,
    timed_out: u64,
    cancelled: u64,
    _escrow: NearToken,
    fees: NearToken,
    pending: IterableMap,
    _by_data_id: Box<[u8]>,
    _answers: Box<[u8]>,
}

/// What the SDK's map of that name keeps of itself.
#[derive(BorshDeserialize)]
struct IterableMap {
    len: u32,
    keys: Box<[u8]>,
    values: Box<[u8]>,
}

#[derive(BorshDeserialize, BorshSerialize)]
struct Request {
    request_id: RequestId,
    data_id: DataId,
    sender_id: AccountId,
    code_source: CodeSource,
    resource_limits: ResourceLimits,
    input_data: String,
    response_format: ResponseFormat,
    deposit: NearToken,
    pricing: Pricing,
    timestamp: u64,
}

/// An answer, on its way to the callback when the code changed.
#[derive(BorshDeserialize, BorshSerialize)]
pub(crate) struct ExecutionResponse {
    success: bool,
    return_value: Option<Vec<u8>>,
    error: Option<String>,
    error_code: Option<FailureCode>,
    used: ResourcesUsed,
}

const BY_DATA_ID: Table<DataId, RequestId> = Table::new(Prefix::ByDataIdV1);
const ANSWERS: Table<RequestId, Option<ExecutionResponse>> = Table::new(Prefix::AnswersV1);

impl ExecutionResponse {
    /// One with every field set.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self {
            success: false,
            return_value: Some(vec![1, 2]),
            error: Some("why".to_owned()),
            error_code: Some(FailureCode::Trap),
            used: ResourcesUsed { instructions: 1, memory_bytes: 2, time_seconds: 3 },
        }
    }
}

impl From<ExecutionResponse> for Answer {
    fn from(response: ExecutionResponse) -> Self {
        let outcome = match response {
            ExecutionResponse { success: true, return_value, .. } => Outcome::Output(return_value.unwrap_or_default()),
            ExecutionResponse { error_code, error, .. } => {
                Outcome::Failure(error_code.unwrap_or(FailureCode::OperatorError), error.unwrap_or_default())
            }
        };
        Self { outcome, used: response.used, wasm_sha256: None, receipt_sha256: None }
    }
}

impl Contract {
    /// The state in its next form, with every request that waits. About 1.3 Tgas a request: with hundreds of them,
    /// pause and let them end before the upgrade.
    pub(crate) fn convert(self) -> state::Contract {
        let mut contract = state::Contract {
            owner_id: self.owner_id,
            proposed_owner_id: None,
            operators: self.operators,
            pricing: self.pricing,
            paused: self.paused,
            max_limits: self.max_limits,
            max_result_bytes: self.max_result_bytes,
            deadline_seconds: self.stale_after_seconds,
            receipt_history: config::RECEIPT_HISTORY,
            total_requests: self.total_requests,
            waiting: 0,
            // Version 1 did not tell apart whose failure it was.
            outcomes: Outcomes {
                succeeded: self.succeeded,
                failed_program: self.failed,
                timed_out: self.timed_out,
                cancelled: self.cancelled,
                ..Outcomes::default()
            },
            escrow: NearToken::from_yoctonear(0),
            requests_storage: 0,
            fees: self.fees,
            credits: NearToken::from_yoctonear(0),
        };
        for index in 0..self.pending.len {
            let Some(request) = self.pending.take(index) else { continue };
            BY_DATA_ID.remove(&request.data_id);
            let answer = ANSWERS.take(&request.request_id);
            let request = request.next_form(self.stale_after_seconds);
            contract.remember(&request, None);
            if let Some(stashed) = answer {
                pending::mark_answered(request.data_id);
                if let Some(response) = stashed {
                    answer::stash(request.request_id, &response.into());
                }
            }
        }
        contract
    }
}

impl Request {
    fn next_form(self, stale_after_seconds: u64) -> ExecutionRequest {
        ExecutionRequest {
            request_id: self.request_id,
            data_id: self.data_id,
            sender_id: self.sender_id,
            refund_to: None,
            code_source: self.code_source,
            resource_limits: self.resource_limits,
            compile_only: false,
            input_data: self.input_data,
            input_ref: None,
            response_format: self.response_format,
            deposit: self.deposit,
            pricing: self.pricing,
            timestamp: self.timestamp,
            deadline: deadline(self.timestamp, stale_after_seconds),
        }
    }
}

impl IterableMap {
    fn take(&self, index: u32) -> Option<Request> {
        let key = taken(&[&self.keys, index.to_le_bytes().as_slice()].concat())?;
        let value = taken(&env::sha256([&self.values, key.as_slice()].concat()))?;
        // The index of the key follows the value.
        Request::deserialize(&mut value.as_slice()).ok()
    }
}

fn taken(key: &[u8]) -> Option<Vec<u8>> {
    env::storage_remove(key).then(env::storage_get_evicted).flatten()
}
