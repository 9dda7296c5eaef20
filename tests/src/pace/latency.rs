//! The worker's own part of a request's latency: from the moment it has read the block with the request to the moment
//! the transaction with the answer leaves.

use super::scene::Scene;
use crate::worker::Launch;
use anyhow::{Context, Result, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::Value;
use std::{collections::HashMap, time::Duration};
use tokio::time::sleep;

/// Keys enough that one is idle whenever an answer is ready.
const LANES: u32 = 8;
/// The longest pause between two requests; requests arrive at any time of a block.
const LONGEST_PAUSE: Duration = Duration::from_millis(1_000);
/// What is logged, with the moment that a block was read.
const FILTER: &str = "info,offchainvm_worker::ingest=debug";

/// The steps of a request's latency, sorted, in milliseconds.
#[derive(Clone, Debug)]
pub struct Latency {
    /// From the block to the durable job.
    pub taken_in: Vec<f64>,
    /// From there to the start of the program: the build stage has found it built.
    pub started: Vec<f64>,
    /// From there to the end of the program.
    pub run: Vec<f64>,
    /// From there to the transaction that leaves.
    pub sent: Vec<f64>,
    /// From the block to the transaction.
    pub whole: Vec<f64>,
}

/// Sends `requests` one by one, and reads what became of them from the worker's log.
///
/// # Errors
/// One was not answered.
pub async fn latency(requests: u64) -> Result<Latency> {
    let mut scene = Scene::with_lanes(LANES).await?;
    let mut worker = scene.home.start_with(&Launch {
        environment: vec![("OFFCHAINVM_LOG__FILTER".to_owned(), FILTER.to_owned())],
        ..Launch::default()
    })?;
    worker.wait_for("worker.ready", None).await?;
    let mut dice = StdRng::seed_from_u64(requests);
    for _ in 0..requests {
        scene.ask().await?;
        sleep(LONGEST_PAUSE.mul_f64(dice.random())).await;
    }
    for request in 2..requests + 2 {
        worker.wait_for("job.closed", Some(request)).await?;
    }
    ensure!(worker.stop().await?.success(), "the worker did not stop well");
    steps(&scene.home.log()?, 2..requests + 2)
}

fn steps(log: &[Value], requests: std::ops::Range<u64>) -> Result<Latency> {
    let moments = |event: &str, field: &str| -> HashMap<u64, f64> {
        let lines = log.iter().filter(|line| line["event"] == event);
        // Of several lines the first: a request may have been read again after the worker's start.
        let mut all = HashMap::new();
        for (key, moment) in lines.filter_map(|line| Some((line[field].as_u64()?, milliseconds(line)?))) {
            all.entry(key).or_insert(moment);
        }
        all
    };
    let (blocks, started) = (moments("ingest.block_read", "height"), moments("execute.started", "request_id"));
    let (finished, sent) = (moments("execute.finished", "request_id"), moments("publish.sent", "request_id"));
    let (mut taken_in, mut starts, mut run, mut leaving, mut whole) = (vec![], vec![], vec![], vec![], vec![]);
    for line in log.iter().filter(|line| line["event"] == "job.ingested") {
        let request = line["request_id"].as_u64().context("request_id")?;
        if !requests.contains(&request) {
            continue;
        }
        let read = line["height"].as_u64().and_then(|height| blocks.get(&height)).context("the block")?;
        let taken = milliseconds(line).context("timestamp")?;
        let at = |moments: &HashMap<u64, f64>| moments.get(&request).copied().context("a step is missing");
        taken_in.push(taken - read);
        starts.push(at(&started)? - taken);
        run.push(at(&finished)? - at(&started)?);
        leaving.push(at(&sent)? - at(&finished)?);
        whole.push(at(&sent)? - read);
    }
    ensure!(whole.len() as u64 == requests.end - requests.start, "requests are missing in the log");
    let mut latency = Latency { taken_in, started: starts, run, sent: leaving, whole };
    for step in [&mut latency.taken_in, &mut latency.started, &mut latency.run, &mut latency.sent, &mut latency.whole] {
        step.sort_by(f64::total_cmp);
    }
    Ok(latency)
}

/// A line's moment in milliseconds of its day: the log says it in UTC to the microsecond.
fn milliseconds(line: &Value) -> Option<f64> {
    let time = line["timestamp"].as_str()?.split('T').nth(1)?.trim_end_matches('Z');
    let seconds = time.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))?;
    Some(seconds * 1e3)
}
