//! How a real NEAR node answers, and whether the chain under test answers the same.
//!
//! `conformance/recorded-protocol-84.json` holds what a single-shard nearcore node at protocol 84 answered to these
//! scenarios: exact gas, tokens, statuses, logs, block distances and balance changes. The local chain must give the
//! same. To run the scenarios against a real node instead, name it and its root account's key:
//! `OFFCHAINVM_TEST_RPC=http://… OFFCHAINVM_TEST_ROOT_KEY=ed25519:… cargo test -p offchainvm-tests --test conformance`

#![allow(clippy::indexing_slicing, reason = "JSON without a field reads as null, and null is compared")]

mod accounts;
mod actors;
mod allowed;
mod calls;
mod compare;
mod door;
mod promises;
mod recorder;
mod rpc;
mod scrub;
mod views;
mod yields;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use near_crypto::SecretKey;
use near_primitives::types::Balance;
use offchainvm_localchain::{Blocks, LocalChain};
use serde_json::{Map, Value};

use crate::actors::{Actor, Cast};
use crate::compare::Differences;
use crate::recorder::Recorder;
use crate::rpc::Rpc;

/// The recorded node's rules and price.
const PROTOCOL_VERSION: u32 = 84;
const GAS_PRICE: Balance = Balance::from_yoctonear(100_000_000);
/// The recorded node made a block every 120 ms. Nothing that is compared depends on it, so this is faster.
const BLOCK_TIME: Duration = Duration::from_millis(20);
/// The account that is there from the start.
const ROOT: &str = "test.near";

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_answers_as_a_real_node_did() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let wasm = std::fs::read(folder.join("probe/chain_probe.wasm")).context("the probe contract")?;
    let recorded = std::fs::read(folder.join("recorded-protocol-84.json")).context("the recording")?;
    let recorded: Map<String, Value> = serde_json::from_slice(&recorded)?;

    let seen = match std::env::var("OFFCHAINVM_TEST_RPC") {
        Ok(url) => {
            let key = std::env::var("OFFCHAINVM_TEST_ROOT_KEY").context("OFFCHAINVM_TEST_ROOT_KEY is not set")?;
            let key = key.parse().map_err(|error| anyhow!("OFFCHAINVM_TEST_ROOT_KEY: {error}"))?;
            play(&url, key, wasm).await?
        }
        Err(_) => {
            let chain = LocalChain::builder()
                .protocol_version(PROTOCOL_VERSION)
                .gas_price(GAS_PRICE)
                .blocks(Blocks::Every(BLOCK_TIME))
                .start()
                .await?;
            let seen = play(chain.rpc_url(), chain.root_secret_key().clone(), wasm).await?;
            chain.stop().await?;
            seen
        }
    };

    let differences = Differences::between(&recorded, &seen);
    ensure!(differences.is_empty(), "{differences}");
    println!("{differences}");
    Ok(())
}

/// All scenarios, in the recording's order: later ones build on the accounts and the state of earlier ones.
async fn play(url: &str, root_key: SecretKey, wasm: Vec<u8>) -> Result<Map<String, Value>> {
    let cast = Cast::new(Actor::new(ROOT.parse()?, root_key), wasm)?;
    let mut recorder = Recorder::new(Rpc::new(url)?);
    accounts::run(&mut recorder, &cast).await?;
    door::run(&mut recorder, &cast).await?;
    calls::run(&mut recorder, &cast).await?;
    promises::run(&mut recorder, &cast).await?;
    yields::run(&mut recorder, &cast).await?;
    views::run(&mut recorder, &cast).await?;
    views::farewell(&mut recorder, &cast).await?;
    Ok(recorder.finish())
}
