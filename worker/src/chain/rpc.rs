//! A node's JSON-RPC, in this crate's own terms: the only file that names near-jsonrpc-client.

use std::time::Duration;

use near_account_id::AccountId;
use near_crypto::PublicKey;
use near_jsonrpc_client::{
    JsonRpcClient, MethodCallResult,
    errors::{JsonRpcError, JsonRpcServerError, JsonRpcServerResponseStatusError},
    methods,
};
use near_jsonrpc_primitives::types::{
    query::{QueryResponseKind, RpcQueryError},
    transactions::{RpcTransactionError, RpcTransactionResponse, TimeoutErrorCause, TransactionInfo},
};
use near_primitives::{
    errors::{FunctionCallError, InvalidTxError},
    hash::CryptoHash,
    transaction::SignedTransaction,
    types::{BlockId, BlockReference, Finality},
    views::{AccessKeyView, FinalExecutionOutcomeView, QueryRequest, TxExecutionStatus},
};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take. A node holds a transaction's status back for ten seconds before it gives up waiting.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);

/// A connection to a node. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Rpc {
    client: JsonRpcClient,
}

/// Which block a view looked at, or is to look at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BlockRef {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: CryptoHash,
}

/// How far a transaction has come.
#[derive(Clone, Debug)]
pub enum TxProgress {
    /// The node has never seen it.
    Unknown,
    /// It is under way; [`None`] until the node shows an outcome.
    Pending(Option<Box<FinalExecutionOutcomeView>>),
    /// Its block is final and its receipts have been executed.
    Executed(Box<FinalExecutionOutcomeView>),
}

/// What can go wrong between us and a node.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// No client could be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[source] reqwest::Error),
    /// The node cannot be reached, is overloaded, limits us, or failed inside.
    #[error("{method}: the node cannot answer now: {reason}")]
    Unavailable {
        /// What was asked.
        method: &'static str,
        /// What the client said.
        reason: String,
    },
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
    /// Whether the same question may be answered a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl Rpc {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`RpcError::Client`] when TLS cannot be set up.
    pub fn new(url: &Url) -> Result<Self, RpcError> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .build()
            .map_err(RpcError::Client)?;
        Ok(Self { client: JsonRpcClient::with(http).connect(url.as_str()) })
    }

    /// The newest final block.
    ///
    /// # Errors
    /// [`RpcError`] when the node does not answer.
    pub async fn final_block(&self) -> Result<BlockRef, RpcError> {
        let block_reference = BlockReference::Finality(Finality::Final);
        let block = self.call("block", methods::block::RpcBlockRequest { block_reference }, |_| None).await?;
        Ok(BlockRef { height: block.header.height, hash: block.header.hash })
    }

    /// The network's name: "mainnet", "testnet" …
    ///
    /// # Errors
    /// [`RpcError`] when the node does not answer.
    pub async fn chain_id(&self) -> Result<String, RpcError> {
        Ok(self.call("status", methods::status::RpcStatusRequest, |_| None).await?.chain_id)
    }

    /// Calls a view with JSON arguments, at `block` or at the newest final one; says at which it was.
    ///
    /// # Errors
    /// [`RpcError`] when the node does not answer, or when the contract fails.
    pub async fn view<T: DeserializeOwned>(
        &self,
        contract: &AccountId,
        method: &str,
        args: &impl Serialize,
        block: Option<BlockRef>,
    ) -> Result<(T, BlockRef), RpcError> {
        let json = |source| RpcError::Json { method: method.to_owned(), source };
        let request = QueryRequest::CallFunction {
            account_id: contract.clone(),
            method_name: method.to_owned(),
            args: serde_json::to_vec(args).map_err(json)?.into(),
        };
        match self.query(method, request, block).await? {
            (QueryResponseKind::CallResult(result), at) => {
                Ok((serde_json::from_slice(&result.result).map_err(json)?, at))
            }
            _ => Err(not_what_was_asked("query")),
        }
    }

    /// An access key as it stands after the newest final block.
    ///
    /// # Errors
    /// [`RpcError::UnknownAccount`], [`RpcError::UnknownKey`], or no answer.
    pub async fn access_key(
        &self,
        account: &AccountId,
        key: &PublicKey,
    ) -> Result<(AccessKeyView, BlockRef), RpcError> {
        let request = QueryRequest::ViewAccessKey { account_id: account.clone(), public_key: key.clone() };
        match self.query("view_access_key", request, None).await? {
            (QueryResponseKind::AccessKey(key), at) => Ok((key, at)),
            _ => Err(not_what_was_asked("query")),
        }
    }

    /// Hands the transaction to the node, without waiting and without a check.
    ///
    /// # Errors
    /// [`RpcError`] when the node does not take it; it may have arrived nevertheless.
    pub async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), RpcError> {
        let request =
            methods::broadcast_tx_async::RpcBroadcastTxAsyncRequest { signed_transaction: transaction.clone() };
        self.call("broadcast_tx_async", request, |_| None).await.map(drop)
    }

    /// Hands the transaction to the node and waits, ten seconds or so, until it is executed.
    ///
    /// # Errors
    /// [`RpcError::InvalidTransaction`] when it is refused; other errors leave open whether it arrived.
    pub async fn submit(&self, transaction: &SignedTransaction) -> Result<TxProgress, RpcError> {
        let request = methods::send_tx::RpcSendTransactionRequest {
            signed_transaction: transaction.clone(),
            wait_until: TxExecutionStatus::Executed,
        };
        progress(self.client.call(request).await, "send_tx")
    }

    /// Asks how far a transaction has come, and waits ten seconds or so for it to be executed.
    ///
    /// # Errors
    /// [`RpcError`] when the node does not answer.
    pub async fn follow(&self, hash: CryptoHash, sender: &AccountId) -> Result<TxProgress, RpcError> {
        self.status(hash, sender, TxExecutionStatus::Executed).await
    }

    /// Asks how far a transaction has come, and answers at once.
    ///
    /// # Errors
    /// [`RpcError`] when the node does not answer.
    pub async fn transaction(&self, hash: CryptoHash, sender: &AccountId) -> Result<TxProgress, RpcError> {
        self.status(hash, sender, TxExecutionStatus::None).await
    }

    async fn status(
        &self,
        hash: CryptoHash,
        sender: &AccountId,
        wait: TxExecutionStatus,
    ) -> Result<TxProgress, RpcError> {
        let request = methods::tx::RpcTransactionStatusRequest {
            transaction_info: TransactionInfo::TransactionId { tx_hash: hash, sender_account_id: sender.clone() },
            wait_until: wait,
        };
        progress(self.client.call(request).await, "tx")
    }

    async fn query(
        &self,
        what: &str,
        request: QueryRequest,
        block: Option<BlockRef>,
    ) -> Result<(QueryResponseKind, BlockRef), RpcError> {
        let block_reference = match block {
            Some(block) => BlockReference::BlockId(BlockId::Hash(block.hash)),
            None => BlockReference::Finality(Finality::Final),
        };
        let request = methods::query::RpcQueryRequest { block_reference, request };
        let response = self.call("query", request, |error| query_error(what, error)).await?;
        Ok((response.kind, BlockRef { height: response.block_height, hash: response.block_hash }))
    }

    /// Calls a method; `known` recognises the method's own errors that mean something to the caller.
    async fn call<M: methods::RpcMethod>(
        &self,
        name: &'static str,
        method: M,
        known: impl Fn(&M::Error) -> Option<RpcError>,
    ) -> Result<M::Response, RpcError>
    where
        M::Error: std::fmt::Debug + std::fmt::Display,
    {
        self.client.call(method).await.map_err(|error| match error.handler_error() {
            Some(own) => known(own).unwrap_or_else(|| unexpected(name, own.to_string())),
            None => classify(name, &error),
        })
    }
}

/// What `tx` and `send_tx` answer, with the ways of saying "not yet" told apart from errors.
fn progress(
    answer: MethodCallResult<RpcTransactionResponse, RpcTransactionError>,
    method: &'static str,
) -> Result<TxProgress, RpcError> {
    let error = match answer {
        Ok(response) => return Ok(progress_of(response)),
        Err(error) => error,
    };
    match error.handler_error() {
        Some(RpcTransactionError::UnknownTransaction { .. }) => Ok(TxProgress::Unknown),
        Some(RpcTransactionError::TimeoutError(Some(TimeoutErrorCause::NotObserved))) => Ok(TxProgress::Unknown),
        Some(RpcTransactionError::TimeoutError(Some(TimeoutErrorCause::Pending { status }))) => {
            Ok(progress_of((**status).clone()))
        }
        // An older node does not say why: the transaction may well be on its way.
        Some(RpcTransactionError::TimeoutError(_)) => Ok(TxProgress::Pending(None)),
        Some(RpcTransactionError::InvalidTransaction { context }) => {
            Err(RpcError::InvalidTransaction(Box::new(context.clone())))
        }
        Some(other) => Err(RpcError::Unavailable { method, reason: other.to_string() }),
        None if is_timeout(&error) => Ok(TxProgress::Pending(None)),
        None => Err(classify(method, &error)),
    }
}

/// A node that gave up waiting says so with HTTP's own status, and the client shows no more than that.
fn is_timeout<E>(error: &JsonRpcError<E>) -> bool {
    use JsonRpcServerResponseStatusError::TimeoutError;
    matches!(error, JsonRpcError::ServerError(JsonRpcServerError::ResponseStatusError(TimeoutError)))
}

fn progress_of(response: RpcTransactionResponse) -> TxProgress {
    let outcome = response.final_execution_outcome.map(|outcome| Box::new(outcome.into_outcome()));
    let executed = matches!(response.final_execution_status, TxExecutionStatus::Executed | TxExecutionStatus::Final);
    match outcome {
        Some(outcome) if executed => TxProgress::Executed(outcome),
        outcome => TxProgress::Pending(outcome),
    }
}

fn query_error(what: &str, error: &RpcQueryError) -> Option<RpcError> {
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
        | RpcQueryError::UnknownBlock { .. }
        | RpcQueryError::InternalError { .. } => {
            Some(RpcError::Unavailable { method: "query", reason: error.to_string() })
        }
        _ => None,
    }
}

fn classify<E: std::fmt::Debug + std::fmt::Display>(method: &'static str, error: &JsonRpcError<E>) -> RpcError {
    let reason = error.to_string();
    match error {
        JsonRpcError::TransportError(_) => RpcError::Unavailable { method, reason },
        JsonRpcError::ServerError(JsonRpcServerError::InternalError { .. }) => RpcError::Unavailable { method, reason },
        JsonRpcError::ServerError(JsonRpcServerError::ResponseStatusError(status)) => match status {
            JsonRpcServerResponseStatusError::BadRequest | JsonRpcServerResponseStatusError::Unauthorized => {
                unexpected(method, reason)
            }
            _ => RpcError::Unavailable { method, reason },
        },
        JsonRpcError::ServerError(_) => unexpected(method, reason),
    }
}

fn unexpected(method: &'static str, reason: String) -> RpcError {
    RpcError::Unexpected { method, reason }
}

fn not_what_was_asked(method: &'static str) -> RpcError {
    unexpected(method, "an answer to another question".to_owned())
}

#[cfg(test)]
#[path = "rpc_tests.rs"]
mod tests;
