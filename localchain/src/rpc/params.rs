//! Parameters of a request: an object by name, or, for the older methods, an array by position.

use near_jsonrpc_primitives::errors::RpcParseError;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A request that can be read from JSON-RPC parameters.
pub trait FromParams: Sized {
    /// Reads the request; the error becomes a `PARSE_ERROR`.
    fn from_params(params: Value) -> Result<Self, RpcParseError>;
}

/// For methods without parameters: whatever is sent is ignored, as a real node does.
pub struct NoParams;

impl FromParams for NoParams {
    fn from_params(_: Value) -> Result<Self, RpcParseError> {
        Ok(Self)
    }
}

/// Reads one value.
pub fn parse<T: DeserializeOwned>(value: Value) -> Result<T, RpcParseError> {
    serde_json::from_value(value).map_err(|error| RpcParseError(format!("Failed parsing args: {error}")))
}

/// The parameters by position, when they are an array of exactly `N`; otherwise themselves.
pub fn by_position<const N: usize>(params: Value) -> Result<[Value; N], Value> {
    match params {
        Value::Array(values) => values.try_into().map_err(Value::Array),
        other => Err(other),
    }
}
