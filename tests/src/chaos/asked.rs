//! What a worker asks its chain: told apart as far as the faults need it.

use super::upstream::Call;
use serde_json::Value;

/// A question.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// A JSON-RPC method with its parameters.
    Rpc { method: String, params: Value },
    /// The final block at a height.
    Block { height: u64 },
    /// Anything else.
    Other,
}

impl Asked {
    pub(super) fn of(call: &Call) -> Self {
        if let Some(height) = call.path.strip_prefix("/v0/block/").and_then(|height| height.parse().ok()) {
            return Self::Block { height };
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(&call.body) else { return Self::Other };
        match body["method"].as_str().map(str::to_owned) {
            Some(method) => Self::Rpc { method, params: body["params"].take() },
            None => Self::Other,
        }
    }

    /// The kind of question. Questions are counted by kind, so that what happens to the third transaction does not
    /// depend on how many blocks were asked for in the meantime.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::Rpc { method, params } => params["request_type"].as_str().unwrap_or(method),
            Self::Block { .. } => "block by height",
            Self::Other => "other",
        }
    }

    pub(super) fn is_transaction(&self) -> bool {
        matches!(self, Self::Rpc { method, .. }
            if matches!(method.as_str(), "broadcast_tx_async" | "broadcast_tx_commit" | "send_tx"))
    }

    pub(super) fn is_access_key(&self) -> bool {
        matches!(self, Self::Rpc { params, .. } if params["request_type"] == "view_access_key")
    }

    /// Whether the answer depends on how far the node has come.
    pub(super) fn can_be_stale(&self) -> bool {
        match self {
            Self::Rpc { method, params } => match method.as_str() {
                "query" | "block" => params["finality"].is_string(),
                "tx" | "EXPERIMENTAL_tx_status" => true,
                _ => false,
            },
            Self::Block { .. } | Self::Other => false,
        }
    }
}
