//! near-jsonrpc-client, unchanged, against the local chain; and what goes over the wire where clients hide it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use anyhow::{Context, Result};
use near_account_id::AccountId;
use near_crypto::{InMemorySigner, Signer};
use near_jsonrpc_client::errors::{JsonRpcError, JsonRpcServerError};
use near_jsonrpc_client::{JsonRpcClient, methods};
use near_jsonrpc_primitives::types::query::{QueryResponseKind, RpcQueryError};
use near_jsonrpc_primitives::types::transactions::{RpcTransactionError, TransactionInfo};
use near_primitives::errors::InvalidTxError;
use near_primitives::transaction::{Action, SignedTransaction, TransferAction};
use near_primitives::types::{Balance, BlockReference, Finality};
use near_primitives::views::{QueryRequest, TxExecutionStatus};
use offchainvm_localchain::LocalChain;
use serde_json::{Value, json};

use common::{fast_chain, still_chain};

fn client(chain: &LocalChain) -> JsonRpcClient {
    JsonRpcClient::connect(chain.rpc_url())
}

fn root(chain: &LocalChain) -> Signer {
    InMemorySigner::from_secret_key(chain.root_account_id().clone(), chain.root_secret_key().clone())
}

/// Moves one yoctoNEAR from the root account to itself.
async fn small_transfer(chain: &LocalChain, nonce: u64) -> Result<SignedTransaction> {
    let signer = root(chain);
    let latest = methods::block::RpcBlockRequest { block_reference: BlockReference::latest() };
    let head = client(chain).call(latest).await?;
    let transfer = Action::Transfer(TransferAction { deposit: Balance::from_yoctonear(1) });
    let id = chain.root_account_id().clone();
    Ok(SignedTransaction::from_actions(nonce, id.clone(), id, &signer, vec![transfer], head.header.hash))
}

async fn send(
    chain: &LocalChain,
    signed_transaction: SignedTransaction,
    wait_until: TxExecutionStatus,
) -> Result<methods::send_tx::RpcTransactionResponse, JsonRpcError<RpcTransactionError>> {
    client(chain).call(methods::send_tx::RpcSendTransactionRequest { signed_transaction, wait_until }).await
}

async fn raw(chain: &LocalChain, body: &Value) -> Result<(u16, Value)> {
    let response = reqwest::Client::new().post(chain.rpc_url()).json(body).send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn send_tx_waits_as_long_as_it_was_asked_to() -> Result<()> {
    let chain = fast_chain().await?;
    let statuses = [
        TxExecutionStatus::Included,
        TxExecutionStatus::ExecutedOptimistic,
        TxExecutionStatus::IncludedFinal,
        TxExecutionStatus::Executed,
        TxExecutionStatus::Final,
    ];
    for (nonce, wanted) in (1..).zip(statuses) {
        let response = send(&chain, small_transfer(&chain, nonce).await?, wanted.clone()).await?;

        let reached = response.final_execution_status;
        let enough = match wanted {
            TxExecutionStatus::Included => reached != TxExecutionStatus::None,
            TxExecutionStatus::Final => reached == TxExecutionStatus::Final,
            _ => reached == wanted || matches!(reached, TxExecutionStatus::Executed | TxExecutionStatus::Final),
        };
        assert!(enough, "wanted {wanted:?}, reached {reached:?}");
        assert!(response.final_execution_outcome.is_some());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_happens_between_blocks() -> Result<()> {
    let chain = still_chain().await?;
    let transaction = small_transfer(&chain, 1).await?;
    let hash = transaction.get_hash();
    let sent = send(&chain, transaction.clone(), TxExecutionStatus::None).await?;
    let status = || methods::tx::RpcTransactionStatusRequest {
        transaction_info: TransactionInfo::TransactionId {
            tx_hash: hash,
            sender_account_id: chain.root_account_id().clone(),
        },
        wait_until: TxExecutionStatus::None,
    };
    let waiting = client(&chain).call(status()).await;

    chain.produce_block().await?;
    let included = client(&chain).call(status()).await?;
    // One block for the refund of gas that was bought too dearly, two until that is final.
    chain.node().produce_blocks(3).await?;
    let settled = client(&chain).call(status()).await?;

    assert_eq!(sent.final_execution_status, TxExecutionStatus::None);
    assert!(waiting.is_ok_and(|answer| answer.final_execution_outcome.is_none()));
    assert_eq!(included.final_execution_status, TxExecutionStatus::ExecutedOptimistic);
    assert_eq!(settled.final_execution_status, TxExecutionStatus::Final);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_sent_twice_is_executed_once() -> Result<()> {
    let chain = fast_chain().await?;
    let transaction = small_transfer(&chain, 1).await?;

    let first = send(&chain, transaction.clone(), TxExecutionStatus::Final).await?;
    let second = send(&chain, transaction, TxExecutionStatus::Final).await?;

    let block = |response: methods::send_tx::RpcTransactionResponse| {
        response.final_execution_outcome.unwrap().into_outcome().transaction_outcome.block_hash
    };
    assert_eq!(block(first), block(second));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_nonce_is_told_with_the_key_s_own() -> Result<()> {
    let chain = fast_chain().await?;
    send(&chain, small_transfer(&chain, 7).await?, TxExecutionStatus::Final).await?;

    let refused = send(&chain, small_transfer(&chain, 5).await?, TxExecutionStatus::Final).await.unwrap_err();

    let JsonRpcError::ServerError(JsonRpcServerError::HandlerError(RpcTransactionError::InvalidTransaction {
        context: InvalidTxError::InvalidNonce { tx_nonce, ak_nonce },
    })) = refused
    else {
        anyhow::bail!("{refused:?}");
    };
    assert_eq!((tx_nonce, ak_nonce), (5, 7));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_account_is_a_typed_error() -> Result<()> {
    let chain = fast_chain().await?;
    let nobody: AccountId = "nobody.near".parse()?;
    let request = methods::query::RpcQueryRequest {
        block_reference: BlockReference::Finality(Finality::Final),
        request: QueryRequest::ViewAccount { account_id: nobody.clone() },
    };

    let error = client(&chain).call(request).await.unwrap_err();

    let Some(RpcQueryError::UnknownAccount { requested_account_id, .. }) = error.handler_error() else {
        anyhow::bail!("{error:?}");
    };
    assert_eq!(*requested_account_id, nobody);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_of_the_client_parses_its_answer() -> Result<()> {
    let chain = fast_chain().await?;
    let client = client(&chain);
    let latest = || BlockReference::Finality(Finality::None);

    let status = client.call(methods::status::RpcStatusRequest).await?;
    let block = client.call(methods::block::RpcBlockRequest { block_reference: latest() }).await?;
    let chunk_id = block.chunks[0].chunk_hash;
    let chunk_reference = methods::chunk::ChunkReference::ChunkHash { chunk_id };
    let chunk = client.call(methods::chunk::RpcChunkRequest { chunk_reference }).await?;
    let price = client.call(methods::gas_price::RpcGasPriceRequest { block_id: None }).await?;
    let validators = near_primitives::types::EpochReference::Latest;
    let validators = client.call(methods::validators::RpcValidatorRequest { epoch_reference: validators }).await?;
    client.call(methods::network_info::RpcNetworkInfoRequest).await?;
    client.call(methods::health::RpcHealthRequest).await?;
    let config = methods::EXPERIMENTAL_protocol_config::RpcProtocolConfigRequest { block_reference: latest() };
    let config = client.call(config).await?;
    let keys = methods::query::RpcQueryRequest {
        block_reference: latest(),
        request: QueryRequest::ViewAccessKeyList {
            account_id: chain.root_account_id().clone(),
            after_key: None,
            limit: None,
        },
    };
    let keys = client.call(keys).await?;

    assert_eq!(status.validator_account_id.as_ref(), Some(chain.root_account_id()));
    assert_eq!(chunk.header.chunk_hash, chunk_id);
    assert_eq!(price.gas_price, Balance::from_yoctonear(100_000_000));
    assert_eq!(validators.current_validators.len(), 1);
    assert_eq!(config.protocol_version, status.protocol_version);
    let QueryResponseKind::AccessKeyList(keys) = keys.kind else { anyhow::bail!("no keys") };
    assert_eq!(keys.keys.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_a_parse_error() -> Result<()> {
    let chain = fast_chain().await?;
    let request = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});

    let (code, unknown) = raw(&chain, &request("no_such_method", json!({}))).await?;
    let (_, missing) = raw(&chain, &request("block", json!({}))).await?;
    let (_, nonsense) = raw(&chain, &json!({ "hello": "there" })).await?;

    assert_eq!(code, 400);
    assert_eq!(unknown["id"], 7);
    assert_eq!(unknown["error"]["cause"]["name"], "METHOD_NOT_FOUND");
    assert_eq!(missing["error"]["cause"]["name"], "PARSE_ERROR");
    assert_eq!(nonsense["error"]["cause"]["name"], "PARSE_ERROR");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_positional_queries_still_work() -> Result<()> {
    let chain = fast_chain().await?;
    let path = format!("account/{}", chain.root_account_id());
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "query", "params": [path, ""]});

    let (_, answer) = raw(&chain, &body).await?;

    answer["result"]["amount"].as_str().context("a balance")?;
    Ok(())
}
