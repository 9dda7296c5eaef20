//! The workers' own record of the jobs, as they show it to an operator: `offchainvm jobs list`.

use crate::worker::{Launch, WorkerHome};
use anyhow::{Context, Result, bail};
use offchainvm_interface::RequestId;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How often the store is asked whether all jobs have ended.
const GLANCE: Duration = Duration::from_millis(500);
/// How long the workers may take to learn that everything is settled.
const PATIENCE: Duration = Duration::from_secs(60);
/// What clap ends a command with that it does not know.
const UNKNOWN_COMMAND: i32 = 2;

/// The jobs of a store, by request.
pub(super) type Jobs = BTreeMap<RequestId, Value>;

/// All jobs, once none of them is open any more, or as they stand when the patience is at its end. [`None`] when this
/// worker has no such command.
pub(super) async fn final_jobs(home: &WorkerHome, launch: &Launch) -> Result<Option<Jobs>> {
    let begun = Instant::now();
    loop {
        let Some(jobs) = list(home, launch).await? else { return Ok(None) };
        if begun.elapsed() > PATIENCE || jobs.values().all(|job| !job["closed_at"].is_null()) {
            return Ok(Some(jobs));
        }
        sleep(GLANCE).await;
    }
}

async fn list(home: &WorkerHome, launch: &Launch) -> Result<Option<Jobs>> {
    let environment: Vec<_> = launch.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let output = home.run(&["jobs", "list", "--json", "--limit", "1000000"], &environment).await?;
    if output.status.code() == Some(UNKNOWN_COMMAND) {
        return Ok(None);
    }
    if !output.status.success() {
        bail!("offchainvm jobs list: {}", String::from_utf8_lossy(&output.stderr));
    }
    let records: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let by_request = |job: Value| Ok((job["request_id"].as_u64().context("a job's request")?, job));
    records.into_iter().map(by_request).collect::<Result<_>>().map(Some)
}

/// What is wrong with the store, given what the chain has settled.
pub(super) fn judge(jobs: &Jobs, settled: &BTreeSet<RequestId>) -> Vec<String> {
    let mut findings = Vec::new();
    for (id, job) in jobs {
        if job["closed_at"].is_null() {
            findings.push(format!("the store has an orphan: request {id} is not over: {job}"));
        } else if job["status"] != "Completed" {
            findings.push(format!("the store takes request {id} for failed: {job}"));
        }
        if !settled.contains(id) {
            findings.push(format!("the store has a job that the chain never settled: {job}"));
        }
    }
    let unknown: Vec<_> = settled.iter().filter(|id| !jobs.contains_key(id)).collect();
    if !unknown.is_empty() {
        findings.push(format!("the store has never heard of the requests {unknown:?}"));
    }
    findings
}
