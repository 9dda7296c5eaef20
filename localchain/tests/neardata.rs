//! Blocks by height, as the public service serves them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use anyhow::Result;
use near_crypto::{InMemorySigner, SecretKey};
use near_jsonrpc_client::{JsonRpcClient, methods};
use near_primitives::transaction::{Action, SignedTransaction, TransferAction};
use near_primitives::types::{Balance, BlockReference};
use offchainvm_localchain::LocalChain;
use serde_json::{Value, json};

use common::still_chain;

async fn get(chain: &LocalChain, path: &str) -> Result<(u16, Value)> {
    let response = reqwest::get(format!("{}{path}", chain.rpc_url())).await?;
    Ok((response.status().as_u16(), response.json().await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn final_blocks_follow_each_other_by_height() -> Result<()> {
    let chain = still_chain().await?;
    chain.node().produce_blocks(5).await?;

    let (_, last) = get(&chain, "/v0/last_block/final").await?;
    let height = last["block"]["header"]["height"].as_u64().unwrap();
    let (_, before) = get(&chain, &format!("/v0/block/{}", height - 1)).await?;

    assert_eq!(last["block"]["header"]["prev_hash"], before["block"]["header"]["hash"]);
    assert_eq!(last["shards"][0]["chunk"]["author"], last["block"]["author"]);
    assert!(last["shards"][0]["receipt_execution_outcomes"].is_array());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_height_is_null_and_a_far_one_is_not_found() -> Result<()> {
    let chain = still_chain().await?;
    let start = chain.produce_block().await?;
    let after = chain.fast_forward(100).await?;
    chain.node().produce_blocks(5).await?;

    let (skipped, nothing) = get(&chain, &format!("/v0/block/{}", start + 2)).await?;
    let (far, error) = get(&chain, &format!("/v0/block/{}", after + 10_000)).await?;

    assert_eq!((skipped, nothing), (200, Value::Null));
    assert_eq!((far, &error["type"]), (404, &Value::from("BLOCK_HEIGHT_TOO_HIGH")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_height_that_is_about_to_come_is_waited_for() -> Result<()> {
    let chain = still_chain().await?;
    let head = chain.produce_block().await?;
    let url = format!("{}/v0/block/{}", chain.rpc_url(), head + 1);
    let asked = tokio::spawn(async move { reqwest::get(url).await?.json::<Value>().await });

    chain.node().produce_blocks(4).await?;

    assert_eq!(asked.await??["block"]["header"]["height"], head + 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_executed_receipt_names_its_transaction() -> Result<()> {
    let chain = still_chain().await?;
    let client = JsonRpcClient::connect(chain.rpc_url());
    let latest = methods::block::RpcBlockRequest { block_reference: BlockReference::latest() };
    let head = client.call(latest).await?;
    let root = chain.root_account_id().clone();
    let key: SecretKey = chain.root_secret_key().clone();
    let signer = InMemorySigner::from_secret_key(root.clone(), key);
    let transfer = Action::Transfer(TransferAction { deposit: Balance::from_near(1) });
    let transaction =
        SignedTransaction::from_actions(1, root, "near".parse()?, &signer, vec![transfer], head.header.hash);
    let hash = json!(transaction.get_hash());
    let send = methods::broadcast_tx_async::RpcBroadcastTxAsyncRequest { signed_transaction: transaction };

    client.call(send).await?;
    let included = chain.produce_block().await?;
    chain.node().produce_blocks(4).await?;
    let (_, first) = get(&chain, &format!("/v0/block/{included}")).await?;
    let (_, second) = get(&chain, &format!("/v0/block/{}", included + 1)).await?;

    let taken_in = &first["shards"][0]["chunk"]["transactions"][0];
    assert_eq!(taken_in["transaction"]["hash"], hash);
    let executed = &second["shards"][0]["receipt_execution_outcomes"][0];
    assert_eq!(executed["tx_hash"], hash);
    assert_eq!(executed["receipt"]["receiver_id"], "near");
    assert_eq!(
        executed["execution_outcome"]["id"],
        taken_in["outcome"]["execution_outcome"]["outcome"]["receipt_ids"][0]
    );
    assert_eq!(second["shards"][0]["chunk"]["receipts"][0]["receipt_id"], executed["receipt"]["receipt_id"]);
    assert!(second["shards"][0]["state_changes"].as_array().is_some_and(|changes| !changes.is_empty()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_chain_gives_its_port_back() -> Result<()> {
    let chain = still_chain().await?;
    let address: std::net::SocketAddr = chain.rpc_url().trim_start_matches("http://").parse()?;
    let waiting = tokio::spawn(reqwest::get(format!("{}/v0/block/15", chain.rpc_url())));
    get(&chain, "/v0/block/0").await?;

    chain.stop().await?;

    assert!(std::net::TcpListener::bind(address).is_ok());
    // The request that was open was answered or cut off, not left hanging.
    let _ = waiting.await?;
    Ok(())
}
