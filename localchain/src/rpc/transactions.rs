//! Transactions: sending one, waiting for as much of it as was asked for, and reading receipts.

use std::time::Duration;

use near_jsonrpc_primitives::errors::{RpcError, RpcParseError};
use near_jsonrpc_primitives::types::receipts::{RpcReceiptError, RpcReceiptRequest, RpcReceiptResponse};
use near_jsonrpc_primitives::types::transactions::{
    RpcSendTransactionRequest, RpcTransactionError, RpcTransactionResponse, RpcTransactionStatusRequest,
    TimeoutErrorCause,
};
use near_primitives::errors::InvalidTxError;
use near_primitives::hash::CryptoHash;
use near_primitives::transaction::SignedTransaction;
use near_primitives::views::{
    FinalExecutionOutcomeView, FinalExecutionOutcomeViewEnum, FinalExecutionOutcomeWithReceiptView, TxExecutionStatus,
};
use serde_json::{Value, json};

use super::encode;
use super::params::{FromParams, by_position, parse};
use crate::chain::Chain;
use crate::node::{Node, NodeError};
use crate::views;

/// How long a request waits for a transaction, as in nearcore's default configuration.
const POLLING_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether a transaction's status carries the receipts themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// Outcomes only.
    Omit,
    /// Outcomes, and the receipts they are of.
    Include,
}

impl FromParams for RpcSendTransactionRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        match by_position(params) {
            Ok([signed_tx]) => parse(json!({ "signed_tx_base64": signed_tx })),
            Err(named) => parse(named),
        }
    }
}

impl FromParams for RpcTransactionStatusRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        match by_position(params) {
            Ok([hash, sender]) => parse(json!({ "tx_hash": hash, "sender_account_id": sender })),
            Err(Value::Array(mut single)) if single.len() == 1 => parse(json!({ "signed_tx_base64": single.pop() })),
            Err(named) => parse(named),
        }
    }
}

impl FromParams for RpcReceiptRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        parse(params)
    }
}

/// `send_tx`: submits, then waits until the transaction has got as far as `wait_until`.
pub async fn send(node: &Node, params: Value) -> Result<Value, RpcError> {
    let request = RpcSendTransactionRequest::from_params(params)?;
    encode(send_and_wait(node, request).await?)
}

/// `broadcast_tx_commit`: `send_tx` until everything is executed.
pub async fn broadcast_commit(node: &Node, params: Value) -> Result<Value, RpcError> {
    let mut request = RpcSendTransactionRequest::from_params(params)?;
    request.wait_until = TxExecutionStatus::ExecutedOptimistic;
    encode(send_and_wait(node, request).await?)
}

/// `broadcast_tx_async`: submits and says the hash; whether the transaction was accepted is not said.
pub async fn broadcast_async(node: &Node, params: Value) -> Result<Value, RpcError> {
    let transaction = RpcSendTransactionRequest::from_params(params)?.signed_transaction;
    let hash = transaction.get_hash();
    submit_unheard(node, transaction).await.map_err(super::internal)?;
    encode(hash)
}

/// `tx` and `EXPERIMENTAL_tx_status`: waits until a transaction that was sent before has got as far as `wait_until`.
pub async fn status(node: &Node, params: Value, receipts: Receipts) -> Result<Value, RpcError> {
    let request = RpcTransactionStatusRequest::from_params(params)?;
    let awaited =
        Awaited { hash: request.transaction_info.to_tx_hash_and_account().0, until: request.wait_until, receipts };
    encode(wait(node, awaited).await?)
}

/// `EXPERIMENTAL_receipt`.
pub fn receipt(chain: &Chain, request: RpcReceiptRequest) -> Result<RpcReceiptResponse, RpcReceiptError> {
    let receipt_id = request.receipt_reference.receipt_id;
    chain
        .receipt(&receipt_id)
        .map(|receipt| RpcReceiptResponse { receipt_view: views::receipt(receipt) })
        .ok_or(RpcReceiptError::UnknownReceipt { receipt_id })
}

async fn send_and_wait(
    node: &Node,
    request: RpcSendTransactionRequest,
) -> Result<RpcTransactionResponse, RpcTransactionError> {
    let RpcSendTransactionRequest { signed_transaction, wait_until } = request;
    if wait_until == TxExecutionStatus::None {
        submit_unheard(node, signed_transaction).await.map_err(internal)?;
        return Ok(RpcTransactionResponse {
            final_execution_outcome: None,
            final_execution_status: TxExecutionStatus::None,
        });
    }
    let hash = signed_transaction.get_hash();
    // Sent again, it is known already, and whoever sent it waits for the same outcome.
    node.write(move |chain| chain.submit(signed_transaction))
        .await
        .map_err(internal)?
        .map_err(|context| RpcTransactionError::InvalidTransaction { context })?;
    let awaited = Awaited { hash, until: wait_until, receipts: Receipts::Omit };
    wait(node, awaited).await
}

/// Sends the way nobody hears back from: a refusal goes to the log only.
async fn submit_unheard(node: &Node, transaction: SignedTransaction) -> Result<(), NodeError> {
    let hash = transaction.get_hash();
    let submitted = node.write(move |chain| chain.submit(transaction)).await?;
    if let Err(error) = submitted {
        tracing::warn!(transaction = %hash, %error, "transaction refused; its sender did not ask to know");
    }
    Ok(())
}

/// A transaction somebody waits for.
struct Awaited {
    hash: CryptoHash,
    until: TxExecutionStatus,
    receipts: Receipts,
}

/// What the chain says of a transaction right now.
enum Progress {
    /// Neither in a block nor waiting to be.
    Unknown,
    /// Refused when its block was made, although it had passed the door.
    Refused(InvalidTxError),
    /// Waiting, included, or executed.
    Reached(Box<RpcTransactionResponse>),
}

async fn wait(node: &Node, awaited: Awaited) -> Result<RpcTransactionResponse, RpcTransactionError> {
    let mut heads = node.heads();
    let deadline = tokio::time::Instant::now() + POLLING_TIMEOUT;
    let Awaited { hash, until, receipts } = awaited;
    loop {
        heads.mark_unchanged();
        let progress = node.read(move |chain| progress(chain, &hash, receipts)).await.map_err(internal)?;
        let cause = match progress {
            Progress::Refused(context) => {
                return Err(RpcTransactionError::InvalidTransaction { context });
            }
            Progress::Unknown if until == TxExecutionStatus::None => {
                return Err(RpcTransactionError::UnknownTransaction { requested_transaction_hash: hash });
            }
            Progress::Unknown => TimeoutErrorCause::NotObserved,
            Progress::Reached(response) => {
                if satisfies(&response.final_execution_status, &until) {
                    return Ok(*response);
                }
                TimeoutErrorCause::Pending { status: response }
            }
        };
        let timed_out = tokio::select! {
            changed = heads.changed() => changed.is_err(),
            () = tokio::time::sleep_until(deadline) => true,
            () = node.stopping().cancelled() => true,
        };
        if timed_out {
            return Err(RpcTransactionError::TimeoutError(Some(cause)));
        }
    }
}

fn progress(chain: &Chain, hash: &CryptoHash, receipts: Receipts) -> Progress {
    if let Some(outcome) = chain.final_outcome(hash) {
        if let Some(reason) = outcome.refused() {
            return Progress::Refused(reason.clone());
        }
        return Progress::Reached(Box::new(RpcTransactionResponse {
            final_execution_outcome: Some(with_receipts(chain, outcome.view, receipts)),
            final_execution_status: outcome.reached,
        }));
    }
    match chain.transaction(hash) {
        Some(_) => Progress::Reached(Box::new(RpcTransactionResponse {
            final_execution_outcome: None,
            final_execution_status: TxExecutionStatus::None,
        })),
        None => Progress::Unknown,
    }
}

fn with_receipts(
    chain: &Chain,
    final_outcome: FinalExecutionOutcomeView,
    receipts: Receipts,
) -> FinalExecutionOutcomeViewEnum {
    if receipts == Receipts::Omit {
        return FinalExecutionOutcomeViewEnum::FinalExecutionOutcome(final_outcome);
    }
    let receipts = final_outcome
        .receipts_outcome
        .iter()
        .filter_map(|outcome| chain.receipt(&outcome.id))
        .map(views::receipt)
        .collect();
    FinalExecutionOutcomeViewEnum::FinalExecutionOutcomeWithReceipt(FinalExecutionOutcomeWithReceiptView {
        final_outcome,
        receipts,
    })
}

/// Two ladders share these names: how much is executed, and how much is final. `FINAL` tops both.
fn satisfies(reached: &TxExecutionStatus, wanted: &TxExecutionStatus) -> bool {
    use TxExecutionStatus::{Executed, ExecutedOptimistic, Final, Included, IncludedFinal, None as NotIncluded};
    match wanted {
        NotIncluded => true,
        Included => *reached != NotIncluded,
        ExecutedOptimistic => matches!(reached, ExecutedOptimistic | Executed | Final),
        IncludedFinal => matches!(reached, IncludedFinal | Executed | Final),
        Executed => matches!(reached, Executed | Final),
        Final => matches!(reached, Final),
    }
}

fn internal(error: NodeError) -> RpcTransactionError {
    RpcTransactionError::InternalError { debug_info: error.to_string() }
}
