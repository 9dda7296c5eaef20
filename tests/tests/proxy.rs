//! Each fault of the chaos proxy, seen from the client's side: what a worker will meet.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use base64::{Engine, prelude::BASE64_STANDARD};
use near_crypto::InMemorySigner;
use near_primitives::transaction::SignedTransaction;
use near_primitives::types::Balance;
use offchainvm_localchain::{Blocks, LocalChain};
use offchainvm_tests::chaos::{Fault, Plan, Proxy};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A chain whose blocks are made by hand, and a client that asks it through the proxy.
struct World {
    chain: LocalChain,
    proxy: Proxy,
    http: Client,
}

impl World {
    async fn start(plan: Plan) -> Result<Self> {
        let chain = LocalChain::builder().blocks(Blocks::ByHand).start().await?;
        chain.node().produce_blocks(10).await?;
        let proxy = Proxy::start(chain.rpc_url(), plan).await?;
        Ok(Self { chain, proxy, http: Client::builder().no_proxy().build()? })
    }

    async fn rpc(&self, method: &str, params: Value) -> reqwest::Result<(StatusCode, Value)> {
        let body = json!({"jsonrpc": "2.0", "id": "me", "method": method, "params": params});
        let response = self.http.post(self.proxy.url()).json(&body).send().await?;
        let status = response.status();
        Ok((status, response.json().await?))
    }

    async fn block(&self, height: u64) -> reqwest::Result<(StatusCode, Value)> {
        let response = self.http.get(format!("{}/v0/block/{height}", self.proxy.url())).send().await?;
        let status = response.status();
        Ok((status, response.json().await?))
    }

    async fn status(&self) -> reqwest::Result<(StatusCode, Value)> {
        self.rpc("status", json!([])).await
    }

    /// A transfer of one yoctoNEAR from the root account to itself.
    async fn transfer(&self) -> Result<SignedTransaction> {
        let (root, key) = (self.chain.root_account_id().clone(), self.chain.root_secret_key().clone());
        let signer = InMemorySigner::from_secret_key(root.clone(), key);
        let nonce = self.nonce(self.chain.rpc_url()).await? + 1;
        let hash = self.chain.node().read(|chain| chain.head().hash).await?;
        Ok(SignedTransaction::send_money(nonce, root.clone(), root, &signer, Balance::from_yoctonear(1), hash))
    }

    async fn nonce(&self, url: &str) -> Result<u64> {
        let params = json!({
            "request_type": "view_access_key",
            "finality": "optimistic",
            "account_id": self.chain.root_account_id(),
            "public_key": self.chain.root_secret_key().public_key(),
        });
        let body = json!({"jsonrpc": "2.0", "id": "me", "method": "query", "params": params});
        let answer: Value = self.http.post(url).json(&body).send().await?.json().await?;
        Ok(answer["result"]["nonce"].as_u64().unwrap())
    }

    /// Hands a transaction to the node and says what came back.
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<Value> {
        let text = BASE64_STANDARD.encode(borsh::to_vec(transaction)?);
        Ok(self.rpc("broadcast_tx_async", json!([text])).await?.1["result"].clone())
    }

    /// Whether the chain has the transaction, in a block or on its way into one.
    async fn has(&self, transaction: &SignedTransaction) -> Result<bool> {
        let hash = transaction.get_hash();
        Ok(self.chain.node().read(move |chain| chain.transaction(&hash).is_some()).await?)
    }

    fn assert_struck(&self, fault: Fault, times: u64) {
        let stats = self.proxy.stats();
        assert_eq!((stats.count(fault), stats.faults.len()), (times, 1), "{stats:?}");
    }
}

#[tokio::test]
async fn without_faults_answers_are_the_chains_own() -> Result<()> {
    let world = World::start(Plan::calm()).await?;
    assert_eq!(world.block(5).await?.1["block"]["header"]["height"], 5);
    assert_eq!(world.status().await?.1["result"]["chain_id"], "localnet");
    let last = world.http.get(format!("{}/v0/last_block/final", world.proxy.url())).send().await?;
    assert!(last.json::<Value>().await?["block"]["header"]["height"].as_u64().unwrap() > 5, "redirects are passed on");
    let transaction = world.transfer().await?;
    assert_eq!(world.broadcast(&transaction).await?, json!(transaction.get_hash().to_string()));
    assert!(world.has(&transaction).await?);
    assert!(world.proxy.stats().faults.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_dropped_question_ends_in_a_closed_connection_and_never_reaches_the_chain() -> Result<()> {
    let world = World::start(Plan::always(Fault::Dropped)).await?;
    let transaction = world.transfer().await?;
    let error = world.broadcast(&transaction).await.unwrap_err();
    assert!(error.downcast_ref::<reqwest::Error>().unwrap().is_request(), "{error:?}");
    assert!(!world.has(&transaction).await?);
    world.assert_struck(Fault::Dropped, 1);
    Ok(())
}

#[tokio::test]
async fn an_error_of_the_server_or_a_limit_is_said_in_http_and_never_reaches_the_chain() -> Result<()> {
    for fault in [Fault::ServerError, Fault::TooManyRequests] {
        let world = World::start(Plan::always(fault)).await?;
        let transaction = world.transfer().await?;
        let text = BASE64_STANDARD.encode(borsh::to_vec(&transaction)?);
        let body = json!({"jsonrpc": "2.0", "id": "me", "method": "broadcast_tx_async", "params": [text]});
        let status = world.http.post(world.proxy.url()).json(&body).send().await?.status();
        let expected = if fault == Fault::ServerError { status.is_server_error() } else { status == 429 };
        assert!(expected, "{fault}: {status}");
        assert!(!world.has(&transaction).await?);
        world.assert_struck(fault, 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_hanging_question_outlasts_the_client_and_is_let_go_when_calm_returns() -> Result<()> {
    let world = World::start(Plan { hang: Duration::from_secs(600), ..Plan::always(Fault::Hung) }).await?;
    let impatient = Client::builder().no_proxy().timeout(Duration::from_millis(200)).build()?;
    let error = impatient.get(format!("{}/v0/block/5", world.proxy.url())).send().await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");

    let begun = Instant::now();
    let (hanging, ()) = tokio::join!(world.block(5), async {
        while world.proxy.stats().count(Fault::Hung) < 2 {
            tokio::task::yield_now().await;
        }
        world.proxy.calm();
    });
    assert!(hanging.unwrap_err().is_request());
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(world.block(5).await?.0, StatusCode::OK);
    world.assert_struck(Fault::Hung, 2);
    Ok(())
}

#[tokio::test]
async fn a_slow_answer_comes_late_and_whole() -> Result<()> {
    let slow = Duration::from_millis(400);
    let world = World::start(Plan { slow, ..Plan::always(Fault::Slow) }).await?;
    let begun = Instant::now();
    for _ in 0..5 {
        assert_eq!(world.block(5).await?.1["block"]["header"]["height"], 5);
    }
    // Five throws of 0 to 400 ms each; the seed is fixed, and so is their sum.
    assert!(begun.elapsed() > Duration::from_millis(400), "{:?}", begun.elapsed());
    world.assert_struck(Fault::Slow, 5);
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_leaves_the_transaction_on_the_chain() -> Result<()> {
    let world = World::start(Plan::always(Fault::AnswerLost)).await?;
    let transaction = world.transfer().await?;
    world.broadcast(&transaction).await.unwrap_err();
    assert!(world.has(&transaction).await?);
    world.assert_struck(Fault::AnswerLost, 1);
    Ok(())
}

#[tokio::test]
async fn a_truncated_answer_is_whole_to_http_and_broken_to_json() -> Result<()> {
    let world = World::start(Plan::always(Fault::Truncated)).await?;
    let error = world.block(5).await.unwrap_err();
    assert!(error.is_decode(), "{error:?}");
    world.assert_struck(Fault::Truncated, 1);
    Ok(())
}

#[tokio::test]
async fn a_stale_node_is_behind_in_blocks_state_and_transactions() -> Result<()> {
    let world = World::start(Plan::always(Fault::Stale)).await?;
    let transaction = world.transfer().await?;
    world.broadcast(&transaction).await?;
    world.chain.produce_block().await?;
    let behind = world.rpc("block", json!({"finality": "final"})).await?.1["result"]["header"]["height"].clone();
    let nonce = world.nonce(world.proxy.url()).await?;
    let status = json!({
        "tx_hash": transaction.get_hash().to_string(),
        "sender_account_id": world.chain.root_account_id(),
        "wait_until": "NONE",
    });
    let unknown = world.rpc("tx", status.clone()).await?.1;
    let mut waiting = status.clone();
    waiting["wait_until"] = json!("EXECUTED");
    let timed_out = world.rpc("tx", waiting).await?;
    world.assert_struck(Fault::Stale, 4);

    world.proxy.calm();
    let now = world.rpc("block", json!({"finality": "final"})).await?.1["result"]["header"]["height"].clone();
    assert!(behind.as_u64() < now.as_u64(), "{behind} {now}");
    assert_eq!(nonce + 1, world.nonce(world.proxy.url()).await?);
    assert_eq!(unknown["error"]["cause"]["name"], "UNKNOWN_TRANSACTION");
    assert_eq!(world.rpc("tx", status).await?.1["error"], Value::Null, "in truth it is known");
    assert_eq!(
        (timed_out.0, &timed_out.1["error"]["cause"]["name"]),
        (StatusCode::REQUEST_TIMEOUT, &json!("TIMEOUT_ERROR"))
    );
    Ok(())
}

#[tokio::test]
async fn a_stale_nodes_refusals_read_like_a_nodes() -> Result<()> {
    let world = World::start(Plan::always(Fault::Stale)).await?;
    let unknown = "11111111111111111111111111111111";
    let status = json!({
        "tx_hash": unknown, "sender_account_id": world.chain.root_account_id(), "wait_until": "NONE",
    });
    let (_, ours) = world.rpc("tx", status.clone()).await?;
    world.proxy.calm();
    let (_, nodes) = world.rpc("tx", status).await?;
    let known = |answer: &Value| {
        let error = &answer["error"];
        (error["name"].clone(), error["cause"].clone(), error["code"].clone(), error["message"].clone())
    };
    assert_eq!(known(&ours), known(&nodes), "{ours} {nodes}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_nonce_is_too_low_or_too_high() -> Result<()> {
    let world = World::start(Plan::calm()).await?;
    world.broadcast(&world.transfer().await?).await?;
    world.chain.produce_block().await?;
    let right = world.nonce(world.chain.rpc_url()).await?;
    assert!(right > 0);
    world.proxy.set_plan(Plan::always(Fault::NonceLow));
    assert!(world.nonce(world.proxy.url()).await? < right);
    world.proxy.set_plan(Plan::always(Fault::NonceHigh));
    assert!(world.nonce(world.proxy.url()).await? > right);
    let stats = world.proxy.stats();
    assert_eq!((stats.count(Fault::NonceLow), stats.count(Fault::NonceHigh)), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_swallowed_transaction_is_said_to_be_accepted_and_is_nowhere() -> Result<()> {
    let world = World::start(Plan::always(Fault::Swallowed)).await?;
    let transaction = world.transfer().await?;
    assert_eq!(world.broadcast(&transaction).await?, json!(transaction.get_hash().to_string()));
    let text = BASE64_STANDARD.encode(borsh::to_vec(&transaction)?);
    let sent = world.rpc("send_tx", json!({"signed_tx_base64": text, "wait_until": "EXECUTED"})).await?;
    assert_eq!((sent.0, &sent.1["error"]["cause"]["name"]), (StatusCode::REQUEST_TIMEOUT, &json!("TIMEOUT_ERROR")));
    assert!(!world.has(&transaction).await?);
    world.assert_struck(Fault::Swallowed, 2);
    Ok(())
}

#[tokio::test]
async fn a_late_transaction_arrives_after_it_is_said_to_be_accepted() -> Result<()> {
    let late = Duration::from_millis(1_500);
    let world = World::start(Plan { late, ..Plan::always(Fault::Late) }).await?;
    let transaction = world.transfer().await?;
    assert_eq!(world.broadcast(&transaction).await?, json!(transaction.get_hash().to_string()));
    let begun = Instant::now();
    assert!(!world.has(&transaction).await?);
    while !world.has(&transaction).await? {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never arrived");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.assert_struck(Fault::Late, 1);
    Ok(())
}

#[tokio::test]
async fn a_duplicated_transaction_reaches_the_node_twice_and_is_executed_once() -> Result<()> {
    let mut world = World::start(Plan::calm()).await?;
    // A calm proxy behind the other counts what arrives.
    let behind = world.proxy;
    world.proxy = Proxy::start(behind.url(), Plan::always(Fault::Duplicated)).await?;
    let before = world.nonce(world.chain.rpc_url()).await?;
    let transaction = world.transfer().await?;
    assert_eq!(world.broadcast(&transaction).await?, json!(transaction.get_hash().to_string()));
    assert_eq!(behind.stats().questions, 2);
    world.chain.produce_block().await?;
    assert!(world.has(&transaction).await?);
    assert_eq!(world.nonce(world.chain.rpc_url()).await?, before + 1);
    world.assert_struck(Fault::Duplicated, 1);
    Ok(())
}

#[tokio::test]
async fn blocks_are_repeated_and_overtaken_but_a_skipped_height_is_never_made_up() -> Result<()> {
    let world = World::start(Plan::always(Fault::OlderBlock)).await?;
    let served = world.block(7).await?.1["block"]["header"]["height"].as_u64().unwrap();
    assert!((4..7).contains(&served), "{served}");
    world.proxy.set_plan(Plan::always(Fault::NewerBlock));
    let served = world.block(5).await?.1["block"]["header"]["height"].as_u64().unwrap();
    assert!((6..=8).contains(&served), "{served}");
    world.proxy.set_plan(Plan::always(Fault::NotYet));
    let (status, refusal) = world.block(5).await?;
    assert_eq!((status, &refusal["type"]), (StatusCode::NOT_FOUND, &json!("BLOCK_HEIGHT_TOO_HIGH")));

    // A gap in the chain: heights that it skipped, between blocks that are there.
    let before = world.chain.node().read(|chain| chain.head().height).await?;
    let after = world.chain.fast_forward(20).await?;
    world.chain.node().produce_blocks(5).await?;
    for fault in [Fault::OlderBlock, Fault::NewerBlock, Fault::NotYet] {
        world.proxy.set_plan(Plan::always(fault));
        let skipped = (before + after) / 2;
        assert_eq!(world.block(skipped).await?, (StatusCode::OK, Value::Null), "{fault}: a skipped height stays one");
        let (_, answer) = world.block(after).await?;
        assert_ne!(answer, Value::Null, "{fault}: and a block never becomes one");
    }
    Ok(())
}
