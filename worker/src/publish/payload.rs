//! What is said to the contract: the outcome, made acceptable. Pure.

use offchainvm_interface::{ExecutionRequest, ExecutionResponse, FailureCode, ResponseFormat, calls::ResolveArgs};
use serde::de::IgnoredAny;

/// The largest result that the contract takes, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct ResultCap(pub usize);

/// The arguments of `resolve_execution`. An output that is too large, or not of the format that was asked for, becomes
/// the program's failure, with the usage as it was: the contract would refuse it, or turn it into one itself.
#[must_use]
pub fn resolve_args(request: &ExecutionRequest, response: ExecutionResponse, cap: ResultCap) -> ResolveArgs {
    ResolveArgs { data_id: request.data_id, response: acceptable(request.response_format, response, cap) }
}

/// The response that the contract is told.
#[must_use]
pub fn acceptable(format: ResponseFormat, response: ExecutionResponse, cap: ResultCap) -> ExecutionResponse {
    let output = response.return_value.as_deref().filter(|_| response.success);
    match output.and_then(|output| fault_of(output, format, cap)) {
        Some((code, message)) => ExecutionResponse {
            wasm_sha256: response.wasm_sha256,
            ..ExecutionResponse::failed(code, &message, response.resources_used)
        },
        None => response,
    }
}

fn fault_of(output: &[u8], format: ResponseFormat, cap: ResultCap) -> Option<(FailureCode, String)> {
    if output.len() > cap.0 {
        let message = format!("the output has {} bytes; a result may have {}", output.len(), cap.0);
        return Some((FailureCode::OutputTooLarge, message));
    }
    let invalid = |message: String| Some((FailureCode::OutputInvalid, message));
    match format {
        ResponseFormat::Text => match std::str::from_utf8(output) {
            Ok(_) => None,
            Err(error) => invalid(format!("the output is not UTF-8: {error}")),
        },
        ResponseFormat::Json => match serde_json::from_slice::<IgnoredAny>(output) {
            Ok(_) => None,
            Err(error) => invalid(format!("the output is not JSON: {error}")),
        },
        ResponseFormat::Bytes => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use offchainvm_interface::ResourcesUsed;
    use serde_json::json;

    use super::*;

    const USED: ResourcesUsed = ResourcesUsed { instructions: 5, memory_bytes: 6, time_seconds: 7 };

    fn answer(format: &str, output: &[u8]) -> ExecutionResponse {
        let request: ExecutionRequest = serde_json::from_value(json!({
            "request_id": 1, "data_id": vec![7; 32], "sender_id": "user.near",
            "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
            "resource_limits": {}, "input_data": "", "response_format": format, "deposit": "1",
            "pricing": {"base_fee": "1", "per_instruction_fee": "1", "per_mb_fee": "1", "per_second_fee": "1"},
            "timestamp": 1, "deadline": 2,
        }))
        .unwrap();
        let args = resolve_args(&request, ExecutionResponse::succeeded(output.to_vec(), USED), ResultCap(8));
        assert_eq!(args.data_id, request.data_id);
        args.response
    }

    #[test]
    fn output_of_the_format_that_was_asked_for_passes_as_it_is() {
        for (format, output) in [("text", "né\n".as_bytes()), ("json", b" [1,2] "), ("bytes", &[0, 255]), ("text", b"")]
        {
            assert_eq!(answer(format, output), ExecutionResponse::succeeded(output.to_vec(), USED), "{format}");
        }
    }

    #[test]
    fn other_output_is_the_programs_failure_and_its_usage_stays() {
        let cases = [
            ("text", &[0xff][..], FailureCode::OutputInvalid),
            ("json", b"{", FailureCode::OutputInvalid),
            ("json", b"", FailureCode::OutputInvalid),
            ("json", b"1 2", FailureCode::OutputInvalid),
            ("bytes", &[0; 9], FailureCode::OutputTooLarge),
        ];
        for (format, output, code) in cases {
            let response = answer(format, output);
            assert_eq!((response.failure(), response.resources_used), (Some(code), USED), "{format}");
            assert_eq!(response.return_value, None);
        }
    }

    #[test]
    fn a_failure_passes_as_it_is() {
        let failure = ExecutionResponse::failed(FailureCode::Trap, "unreachable", USED);
        let request: ExecutionRequest = serde_json::from_value(json!({
            "request_id": 1, "data_id": vec![7; 32], "sender_id": "user.near",
            "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
            "resource_limits": {}, "input_data": "", "response_format": "json", "deposit": "1",
            "pricing": {"base_fee": "1", "per_instruction_fee": "1", "per_mb_fee": "1", "per_second_fee": "1"},
            "timestamp": 1, "deadline": 2,
        }))
        .unwrap();
        assert_eq!(resolve_args(&request, failure.clone(), ResultCap(8)).response, failure);
    }
}
