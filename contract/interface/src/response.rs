//! What an operator answers, and how the answer reaches the suspended transaction.

use crate::{failure::FailureCode, usage::ResourcesUsed};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The longest error message, in bytes of UTF-8; the contract cuts longer ones.
pub const MAX_ERROR_BYTES: usize = 4_096;
/// The largest payload that `promise_yield_resume` takes, in bytes.
pub const MAX_RESUME_PAYLOAD: usize = 1_024;

/// The outcome of one run, as the operator reports it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionResponse {
    /// Whether the program ran to its end with exit code zero.
    pub success: bool,
    /// What the program wrote to standard output; JSON shows an array of bytes. Only with success.
    #[serde(default)]
    pub return_value: Option<Vec<u8>>,
    /// Text for a person. Only without success.
    #[serde(default)]
    pub error: Option<String>,
    /// Why it failed. Only without success; a failure without a code counts as the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<FailureCode>,
    /// What the run used, also when it failed.
    pub resources_used: ResourcesUsed,
}

impl ExecutionResponse {
    /// A run that ended well.
    #[must_use]
    pub fn succeeded(return_value: Vec<u8>, resources_used: ResourcesUsed) -> Self {
        Self { success: true, return_value: Some(return_value), error: None, error_code: None, resources_used }
    }

    /// A run that failed, or never began (`resources_used` is then zero).
    #[must_use]
    pub fn failed(code: FailureCode, message: &str, resources_used: ResourcesUsed) -> Self {
        let error = Some(cut(message, MAX_ERROR_BYTES).to_owned());
        Self { success: false, return_value: None, error, error_code: Some(code), resources_used }
    }

    /// The code of a failure, [`None`] for a success.
    #[must_use]
    pub fn failure(&self) -> Option<FailureCode> {
        (!self.success).then(|| self.error_code.unwrap_or(FailureCode::OperatorError))
    }
}

/// What the contract hands to its own callback when it wakes the suspended transaction (borsh).
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
#[borsh(use_discriminant = false)]
pub enum Resume {
    /// The response fits [`MAX_RESUME_PAYLOAD`].
    Inline(ExecutionResponse),
    /// The response lies in the contract's state under the request's id.
    Stashed,
    /// The request was cancelled and is settled already.
    Cancelled,
}

/// The longest beginning of `text` that has at most `max_bytes` bytes and ends between two characters.
#[must_use]
pub fn cut(text: &str, max_bytes: usize) -> &str {
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_answer_reads() {
        let json = r#"{"success": true, "return_value": [1,2,3], "error": null,
            "resources_used": {"instructions": 1000000, "memory_bytes": 1048576, "time_seconds": 5}}"#;
        let used = ResourcesUsed { instructions: 1_000_000, memory_bytes: 1_048_576, time_seconds: 5 };
        let response: ExecutionResponse = serde_json::from_str(json).unwrap();
        assert_eq!(response, ExecutionResponse::succeeded(vec![1, 2, 3], used));
        assert_eq!(response.failure(), None);
    }

    #[test]
    fn a_failure_without_a_code_is_the_operators() {
        let json = r#"{"success": false, "error": "x", "resources_used": {"instructions": 0, "memory_bytes": 0, "time_seconds": 0}}"#;
        let response: ExecutionResponse = serde_json::from_str(json).unwrap();
        assert_eq!(response.failure(), Some(FailureCode::OperatorError));
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("日本", 5), "日");
        assert_eq!(cut("日本", 2), "");
        assert_eq!(cut("x", 0), "");
    }
}
