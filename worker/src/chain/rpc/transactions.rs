//! Handing a transaction to the network, and asking what became of it.
//!
//! The same signed transaction may be handed to any number of nodes any number of times: it is executed once or never.

use near_account_id::AccountId;
use near_jsonrpc_client::{
    MethodCallResult,
    errors::{JsonRpcError, JsonRpcServerError, JsonRpcServerResponseStatusError},
    methods,
};
use near_jsonrpc_primitives::types::transactions::{
    RpcTransactionError, RpcTransactionResponse, TimeoutErrorCause, TransactionInfo,
};
use near_primitives::{
    hash::CryptoHash,
    transaction::SignedTransaction,
    views::{FinalExecutionOutcomeView, TxExecutionStatus},
};

use super::{Rpc, RpcError, error::classify, no_node, node::Node};

/// How far a transaction has come.
#[derive(Clone, Debug)]
pub enum TxProgress {
    /// No node that can be asked has ever seen it.
    Unknown,
    /// It is under way; [`None`] until the node shows an outcome.
    Pending(Option<Box<FinalExecutionOutcomeView>>),
    /// Its block is final and its receipts have been executed.
    Executed(Box<FinalExecutionOutcomeView>),
}

impl TxProgress {
    /// Reads what a node answers to `tx` or `send_tx`: its JSON-RPC answer's `result`.
    ///
    /// # Errors
    /// It is something else.
    pub fn read(result: &[u8]) -> Result<Self, serde_json::Error> {
        // By way of a value, as the client does.
        let result: serde_json::Value = serde_json::from_slice(result)?;
        serde_json::from_value(result).map(progress_of)
    }
}

impl Rpc {
    /// Hands the transaction to a node, without waiting and without a check.
    ///
    /// # Errors
    /// [`RpcError`] when no node takes it; it may have arrived nevertheless.
    pub async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), RpcError> {
        let request =
            methods::broadcast_tx_async::RpcBroadcastTxAsyncRequest { signed_transaction: transaction.clone() };
        self.call("broadcast_tx_async", &request, |_, _| None, |_| None).await.map(drop)
    }

    /// Hands the transaction to a node and waits, ten seconds or so, until it is executed. A refusal is the last word
    /// only when every node refuses: one that is behind does not know the block that the transaction builds on.
    ///
    /// # Errors
    /// [`RpcError::InvalidTransaction`] when it is refused; other errors leave open whether it arrived.
    pub async fn submit(&self, transaction: &SignedTransaction) -> Result<TxProgress, RpcError> {
        const METHOD: &str = "send_tx";
        let request = methods::send_tx::RpcSendTransactionRequest {
            signed_transaction: transaction.clone(),
            wait_until: TxExecutionStatus::Executed,
        };
        let mut round = self.nodes.round();
        let (mut refusal, mut last) = (None, None);
        while let Some(node) = round.next() {
            match progress(node.call_slow(&request).await, METHOD, node) {
                Err(error) if error.is_transient() => {
                    round.failed(&error);
                    last = Some(error);
                }
                Err(error) => {
                    round.worked();
                    refusal = refusal.or(Some(error));
                }
                answer => {
                    round.worked();
                    return answer;
                }
            }
        }
        Err(last.or(refusal).unwrap_or_else(|| no_node(METHOD)))
    }

    /// Asks how far a transaction has come, and waits ten seconds or so for it to be executed.
    ///
    /// # Errors
    /// [`RpcError`] when no node answers.
    pub async fn follow(&self, hash: CryptoHash, sender: &AccountId) -> Result<TxProgress, RpcError> {
        self.status(hash, sender, TxExecutionStatus::Executed).await
    }

    /// Asks how far a transaction has come, and answers at once.
    ///
    /// # Errors
    /// [`RpcError`] when no node answers.
    pub async fn transaction(&self, hash: CryptoHash, sender: &AccountId) -> Result<TxProgress, RpcError> {
        self.status(hash, sender, TxExecutionStatus::None).await
    }

    /// That one node does not know a transaction is not the last word: another one may.
    async fn status(
        &self,
        hash: CryptoHash,
        sender: &AccountId,
        wait: TxExecutionStatus,
    ) -> Result<TxProgress, RpcError> {
        const METHOD: &str = "tx";
        let mut request = methods::tx::RpcTransactionStatusRequest {
            transaction_info: TransactionInfo::TransactionId { tx_hash: hash, sender_account_id: sender.clone() },
            wait_until: wait,
        };
        let mut round = self.nodes.round();
        let (mut unknown, mut last) = (false, None);
        while let Some(node) = round.next() {
            match progress(node.call_slow(&request).await, METHOD, node) {
                Ok(TxProgress::Unknown) => {
                    round.worked();
                    unknown = true;
                    // The first node has waited long enough for all of them.
                    request.wait_until = TxExecutionStatus::None;
                }
                Err(error) if error.is_transient() => {
                    round.failed(&error);
                    last = Some(error);
                }
                answer => {
                    round.worked();
                    return answer;
                }
            }
        }
        if unknown { Ok(TxProgress::Unknown) } else { Err(last.unwrap_or_else(|| no_node(METHOD))) }
    }
}

/// What `tx` and `send_tx` answer, with the ways of saying "not yet" told apart from errors.
fn progress(
    answer: MethodCallResult<RpcTransactionResponse, RpcTransactionError>,
    method: &'static str,
    node: &Node,
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
        Some(other) => Err(RpcError::Unavailable { method, node: node.name.clone(), reason: other.to_string() }),
        None if is_timeout(&error) => Ok(TxProgress::Pending(None)),
        None => Err(classify(method, &node.name, error)),
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
