//! Why an answer did not get onto the chain this time.

use crate::chain::RpcError;

/// Why an answer did not get onto the chain this time.
#[derive(Debug, thiserror::Error)]
pub(super) enum PublishError {
    /// The chain cannot be asked.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The answer cannot be written.
    #[error("the answer cannot be written as JSON: {0}")]
    Payload(#[from] serde_json::Error),
    /// The contract does not take the answer, or no node the transaction, and the request waits still.
    #[error("the answer was not accepted: {0}")]
    Refused(String),
    /// Nobody knows yet what became of the transaction.
    #[error("the transaction {0} has not been executed yet")]
    Unknown(String),
    /// It has not left, and not because of anything in it.
    #[error("the answer was not sent: {0}")]
    NotSent(String),
    /// The worker stops, or the job was closed.
    #[error("interrupted")]
    Cancelled,
}

impl PublishError {
    /// Whether time will tell, as opposed to something that failed.
    pub(super) fn is_not_yet(&self) -> bool {
        match self {
            Self::Rpc(error) => error.is_transient(),
            Self::Unknown(_) | Self::NotSent(_) | Self::Cancelled => true,
            Self::Payload(_) | Self::Refused(_) => false,
        }
    }
}
