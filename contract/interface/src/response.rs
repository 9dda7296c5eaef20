//! What an operator answers.

use crate::{
    failure::FailureCode,
    sha256::{DataRef, Sha256},
    usage::ResourcesUsed,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The longest error message, in bytes of UTF-8; the contract cuts longer ones.
pub const MAX_ERROR_BYTES: usize = 4_096;
/// The largest payload that `promise_yield_resume` takes, in bytes.
pub const MAX_RESUME_PAYLOAD: usize = 1_024;

/// The outcome of one run, as the operator reports it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExecutionResponse {
    /// Whether the program ran to its end with exit code zero, or was built if only that was asked for.
    pub success: bool,
    /// What the program wrote to standard output. Only with success. JSON is read as an array of bytes or as a string
    /// of base64, and written as base64, which costs the contract far less gas.
    #[serde(default, with = "bytes")]
    #[cfg_attr(feature = "abi", schemars(with = "crate::abi::Bytes"))]
    pub return_value: Option<Vec<u8>>,
    /// Names an output that is too large for the chain, instead of `return_value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_ref: Option<DataRef>,
    /// Text for a person. Only without success.
    #[serde(default)]
    pub error: Option<String>,
    /// Why it failed. Only without success; a failure without a code counts as the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<FailureCode>,
    /// The digest of the program, as far as there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasm_sha256: Option<Sha256>,
    /// What the run used, also when it failed.
    pub resources_used: ResourcesUsed,
    /// The digest of the operator's receipt ([`crate::receipt`]), by which anyone can hold the operator to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_sha256: Option<Sha256>,
}

impl ExecutionResponse {
    /// A run that ended well.
    #[must_use]
    pub fn succeeded(return_value: Vec<u8>, resources_used: ResourcesUsed) -> Self {
        Self {
            success: true,
            return_value: Some(return_value),
            output_ref: None,
            error: None,
            error_code: None,
            wasm_sha256: None,
            resources_used,
            receipt_sha256: None,
        }
    }

    /// A run that ended well with more output than the chain takes.
    #[must_use]
    pub fn succeeded_with_ref(output: DataRef, resources_used: ResourcesUsed) -> Self {
        Self { return_value: None, output_ref: Some(output), ..Self::succeeded(Vec::new(), resources_used) }
    }

    /// A run that failed, or never began (`resources_used` is then zero).
    #[must_use]
    pub fn failed(code: FailureCode, message: &str, resources_used: ResourcesUsed) -> Self {
        let error = Some(cut(message, MAX_ERROR_BYTES).to_owned());
        Self {
            success: false,
            return_value: None,
            error,
            error_code: Some(code),
            ..Self::succeeded(Vec::new(), resources_used)
        }
    }

    /// The same, of the program with this digest.
    #[must_use]
    pub fn of_program(self, wasm_sha256: Sha256) -> Self {
        Self { wasm_sha256: Some(wasm_sha256), ..self }
    }

    /// The same, with the digest of its receipt.
    #[must_use]
    pub fn with_receipt(self, receipt_sha256: Sha256) -> Self {
        Self { receipt_sha256: Some(receipt_sha256), ..self }
    }

    /// The code of a failure, [`None`] for a success.
    #[must_use]
    pub fn failure(&self) -> Option<FailureCode> {
        (!self.success).then(|| self.error_code.unwrap_or(FailureCode::OperatorError))
    }
}

/// Bytes in JSON.
mod bytes {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde::{
        Deserializer, Serializer,
        de::{Error, SeqAccess, Visitor},
    };
    use std::fmt;

    pub(super) fn serialize<S: Serializer>(value: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(bytes) => serializer.serialize_str(&BASE64_STANDARD.encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        struct Bytes;

        impl<'de> Visitor<'de> for Bytes {
            type Value = Option<Vec<u8>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of bytes, a string of base64 or null")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                BASE64_STANDARD.decode(text).map(Some).map_err(|_| E::custom("return_value is not base64"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Some(bytes))
            }
        }

        deserializer.deserialize_any(Bytes)
    }
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
    fn bytes_read_as_an_array_and_as_base64_and_nothing_else() {
        let read = |value: &str| {
            let json = format!(
                r#"{{"success": true, "return_value": {value},
                    "resources_used": {{"instructions": 0, "memory_bytes": 0, "time_seconds": 0}}}}"#
            );
            serde_json::from_str::<ExecutionResponse>(&json).map(|response| response.return_value)
        };
        assert_eq!(read("[0, 255]").unwrap(), Some(vec![0, 255]));
        assert_eq!(read(r#""AP8=""#).unwrap(), Some(vec![0, 255]));
        assert_eq!(read("[]").unwrap(), Some(vec![]));
        assert_eq!(read("null").unwrap(), None);
        for bad in ["[256]", "[-1]", r#""AP8""#, r#""?""#, "7", "{}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let response = ExecutionResponse::succeeded(vec![0, 255], ResourcesUsed::default());
        assert_eq!(serde_json::to_value(&response).unwrap()["return_value"], "AP8=");
        assert_eq!(
            serde_json::from_value::<ExecutionResponse>(serde_json::to_value(&response).unwrap()).unwrap(),
            response
        );
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
