//! Nodes and block sources that are away, stuck, forgetful or wrong: a worker gets every request nevertheless.
//!
//! The requests name a program that the worker does not have, which is the quickest answer there is.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use offchainvm_localchain::LocalChain;
use offchainvm_tests::{
    Network,
    chaos::{Fault, Plan, Proxy},
    network::{DEPOSIT, Sent, eventually},
    outcome::failure,
    worker::{WorkerHome, WorkerProcess},
};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// An address where nothing listens.
async fn nowhere() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(format!("http://{}", listener.local_addr()?))
}

/// Starts a worker that knows these nodes and block sources, and waits until it has compared its store with the chain:
/// what comes later is news.
async fn worker(home: &WorkerHome, nodes: &[&str], sources: &[&str], more: &[(&str, &str)]) -> Result<WorkerProcess> {
    let (nodes, sources) = (json!(nodes).to_string(), json!(sources).to_string());
    let ends = [("OFFCHAINVM_CHAIN__RPC_URLS", nodes.as_str()), ("OFFCHAINVM_CHAIN__BLOCK_SOURCES", &sources)];
    let mut worker = home.start_in(&[&ends, more].concat())?;
    worker.wait_for("ingest.reconciled", None).await?;
    Ok(worker)
}

async fn request(net: &Network) -> Result<Sent> {
    net.request(&net.user, json!({"code_source": {"wasm_sha256": "0".repeat(64)}}), DEPOSIT).await
}

async fn assert_answered(sent: Sent) -> Result<()> {
    let message = failure(&sent.outcome().await?);
    assert!(message.contains("program_not_found"), "{message}");
    Ok(())
}

/// Where each request was seen, in the order of their numbers; one that was taken in twice is there twice.
fn seen_in(home: &WorkerHome) -> Result<Vec<String>> {
    let mut seen: Vec<_> = home.log()?.into_iter().filter(|line| line["event"] == "job.ingested").collect();
    seen.sort_by_key(|line| line["request_id"].as_u64());
    Ok(seen.iter().map(|line| line["seen_in"].as_str().unwrap().to_owned()).collect())
}

fn count(home: &WorkerHome, event: &str) -> Result<usize> {
    Ok(home.log()?.iter().filter(|line| line["event"] == event).count())
}

/// Waits for a line about an endpoint.
async fn told_of(home: &WorkerHome, event: &str, kind: &str) -> Result<Value> {
    let wanted = |line: &Value| line["event"] == event && line["kind"] == kind;
    eventually(&format!("{event} of a {kind}"), async || Ok(home.log()?.into_iter().find(wanted))).await
}

#[tokio::test]
async fn a_worker_whose_preferred_node_and_source_are_away_uses_the_next_ones() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let (away, there) = (nowhere().await?, net.chain.rpc_url());
    let worker = worker(&home, &[&away, there], &[&away, there], &[]).await?;
    assert_answered(request(&net).await?).await?;
    told_of(&home, "endpoint.failed", "node").await?;
    told_of(&home, "endpoint.failed", "block source").await?;
    assert_eq!(seen_in(&home)?, ["block"]);
    assert_eq!((count(&home, "loop.failed")?, count(&home, "ingest.gap")?), (0, 0));
    assert!(worker.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn when_an_endpoint_goes_away_another_one_goes_on_from_the_same_place_until_it_is_back() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let (first, second) = (Proxy::start(net.chain.rpc_url(), Plan::calm()).await?, net.chain.rpc_url());
    let worker = worker(&home, &[first.url(), second], &[first.url(), second], &[]).await?;
    assert_answered(request(&net).await?).await?;
    first.set_plan(Plan::always(Fault::Dropped));
    assert_answered(request(&net).await?).await?;
    told_of(&home, "endpoint.failed", "node").await?;
    told_of(&home, "endpoint.failed", "block source").await?;
    first.calm();
    told_of(&home, "endpoint.recovered", "block source").await?;
    assert_answered(request(&net).await?).await?;
    assert_eq!(seen_in(&home)?, ["block", "block", "block"]);
    assert_eq!((count(&home, "loop.failed")?, count(&home, "ingest.gap")?), (0, 0));
    assert!(worker.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn without_any_block_source_that_answers_the_contract_is_asked_and_no_block_is_skipped() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let blocks = Proxy::start(net.chain.rpc_url(), Plan::always(Fault::ServerError)).await?;
    let worker = worker(&home, &[net.chain.rpc_url()], &[blocks.url()], &[]).await?;
    assert_answered(request(&net).await?).await?;
    assert_eq!(count(&home, "ingest.without_blocks")?, 1);
    blocks.calm();
    told_of(&home, "endpoint.recovered", "block source").await?;
    assert_answered(request(&net).await?).await?;
    assert_eq!(seen_in(&home)?[0], "list_pending");
    assert_eq!((seen_in(&home)?.len(), count(&home, "ingest.gap")?), (2, 0));
    assert!(worker.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_worker_with_nothing_but_json_rpc_answers_and_may_read_blocks_later() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let node = net.chain.rpc_url();
    let plain = worker(&home, &[node], &[], &[]).await?;
    assert_answered(request(&net).await?).await?;
    assert!(plain.stop().await?.success());
    // What comes while nobody is there waits on the chain.
    let missed = request(&net).await?;
    eventually("the request on the chain", async || net.pending(2).await).await?;
    let plain = worker(&home, &[node], &[], &[]).await?;
    assert_answered(missed).await?;
    assert!(plain.stop().await?.success());

    let reading = worker(&home, &[node], &[node], &[]).await?;
    assert_answered(request(&net).await?).await?;
    assert_eq!(seen_in(&home)?, ["list_pending", "list_pending", "block"]);
    assert_eq!(count(&home, "ingest.gap")?, 0);
    assert!(reading.stop().await?.success());
    assert_eq!(net.stats().await?.pending_requests, 0);
    Ok(())
}

#[tokio::test]
async fn older_later_repeated_and_withheld_blocks_change_nothing() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let mess = Plan { seed: 3, ..Plan::calm() };
    let mess = mess.with(Fault::OlderBlock, 0.25).with(Fault::NewerBlock, 0.25).with(Fault::NotYet, 0.1);
    let blocks = Proxy::start(net.chain.rpc_url(), mess).await?;
    // A quick worker, so that it keeps up with the chain although most answers are wrong.
    let worker = worker(&home, &[net.chain.rpc_url()], &[blocks.url()], &[("OFFCHAINVM_INGEST__POLL_MS", "5")]).await?;
    let mut sent = vec![];
    for _ in 0..5 {
        sent.push(request(&net).await?);
    }
    for sent in sent {
        assert_answered(sent).await?;
    }
    // How many questions that took, and so which faults they met, is the chain's pace: it goes on until all were met.
    let met = || [Fault::OlderBlock, Fault::NewerBlock, Fault::NotYet].map(|fault| blocks.stats().count(fault) > 0);
    eventually("each of the faults", async || Ok((met() == [true; 3]).then_some(()))).await?;
    assert_answered(request(&net).await?).await?;
    assert_eq!(seen_in(&home)?, ["block"; 6], "each once");
    assert_eq!((count(&home, "loop.failed")?, count(&home, "ingest.gap")?), (0, 0));
    assert!(worker.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_source_that_is_stuck_while_the_chain_goes_on_is_left_for_another_one() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let stuck = Proxy::start(net.chain.rpc_url(), Plan::always(Fault::NotYet)).await?;
    let node = net.chain.rpc_url();
    let worker = worker(&home, &[node], &[stuck.url(), node], &[]).await?;
    let told = told_of(&home, "endpoint.failed", "block source").await?;
    assert!(told["reason"].as_str().unwrap().contains("does not get beyond block"), "{told}");
    assert_answered(request(&net).await?).await?;
    assert!(worker.stop().await?.success());
    Ok(())
}

/// A block source that has forgotten the blocks before a height.
struct Forgetful {
    url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Forgetful {
    async fn start(upstream: &str, first: u64) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (upstream, http) = (upstream.to_owned(), reqwest::Client::new());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, http.clone(), upstream.clone(), first));
            }
        });
        Ok(Self { url, task })
    }
}

impl Drop for Forgetful {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, http: reqwest::Client, upstream: String, first: u64) -> Result<()> {
    let mut question = Vec::new();
    while !question.ends_with(b"\r\n\r\n") {
        anyhow::ensure!(stream.read_buf(&mut question).await? > 0);
    }
    let question = String::from_utf8(question)?;
    let path = question.split(' ').nth(1).unwrap();
    let height: u64 = path.rsplit('/').next().unwrap().parse()?;
    let (status, body) = if height < first {
        (404, json!({"error": "forgotten", "type": "BLOCK_HEIGHT_TOO_LOW"}).to_string())
    } else {
        let answer = http.get(format!("{upstream}{path}")).send().await?;
        (answer.status().as_u16(), answer.text().await?)
    };
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    Ok(stream.write_all(format!("{head}{body}").as_bytes()).await?)
}

/// Lets so many heights pass without a block; gives the next block's, which is final.
async fn pass(net: &Network, heights: u64) -> Result<u64> {
    let height = net.chain.node().fast_forward(heights).await?;
    eventually("the block to be final", async || {
        Ok((net.chain.node().read(|chain| chain.final_block().height).await? >= height).then_some(height))
    })
    .await
}

#[tokio::test]
async fn after_a_long_absence_blocks_that_are_too_many_or_forgotten_are_bridged_by_what_waits_on_chain() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let node = net.chain.rpc_url();
    let before = worker(&home, &[node], &[node], &[]).await?;
    assert_answered(request(&net).await?).await?;
    before.kill()?;

    let missed = request(&net).await?;
    eventually("the request on the chain", async || net.pending(2).await).await?;
    pass(&net, 60).await?;
    let again = worker(&home, &[node], &[node], &[("OFFCHAINVM_INGEST__MAX_BLOCKS_BEHIND", "50")]).await?;
    assert_answered(missed).await?;
    assert_eq!(count(&home, "ingest.skipped")?, 1);
    again.kill()?;

    let missed = request(&net).await?;
    eventually("the request on the chain", async || net.pending(3).await).await?;
    let forgotten = pass(&net, 10).await?;
    let forgetful = Forgetful::start(node, forgotten + 1).await?;
    let mut last = worker(&home, &[node], &[&forgetful.url], &[]).await?;
    last.wait_for("ingest.gap", None).await?;
    assert_answered(missed).await?;
    assert_answered(request(&net).await?).await?;
    assert_eq!(seen_in(&home)?, ["block", "list_pending", "list_pending", "block"]);
    assert!(last.stop().await?.success());
    assert_eq!(net.stats().await?.pending_requests, 0);
    Ok(())
}

#[tokio::test]
async fn nodes_of_different_networks_are_refused_at_the_start() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let other = LocalChain::builder().chain_id("elsewhere").start().await?;
    let nodes = json!([net.chain.rpc_url(), other.rpc_url()]).to_string();
    let output = home.run(&["worker", "--check-config"], &[("OFFCHAINVM_CHAIN__RPC_URLS", &nodes)]).await?;
    let said = String::from_utf8(output.stderr)?;
    assert!(!output.status.success());
    assert!(said.contains("do not belong to the same network") && said.contains("elsewhere"), "{said}");
    Ok(())
}
