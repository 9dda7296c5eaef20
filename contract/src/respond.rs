//! `resolve_execution`: an operator answers.

use crate::{
    error::{ContractError, or_panic},
    promise,
    state::{Contract, ContractExt},
};
use near_sdk::{env, near};
use offchainvm_interface::{
    DataId, ExecutionResponse, Owner, Resume,
    response::{MAX_ERROR_BYTES, MAX_RESUME_PAYLOAD, cut},
};

#[near]
impl Contract {
    /// Answers the request that waits under `data_id` and wakes its transaction, which settles it.
    ///
    /// Caller: an operator. Deposit: none, so that a function-call access key is enough.
    /// Fails when nothing waits there, when it was answered already, or when the response is not acceptable.
    pub fn resolve_execution(&mut self, data_id: DataId, response: ExecutionResponse) {
        or_panic(self.answer(data_id, response));
    }
}

impl Contract {
    fn answer(&mut self, data_id: DataId, response: ExecutionResponse) -> Result<(), ContractError> {
        self.check_operator()?;
        let request_id = self.waiting(data_id)?.request_id;
        if self.answers.contains_key(&request_id) {
            return Err(ContractError::AlreadyAnswered(request_id));
        }
        let response = self.acceptable(response)?;

        let inline = Resume::Inline(response);
        let size = borsh::object_length(&inline).map_err(|error| ContractError::Encoding(error.to_string()))?;
        let (resume, stashed) = match inline {
            Resume::Inline(response) if size > MAX_RESUME_PAYLOAD => (Resume::Stashed, Some(response)),
            inline => (inline, None),
        };
        self.answers.insert(request_id, stashed);
        if promise::wake(data_id, &resume) { Ok(()) } else { Err(ContractError::WindowClosed(request_id)) }
    }

    fn check_operator(&self) -> Result<(), ContractError> {
        let caller = env::predecessor_account_id();
        if self.operators.contains(&caller) { Ok(()) } else { Err(ContractError::NotOperator(caller)) }
    }

    /// The response with nothing in it that its kind has no use for, and nothing too large.
    fn acceptable(&self, response: ExecutionResponse) -> Result<ExecutionResponse, ContractError> {
        let Some(code) = response.failure() else {
            let value = response.return_value.ok_or(ContractError::MissingReturnValue)?;
            if value.len() > self.max_result_bytes as usize {
                return Err(ContractError::ResultTooLarge { size: value.len(), max: self.max_result_bytes });
            }
            return Ok(ExecutionResponse::succeeded(value, response.resources_used));
        };
        if code.owner() == Owner::Chain {
            return Err(ContractError::CodeOfTheChain(code));
        }
        let message = response.error.unwrap_or_default();
        Ok(ExecutionResponse::failed(code, cut(&message, MAX_ERROR_BYTES), response.resources_used))
    }
}
