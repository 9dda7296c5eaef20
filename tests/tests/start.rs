//! A worker's start while its only node fails: it says so and tries again. What is wrong for good ends it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use offchainvm_interface::calls::method;
use offchainvm_tests::{
    Network,
    chaos::{Fault, Plan, Proxy},
    network::{DEPOSIT, eventually},
    outcome::failure,
    worker::WorkerHome,
};
use serde_json::json;
use std::{
    fs,
    time::{Duration, Instant},
};

/// A chain, a node of it that fails, and a worker's home that knows no other.
async fn failing(fault: Fault) -> Result<(Network, Proxy, WorkerHome)> {
    let net = Network::start().await?;
    let node = Proxy::start(net.chain.rpc_url(), Plan::always(fault)).await?;
    let home = WorkerHome::through(&net, node.url())?;
    Ok((net, node, home))
}

#[tokio::test]
async fn a_worker_whose_only_node_fails_waits_for_it_and_then_works() -> Result<()> {
    let (net, node, home) = failing(Fault::ServerError).await?;
    let mut worker = home.start()?;
    eventually("three attempts", async || {
        let log = home.log()?;
        let attempts: Vec<_> = log.iter().filter(|line| line["event"] == "worker.waits_for_chain").collect();
        assert!(attempts.windows(2).all(|pair| pair[0]["attempts"].as_u64() < pair[1]["attempts"].as_u64()));
        Ok((attempts.len() >= 3).then_some(()))
    })
    .await?;
    assert!(worker.exit_status()?.is_none(), "it goes on trying");
    node.calm();
    worker.wait_for("worker.ready", None).await?;
    let sent = net.request(&net.user, json!({"code_source": {"wasm_sha256": "0".repeat(64)}}), DEPOSIT).await?;
    assert!(failure(&sent.outcome().await?).contains("program_not_found"));
    assert!(worker.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_worker_that_waits_for_its_node_stops_at_once_when_it_is_told_to() -> Result<()> {
    let hang = Duration::from_secs(600);
    let (_net, node, home) = failing(Fault::Dropped).await?;
    let mut worker = home.start()?;
    worker.wait_for("worker.waits_for_chain", None).await?;
    // Not even a question that is under way keeps it.
    node.set_plan(Plan { hang, ..Plan::always(Fault::Hung) });
    eventually("a question that hangs", async || Ok((node.stats().count(Fault::Hung) > 0).then_some(()))).await?;
    let told = Instant::now();
    assert!(worker.stop().await?.success());
    assert!(told.elapsed() < Duration::from_secs(20), "{:?}", told.elapsed());
    assert!(home.log()?.iter().any(|line| line["event"] == "worker.stopped"));
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_is_wrong_ends_the_start_as_soon_as_a_node_can_tell() -> Result<()> {
    let (net, node, home) = failing(Fault::TooManyRequests).await?;
    let operator = json!({"new_operator_id": net.user.id()});
    assert!(net.administer(&net.owner, method::SET_OPERATOR, operator).await?.is_success());
    let mut worker = home.start()?;
    worker.wait_for("worker.waits_for_chain", None).await?;
    node.calm();
    assert_eq!(worker.ended().await?.code(), Some(1));
    let said = fs::read_to_string(home.log_file())?;
    assert!(said.contains(&format!("{} is not an operator of", net.operator.id())), "{said}");
    Ok(())
}
