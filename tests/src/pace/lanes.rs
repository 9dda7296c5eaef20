//! How many answers a second reach the chain on some lanes.

use super::scene::Scene;
use crate::{network::eventually, worker::Launch};
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often the chain is asked how many requests wait.
const GLANCE: Duration = Duration::from_millis(50);

/// What came of a run.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    /// Access keys that sent.
    pub lanes: u32,
    /// Answers.
    pub answers: u64,
    /// Transactions that carried them.
    pub transactions: usize,
    /// From the moment the publishing worker was ready until the last request was settled on chain.
    pub duration: Duration,
}

impl Throughput {
    /// Answers a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.duration.as_secs_f64()
    }
}

/// Has `answers` requests executed by a worker that does not publish, and then published on `lanes` keys by one that
/// does nothing else, at most `batch` in a transaction.
///
/// # Errors
/// Not everything was answered as it should.
pub async fn throughput(lanes: u32, answers: u64, batch: u32) -> Result<Throughput> {
    let mut scene = Scene::with_lanes(lanes).await?;
    let mut worker = scene.home.start_as("index,build,execute")?;
    for _ in 0..answers {
        scene.ask().await?;
    }
    // The first request was the warm-up's.
    for request in 2..answers + 2 {
        worker.wait_for("execute.finished", Some(request)).await?;
    }
    ensure!(worker.stop().await?.success(), "the worker did not stop well");
    ensure!(scene.net.stats().await?.pending_requests == answers, "somebody else answered");

    let before = scene.lines("publish.transaction")?.len();
    let mut worker = scene.home.start_with(&Launch {
        arguments: ["--role", "publish"].map(str::to_owned).into(),
        environment: vec![("OFFCHAINVM_PUBLISH__MAX_BATCH".to_owned(), batch.to_string())],
        ..Launch::default()
    })?;
    worker.wait_for("worker.ready", None).await?;
    let begun = Instant::now();
    while scene.net.stats().await?.pending_requests > 0 {
        sleep(GLANCE).await;
    }
    let duration = begun.elapsed();
    let stats = eventually("the counters to agree", async || {
        let stats = scene.net.stats().await?;
        Ok((stats.succeeded == answers + 1).then_some(stats))
    })
    .await?;
    ensure!(stats.total_requests == answers + 1, "{stats:?}");
    ensure!(worker.stop().await?.success(), "the worker did not stop well");
    let transactions = scene.lines("publish.transaction")?.len() - before;
    Ok(Throughput { lanes, answers, transactions, duration })
}
