//! The woken transaction: settle the request, or wait on when nobody has answered yet.

use crate::{
    answer::{self, Answer, Outcome, Resume},
    config::{RENEWAL_GAS, SETTLE_GAS},
    events,
    pending::{self, Handle},
    promise,
    settle::{End, reason},
    state::{Contract, ContractExt},
    value,
};
use near_sdk::{PromiseIndex, env, near};
use offchainvm_interface::{
    DataId, Event, ExecutionRequest, FailureCode, RequestId, events::ExecutionRenewed, response::MAX_RESUME_PAYLOAD,
};

#[near]
impl Contract {
    /// Ends the wait of a suspended transaction: an operator answered, the request was cancelled, or the window closed.
    /// A window that closed before the request's deadline is opened again while there is gas.
    ///
    /// Caller: the contract itself. Never fails on its own account: the request is removed, paid for and announced
    /// first, and a caller that must fail is failed by another receipt. Emits `execution_completed` or
    /// `execution_renewed`.
    #[private]
    pub fn on_execution_response(&mut self, request_id: RequestId) {
        let heard = heard(request_id);
        if heard.is_none()
            && let Some(renewed) = renew(request_id)
        {
            return env::promise_return(renewed);
        }
        let Some((request, _)) = self.take(request_id) else {
            // Settled before its transaction woke: only cancelling does that.
            return promise::fail_caller(&reason(FailureCode::Cancelled, "the request was withdrawn"));
        };
        match self.settle(&request, end_of(&request, heard)) {
            Ok(json) => env::value_return(&json),
            Err(reason) => promise::fail_caller(&reason),
        }
    }

    /// Fails the caller's transaction with `message`, after its request was settled.
    ///
    /// Caller: the contract itself.
    #[private]
    pub fn fail_execution(&mut self, message: String) {
        env::panic_str(&message)
    }
}

/// The answer with which this callback was woken; [`None`] when it was the end of the window.
fn heard(request_id: RequestId) -> Option<Answer> {
    let payload = env::promise_result_checked(0, MAX_RESUME_PAYLOAD).ok()?;
    match borsh::from_slice(&payload).ok()? {
        Resume::Inline(answer) => Some(answer),
        Resume::InlineV1(response) => Some(response.into()),
        Resume::Stashed => answer::unstash(request_id),
        Resume::Cancelled => None,
    }
}

/// Opens the next window, if the request still waits, has time, and its transaction has gas.
fn renew(request_id: RequestId) -> Option<PromiseIndex> {
    let request = pending::request(request_id)?;
    let gas_left = env::prepaid_gas().saturating_sub(env::used_gas());
    if env::block_timestamp() >= request.deadline || gas_left < RENEWAL_GAS {
        return None;
    }
    let handle = pending::handle(request.data_id).ok()?;
    let (promise, live) = promise::suspend(request_id, SETTLE_GAS)?;
    Some(reopen(&request, handle, promise, live))
}

fn reopen(request: &ExecutionRequest, handle: Handle, promise: PromiseIndex, live: DataId) -> PromiseIndex {
    let handle = handle.renewed(live);
    pending::update(request.data_id, &handle);
    let gas_left = env::prepaid_gas().saturating_sub(env::used_gas());
    events::emit(Event::ExecutionRenewed(vec![ExecutionRenewed {
        request_id: request.request_id,
        data_id: request.data_id,
        window: handle.window,
        gas_left: gas_left.as_gas(),
    }]));
    promise
}

/// Decides how a request ended, from the answer that woke it.
fn end_of(request: &ExecutionRequest, heard: Option<Answer>) -> End {
    let Some(Answer { outcome, used, wasm_sha256, receipt_sha256 }) = heard else {
        let text = "nobody answered in time; the deposit was refunded in full";
        return End::failed(FailureCode::TimedOut, text.to_owned());
    };
    let value = match outcome {
        Outcome::Failure(code, text) => Err((code, text)),
        _ if request.compile_only => value::of_program(wasm_sha256),
        Outcome::Output(bytes) => value::of_output(request.response_format, bytes),
        Outcome::OutputRef(output) => value::of_reference(output),
    };
    End { value, used, wasm_sha256, receipt_sha256 }
}
