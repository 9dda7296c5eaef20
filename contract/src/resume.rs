//! The woken transaction: settle the request, then return its value or fail.

use crate::{
    events, pricing, promise,
    state::{Contract, ContractExt},
};
use near_sdk::{NearToken, env, json_types::Base64VecU8, near, serde::de::IgnoredAny, serde_json};
use offchainvm_interface::{
    Event, ExecutionRequest, ExecutionResponse, FailureCode, RequestId, ResourcesUsed, ResponseFormat, Resume,
    events::ExecutionCompleted, response::MAX_RESUME_PAYLOAD,
};

/// How a request ended, before it is settled.
pub(crate) enum End {
    /// The JSON that the caller's transaction returns, and what was used.
    Value(Vec<u8>, ResourcesUsed),
    /// Why not, in words, and what was used.
    Failure(FailureCode, String, ResourcesUsed),
}

#[near]
impl Contract {
    /// Settles a request when its transaction wakes: answered, or because nobody answered in time.
    ///
    /// Caller: the contract itself. Never fails on its own account: the request is removed, paid for and announced
    /// first, and a caller that must fail is failed by another receipt. Emits `execution_completed`.
    #[private]
    pub fn on_execution_response(&mut self, request_id: RequestId) {
        let response = self.heard(request_id);
        let Some(request) = self.take(request_id) else {
            // Settled before its transaction woke: only cancelling does that.
            return promise::fail_caller(&message(FailureCode::Cancelled, "withdrawn by its sender"));
        };
        match self.settle(&request, end_of(&request, response)) {
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

impl Contract {
    /// The response with which this callback was woken; [`None`] when it was the time-out.
    fn heard(&self, request_id: RequestId) -> Option<ExecutionResponse> {
        let payload = env::promise_result_checked(0, MAX_RESUME_PAYLOAD).ok()?;
        match borsh::from_slice(&payload).ok()? {
            Resume::Inline(response) => Some(response),
            Resume::Stashed => self.answers.get(&request_id).cloned().flatten(),
            Resume::Cancelled => None,
        }
    }

    /// Pays and announces a request that was taken out: `Ok` with what the caller's transaction returns, `Err` with
    /// the message it fails with. Money: fees grow by the cost, the sender gets the rest of the deposit.
    pub(crate) fn settle(&mut self, request: &ExecutionRequest, end: End) -> Result<Vec<u8>, String> {
        let (failure, used) = match &end {
            End::Value(_, used) => (None, *used),
            End::Failure(code, _, used) => (Some(*code), *used),
        };
        let cost = pricing::charge(request, failure, used);
        let refund = request.deposit.checked_sub(cost).unwrap_or(NearToken::from_yoctonear(0));
        self.fees = self.fees.saturating_add(cost);
        self.count(failure);
        promise::pay(&request.sender_id, refund);
        events::emit(Event::ExecutionCompleted(vec![ExecutionCompleted {
            request_id: request.request_id,
            data_id: request.data_id,
            sender_id: request.sender_id.clone(),
            code_source: request.code_source.clone(),
            resources_used: used.clamped_to(&request.resource_limits),
            success: failure.is_none(),
            error_code: failure,
            cost,
            refund,
            timestamp: env::block_timestamp(),
        }]));
        match end {
            End::Value(json, _) => Ok(json),
            End::Failure(code, text, _) => Err(message(code, &text)),
        }
    }

    fn count(&mut self, failure: Option<FailureCode>) {
        let counter = match failure {
            None => &mut self.outcomes.succeeded,
            Some(FailureCode::TimedOut) => &mut self.outcomes.timed_out,
            Some(FailureCode::Cancelled) => &mut self.outcomes.cancelled,
            Some(_) => &mut self.outcomes.failed,
        };
        *counter = counter.saturating_add(1);
    }
}

/// What the caller's failed transaction says: the stable code first.
fn message(code: FailureCode, text: &str) -> String {
    format!("{code}: {text}")
}

/// Decides how a request ended, from the response that woke it.
fn end_of(request: &ExecutionRequest, response: Option<ExecutionResponse>) -> End {
    let Some(response) = response else {
        let text = "nobody answered before the window closed; the deposit was refunded in full".to_owned();
        return End::Failure(FailureCode::TimedOut, text, ResourcesUsed::default());
    };
    let used = response.resources_used;
    if let Some(code) = response.failure() {
        return End::Failure(code, response.error.unwrap_or_default(), used);
    }
    match render(request.response_format, response.return_value.unwrap_or_default()) {
        Ok(json) => End::Value(json, used),
        Err(fault) => End::Failure(FailureCode::OutputInvalid, fault, used),
    }
}

/// The JSON that the caller's transaction returns for the program's output.
fn render(format: ResponseFormat, output: Vec<u8>) -> Result<Vec<u8>, String> {
    match format {
        ResponseFormat::Text => {
            let text = String::from_utf8(output).map_err(|error| format!("the output is not UTF-8: {error}"))?;
            serde_json::to_vec(&text).map_err(|error| error.to_string())
        }
        ResponseFormat::Json => match serde_json::from_slice::<IgnoredAny>(&output) {
            Ok(_) => Ok(output),
            Err(error) => Err(format!("the output is not JSON: {error}")),
        },
        ResponseFormat::Bytes => serde_json::to_vec(&Base64VecU8(output)).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_returns_what_it_says() {
        let json =
            |format, output: &[u8]| String::from_utf8(render(format, output.to_vec())?).map_err(|e| e.to_string());
        assert_eq!(json(ResponseFormat::Text, "h\"é\n".as_bytes()).unwrap(), r#""h\"é\n""#);
        assert_eq!(json(ResponseFormat::Json, br#"{"a": [1, 2]}"#).unwrap(), r#"{"a": [1, 2]}"#);
        assert_eq!(json(ResponseFormat::Bytes, &[0, 255]).unwrap(), r#""AP8=""#);
        assert_eq!(json(ResponseFormat::Text, b"").unwrap(), r#""""#);
    }

    #[test]
    fn output_of_another_format_is_refused() {
        assert!(render(ResponseFormat::Text, vec![0xff]).unwrap_err().contains("not UTF-8"));
        assert!(render(ResponseFormat::Json, b"{".to_vec()).unwrap_err().contains("not JSON"));
        assert!(render(ResponseFormat::Json, Vec::new()).is_err());
    }
}
