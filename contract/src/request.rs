//! `request_execution`: check, price, suspend, remember, announce.

use crate::{
    config::{MAX_EVENT_BYTES, MIN_RESPONSE_GAS, NANOSECONDS, REQUEST_OVERHEAD_GAS},
    error::{ContractError, or_panic},
    events, pricing, promise,
    state::{Contract, ContractExt},
};
use near_sdk::{AccountId, env, near};
use offchainvm_interface::{
    CodeSource, DataRef, Event, ExecutionRequest, RequestArgs, ResourceLimits, ResponseFormat, Sha256,
    events::{ExecutionRequested, RequestData},
    request::MAX_INPUT_BYTES,
};

#[near]
impl Contract {
    /// Asks for a program to be run off chain and suspends this transaction until the answer is there; the
    /// transaction then returns the program's output, or fails with a message that begins with the failure's code.
    ///
    /// Caller: anyone. Deposit: what `estimate_cost` says, or more; what is not used comes back, to `refund_to` if it
    /// is given. Gas: 65 Tgas or more; each further window of 200 blocks takes about 2. Emits `execution_requested`.
    /// With `compile_only` the program is built and kept, and the transaction returns `{"wasm_sha256": …}`.
    /// Fails, and keeps nothing, when the contract is paused, the source or a limit is not acceptable, or deposit or
    /// gas are too small.
    #[payable]
    #[deny_unknown_arguments]
    pub fn request_execution(
        &mut self,
        code_source: CodeSource,
        resource_limits: Option<ResourceLimits>,
        input_data: Option<String>,
        response_format: Option<ResponseFormat>,
        refund_to: Option<AccountId>,
        compile_only: Option<bool>,
    ) {
        or_panic(self.accept(RequestArgs {
            code_source,
            resource_limits,
            input_data,
            response_format,
            refund_to,
            compile_only,
        }));
    }
}

impl Contract {
    fn accept(&mut self, args: RequestArgs) -> Result<(), ContractError> {
        if self.paused {
            return Err(ContractError::Paused);
        }
        check_gas()?;
        let limits = args.resource_limits.unwrap_or_default();
        limits.check(&self.max_limits)?;
        let input = args.input_data.unwrap_or_default();
        self.check_price(&limits, input.len())?;

        let request_id = self.total_requests + 1;
        let (suspended, data_id) = promise::suspend(request_id, MIN_RESPONSE_GAS)
            .ok_or_else(|| ContractError::Encoding("no data_id".to_owned()))?;
        let timestamp = env::block_timestamp();
        let request = ExecutionRequest {
            request_id,
            data_id,
            sender_id: env::predecessor_account_id(),
            refund_to: args.refund_to,
            code_source: args.code_source,
            resource_limits: limits,
            compile_only: args.compile_only.unwrap_or_default(),
            input_data: input,
            input_ref: None,
            response_format: args.response_format.unwrap_or_default(),
            deposit: env::attached_deposit(),
            pricing: self.pricing,
            timestamp,
            deadline: deadline(timestamp, self.deadline_seconds),
        };

        let (request, large_input, announcement) = announce(request)?;
        self.total_requests = request_id;
        self.remember(&request, large_input);
        env::log_str(&announcement);
        env::promise_return(suspended);
        Ok(())
    }

    /// The deposit must cover the worst case under the limits and the storage that the request occupies.
    fn check_price(&self, limits: &ResourceLimits, input_len: usize) -> Result<(), ContractError> {
        let required = pricing::required_deposit(&self.pricing, limits, check_input(input_len as u64)?)?;
        let attached = env::attached_deposit();
        if attached < required.total {
            return Err(ContractError::deposit(attached, &required));
        }
        Ok(())
    }
}

/// The length of an input that is not too large.
pub(crate) fn check_input(input_len: u64) -> Result<u64, ContractError> {
    if input_len > MAX_INPUT_BYTES as u64 {
        return Err(ContractError::InputTooLarge { size: input_len, max: MAX_INPUT_BYTES });
    }
    Ok(input_len)
}

/// When a request made at `timestamp` can no longer be answered, in nanoseconds since 1970.
pub(crate) fn deadline(timestamp: u64, seconds: u64) -> u64 {
    timestamp.saturating_add(seconds.saturating_mul(NANOSECONDS))
}

/// Without this the host would fail the call with a message that says neither why nor what to do.
fn check_gas() -> Result<(), ContractError> {
    let required = MIN_RESPONSE_GAS.saturating_add(REQUEST_OVERHEAD_GAS);
    let attached = env::prepaid_gas();
    if attached < required {
        return Err(ContractError::TooLittleGas { attached: attached.as_tgas(), required: required.as_tgas() });
    }
    Ok(())
}

/// The request as it is remembered, an input that is kept apart from it, and the event's log line. The input is named
/// by its digest when a log cannot hold it.
fn announce(mut request: ExecutionRequest) -> Result<(ExecutionRequest, Option<Vec<u8>>, String), ContractError> {
    // An input is never shorter in JSON than it is: do not spend gas on escaping what cannot fit.
    if request.input_data.len() <= MAX_EVENT_BYTES {
        let line = log_line(&request)?;
        if line.len() <= MAX_EVENT_BYTES {
            return Ok((request, None, line));
        }
    }
    let input = std::mem::take(&mut request.input_data).into_bytes();
    request.input_ref = Some(DataRef { sha256: Sha256(env::sha256_array(&input)), size: input.len() as u64 });
    let line = log_line(&request)?;
    Ok((request, Some(input), line))
}

fn log_line(request: &ExecutionRequest) -> Result<String, ContractError> {
    let request_data = near_sdk::serde_json::to_string(&RequestData::of(request))
        .map_err(|error| ContractError::Encoding(error.to_string()))?;
    events::line(Event::ExecutionRequested(vec![ExecutionRequested {
        request_id: request.request_id,
        request_data,
        data_id: request.data_id,
        timestamp: request.timestamp,
    }]))
}
