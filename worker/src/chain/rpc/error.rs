//! What can go wrong between us and a node, and how a node's words are read.

use near_account_id::AccountId;
use near_crypto::PublicKey;
use near_jsonrpc_client::errors::{
    JsonRpcError, JsonRpcServerError, JsonRpcServerResponseStatusError, JsonRpcTransportRecvError,
    JsonRpcTransportSendError, RpcTransportError,
};
use near_jsonrpc_primitives::types::query::RpcQueryError;
use near_primitives::errors::{FunctionCallError, InvalidTxError};

use crate::chain::endpoints::http_reason;

/// What can go wrong between us and a node.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// No client could be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[source] reqwest::Error),
    /// The node cannot be reached, is overloaded, limits or refuses us, or failed inside.
    #[error("{method}: the node {node} cannot answer now: {reason}")]
    Unavailable {
        /// What was asked.
        method: &'static str,
        /// Which node.
        node: String,
        /// What the client said.
        reason: String,
    },
    /// The node's final block is older than what is known of the chain already, so its answer says nothing.
    #[error("{method}: the node is at block {height}, behind block {known}")]
    Behind {
        /// What was asked.
        method: &'static str,
        /// The node's final block.
        height: u64,
        /// The block that it should have reached.
        known: u64,
    },
    /// The nodes belong to different networks.
    #[error("the nodes do not belong to the same network: {0}")]
    DifferentNetworks(String),
    /// The account does not exist.
    #[error("the account {0} does not exist on this chain")]
    UnknownAccount(AccountId),
    /// The account has no such access key.
    #[error("{0} is not an access key of this account on this chain")]
    UnknownKey(Box<PublicKey>),
    /// No contract is deployed there.
    #[error("no contract is deployed at {0}")]
    NoContract(AccountId),
    /// A view ended with a failure of the contract.
    #[error("the view {method} failed in the contract: {error:?}")]
    View {
        /// The view's name.
        method: String,
        /// The VM's error.
        error: Box<FunctionCallError>,
    },
    /// The node refused the transaction.
    #[error("the transaction was refused: {0}")]
    InvalidTransaction(Box<InvalidTxError>),
    /// The node refused the question, or answered something else than what was asked.
    #[error("{method}: unexpected answer: {reason}")]
    Unexpected {
        /// What was asked.
        method: &'static str,
        /// What was wrong with the answer.
        reason: String,
    },
    /// Arguments or a result are not the JSON that they should be.
    #[error("{method}: not the expected JSON: {source}")]
    Json {
        /// What was asked.
        method: String,
        /// What serde said.
        source: serde_json::Error,
    },
}

impl RpcError {
    /// Whether the same question may be answered a little later, or by another node now.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Behind { .. })
    }

    pub(super) fn unexpected(method: &'static str, reason: String) -> Self {
        Self::Unexpected { method, reason }
    }

    pub(super) fn not_what_was_asked(method: &'static str) -> Self {
        Self::unexpected(method, "an answer to another question".to_owned())
    }
}

/// The errors of a query that mean something to who asked.
pub(super) fn query_error(node: &str, what: &str, error: &RpcQueryError) -> Option<RpcError> {
    match error {
        RpcQueryError::UnknownAccount { requested_account_id, .. } => {
            Some(RpcError::UnknownAccount(requested_account_id.clone()))
        }
        RpcQueryError::UnknownAccessKey { public_key, .. } => Some(RpcError::UnknownKey(Box::new(public_key.clone()))),
        RpcQueryError::NoContractCode { contract_account_id, .. } => {
            Some(RpcError::NoContract(contract_account_id.clone()))
        }
        RpcQueryError::ContractExecutionError { error, .. } => {
            Some(RpcError::View { method: what.to_owned(), error: Box::new(error.clone()) })
        }
        RpcQueryError::NoSyncedBlocks
        | RpcQueryError::UnavailableShard { .. }
        | RpcQueryError::GarbageCollectedBlock { .. }
        | RpcQueryError::UnknownBlock { .. }
        | RpcQueryError::InternalError { .. } => {
            Some(RpcError::Unavailable { method: "query", node: node.to_owned(), reason: error.to_string() })
        }
        _ => None,
    }
}

/// A failure that is not the method's own.
pub(super) fn classify<E>(method: &'static str, node: &str, error: JsonRpcError<E>) -> RpcError
where
    E: std::fmt::Debug + std::fmt::Display,
{
    let unavailable = |reason| RpcError::Unavailable { method, node: node.to_owned(), reason };
    match error {
        JsonRpcError::TransportError(error) => unavailable(transport_reason(error)),
        JsonRpcError::ServerError(error) => match error {
            JsonRpcServerError::ResponseStatusError(JsonRpcServerResponseStatusError::BadRequest) => {
                RpcError::unexpected(method, error.to_string())
            }
            // Also a key that the node does not take any more: other nodes go on, and the operator can mend it.
            JsonRpcServerError::ResponseStatusError(_) | JsonRpcServerError::InternalError { .. } => {
                unavailable(error.to_string())
            }
            _ => RpcError::unexpected(method, error.to_string()),
        },
    }
}

fn transport_reason(error: RpcTransportError) -> String {
    match error {
        RpcTransportError::SendError(JsonRpcTransportSendError::PayloadSendError(error))
        | RpcTransportError::RecvError(JsonRpcTransportRecvError::PayloadRecvError(error)) => http_reason(error),
        other => other.to_string(),
    }
}
