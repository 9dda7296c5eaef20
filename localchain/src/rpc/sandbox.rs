//! What only a sandbox node can do: write state from outside, and let time pass.

use near_jsonrpc_primitives::errors::{RpcError, RpcParseError};
use near_jsonrpc_primitives::types::sandbox::{
    RpcSandboxFastForwardRequest, RpcSandboxFastForwardResponse, RpcSandboxPatchStateRequest,
    RpcSandboxPatchStateResponse,
};
use serde_json::Value;

use super::params::{FromParams, parse};
use super::{encode, internal};
use crate::node::Node;

impl FromParams for RpcSandboxPatchStateRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        parse(params)
    }
}

impl FromParams for RpcSandboxFastForwardRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        parse(params)
    }
}

/// `sandbox_fast_forward`: moves height and time by `delta_height` blocks.
pub async fn fast_forward(node: &Node, params: Value) -> Result<Value, RpcError> {
    let request = RpcSandboxFastForwardRequest::from_params(params)?;
    node.fast_forward(request.delta_height).await.map_err(internal)?;
    encode(RpcSandboxFastForwardResponse {})
}

/// `sandbox_patch_state`: writes records over the state; a block is made for it, so they are there once this answers.
pub async fn patch_state(node: &Node, params: Value) -> Result<Value, RpcError> {
    let request = RpcSandboxPatchStateRequest::from_params(params)?;
    node.patch_state(request.records).await.map_err(internal)?;
    encode(RpcSandboxPatchStateResponse {})
}
