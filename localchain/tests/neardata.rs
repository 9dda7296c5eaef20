//! Blocks by height, as the public service serves them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use anyhow::Result;
use offchainvm_localchain::LocalChain;
use serde_json::Value;

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
