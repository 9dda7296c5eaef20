//! `request_execution`: check, price, suspend, remember, announce.

use crate::{
    config::{MAX_EVENT_BYTES, MIN_RESPONSE_GAS, REQUEST_OVERHEAD_GAS},
    error::{ContractError, or_panic},
    events, promise,
    state::{Contract, ContractExt},
};
use near_sdk::{env, near};
use offchainvm_interface::{
    CodeSource, Event, ExecutionRequest, RequestArgs, ResourceLimits, ResponseFormat, events::ExecutionRequested,
};

#[near]
impl Contract {
    /// Asks for a program to be run off chain and suspends this transaction until the answer is there; the
    /// transaction then returns the program's output, or fails with a message that begins with the failure's code.
    ///
    /// Caller: anyone. Deposit: the worst case under the limits (`get_pricing`) and the request's storage; what is
    /// not used comes back. Gas: 65 Tgas or more. Emits `execution_requested`.
    /// Fails, and keeps nothing, when the contract is paused, the source or a limit is not acceptable, or deposit or
    /// gas are too small.
    #[payable]
    pub fn request_execution(
        &mut self,
        code_source: CodeSource,
        resource_limits: Option<ResourceLimits>,
        input_data: Option<String>,
        response_format: Option<ResponseFormat>,
    ) {
        or_panic(self.accept(RequestArgs { code_source, resource_limits, input_data, response_format }));
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
        let worst_case = self.pricing.worst_case(&limits)?;

        let request_id = self.total_requests + 1;
        let (suspended, data_id) =
            promise::suspend(request_id).ok_or_else(|| ContractError::Encoding("no data_id".to_owned()))?;
        let request = ExecutionRequest {
            request_id,
            data_id,
            sender_id: env::predecessor_account_id(),
            code_source: args.code_source,
            resource_limits: limits,
            input_data: args.input_data.unwrap_or_default(),
            response_format: args.response_format.unwrap_or_default(),
            deposit: env::attached_deposit(),
            pricing: self.pricing,
            timestamp: env::block_timestamp(),
        };

        let announcement = announcement(&request)?;
        let before = env::storage_usage();
        self.total_requests = request_id;
        self.remember(request);
        let occupied = env::storage_usage().saturating_sub(before);
        let storage = env::storage_byte_cost().saturating_mul(occupied.into());
        if env::attached_deposit() < worst_case.saturating_add(storage) {
            return Err(ContractError::deposit(env::attached_deposit(), worst_case, storage));
        }

        env::log_str(&announcement);
        env::promise_return(suspended);
        Ok(())
    }
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

/// The event's log line, when it fits a log.
fn announcement(request: &ExecutionRequest) -> Result<String, ContractError> {
    let request_data =
        near_sdk::serde_json::to_string(request).map_err(|error| ContractError::Encoding(error.to_string()))?;
    let line = events::line(Event::ExecutionRequested(vec![ExecutionRequested {
        request_id: request.request_id,
        request_data,
        data_id: request.data_id,
        timestamp: request.timestamp,
    }]))?;
    if line.len() > MAX_EVENT_BYTES {
        return Err(ContractError::InputTooLarge { size: line.len(), max: MAX_EVENT_BYTES });
    }
    Ok(line)
}
