//! `resolve_execution` and `resolve_executions`: an operator answers.

use crate::{
    answer::{self, Answer, Outcome, Resume},
    error::{ContractError, or_panic},
    pending, promise,
    state::{Contract, ContractExt},
};
use near_sdk::{
    NearToken, env, near,
    serde::{Deserialize, Serialize},
};
use offchainvm_interface::{
    DataId, ExecutionResponse, Owner,
    calls::ResolveArgs,
    response::{MAX_ERROR_BYTES, MAX_RESUME_PAYLOAD, cut},
    views::Resolved,
};
use serde_json::value::RawValue;

/// One entry of a batch: a [`ResolveArgs`] that is read on its own, so that one that does not read is that entry's
/// failure.
#[derive(Deserialize, Serialize)]
#[serde(crate = "near_sdk::serde", transparent)]
#[cfg_attr(feature = "abi", derive(near_sdk::schemars::JsonSchema), schemars(crate = "near_sdk::schemars"))]
pub struct Entry(#[cfg_attr(feature = "abi", schemars(with = "ResolveArgs"))] Box<RawValue>);

#[near]
impl Contract {
    /// Answers the request that waits under `data_id` and wakes its transaction, which settles it.
    ///
    /// Caller: an operator. Deposit: none, so that a function-call access key is enough.
    /// Fails when nothing waits there, when it was answered already, or when the response is not acceptable.
    pub fn resolve_execution(&self, data_id: DataId, response: ExecutionResponse) {
        or_panic(self.check_operator());
        or_panic(self.answer(data_id, response));
    }

    /// Answers several requests, each for itself: the result says for every entry, in the same order, whether it was
    /// taken and why not.
    ///
    /// Caller: an operator. Deposit: none.
    pub fn resolve_executions(&self, responses: Vec<Entry>) -> Vec<Resolved> {
        or_panic(self.check_operator());
        let mut room = self.room();
        let outcome = |result: Result<(), ContractError>| match result {
            Ok(()) => Resolved { accepted: true, error: None },
            Err(error) => Resolved { accepted: false, error: Some(error.to_string()) },
        };
        let mut answer = |Entry(entry): &Entry| {
            let ResolveArgs { data_id, response } = serde_json::from_slice(entry.get().as_bytes())
                .map_err(|error| ContractError::MalformedEntry(error.to_string()))?;
            self.answer_within(&mut room, data_id, response)
        };
        responses.iter().map(|entry| outcome(answer(entry))).collect()
    }
}

impl Contract {
    /// The caller is an operator and has attached nothing: the SDK refuses deposits only for methods that take the
    /// root record to change it, and writing the record back unchanged would cost every answer its gas.
    fn check_operator(&self) -> Result<(), ContractError> {
        let caller = env::predecessor_account_id();
        if !self.operators.contains(&caller) {
            return Err(ContractError::NotOperator(caller));
        }
        if env::attached_deposit() > NearToken::from_yoctonear(0) {
            return Err(ContractError::UnwantedDeposit);
        }
        Ok(())
    }

    fn answer(&self, data_id: DataId, response: ExecutionResponse) -> Result<(), ContractError> {
        self.answer_within(&mut self.room(), data_id, response)
    }

    /// Takes an answer, if what it stashes fits into `room`, and nothing of it otherwise.
    fn answer_within(
        &self,
        room: &mut NearToken,
        data_id: DataId,
        response: ExecutionResponse,
    ) -> Result<(), ContractError> {
        let handle = pending::handle(data_id)?;
        let request_id = handle.request_id;
        if handle.is_answered {
            return Err(ContractError::AlreadyAnswered(request_id));
        }
        let inline = Resume::Inline(self.acceptable(response)?);
        let payload = encode(&inline)?;
        let needed = env::storage_byte_cost().saturating_mul(stash_bytes(&payload).into());
        let woken = match inline {
            Resume::Inline(answer) if payload.len() > MAX_RESUME_PAYLOAD => {
                *room = room
                    .checked_sub(needed)
                    .ok_or(ContractError::NoRoom { request_id, needed: needed.as_yoctonear() })?;
                promise::wake(handle.live, &encode(&Resume::Stashed)?).then(|| answer::stash(request_id, &answer))
            }
            _ => promise::wake(handle.live, &payload).then_some(()),
        };
        woken.ok_or(ContractError::WindowClosed(request_id))?;
        pending::update(data_id, &handle.answered());
        Ok(())
    }

    /// What the contract has beyond what it owes: answers are stashed at its own expense, for a block.
    fn room(&self) -> NearToken {
        env::account_balance().checked_sub(self.owed()).unwrap_or(NearToken::from_yoctonear(0))
    }

    /// The response with nothing in it that its kind has no use for, and nothing too large.
    fn acceptable(&self, response: ExecutionResponse) -> Result<Answer, ContractError> {
        let outcome = match response.failure() {
            None => match (response.return_value, response.output_ref) {
                (Some(value), _) if value.len() > self.max_result_bytes as usize => {
                    return Err(ContractError::ResultTooLarge { size: value.len(), max: self.max_result_bytes });
                }
                (Some(value), _) => Outcome::Output(value),
                (None, Some(output)) => Outcome::OutputRef(output),
                (None, None) => return Err(ContractError::MissingReturnValue),
            },
            Some(code) if code.owner() == Owner::Chain => return Err(ContractError::CodeOfTheChain(code)),
            Some(code) => {
                let message = response.error.unwrap_or_default();
                Outcome::Failure(code, cut(&message, MAX_ERROR_BYTES).to_owned())
            }
        };
        let ExecutionResponse { resources_used: used, wasm_sha256, receipt_sha256, .. } = response;
        Ok(Answer { outcome, used, wasm_sha256, receipt_sha256 })
    }
}

/// What a stashed answer adds to the contract's storage: itself, its key of nine bytes, and what every record costs.
fn stash_bytes(payload: &[u8]) -> u64 {
    const KEY_AND_RECORD: u64 = 9 + 40;
    payload.len() as u64 + KEY_AND_RECORD
}

fn encode(resume: &Resume) -> Result<Vec<u8>, ContractError> {
    borsh::to_vec(resume).map_err(|error| ContractError::Encoding(error.to_string()))
}
