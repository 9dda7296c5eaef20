//! Callers take turns: whoever asks once does not wait for another's hundreds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use near_workspaces::{Account, operations::Function, types::Gas};
use offchainvm_interface::calls::{REQUEST_GAS, method};
use offchainvm_tests::{
    GitRepo, Network,
    artifacts::workspace,
    network::{DEPOSIT, eventually},
    outcome::completed,
    worker::WorkerHome,
};
use serde_json::{Value, json};

/// What the busy caller asks for.
const MANY: u64 = 300;
/// As many requests as one transaction has gas for.
const AT_ONCE: u64 = 10;
/// So many answers leave in one transaction, so that the order shows.
const BATCH: u64 = 20;

/// Sends `AT_ONCE` requests in one transaction.
async fn ask_often(net: &Network, from: &Account, args: &Value) -> Result<()> {
    let mut batch = from.batch(net.contract.id());
    for _ in 0..AT_ONCE {
        let call = Function::new(method::REQUEST_EXECUTION).args_json(args).deposit(DEPOSIT);
        batch = batch.call(call.gas(Gas::from_gas(REQUEST_GAS.as_gas())));
    }
    // Nobody waits for these answers.
    let _sent = batch.transact_async().await?;
    Ok(())
}

/// The requests that have lines of this event, in the order in which they came.
fn in_order(home: &WorkerHome, event: &str) -> Result<Vec<u64>> {
    let of_event = home.log()?.into_iter().filter(|line| line["event"] == event);
    Ok(of_event.map(|line| line["request_id"].as_u64().unwrap()).collect())
}

#[tokio::test]
async fn a_single_request_is_answered_long_before_the_three_hundred_that_came_before_it() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    home.edit(|config| format!("{config}\n[publish]\nmax_batch = {BATCH}\n"))?;
    let repo = GitRepo::from_dir(&workspace().join("tests/guests/echo"))?;
    let args = json!({
        "code_source": {"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"},
        "resource_limits": {"max_instructions": 100_000_000, "max_memory_mb": 16, "max_execution_seconds": 10},
        "input_data": "me",
    });
    let worker = home.start()?;
    net.request(&net.user, args.clone(), DEPOSIT).await?.outcome().await?.into_result()?;
    assert!(worker.stop().await?.success());

    // All of them wait before anything is begun.
    let index = home.start_as("index")?;
    for _ in 0..MANY / AT_ONCE {
        ask_often(&net, &net.user, &args).await?;
    }
    let ingested = async |count: u64| {
        let all = async || Ok((in_order(&home, "job.ingested")?.len() as u64 == count).then_some(()));
        eventually("the requests to be taken in", all).await
    };
    ingested(1 + MANY).await?;
    let other = net.account("other").await?;
    let single = net.request(&other, args, DEPOSIT).await?;
    ingested(1 + MANY + 1).await?;
    let last = *in_order(&home, "job.ingested")?.last().unwrap();
    assert!(index.stop().await?.success());

    let worker = home.start()?;
    assert!(completed(&single.outcome().await?).success);
    let still_wait = net.stats().await?.pending_requests;
    assert!(still_wait >= MANY / 2, "only {still_wait} of {MANY} still wait");
    let sent = in_order(&home, "publish.sent")?;
    let place = sent.iter().position(|request_id| *request_id == last).unwrap();
    // Beside the first answers of the other caller that were ready, and the one from before.
    assert!(place as u64 <= 2 * BATCH, "answer number {place}");
    println!("answer number {place} of {}, while {still_wait} others waited", MANY + 2);

    eventually("all to be answered", async || Ok((net.stats().await?.succeeded == MANY + 2).then_some(()))).await?;
    assert!(worker.stop().await?.success());
    net.assert_solvent().await
}
