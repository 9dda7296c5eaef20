//! What a caller asks for, and what the contract remembers of it.

use crate::{code_source::CodeSource, data_id::DataId, limits::ResourceLimits, pricing::Pricing, sha256::DataRef};
use borsh::{BorshDeserialize, BorshSerialize};
use near_account_id::AccountId;
use near_token::NearToken;
use serde::{Deserialize, Serialize};

/// A request's number: 1, 2, 3 … in the order of acceptance, never used twice.
pub type RequestId = u64;

/// The arguments of `request_execution`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RequestArgs {
    /// The program.
    pub code_source: CodeSource,
    /// What it may use; the defaults when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_limits: Option<ResourceLimits>,
    /// What the program reads on standard input, as UTF-8; empty when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_data: Option<String>,
    /// What the transaction returns; text when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// Who is refunded; the sender when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_to: Option<AccountId>,
    /// Whether the program is only built and kept: the transaction then returns `{"wasm_sha256": …}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_only: Option<bool>,
}

/// The largest `input_data`, in bytes: it travels in a transaction of at most 1.5 MiB and is read back in one view.
pub const MAX_INPUT_BYTES: usize = 512 * 1_024;

/// What the caller's transaction returns for the program's output.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = false)]
pub enum ResponseFormat {
    /// A JSON string; the output must be UTF-8.
    #[default]
    Text,
    /// The output itself, which must be one JSON value.
    Json,
    /// A JSON string of base64; any output.
    Bytes,
}

/// A request as the contract keeps it, and as `execution_requested` and the views tell it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
pub struct ExecutionRequest {
    /// The request's number.
    pub request_id: RequestId,
    /// The handle that `resolve_execution` takes.
    pub data_id: DataId,
    /// Who asked.
    pub sender_id: AccountId,
    /// Who is refunded; the sender when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_to: Option<AccountId>,
    /// The program.
    pub code_source: CodeSource,
    /// What it may use.
    pub resource_limits: ResourceLimits,
    /// Whether the program is only built and kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub compile_only: bool,
    /// What it reads on standard input; empty when `input_ref` names it.
    pub input_data: String,
    /// An input that is too large for the event: `get_request_input` returns it while the request waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_ref: Option<DataRef>,
    /// What the transaction returns.
    pub response_format: ResponseFormat,
    /// What was attached and is held in escrow, in yoctoNEAR.
    pub deposit: NearToken,
    /// The price list at the time of the request; later changes do not touch it.
    pub pricing: Pricing,
    /// Block time of the request, in nanoseconds since 1970.
    pub timestamp: u64,
    /// Block time after which nobody may answer any more, in nanoseconds since 1970.
    pub deadline: u64,
}

impl ExecutionRequest {
    /// Who is refunded.
    #[must_use]
    pub fn refund_receiver(&self) -> &AccountId {
        self.refund_to.as_ref().unwrap_or(&self.sender_id)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_arguments_read() {
        let json = r#"{"code_source": {"repo": "https://github.com/user/project", "commit": "abc123", "build_target": "wasm32-wasi"},
            "resource_limits": {"max_instructions": 1000000000, "max_memory_mb": 128, "max_execution_seconds": 60}}"#;
        let args: RequestArgs = serde_json::from_str(json).unwrap();
        assert_eq!(args.resource_limits, Some(ResourceLimits::default()));
        assert_eq!(args.input_data, None);
    }
}
